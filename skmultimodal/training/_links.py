"""From the scores of a network to responses, as modules."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Sorted", "Steps", "Unscaled"]


class Unscaled(nn.Module):
    """Standardised values in their own units."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean, scale):
        super().__init__()
        self.register_buffer("mean", torch.as_tensor(mean))
        self.register_buffer("scale", torch.as_tensor(scale))

    def forward(self, values):
        return values * self.scale.to(values.dtype) + self.mean.to(values.dtype)


class Sorted(nn.Module):
    """Values in the order of their size."""

    def forward(self, values):
        return values.sort(dim=-1).values


class Steps(nn.Module):
    """Class probabilities of cumulative logits.

    Parameters
    ----------
    rank : ndarray of int of shape (n_classes,)
        The place of each class in the order.
    """

    rank: Tensor

    def __init__(self, rank):
        super().__init__()
        self.register_buffer("rank", torch.as_tensor(rank))

    def forward(self, logits):
        falling = logits.sort(dim=-1, descending=True).values.sigmoid()
        ends = torch.ones_like(falling[..., :1])
        steps = torch.cat([ends, falling, 0 * ends], dim=-1)
        return (steps[..., :-1] - steps[..., 1:])[..., self.rank]
