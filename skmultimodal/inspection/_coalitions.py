"""What each set of modalities achieves: the table behind every measure here."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skmultimodal._warnings import UnusedWarning
from skmultimodal.data._containers import as_container, take_rows
from skmultimodal.estimators.conformal._base import BaseConformal
from skmultimodal.inspection._scoring import make_score
from skmultimodal.inspection._shapley import MOST_EXACT, every_subset

__all__ = ["CoalitionValues", "all_subsets", "coalition_values", "fitted_estimator"]

REMOVALS = ("mask", "mean", "permute", "refit")


@dataclass
class CoalitionValues:
    """Predictions and scores of every set of modalities.

    Parameters
    ----------
    names : list of str
        The modalities.

    subsets : ndarray of bool of shape (n_subsets, n_modalities)
        Which modalities each subset has; none first, all last.

    responses : ndarray of shape (n_subsets, n_samples, n_outputs)
        Probabilities or values.

    scores : ndarray of shape (n_subsets,) or None
        Score of each subset; None without y.

    repeats : ndarray of shape (n_repeats, n_subsets) or None
        Scores of each repeat, for ``removal="permute"``.

    removal : str
        How modalities were taken away.

    row_scores_ : ndarray of shape (n_subsets, n_samples, n_outputs) or None
        What :meth:`row_scores` gives, where it is a mean over rows that lend.
    """

    names: list[str]
    subsets: np.ndarray = field(repr=False)
    responses: np.ndarray = field(repr=False)
    scores: np.ndarray | None
    repeats: np.ndarray | None
    removal: str
    row_scores_: Any = field(default=None, repr=False)

    def row_scores(self, task: Any) -> np.ndarray:
        """Return the responses before the link.

        Parameters
        ----------
        task : Classification, Multilabel or Regression
            The `task_` of the estimator.

        Returns
        -------
        ndarray of shape (n_subsets, n_samples, n_outputs)
            Log probabilities less their mean over the classes, log odds of labels,
            values as they are.
        """
        if self.row_scores_ is None:
            self.row_scores_ = task.centred(self.responses)
        return self.row_scores_

    def position(self, *names: str) -> int:
        """Return the position of the subset of these modalities."""
        wanted = np.isin(self.names, names)
        return int(np.flatnonzero((self.subsets == wanted).all(axis=1))[0])

    def to_frame(self) -> pd.DataFrame:
        """Return one row a subset: the modalities in it, and its score.

        Returns
        -------
        DataFrame
            One bool column per modality, then ``score`` (and ``std`` over repeats).
        """
        table = pd.DataFrame(self.subsets, columns=self.names)
        table["score"] = np.nan if self.scores is None else self.scores
        if self.repeats is not None:
            table["std"] = self.repeats.std(axis=0)
        return table


def coalition_values(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    scoring: Any = None,
    removal: str = "mask",
    n_repeats: int = 10,
    cv: Any = None,
    sample_weight: Any = None,
    random_state: Any = None,
) -> CoalitionValues:
    """Predict and score with every set of modalities, of which there are 2^M.

    The other functions of this module are arithmetic on this table. By masking, the
    rows are encoded once and only the fusion runs for each set.

    Parameters
    ----------
    estimator : fusion estimator
        Fitted.

    X : DataFrame, MultimodalData or dict
        Rows, best ones that were not fitted on. At most 10 modalities.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Labels or values; without them nothing is scored.

    scoring : str, callable or None, default=None
        A scikit-learn scorer. None is accuracy, and R2 for values.

    removal : {"mask", "mean", "permute", "refit"}, default="mask"
        What it means to take a modality away.

        - ``"mask"``: it is absent, as the strategy treats absent modalities. No
          modality at all gives the prior.
        - ``"mean"``: predictions are averaged over `n_repeats` other rows that lend
          their cells; all rows lend where `n_repeats` is the number of rows.
        - ``"permute"``: the same, but each lending is scored by itself and the
          scores are averaged.
        - ``"refit"``: the estimator is cloned and fitted without it. X and y are
          then training data, split by `cv`, and predictions are out of fold.

    n_repeats : int, default=10
        Rows that lend their cells to each row. Modalities taken away together are
        lent by one row together.

    cv : int, splitter or None, default=None
        Folds of ``removal="refit"``.

    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows in the scores.

    random_state : int, RandomState instance or None, default=None
        Seed of the choice of rows.

    Returns
    -------
    CoalitionValues

    Raises
    ------
    ValueError
        If there are more than 10 modalities, or `removal` is unknown.

    See Also
    --------
    modality_importance : What each modality is worth.
    modality_interaction : What modalities tell only together.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> from skmultimodal.inspection import coalition_values
    >>> X, y = make_multimodal_classification(n_modalities=2, random_state=0)
    >>> clf = FusionClassifier(random_state=0).fit(X, y)
    >>> coalition_values(clf, X, y).subsets.shape
    (4, 2)
    """
    estimator = fitted_estimator(estimator)
    subsets = all_subsets(estimator)
    return evaluate(
        estimator,
        X,
        y,
        subsets,
        scoring=scoring,
        removal=removal,
        n_repeats=n_repeats,
        cv=cv,
        sample_weight=sample_weight,
        random_state=random_state,
    )


def fitted_estimator(estimator):
    """Return the fusion estimator itself, out of a search or a conformal one."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    check_is_fitted(estimator)
    if isinstance(estimator, BaseConformal):
        estimator = estimator.estimator_
    if not hasattr(estimator, "fusion_") or not hasattr(estimator, "predict"):
        raise TypeError(
            "inspection expects a fitted FusionClassifier or FusionRegressor. Got "
            f"{type(estimator).__name__} instead."
        )
    return estimator


def all_subsets(estimator) -> np.ndarray:
    """Return all subsets, (2^M, M), by size: none first, all last."""
    m = len(estimator.modalities_)
    if m > MOST_EXACT:
        raise ValueError(
            f"All subsets of {m} modalities are {2**m} predictions; at most "
            f"{MOST_EXACT} modalities are taken. Use modality_importance, which "
            "samples sets."
        )
    return every_subset(m)


def evaluate(
    estimator,
    X,
    y,
    subsets,
    *,
    scoring=None,
    removal="mask",
    n_repeats=10,
    cv=None,
    sample_weight=None,
    random_state=None,
) -> CoalitionValues:
    """Return the values of given subsets of a fitted estimator."""
    if removal not in REMOVALS:
        raise ValueError(f"'removal' must be one of {REMOVALS}. Got {removal!r}.")
    if not isinstance(n_repeats, (int, np.integer)) or n_repeats < 1:
        raise ValueError(f"'n_repeats' must be an int of at least 1. Got {n_repeats!r}")
    score = None
    if y is not None:
        y = np.asarray(y)
        score = make_score(estimator, X, y, scoring, sample_weight)
    task, repeats = estimator.task_, None
    responses: Any = 0.0
    row_scores: Any = None
    if removal == "mask":
        responses = np.stack(_masked(estimator, X, subsets))
    elif removal == "refit":
        if y is None:
            raise ValueError("removal='refit' fits the estimator anew. Pass y.")
        responses = _refitted(estimator, X, y, subsets, cv)
    else:
        row_scores, scored = 0.0, []
        donors = _donors(len(as_container(X)), n_repeats, removal, random_state)
        for donor in donors:
            lent = np.stack(_lent(estimator, X, subsets, donor))
            responses = responses + lent / len(donors)
            row_scores = row_scores + task.centred(lent) / len(donors)
            if score is not None and removal == "permute":
                scored.append([score(response) for response in lent])
        repeats = np.array(scored) if scored else None
    scores = None
    if repeats is not None:
        scores = repeats.mean(axis=0)
    elif score is not None:
        scores = np.array([score(response) for response in responses])
    names = list(estimator.modalities_)
    return CoalitionValues(
        names, subsets, responses, scores, repeats, removal, row_scores
    )


def _in_order(estimator, subset):
    """Return a subset of `modalities_` in the order of the fitted strategy."""
    chosen = dict(zip(estimator.modalities_, subset, strict=True))
    return np.array([chosen[name] for name in estimator.fusion_.names])


def _masked(estimator, X, subsets):
    """Return the responses where only the modalities of each subset are present."""
    cells, present = estimator.reader_.read(X)
    presences = [present & _in_order(estimator, subset) for subset in subsets]
    return estimator.fusion_.responses(cells, presences)


def _donors(n_samples, n_repeats, removal, random_state):
    """Return row positions, one array a repeat; no row lends to another one twice.

    They are shifts of one random order; a row never lends to itself, except to its
    average over all rows.
    """
    random, first = check_random_state(random_state), int(removal == "permute")
    order = random.permutation(n_samples)
    place = np.argsort(order)
    shifts = np.arange(first, n_samples)
    if n_repeats < n_samples:
        shifts = random.permutation(np.arange(1, n_samples))[:n_repeats]
    return [order[(place + shift) % n_samples] for shift in shifts]


def _lent(estimator, X, subsets, donor):
    """Return the responses where `donor` lends what is not in each subset."""
    cells, present = estimator.reader_.read(X)
    names, responses = estimator.fusion_.names, []
    lent = {
        name: None if column is None else take_rows(column, donor)
        for name, column in cells.items()
    }
    for subset in subsets:
        own = _in_order(estimator, subset)
        mixed = {
            name: (cells if keep else lent)[name]
            for name, keep in zip(names, own, strict=True)
        }
        here = np.where(own, present, present[donor])
        responses.append(estimator.fusion_.response(mixed, here))
    return responses


def _refitted(estimator, X, y, subsets, cv):
    """Return out-of-fold responses of clones fitted without some modalities."""
    X, classes = as_container(X), estimator.task_.classes
    shape = len(subsets), len(y), estimator.task_.n_outputs
    responses = np.zeros(shape)
    folds = check_cv(cv, y, classifier=is_classifier(estimator))
    for train, test in folds.split(X, y):
        for k, subset in enumerate(subsets):
            keep = [n for n, s in zip(estimator.modalities_, subset, strict=True) if s]
            if not keep:
                columns, prior = _columns_of(classes, y[train]), estimator.task_.prior
                responses[k][test] = prior(estimator.task_.encode(y[train]))
                continue
            one = estimator.restricted(keep)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UnusedWarning)  # told by the first fit
                one.fit(take_rows(X, train), y[train])
            cells = one.reader_.read(take_rows(X, test))
            columns = _columns_of(classes, one.task_.classes)
            responses[k][np.ix_(test, columns)] = one.fusion_.response(*cells)
    return responses


def _columns_of(classes, some):
    """Return the columns of some classes among all; all outputs for values."""
    return slice(None) if classes is None else np.searchsorted(classes, some)
