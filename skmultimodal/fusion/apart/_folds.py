"""Folds and held-out rows inside a fit, without a leak."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, check_cv, train_test_split

from skmultimodal.data._folds import content_folds
from skmultimodal.data._hashing import combine_keys, row_keys

__all__ = ["folds_of", "validation_split"]


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
