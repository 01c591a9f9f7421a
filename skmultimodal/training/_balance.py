"""Balance of the modalities in training: slow down the encoder that leads."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["GradientModulation"]


class GradientModulation:
    """On-the-fly gradient modulation with noise, OGM-GE.

    With :math:`s_m` the weighted mean over a batch of the probability that modality
    :math:`m` alone gives the truth, and :math:`\\rho_m` its ratio to the mean of the
    others, the gradients of encoder :math:`m` are multiplied by
    :math:`1 - \\tanh(\\alpha \\rho_m)` where :math:`\\rho_m > 1`, and Gaussian noise
    with their own standard deviation is added to those of all encoders [1]_. A
    modality that no row of the batch has is not among the others.

    Parameters
    ----------
    strength : float
        The factor alpha.

    References
    ----------
    .. [1] X. Peng, Y. Wei, A. Deng, D. Wang, D. Hu, "Balanced multimodal learning
       via on-the-fly gradient modulation", CVPR, 2022.
    """

    def __init__(self, strength):
        self.strength = strength
        self.factors: Tensor | None = None

    def update(self, losses: Tensor, mask: Tensor) -> None:
        """Set the factors from a batch of losses of single modalities.

        Parameters
        ----------
        losses, mask : Tensor of shape (n, n_modalities)
            The mask holds the weight of the row where the modality is present.
        """
        truth = (mask * torch.exp(-losses)).sum(0) / mask.sum(0).clamp(min=1e-30)
        seen = mask.any(0).to(truth)
        n_others = seen.sum() - seen
        others = (truth.sum() - truth) / n_others.clamp(min=1)
        ratio = truth / others.clamp(min=1e-12)
        slower = 1 - torch.tanh(self.strength * ratio)
        ahead = (ratio > 1) & (n_others > 0)
        self.factors = torch.where(ahead, slower, torch.ones_like(ratio))

    def adjust(self, m: int, gradient: Tensor) -> Tensor:
        """Return the gradient of a parameter of encoder `m`, changed."""
        noise = torch.zeros_like(gradient)
        if gradient.numel() > 1:
            noise = gradient.std() * torch.randn_like(gradient)
        assert self.factors is not None  # set by `update` in the forward pass
        return self.factors[m] * gradient + noise
