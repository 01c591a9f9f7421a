"""What several sources tell about y, in closed form for Gaussian variables."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from sklearn.preprocessing import OneHotEncoder

__all__ = ["GaussianInformation", "gaussian_information"]


@dataclass
class GaussianInformation:
    """Information of several modalities about y, in bits.

    Parameters
    ----------
    single_ : Series
        What each modality tells by itself.

    unique_ : Series
        What only this one tells, beside all others together.

    redundant_ : float or None
        What either of two tells; None for more.

    synergistic_ : float
        What all together tell above what they would if they were independent of each
        other given y. It is negative where what they share is no part of y.

    total_ : float
        What all together tell.
    """

    single_: pd.Series
    unique_: pd.Series
    redundant_: float | None
    synergistic_: float
    total_: float


def gaussian_information(X: Any, y: Any) -> GaussianInformation:
    """Decompose what two or more modalities tell about y, linearly.

    As :func:`partial_information`, without bins and for any number of modalities: a
    few determinants. It sees what a linear model without products sees, so that
    nothing is left of XOR.

    Read more in the :ref:`User Guide <insight>`.

    Parameters
    ----------
    X : dict of str to array-like of shape (n_samples,) or (n_samples, n_features)
        Numbers, or embeddings from ``estimator.encode``, of each modality.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Values; labels, which are not numbers, as indicators.

    Returns
    -------
    GaussianInformation

    Raises
    ------
    ValueError
        If there are fewer than two modalities, lengths differ, a value is missing or
        infinite, or there are not more rows than columns.

    See Also
    --------
    partial_information : Any dependence of two, from bins.

    Notes
    -----
    Let :math:`q` have the covariances of each modality :math:`X_m` with :math:`Y`, and
    the modalities independent of each other given :math:`Y`, in the covariances
    :math:`\\Sigma_{mY} \\Sigma_Y^{-1} \\Sigma_{Yj}`. With :math:`X_{-m}` the others
    together, also as they are,

    .. math:: U_m = I_q(X_m X_{-m}; Y) - I(X_{-m}; Y), \\quad
        R = I(X_1; Y) - U_1, \\quad S = I(X; Y) - I_q(X; Y)

    where every :math:`I` is half the logarithm of a ratio of determinants. For two
    modalities :math:`I(X; Y) = R + U_1 + U_2 + S`. The measures go by conditional
    independence as those of [1]_, whose synergy of subsets of a given size is not
    given here; they are not those of :func:`partial_information`, which takes the
    least informative of all distributions.

    References
    ----------
    .. [1] A. Lyu, A. Clark, N. Raviv, "Closed-form Gaussian estimators for
       multi-source partial information decomposition", arXiv:2605.09919, 2026.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.inspection import gaussian_information
    >>> a, b, c = np.random.default_rng(0).normal(size=(3, 10000))
    >>> found = gaussian_information({"a": a, "b": b, "c": c}, a + b)
    >>> found.single_.round(1).to_dict()
    {'a': 0.5, 'b': 0.5, 'c': 0.0}
    """
    if len(X) < 2:
        raise ValueError(
            f"gaussian_information needs two modalities or more. Got {list(X)}."
        )
    blocks = {name: _block(f"X[{name!r}]", part) for name, part in X.items()}
    target = _block("y", y)
    sizes = {len(block) for block in [*blocks.values(), target]}
    if len(sizes) > 1:
        counts = {name: len(block) for name, block in blocks.items()}
        raise ValueError(
            f"X and y must have the same rows. Got {counts}, y {len(target)}."
        )
    joined = np.hstack([*blocks.values(), target])
    if len(joined) <= joined.shape[1]:
        raise ValueError(
            f"{joined.shape[1]} columns of X and y need more rows than that. Got "
            f"{len(joined)}. Reduce the embeddings first, by PCA for example."
        )
    covariance = np.cov(joined.T)
    edges = np.cumsum([0, *(block.shape[1] for block in blocks.values())])
    parts = [np.arange(a, b) for a, b in pairwise(edges)]
    n = int(edges[-1])
    own, with_y, of_y = covariance[:n, :n], covariance[:n, n:], covariance[n:, n:]
    # what of the modalities goes with y, and what they would share by that alone
    explained = with_y @ np.linalg.solve(of_y, with_y.T)

    def told(matrix, rows):
        inner = np.ix_(rows, rows)
        return _bits(matrix[inner], matrix[inner] - explained[inner])

    every = np.arange(len(own))
    single = [told(own, rows) for rows in parts]
    unique = []
    for rows in parts:
        others = np.setdiff1d(every, rows)
        apart = told(_apart(own, explained, [rows, others]), every)
        unique.append(apart - told(own, others))
    total = told(own, every)
    names = list(blocks)
    return GaussianInformation(
        single_=pd.Series(single, names),
        unique_=pd.Series(unique, names),
        redundant_=float(single[0] - unique[0]) if len(names) == 2 else None,
        synergistic_=float(total - told(_apart(own, explained, parts), every)),
        total_=float(total),
    )


def _block(name, values) -> np.ndarray:
    """Return numbers of shape (n_samples, n_columns), labels as indicators."""
    if isinstance(values, pd.DataFrame):  # a column of labels beside one of numbers
        columns = [_numbers(name, column) for _, column in values.items()]
        values = np.hstack(columns) if columns else np.empty((len(values), 0))
    else:
        values = _numbers(name, values)
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values).all(axis=1)))
        raise ValueError(
            f"{name} has infinite values, the first in row {row}. Replace them, or "
            "leave out those rows."
        )
    varies = values.std(axis=0) > 1e-12 * np.abs(values).max(axis=0, initial=0.0)
    if not varies.any():
        raise ValueError(f"{name} has the same value in all rows and tells nothing.")
    values = values[:, varies]
    return (values - values.mean(axis=0)) / values.std(axis=0)


def _numbers(name, values) -> np.ndarray:
    """Return numbers of shape (n_samples, n_columns), not yet of the same spread."""
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    values = np.asarray(values)
    values = values.reshape(len(values), int(np.prod(values.shape[1:])))
    if pd.isna(values).any():
        raise ValueError(
            f"{name} has missing values. Leave out the rows in which a modality is "
            "absent."
        )
    if values.dtype.kind not in "biuf":
        values = OneHotEncoder(drop="first", sparse_output=False).fit_transform(values)
    return values.astype(np.float64)


def _apart(own, explained, parts):
    """Return covariances in which parts share only what goes with y."""
    matrix = explained.copy()
    for rows in parts:
        inner = np.ix_(rows, rows)
        matrix[inner] = own[inner]
    return matrix


def _bits(own, left) -> float:
    """Return half the log2 of the ratio of two determinants, of a singular one too."""
    ridge = 1e-10 * np.eye(len(own))
    gap = np.linalg.slogdet(own + ridge)[1] - np.linalg.slogdet(left + ridge)[1]
    return float(gap / 2 / np.log(2))
