"""Impute the embeddings of absent modalities from those of the present ones."""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from sklearn.covariance import ledoit_wolf
from torch import Tensor, nn

from skmultimodal.data._scaling import moments
from skmultimodal.training._outputs import by_row
from skmultimodal.training._tensors import move

__all__ = ["GaussianImputer", "UnrolledImputer", "complete_rows", "fit_imputer"]

LARGEST_UNROLLED = 6  # modalities: 62 patterns of absence


class GaussianImputer(nn.Module):
    """The conditional mean of absent embeddings given the present ones.

    One Gaussian is fitted to the concatenated embeddings of complete rows: its mean,
    its scale by column and, of the standardised columns, the covariance of [1]_,
    shrunk towards the identity. In a row with present columns P, absent columns A are

    .. math:: \\hat x_A = \\mu_A + C_{AP} C_{PP}^{-1} (x_P - \\mu_P) ,

    which serves every pattern of absence. A row without any modality stays as it is.

    Parameters
    ----------
    rows : dict of str to ndarray of shape (n_samples, out_features)
        Embeddings of complete rows, by modality.
    weight : ndarray of shape (n_samples,) or None
        Weights of the rows in the mean and in the covariance.

    References
    ----------
    .. [1] O. Ledoit, M. Wolf, "A well-conditioned estimator for large-dimensional
       covariance matrices", Journal of Multivariate Analysis, 2004.
       https://doi.org/10.1016/S0047-259X(03)00096-4

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skmultimodal.fusion.joint._impute import GaussianImputer
    >>> u = np.random.default_rng(0).normal(size=(500, 1))
    >>> imputer = GaussianImputer({"u": u, "v": 3 * u})
    >>> present = torch.tensor([[True, False]])
    >>> row = {"u": torch.ones(1, 1), "v": torch.zeros(1, 1)}
    >>> round(float(imputer(row, present)[0]["v"]), 1)
    3.0
    """

    mean: Tensor
    scale: Tensor
    covariance: Tensor
    owner: Tensor

    def __init__(self, rows: dict[str, np.ndarray], weight: np.ndarray | None = None):
        super().__init__()
        joined = np.hstack([values.astype(np.float64) for values in rows.values()])
        share = np.ones(len(joined)) if weight is None else weight / weight.mean()
        mean, scale = moments(joined, share)
        standard = np.sqrt(share)[:, None] * (joined - mean) / scale
        covariance, _ = ledoit_wolf(standard, assume_centered=True)
        covariance[np.diag_indices_from(covariance)] += 1e-9  # constant columns
        widths = [values.shape[1] for values in rows.values()]
        self.names, self.widths = list(rows), dict(zip(rows, widths, strict=True))
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("scale", torch.from_numpy(scale))
        self.register_buffer("covariance", torch.from_numpy(covariance))
        owner = np.repeat(np.arange(len(widths)), widths)
        self.register_buffer("owner", torch.from_numpy(owner))

    def forward(self, embeddings, present):
        """Return embeddings and presence with the absent ones of a batch filled in."""
        joined = torch.cat([pooled(embeddings[name]) for name in self.names], dim=1)
        standard = (joined.to(self.mean.dtype) - self.mean) / self.scale
        filled = self.fill(standard, present)
        filled = (filled * self.scale + self.mean).to(joined.dtype)
        something = present.any(dim=1)
        out = {}
        for m, name in enumerate(self.names):
            new = something & ~present[:, m]
            out[name] = _put(embeddings[name], filled[:, self.owner == m], new)
        return out, present | something[:, None]

    def fill(self, standard, present):
        """Return standardised columns with those of absent modalities filled in."""
        for pattern in torch.unique(present, dim=0):
            known = pattern[self.owner]
            if known.all() or not known.any():
                continue
            rows = (present == pattern).all(dim=1)
            part = standard[rows]
            part[:, ~known] = part[:, known] @ self.gain(known)
            standard[rows] = part
        return standard

    def gain(self, known):
        """Return what absent columns are of known ones, (n_known, n_absent)."""
        among, across = self.covariance[known][:, known], self.covariance[known]
        return torch.linalg.solve(among, across[:, ~known])


class UnrolledImputer(GaussianImputer):
    """The same with one matrix for each pattern of absence, a graph without solves.

    Parameters
    ----------
    imputer : GaussianImputer
    """

    patterns: Tensor
    maps: Tensor

    def __init__(self, imputer):
        nn.Module.__init__(self)
        self.names, self.widths = imputer.names, imputer.widths
        for name, value in imputer.named_buffers():
            self.register_buffer(name, value)
        n_modalities = len(self.names)
        if n_modalities > LARGEST_UNROLLED:
            raise ValueError(
                "missing='impute' can be exported with at most "
                f"{LARGEST_UNROLLED} modalities: it takes a matrix for each pattern of "
                f"absence. Got {n_modalities}. Use missing='mask'."
            )
        some = list(product((False, True), repeat=n_modalities))[1:-1]
        patterns = torch.tensor(some, device=self.owner.device)
        maps = torch.eye(len(self.owner)).to(self.mean).repeat(len(patterns), 1, 1)
        for pattern, matrix in zip(patterns, maps, strict=True):
            known = pattern[self.owner]
            matrix[~known] = 0
            matrix[known.nonzero(), ~known] = self.gain(known)
        self.register_buffer("patterns", patterns)
        self.register_buffer("maps", maps)

    def fill(self, standard, present):
        filled = standard
        for pattern, matrix in zip(self.patterns, self.maps, strict=True):
            rows = (present == pattern).all(dim=1, keepdim=True)
            filled = torch.where(rows, standard @ matrix, filled)
        return filled


def pooled(embedding):
    """Return an embedding, or the mean of the tokens that a row has."""
    if not isinstance(embedding, tuple):
        return embedding
    tokens, mask = embedding
    real = mask[:, :, None].to(tokens.dtype)
    return (tokens * real).sum(dim=1) / real.sum(dim=1).clamp(min=1)


def _put(embedding, filled, rows):
    """Put imputed values in some rows; of tokens, as the one token of the row."""
    if not isinstance(embedding, tuple):
        return torch.where(rows[:, None], filled, embedding)
    tokens, mask = embedding
    if not tokens.shape[1]:
        tokens, mask = filled[:, None], rows[:, None]
    first = torch.arange(tokens.shape[1], device=rows.device) == 0
    tokens = torch.where(rows[:, None, None], filled[:, None], tokens)
    return tokens, torch.where(rows[:, None], first, mask)


def fit_imputer(net, tensors, weight=None, n_threads=None) -> None:
    """Fit the imputer of a trained net to complete rows, and set it there.

    Parameters
    ----------
    net : FusionNet
    tensors : Tensors
        Rows that have every modality.
    weight : ndarray of shape (n_samples,), default=None
    n_threads : int, default=None
    """
    network = net.module_
    network.eval()

    def step(x, rows):
        inputs = move(x["inputs"], net.device)
        return [pooled(network.encode(name, inputs[name])) for name in network.names]

    found = by_row(step, net.get_iterator(tensors, training=False), n_threads)
    embedded = dict(zip(network.names, found, strict=True))
    network.impute_by(GaussianImputer(embedded, weight).to(net.device))


def complete_rows(problem) -> np.ndarray:
    """Return the positions of the rows to learn from; refuse fewer than two."""
    complete = problem.present.all(axis=1)
    if problem.sample_weight is not None:
        complete = complete & (problem.sample_weight > 0)
    rows = np.flatnonzero(complete)
    if len(rows) < 2:
        raise ValueError(
            "missing='impute' learns from training rows that have every modality of "
            f"{problem.names}. Got {len(rows)} such rows. Use missing='mask'."
        )
    return rows
