"""How large a fitted estimator is: the numbers it was trained to, and its bytes."""

from __future__ import annotations

import pickle

import numpy as np
from sklearn.base import BaseEstimator, is_classifier, is_regressor

__all__ = ["count_trained", "pickled_megabytes"]

# of linear models, kernel machines, networks and rules of combination
TRAINED = (
    "coef_",
    "coefs_",
    "dual_coef_",
    "intercept_",
    "intercepts_",
    "weights_",
)


def count_trained(model) -> float:
    """Return how many numbers training found, NaN if a part cannot be counted.

    Networks count the parameters that receive gradients, linear models and kernel
    machines their coefficients, trees their nodes. What preprocessing learns
    (vocabularies, scales) is not counted.

    Parameters
    ----------
    model : fitted estimator

    Returns
    -------
    float

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from skmultimodal.model_selection._size import count_trained
    >>> count_trained(LinearRegression().fit([[0, 1], [1, 3]], [0, 1]))
    3.0
    """
    try:
        return float(_count(model, {}))
    except _NotCounted:
        return float("nan")


def pickled_megabytes(model) -> float:
    """Return the pickled size of an estimator in 10^6 bytes, NaN if it has none."""
    try:
        return len(pickle.dumps(model, protocol=5)) / 1e6
    except Exception:  # whatever its parts raise: a lambda cannot be pickled
        return float("nan")


class _NotCounted(Exception):
    """A model whose trained numbers are not known."""


def _count(value, seen) -> int:
    """Return the count of a value and of what it holds, each object once."""
    if id(value) in seen or isinstance(value, type):
        return 0
    seen[id(value)] = value  # kept, so that no other object gets its id
    if isinstance(value, dict):
        return sum(_count(part, seen) for part in value.values())
    if isinstance(value, (list, tuple)):
        return sum(_count(part, seen) for part in value)
    if isinstance(value, np.ndarray) and value.dtype == object:
        return sum(_count(part, seen) for part in value.flat)
    if hasattr(value, "named_parameters"):
        return sum(p.numel() for p in value.parameters() if p.requires_grad)
    if hasattr(value, "module_"):  # a skorch net
        return _count(value.module_, seen)
    if not isinstance(value, BaseEstimator):
        ours = type(value).__module__.startswith("skmultimodal.")
        return _count(vars(value), seen) if ours and hasattr(value, "__dict__") else 0
    fitted = {
        key: part
        for key, part in vars(value).items()
        if key.endswith("_") or key == "steps"
    }
    if "tree_" in fitted:
        return int(value.tree_.node_count)
    own = sum(_size(fitted.pop(key)) for key in TRAINED if key in fitted)
    count = own or _count(fitted, seen)
    if fitted and not count and (is_classifier(value) or is_regressor(value)):
        raise _NotCounted
    return count


def _size(numbers) -> int:
    if isinstance(numbers, (list, tuple)):
        return sum(map(_size, numbers))
    return int(getattr(numbers, "nnz", np.size(numbers)))
