"""Models of one modality that predict the hazards of intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, clone

from skmultimodal.data._containers import take_rows
from skmultimodal.fusion.apart._wrapped import WrappedModel, of_last_step

__all__ = ["HazardModels", "of_intervals"]


class HazardModels(ClassifierMixin, WrappedModel):
    """Predict hazards by any classifier, or by a model of scikit-survival.

    A classifier is fitted once for each interval, to the rows that entered it: whether
    the event came in it. What has `predict_survival_function` is fitted to y as a
    structured array, and asked at the ends of the intervals.

    Parameters
    ----------
    estimator : classifier or survival model
    task : Survival
    """

    def __init__(self, estimator: Any, task: Any):
        self.estimator = estimator
        self.task = task

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> HazardModels:
        """Fit the model; `y` has times and whether the event was seen."""
        self.classes_ = self.task.classes
        if hasattr(self.estimator, "predict_survival_function"):
            kinds = [("event", bool), ("time", float)]
            truth = np.array([(seen > 0, time) for time, seen in y], dtype=kinds)
            self.models_ = [clone(self.estimator).fit(X, truth)]
            return self
        target = self.task.encode(y)
        self.models_ = []
        for column in target.T:
            rows = np.flatnonzero(column >= 0)
            label = column[rows].astype(int)
            if np.ptp(label) == 0:
                self.models_.append(float(label[0]))
                continue
            weight = None if sample_weight is None else sample_weight[rows]
            extra = {} if weight is None else {"sample_weight": weight}
            part = take_rows(X, rows)
            self.models_.append(clone(self.estimator).fit(part, label, **extra))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the hazards, of shape (n_samples, n_intervals)."""
        n = X.shape[0]
        if hasattr(self.estimator, "predict_survival_function"):
            return self._of_functions(self.models_[0].predict_survival_function(X))
        columns = [
            np.full(n, m) if isinstance(m, float) else m.predict_proba(X)[:, 1]
            for m in self.models_
        ]
        return np.column_stack(columns)

    def _of_functions(self, functions):
        """Return the hazards of functions from times to probabilities of survival."""
        edges, tiny = self.task.edges, np.finfo(float).tiny
        alive = np.stack([np.ravel(f(np.clip(edges, *f.domain))) for f in functions])
        before = np.hstack([np.ones((len(alive), 1)), alive[:, :-1]])
        return 1 - alive / np.maximum(before, tiny)

    def predict(self, X: Any) -> np.ndarray:
        """Return the risk."""
        return self.task.predict(self.predict_proba(X))


def of_intervals(model, task):
    """Return a model of hazards."""
    return of_last_step(model, lambda last: HazardModels(last, task))
