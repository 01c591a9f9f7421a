"""The one standardiser: mean and scale of columns, and which of them are constant."""

from __future__ import annotations

import numpy as np

__all__ = ["FARTHEST", "LARGEST", "beyond", "moments", "weighted_quantiles"]

LARGEST = 1e37  # of a number in a cell; networks count in 32 bits
FARTHEST = 1e12  # standard deviations from the mean; networks take squares
PART = 1 << 16  # values looked at in one go


def beyond(values, mean=0.0, scale=None):
    """Return where a number is that no network can count with, and what is wrong.

    Infinity, what is larger than ``LARGEST``, and with a `scale` what is further than
    ``FARTHEST`` scales from the mean. NaN is let through.

    Returns
    -------
    tuple of (tuple of int, str) or None
        Index of the first such number and the end of a sentence, None without one.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.data._scaling import beyond
    >>> beyond(np.array([[1.0, np.nan], [0.0, 1e39]]))
    ((1, 1), 'is 1e+39, beyond 1e+37 and hence the reach of 32 bit numbers')
    """
    if getattr(values, "dtype", None) == np.float16:
        values = values.astype(np.float32)  # 16 bits cannot hold LARGEST
    size = np.abs(values)
    if scale is not None:
        far = np.abs(values - mean) > FARTHEST * scale
    wrong = size > LARGEST if scale is None else (size > LARGEST) | far
    if not wrong.any():
        return None
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    value = float(values[index])
    if np.isinf(value):
        return index, "is infinite"
    if abs(value) > LARGEST:
        reach = f"beyond {LARGEST:g} and hence the reach of 32 bit numbers"
        return index, f"is {value:g}, {reach}"
    return index, f"is {value:g}, over {FARTHEST:g} standard deviations from the mean"


def moments(values, weight=None) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted mean and standard deviation of each column, NaN left out.

    A column is constant where its variance is not above what rounding leaves of a
    constant, by the rule of scikit-learn's ``StandardScaler``; its scale is one, and
    so is that of a column without a value.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        Finite numbers and NaN.
    weight : ndarray of shape (n_samples,), default=None

    Returns
    -------
    mean, scale : ndarray of shape (n_columns,)
        In float64.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.data._scaling import moments
    >>> mean, scale = moments(np.array([[0.1, 2.0], [0.1, 4.0], [0.1, np.nan]]))
    >>> scale.tolist()  # the deviations of the first are rounding errors
    [1.0, 1.0]
    """
    n_rows, n_columns = values.shape
    weight = np.ones(n_rows) if weight is None else np.asarray(weight, dtype=float)
    step = max(PART // max(n_columns, 1), 1)
    parts = [slice(start, start + step) for start in range(0, n_rows, step)]
    count, total, sums, largest, squares = np.zeros((5, n_columns))
    for rows in parts:
        known = ~np.isnan(values[rows])
        part = np.where(known, values[rows], 0.0)
        count += known.sum(axis=0)
        total += weight[rows] @ known
        sums += weight[rows] @ part
        largest = np.maximum(largest, np.abs(part).max(axis=0))
    total = np.maximum(total, np.finfo(np.float64).tiny)
    mean = sums / total
    exponent = np.frexp(largest)[1]  # squares of huge and tiny numbers are in range
    for rows in parts:
        deviation = values[rows] - mean
        deviation[np.isnan(deviation)] = 0.0
        squares += weight[rows] @ np.ldexp(deviation, -exponent) ** 2
    variance, eps = squares / total, np.finfo(np.float64).eps
    rounding = (count * eps * np.ldexp(mean, -exponent)) ** 2
    constant = variance <= count * eps * variance + rounding
    scale = np.ldexp(np.sqrt(variance), exponent)
    return mean, np.where(constant, 1.0, scale)


def weighted_quantiles(values, levels, sample_weight=None) -> np.ndarray:
    """Return the least values that at least a share of the rows does not exceed.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
    levels : sequence of float
        The shares.
    sample_weight : ndarray of shape (n_samples,), default=None

    Returns
    -------
    ndarray of shape (n_levels,)

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.data._scaling import weighted_quantiles
    >>> weighted_quantiles(np.arange(10.0), (0.1, 0.5))
    array([0., 4.])
    """
    weight = np.ones(len(values)) if sample_weight is None else sample_weight
    return np.quantile(values, levels, weights=weight, method="inverted_cdf")
