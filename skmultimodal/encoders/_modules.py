"""Torch modules that several encoders share."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["MLP", "DenseFeatures", "SparseFeatures", "Unchanged"]


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


class SparseFeatures(nn.Module):
    """Embed sparse features given as padded indices and values per row."""

    def __init__(self, n_features, out_features):
        super().__init__()
        self.table = nn.EmbeddingBag(n_features, out_features, mode="sum")
        self.bias = nn.Parameter(torch.zeros(out_features))
        self.out_features = out_features
        nn.init.normal_(self.table.weight, std=n_features**-0.5)

    def forward(self, indices, values, lengths):
        bags = self.table(indices, per_sample_weights=values)
        return torch.relu(bags + self.bias)


class Unchanged(nn.Module):
    """Return the input as it is, ``(n, out_features)``."""

    def __init__(self, out_features):
        super().__init__()
        self.out_features = out_features

    def forward(self, values):
        return values
