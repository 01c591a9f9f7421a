"""What makes sets and intervals hold the truth as often as they say."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import check_cv
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, column_or_1d

from skmultimodal._parameters import a_number, an_int, check_parameters, one_of
from skmultimodal._sklearn import check_weights
from skmultimodal._warnings import UnusedWarning
from skmultimodal.data._containers import MultimodalData, as_container, take_rows
from skmultimodal.estimators._rows import check_lengths
from skmultimodal.estimators.conformal._categories import Categories
from skmultimodal.estimators.conformal._scores import Calibration, effective_weights
from skmultimodal.fusion.apart._folds import folds_of
from skmultimodal.training._target import checked_target

__all__ = ["BaseConformal", "ordered"]

LEVEL = a_number("a number in (0, 1)", lambda v: 0 < v < 1)


class BaseConformal(BaseEstimator):
    """What the conformal classifier and regressor share; not used directly."""

    kind: ClassVar[type]  # of estimator
    limits: ClassVar[dict] = {
        "method": one_of("split", "cv+"),
        "confidence_level": LEVEL,
        "by": one_of("pattern", "conflict", None),
        "min_rows": an_int(2),
    }

    # -- fit ----------------------------------------------------------------------

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None
    ) -> Self:
        """Fit the estimator, and calibrate on rows that it was not fitted to.

        A `FrozenEstimator` is not fitted: all rows then calibrate.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with one or more modalities.

        y : array-like of shape (n_samples,)
            Labels or values.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, in the fit and in the calibration. There they are
            relative, and count as many rows as equal weights that say as much
            (Kish's effective number).

        groups : array-like of shape (n_samples,), default=None
            Rows of one group are never fitted to and calibrated on at once. What is
            promised then holds for rows of new groups.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If a parameter, X, y or the weights are not what they must be, or the
            rows cannot be split. The estimator is then as it was before.
        """
        check_parameters(self, self.limits)
        y = self._checked_y(y)
        if isinstance(self.estimator, FrozenEstimator):
            if groups is not None:
                raise ValueError(
                    f"{type(self).__name__} has a frozen estimator, for which no rows "
                    "are split: 'groups' would have no effect. Leave them out, and "
                    "see that no group of these rows was fitted to."
                )
            return self.conformalize(X, y, sample_weight)
        estimator, X = clone(self._given()), _indexable(X)
        if estimator.random_state is None:
            estimator.set_params(random_state=self.random_state)
        fit = self._fit_split if self.method == "split" else self._fit_folds
        self._keep(estimator, *fit(estimator, X, y, sample_weight, groups))
        return self

    def conformalize(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Calibrate a fitted estimator on rows that it was not fitted to.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        y : array-like of shape (n_samples,)
            Labels or values.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : object

        Raises
        ------
        NotFittedError
            If neither this nor its `estimator` is fitted.
        """
        check_parameters(self, self.limits)
        y = self._checked_y(y)
        estimator = getattr(self, "estimator_", None)
        if estimator is None or isinstance(self.estimator, FrozenEstimator):
            estimator = self._given()
        if not hasattr(estimator, "fusion_"):
            raise NotFittedError(
                f"{type(self).__name__}.conformalize expected a fitted estimator. Got "
                f"{type(estimator).__name__}, which is not fitted. Call fit instead: "
                "it fits and calibrates."
            )
        check_lengths(X=_indexable(X), y=y, sample_weight=sample_weight)
        models = [estimator.fusion_]
        rows = X, y, self._weights(sample_weight, y), np.zeros(len(y), dtype=int)
        self._keep(estimator, models, *rows)
        return self

    def _given(self):
        """Return the estimator to be fitted, or the frozen one; refuse others."""
        given = self.kind() if self.estimator is None else self.estimator
        if isinstance(given, FrozenEstimator):
            given = given.estimator
        if not isinstance(given, self.kind):
            raise TypeError(
                f"The 'estimator' of {type(self).__name__} must be a "
                f"{self.kind.__name__}, which knows the modalities of a row, or one in "
                f"a FrozenEstimator. Got {type(given).__name__} instead. Put it inside "
                "a search or a pipeline, not around one."
            )
        return given

    def _checked_y(self, y):
        owner = type(self).__name__
        if y is None:
            raise ValueError(
                f"This {owner} estimator requires y to be passed, but the target y is "
                "None."
            )
        y = np.asarray(checked_target(y))
        if y.ndim == 2 and y.shape[1] > 1:
            raise ValueError(
                f"{owner} expected one label or value a row. Got a y of shape "
                f"{y.shape}, whose columns would be wrong together more often than "
                "each. Use one estimator a column."
            )
        return column_or_1d(y, warn=True)

    def _weights(self, sample_weight, y):
        if sample_weight is None:
            return np.ones(len(y))
        return check_weights(sample_weight, np.zeros((len(y), 1)))

    def _folds(self, n, y, groups, rows):
        """Return the folds as positions among some rows; None to deal by content."""
        if self.cv is None:
            return None
        labels = issubclass(self.kind, ClassifierMixin)
        splitter = check_cv(self.cv, y, classifier=labels)
        at = np.full(n, -1)
        at[rows] = np.arange(len(rows))
        parts = [(at[a], at[b]) for a, b in splitter.split(np.zeros(n), y, groups)]
        return [(a[a >= 0], b[b >= 0]) for a, b in parts]

    def _positive(self, y, sample_weight):
        """Return the weights, and the positions of those that are not zero."""
        weight = self._weights(sample_weight, y)
        return weight, np.flatnonzero(weight)

    def _check_folds(self, folds, problem, rows):
        if problem.n_samples != len(rows):
            raise ValueError(
                f"The 'class_weight' of {self.kind.__name__} is zero for a class, "
                f"which {type(self).__name__} would calibrate on. Leave its rows out."
            )
        if not folds or (self.cv is None and _some_are_unmet(problem, folds)):
            raise ValueError(
                f"{type(self).__name__} needs rows to calibrate on that differ from "
                "those it fits to: two different ones of each class, and two groups. "
                f"Got n_samples={problem.n_samples}. Pass more rows, or conformalize "
                "a fitted estimator."
            )
        held_out = np.concatenate([test for _, test in folds])
        if self.method == "cv+" and len(np.unique(held_out)) < len(held_out):
            raise ValueError(
                f"The 'cv' of {type(self).__name__} must hold each row out at most "
                f"once for method='cv+'. Got {self.cv!r}."
            )

    def _fit_split(self, estimator, X, y, sample_weight, groups):
        """Fit to all rows but those of the first fold, which calibrate."""
        with warnings.catch_warnings():  # the fit below warns again
            warnings.simplefilter("ignore", UnusedWarning)
            problem = estimator._problem(X, y, sample_weight, groups)[1]
        weight, rows = self._positive(y, sample_weight)
        folds = folds_of(problem, self._folds(len(y), y, groups, rows))
        self._check_folds(folds, problem, rows)
        train, test = (rows[part] for part in folds[0])
        estimator.fit(
            take_rows(X, train),
            y[train],
            None if sample_weight is None else weight[train],
            None if groups is None else np.asarray(groups)[train],
        )
        model = np.zeros(len(test), dtype=int)
        held_out = take_rows(X, test), y[test], weight[test]
        return [estimator.fusion_], *held_out, model

    def _fit_folds(self, estimator, X, y, sample_weight, groups):
        """Fit to all rows, and to all but those of each fold, which calibrate."""
        check_lengths(X=X, y=y, sample_weight=sample_weight, groups=groups)
        weight, rows = self._positive(y, sample_weight)
        folds = self._folds(len(y), y, groups, rows)
        problem, of_folds = estimator._fit_with_folds(
            X, y, sample_weight, groups, folds
        )
        every = np.arange(problem.n_samples)
        parts = [(np.setdiff1d(every, test), test) for _, test in of_folds]
        self._check_folds(parts, problem, rows)
        held_out = rows[np.concatenate([test for _, test in of_folds])]
        sizes = [len(test) for _, test in of_folds]
        return (
            [model for model, _ in of_folds],
            take_rows(X, held_out),
            y[held_out],
            weight[held_out],
            np.repeat(np.arange(len(sizes)), sizes),
        )

    def _keep(self, estimator, models, X, y, weight, model_of):
        """Calibrate, then record the fitted attributes."""
        rows = np.flatnonzero(weight)
        if len(rows) < len(weight):
            X, y, weight, model_of = (
                take_rows(part, rows) for part in (_indexable(X), y, weight, model_of)
            )
        cells, present = estimator.reader_.read(X)
        names = list(cells)
        scores = np.empty(len(y))
        conflict = None if self.by != "conflict" else np.empty(len(y))
        for k, model in enumerate(models):
            own = np.flatnonzero(model_of == k)
            part = {
                name: None if of_name is None else take_rows(of_name, own)
                for name, of_name in cells.items()
            }
            scores[own] = self._scores(estimator, model, part, present[own], y[own])
            if conflict is not None:
                conflict[own] = self._conflict(model, part, present[own])
        categories = Categories(
            names, present, conflict, self.by is not None, self.min_rows
        )
        category = categories.of(present, conflict)
        whole = Calibration(scores, model_of, effective_weights(weight))
        found = {
            int(c): whole.take(category == c)
            for c in [*np.unique(category), categories.pool]
        }
        self.estimator_, self.models_ = estimator, models
        self.categories_, self.calibrations_ = categories, found
        for name in ("n_features_in_", "feature_names_in_", "classes_"):
            self.__dict__.pop(name, None)
            if hasattr(estimator, name):
                setattr(self, name, getattr(estimator, name))

    def _conflict(self, model, cells, present):
        if not model.offers("uncertainty"):
            raise ValueError(
                f"by='conflict' of {type(self).__name__} needs a strategy that says "
                f"how far modalities disagree. Got {type(model).__name__}. Use "
                "fusion='decision', 'evidential' for labels, or by='pattern'."
            )
        found = model.uncertainty(cells, ordered(model, cells, present))
        return np.ravel(found["conflict"])

    # -- prediction ---------------------------------------------------------------

    def __sklearn_is_fitted__(self):
        return hasattr(self, "estimator_")

    @property
    def modalities_(self):
        """Names of the modalities."""
        return self.estimator_.modalities_

    @property
    def calibration_report_(self):
        """Count of calibration rows, whether pooled, and threshold by pattern."""
        check_is_fitted(self)
        thresholds = {
            c: part.threshold(self.confidence_level)
            for c, part in self.calibrations_.items()
        }
        return self.categories_.report(thresholds)

    def predict(self, X: Any) -> np.ndarray:
        """Return the single prediction of the estimator, without a set or interval.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self.estimator_.predict(X)

    def _levels(self, confidence_level):
        """Return levels as an array, and whether there is only one."""
        given = self.confidence_level if confidence_level is None else confidence_level
        levels = np.atleast_1d(np.asarray(given, dtype=float))
        if levels.ndim > 1 or not ((levels > 0) & (levels < 1)).all():
            raise ValueError(
                f"'confidence_level' must be one or several numbers in (0, 1). Got "
                f"{given!r}."
            )
        return levels, np.ndim(given) == 0

    def _read(self, X):
        """Return the cells, presence, and rows of each category."""
        check_is_fitted(self)
        cells, present = self.estimator_.reader_.read(X)
        conflict = None
        if self.categories_.cuts:
            conflict = self._conflict(self.estimator_.fusion_, cells, present)
        category = self.categories_.of(present, conflict)
        parts = [
            (self.calibrations_[int(c)], category == c) for c in np.unique(category)
        ]
        return cells, present, parts

    def save(self, path: Any) -> Self:
        """Write the fitted estimator to a file that runs no code when loaded.

        Parameters
        ----------
        path : str or path-like
            The file, replaced as a whole or not at all.

        Returns
        -------
        self : object

        See Also
        --------
        load : Reads the file.
        """
        from skmultimodal.persistence._file import save

        check_is_fitted(self)
        save(self, path)
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self._given()).input_tags
        return tags


def _indexable(X):
    """Return X as a container of which rows can be taken; sparse ones as they are."""
    X = as_container(X)
    if isinstance(X, (pd.DataFrame, MultimodalData)) or issparse(X):
        return X
    return np.asarray(X)


def ordered(model, cells, present):
    """Return the presence in the order in which a model names the modalities."""
    names = list(cells)
    if model.names == names:
        return present
    return present[:, [names.index(name) for name in model.names]]


def _some_are_unmet(problem, folds) -> bool:
    """Whether a row is held out whose label none of the others has."""
    task, target = problem.task, problem.target
    return any(task.unmet(target[test], target[train]).any() for train, test in folds)
