"""Embeddings of single numbers: piecewise-linear and periodic."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

__all__ = ["Periodic", "PiecewiseLinear", "quantile_edges"]

CLOSE = 1e-9  # distance of standardised numbers that are taken as one
SIGMA = 0.5  # standard deviation of the first frequencies, of standardised numbers


def quantile_edges(values, weight, n_bins: int) -> np.ndarray:
    """Return distinct weighted quantiles of one standardised column, NaN left out.

    Integer weights give what repeated rows give. Quantiles that differ by no more
    than rounding are one: the outermost bins go on with the slope of their width.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.encoders._numbers import quantile_edges
    >>> quantile_edges(np.array([3.0, 1.0, 2.0, np.nan]), np.ones(4), 2).tolist()
    [1.0, 2.0, 3.0]
    """
    known = ~np.isnan(values) & (weight > 0)
    if not known.any():
        return np.zeros(1)
    order = np.argsort(values[known], kind="stable")
    ordered, total = values[known][order], np.cumsum(weight[known][order])
    wanted = np.linspace(0, 1, n_bins + 1) * total[-1]
    places = np.searchsorted(total, wanted * (1 - 1e-12))
    edges = np.unique(ordered[np.minimum(places, len(ordered) - 1)])
    return edges[np.diff(edges, prepend=-np.inf) > CLOSE]


class PiecewiseLinear(nn.Module):
    """How far a number has come through each bin [1]_.

    A bin below the number is 1, one above it 0, its own the share that lies behind;
    the outermost bins go on without end.

    Parameters
    ----------
    edges : list of ndarray of shape (n_edges,)
        Increasing edges of the bins of each number.

    Notes
    -----
    Input ``(n, n_numbers)``; output ``(n, out_features)``.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical
       features in tabular deep learning", NeurIPS, 2022.
    """

    def __init__(self, edges):
        super().__init__()
        n_bins = max([len(e) - 1 for e in edges], default=0)
        shape = (len(edges), max(n_bins, 1))
        start, width = np.zeros(shape), np.full(shape, np.inf)
        low, high = np.zeros(shape), np.ones(shape)
        for i, e in enumerate(edges):
            n = len(e) - 1
            start[i, :n], width[i, :n] = e[:-1], np.diff(e)
            if n:
                low[i, 0], high[i, n - 1] = -np.inf, np.inf
        for name, values in zip(
            ("start", "width", "low", "high"), (start, width, low, high), strict=True
        ):
            self.register_buffer(name, torch.tensor(values).float())
        self.out_features = math.prod(shape)

    def forward(self, numbers):
        share = (numbers[:, :, None] - self.start) / self.width
        return share.clamp(self.low, self.high).flatten(1)


class Periodic(nn.Module):
    """Sines and cosines of learned frequencies, a linear layer a number, ReLU [1]_.

    Parameters
    ----------
    n_numbers : int

    n_features : int
        Frequencies of each number, and the width of its embedding.

    Notes
    -----
    Input ``(n, n_numbers)``; output ``(n, out_features)``. Frequencies start from a
    normal distribution of standard deviation 0.5, which [1]_ tunes.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical
       features in tabular deep learning", NeurIPS, 2022.
    """

    def __init__(self, n_numbers, n_features):
        super().__init__()
        self.frequency = nn.Parameter(SIGMA * torch.randn(n_numbers, n_features))
        bound = (2 * n_features) ** -0.5
        weight = torch.empty(n_numbers, 2 * n_features, n_features)
        self.weight = nn.Parameter(weight.uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(n_numbers, n_features))
        self.out_features = n_numbers * n_features

    def forward(self, numbers):
        angle = 2 * math.pi * numbers[:, :, None] * self.frequency
        waves = torch.cat([angle.sin(), angle.cos()], dim=2)
        mixed = torch.einsum("nfw,fwd->nfd", waves, self.weight) + self.bias
        return torch.relu(mixed).flatten(1)
