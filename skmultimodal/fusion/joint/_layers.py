"""Torch pieces that several strategies share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skmultimodal.training._network import module_key, per_modality

__all__ = [
    "AbsentTokens",
    "Heads",
    "Projections",
    "Readout",
    "SimplexWeights",
    "hide_absent",
    "mask_of",
]


class SimplexWeights(nn.Module):
    """Weights of the modalities on the simplex, renormalised over present ones.

    All are zero in a row whose present modalities were given weight zero.

    Parameters
    ----------
    names : list of str
    weights : {"learned", "uniform"} or dict of str to float
        ``"learned"`` is a softmax of free parameters that starts uniform.
    """

    fixed: Tensor

    def __init__(self, names, weights="learned"):
        super().__init__()
        if weights == "learned" and len(names) > 1:
            self.logits: nn.Parameter | None = nn.Parameter(torch.zeros(len(names)))
            return
        if isinstance(weights, dict):
            fixed = torch.tensor([float(weights[name]) for name in names])
        else:
            fixed = torch.ones(len(names))
        self.logits = None
        self.register_buffer("fixed", fixed / fixed.sum())

    def static(self) -> Tensor:
        """Return the weights of shape (n_modalities,) when all are present."""
        return self.fixed if self.logits is None else self.logits.softmax(0)

    def forward(self, n: int, present: Tensor | None) -> Tensor:
        """Return the weights of each row, (n, n_modalities)."""
        weights = self.static().expand(n, -1)
        if present is None:
            return weights
        weights = weights * present
        return weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-30)


class AbsentTokens(nn.Module):
    """A learned embedding in place of each absent modality."""

    def __init__(self, in_features: dict[str, int]):
        super().__init__()
        self.tokens = nn.ParameterDict(
            {
                module_key(name): nn.Parameter(torch.zeros(width))
                for name, width in in_features.items()
            }
        )

    def forward(self, embeddings: dict[str, Tensor], present: Tensor | None):
        if present is None:
            return embeddings
        return {
            name: torch.where(
                present[:, m, None], embedding, self.tokens[module_key(name)]
            )
            for m, (name, embedding) in enumerate(embeddings.items())
        }


class Projections(nn.Module):
    """Bring every modality into one space: linear, then layer normalisation.

    Parameters
    ----------
    in_features : dict of str to int
    out_features : int
    normalize : bool, default=True
        Without it the modality with the largest scale owns the merge.
    """

    def __init__(self, in_features, out_features, normalize=True):
        super().__init__()

        def make(name):
            linear = nn.Linear(in_features[name], out_features)
            if not normalize:
                return linear
            return nn.Sequential(linear, nn.LayerNorm(out_features))

        self.names = list(in_features)
        self.blocks = per_modality(self.names, make)

    def forward(self, embeddings: dict[str, Tensor]) -> Tensor:
        """Return the projections of shape (n, n_modalities, out_features)."""
        return torch.stack(
            [self.blocks[module_key(name)](embeddings[name]) for name in self.names], 1
        )


class Heads(nn.Module):
    """One linear head per modality, ``(n, in_features[name]) -> (n, n_outputs)``."""

    def __init__(self, in_features, n_outputs):
        super().__init__()
        self.names = list(in_features)
        self.heads = per_modality(
            self.names, lambda name: nn.Linear(in_features[name], n_outputs)
        )

    def forward(self, embeddings: dict[str, Tensor]) -> Tensor:
        """Return the scores of shape (n, n_modalities, n_outputs)."""
        return torch.stack(
            [self.heads[module_key(name)](embeddings[name]) for name in self.names], 1
        )


class Readout(nn.Module):
    """Hidden layers with ReLU, then a linear layer of scores.

    Parameters
    ----------
    in_features : int
    hidden_features : sequence of int
        Widths of the hidden layers; without any, the readout is linear.
    n_outputs : int
    dropout : float, default=0.0
    """

    def __init__(self, in_features, hidden_features, n_outputs, dropout=0.0):
        super().__init__()
        self.hidden, width = nn.Sequential(), in_features
        for hidden in hidden_features:
            self.hidden.extend([nn.Linear(width, hidden), nn.ReLU()])
            if dropout:
                self.hidden.append(nn.Dropout(dropout))
            width = hidden
        self.out = nn.Linear(width, n_outputs)

    def forward(self, fused: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores and the last hidden layer."""
        hidden = self.hidden(fused)
        return self.out(hidden), hidden


def hide_absent(logits: Tensor, present: Tensor | None) -> Tensor:
    """Put the lowest value in the logits of absent modalities, (n, n_modalities, ...).

    A softmax over modalities then gives them zero; it is uniform in a row that has
    none.
    """
    if present is None:
        return logits
    absent = ~present.view(*present.shape, *[1] * (logits.ndim - 2))
    return logits.masked_fill(absent, torch.finfo(logits.dtype).min)


def mask_of(present: Tensor | None, like: Tensor) -> Tensor:
    """Return `present` in the dtype of `like`, all ones if None: (n, n_modalities)."""
    if present is None:
        return torch.ones(like.shape[:2], dtype=like.dtype, device=like.device)
    return present.to(like.dtype)
