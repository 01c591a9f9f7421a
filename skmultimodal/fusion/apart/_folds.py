"""Folds and held-out rows inside a fit, without a leak."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, check_cv, train_test_split

from skmultimodal.data._hashing import combine_keys, row_keys

__all__ = ["content_folds", "folds_of", "validation_split"]


def folds_of(problem, cv) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return training and test positions of each fold; empty if none is possible.

    Parameters
    ----------
    problem : FusionProblem
    cv : None, int, splitter or iterable
        None deals rows by their content: equal rows (or equal `groups`) share a
        fold and the order of rows does not matter; there are five folds, or as
        many as the rarest class has different rows or groups, where it has two; of
        two classes both must. Anything else means what it means in scikit-learn.
    """
    if cv is not None:
        splitter = check_cv(cv, problem.y, classifier=problem.task.one_label)
        rows = np.zeros(problem.n_samples)
        return list(splitter.split(rows, problem.y, problem.groups))
    if problem.groups is not None:
        keys = np.unique(problem.groups, return_inverse=True)[1]
    else:
        names = sorted(problem.names)
        keys = combine_keys(row_keys(problem.cells[name]) for name in names)
    fold = content_folds(keys, problem.task.strata(problem.target))
    if fold is None:
        return []
    return [
        (np.flatnonzero(fold != k), np.flatnonzero(fold == k))
        for k in range(fold.max() + 1)
    ]


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
    >>> from skmultimodal.fusion.apart._folds import content_folds
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


def validation_split(problem):
    """Return positions of the training and of the held-out part."""
    rows = np.arange(problem.n_samples)
    fraction, seed = problem.settings.validation_fraction, problem.seed
    if problem.groups is not None:
        splitter = GroupShuffleSplit(1, test_size=fraction, random_state=seed)
        return next(splitter.split(rows, groups=problem.groups))
    strata = problem.task.strata(problem.target)
    n_held_out = int(np.ceil(fraction * len(rows)))
    if strata is not None:
        counts = np.bincount(strata)
        if counts[counts > 0].min() < 2 or n_held_out < (counts > 0).sum():
            strata = None
    return train_test_split(
        rows, test_size=fraction, random_state=seed, stratify=strata
    )
