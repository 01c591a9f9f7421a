"""Torch modules that several encoders share."""

from __future__ import annotations

import re

import torch
from torch import nn

from skmultimodal._parameters import is_whole

__all__ = [
    "MLP",
    "DenseFeatures",
    "GatedAttention",
    "PartlyFrozen",
    "SparseFeatures",
    "Unchanged",
    "n_trained",
]

ALL_BUT_LAST = re.compile(r"all but last (\d+)")


class MLP(nn.Sequential):
    """Linear layers with ReLU and dropout between, none after the last.

    Parameters
    ----------
    in_features, out_features : int
        Widths of the input and of the output.

    hidden_features : sequence of int, default=()
        Widths between them.

    dropout : float, default=0.0
        Probability of dropping a hidden unit.
    """

    def __init__(self, in_features, out_features, hidden_features=(), dropout=0.0):
        layers, width = [], in_features
        for hidden in hidden_features:
            layers += [nn.Linear(width, hidden), nn.ReLU()]
            if dropout:
                layers.append(nn.Dropout(dropout))
            width = hidden
        super().__init__(*layers, nn.Linear(width, out_features))
        self.out_features = out_features


class DenseFeatures(nn.Module):
    """Embed dense features, ``(n, n_features) -> (n, out_features)``."""

    def __init__(self, n_features, out_features):
        super().__init__()
        self.linear = nn.Linear(n_features, out_features)
        self.out_features = out_features

    def forward(self, features):
        return torch.relu(self.linear(features))


class GatedAttention(nn.Module):
    """Weighted mean of a row's embeddings, by what each of them holds.

    The weights are ``softmax_k(w' (tanh(V h_k) * sigmoid(U h_k)))`` over the present
    embeddings [1]_; ``(n, k, features), (n, k) -> (n, features)``.

    Parameters
    ----------
    features : int
        Width of an embedding, and of V and U.

    References
    ----------
    .. [1] M. Ilse, J. Tomczak, M. Welling, "Attention-based deep multiple instance
       learning", ICML, 2018.
    """

    def __init__(self, features):
        super().__init__()
        self.V, self.U = nn.Linear(features, features), nn.Linear(features, features)
        self.w = nn.Linear(features, 1, bias=False)  # of softmax, which hears no bias

    def weights(self, embeddings, present):
        """Return weights of sum one, (n, k); zeros where a row has no embedding."""
        gated = torch.tanh(self.V(embeddings)) * torch.sigmoid(self.U(embeddings))
        scores = self.w(gated).squeeze(-1)
        lowest = torch.finfo(scores.dtype).min  # not infinite: a row may have none
        return scores.masked_fill(~present, lowest).softmax(1) * present

    def forward(self, embeddings, present):
        return (self.weights(embeddings, present)[:, :, None] * embeddings).sum(1)


class SparseFeatures(nn.Module):
    """Embed sparse features given as padded indices and values per row."""

    def __init__(self, n_features, out_features):
        super().__init__()
        self.table = nn.EmbeddingBag(n_features, out_features, mode="sum")
        self.bias = nn.Parameter(torch.zeros(out_features))
        self.out_features = out_features
        nn.init.normal_(self.table.weight, std=n_features**-0.5)

    def forward(self, indices, values, indices_lengths, values_lengths):
        values = values.to(self.table.weight.dtype)  # counts are whole numbers
        bags = self.table(indices, per_sample_weights=values)
        return torch.relu(bags + self.bias)


class Unchanged(nn.Module):
    """Return the input as it is, ``(n, out_features)``."""

    def __init__(self, out_features):
        super().__init__()
        self.out_features = out_features

    def forward(self, values):
        return values


class PartlyFrozen(nn.Module):
    """A module of which only some parts are trained.

    The others keep their weights and stay in evaluation mode, so that batch
    statistics do not move either. Weights that came frozen stay so.

    Parameters
    ----------
    module : nn.Module

    trained : list of nn.Module
        The parts to train.
    """

    def __init__(self, module, trained):
        super().__init__()
        self.module = module
        parts = {id(part) for top in trained for part in top.modules()}
        weights = {id(weight) for top in trained for weight in top.parameters()}
        self._frozen = [part for part in module.modules() if id(part) not in parts]
        for weight in module.parameters():
            if id(weight) not in weights:
                weight.requires_grad_(False)

    def train(self, mode=True):
        super().train(mode)
        for part in self._frozen:
            part.training = False
        return self

    def forward(self, *args, **inputs):
        return self.module(*args, **inputs)


def n_trained(owner, freeze) -> int | None:
    """Return how many of its last parts a `freeze` parameter trains; None for all."""
    if isinstance(freeze, bool):
        return 0 if freeze else None
    if isinstance(freeze, str) and (found := ALL_BUT_LAST.fullmatch(freeze)):
        return int(found.group(1))
    if is_whole(freeze) and freeze >= 0:
        return int(freeze)
    raise ValueError(
        f"The 'freeze' parameter of {type(owner).__name__} must be a bool, a number of "
        f"last parts to train, or 'all but last n'. Got {freeze!r} instead."
    )
