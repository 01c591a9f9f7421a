"""Folds that go by what rows hold, not by their order."""

from __future__ import annotations

import numpy as np

__all__ = ["content_folds"]


def content_folds(keys, strata=None, n_folds=5) -> np.ndarray | None:
    """Return the fold of each row, None if fewer than two folds are possible.

    Parameters
    ----------
    keys : ndarray of shape (n_samples,)
        Rows with equal keys share a fold.
    strata : ndarray of int of shape (n_samples,) or None
        Classes to spread evenly.
    n_folds : int, default=5

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.data._folds import content_folds
    >>> content_folds(np.array([3, 1, 2, 0, 3]), np.array([0, 0, 1, 1, 0]))
    array([1, 0, 1, 0, 1])
    """
    if keys.dtype.kind == "V":  # sortable as a pair of integers
        keys = np.ascontiguousarray(keys).view(np.uint64).reshape(-1, 2)
    unique, inverse = np.unique(keys, axis=0, return_inverse=True)
    inverse = inverse.ravel()
    stratum, fewest = np.zeros(len(unique), dtype=np.int64), len(unique)
    if strata is not None:
        held = np.unique(strata * np.int64(len(unique)) + inverse)
        held_class, held_key = np.divmod(held, len(unique))
        counts = np.bincount(held_class)  # keys that hold each class
        shared = counts[counts > 1]  # one alone is met by no fold that holds it out
        fewest = shared.min() if len(shared) > 1 else counts[counts > 0].min()
        # rows of one key may be of several classes, the rarest of which is spread
        rarest_last = np.lexsort((-held_class, -counts[held_class]))
        stratum[held_key[rarest_last]] = held_class[rarest_last]
    n_folds = min(n_folds, fewest)
    if n_folds < 2:
        return None
    dealt = np.empty(len(unique), dtype=np.int64)
    dealt[np.argsort(stratum, kind="stable")] = np.arange(len(unique)) % n_folds
    return dealt[inverse]
