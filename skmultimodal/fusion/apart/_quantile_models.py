"""Models of one modality that predict several quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin, clone

from skmultimodal.data._containers import take_rows
from skmultimodal.data._scaling import weighted_quantiles
from skmultimodal.fusion.apart._levels import at_level, predicts_quantile
from skmultimodal.fusion.apart._wrapped import WrappedModel, of_last_step

__all__ = ["QuantileModels", "of_levels"]


class QuantileModels(RegressorMixin, WrappedModel):
    """Predict quantiles by a regressor of any kind.

    One whose loss can be that of a quantile is fitted once for each level. Any other is
    fitted to its own loss, and what it predicts is shifted by the quantiles of the
    errors that it makes on rows left out. Both keep the level over all rows; the first
    also where the spread of y depends on X.

    Parameters
    ----------
    estimator : regressor
    levels : tuple of float
    fold : ndarray of int of shape (n_samples,), default=None
        The fold of each row of `fit`, for the errors on rows left out. None: the errors
        on the rows themselves.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyRegressor
    >>> from skmultimodal.fusion.apart._quantile_models import QuantileModels
    >>> X, y = np.zeros((9, 1)), np.arange(9.0)
    >>> QuantileModels(DummyRegressor(), (0.1, 0.5)).fit(X, y).predict(X[:1])
    array([[0., 4.]])
    """

    def __init__(self, estimator: Any, levels: tuple, fold: Any = None):
        self.estimator = estimator
        self.levels = levels
        self.fold = fold

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> QuantileModels:
        """Fit a model a level, or one and its shifts."""
        self.shifts_ = np.zeros(len(self.levels))
        specs = [at_level(self.estimator, level) for level in self.levels]
        if specs[0] is None:
            specs = [clone(self.estimator)]
            errors = y - self._left_out(X, y, sample_weight)
            known = np.isfinite(errors)
            weight = None if sample_weight is None else sample_weight[known]
            self.shifts_ = weighted_quantiles(errors[known], self.levels, weight)
        self.models_ = [self._fitted(spec, X, y, sample_weight) for spec in specs]
        return self

    def _fitted(self, spec, X, y, weight):
        extra = {} if weight is None else {"sample_weight": weight}
        return spec.fit(X, y, **extra)

    def _left_out(self, X, y, weight):
        """Return what models say that have not seen a row, NaN where there are none."""
        found = np.full(len(y), np.nan)
        for k in [] if self.fold is None else np.unique(self.fold):
            train, test = np.flatnonzero(self.fold != k), np.flatnonzero(self.fold == k)
            part = None if weight is None else weight[train]
            model = clone(self.estimator)
            self._fitted(model, take_rows(X, train), y[train], part)
            found[test] = np.ravel(model.predict(take_rows(X, test)))
        if np.isfinite(found).any():
            return found
        model = self._fitted(clone(self.estimator), X, y, weight)
        return np.ravel(model.predict(X))

    def predict(self, X: Any) -> np.ndarray:
        """Return the quantiles, of shape (n_samples, n_levels), in order."""
        found = [np.ravel(model.predict(X)) for model in self.models_]
        return np.sort(np.column_stack(found) + self.shifts_, axis=1)


def of_levels(model, levels, fold):
    """Return a model of quantiles.

    Parameters
    ----------
    model : regressor
    levels : tuple of float
    fold : ndarray of int of shape (n_samples,) or None
    """

    def wrap(last):
        _check_settable(last, levels)
        return QuantileModels(last, levels, fold)

    return of_last_step(model, wrap)


def _check_settable(model, levels):
    if predicts_quantile(model) and at_level(model, levels[0]) is None:
        raise ValueError(
            f"{type(model).__name__} predicts a quantile, and how to set its level is "
            "not known. With loss='quantile' one model predicts all of "
            f"{list(levels)}: give QuantileRegressor, gradient boosting of "
            "scikit-learn, or a model of the mean."
        )
