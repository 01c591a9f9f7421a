"""The class a classifier names, by the probabilities that it gives."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin

__all__ = ["MostProbable"]


class MostProbable(ClassifierMixin):
    """A classifier that predicts the class of the highest probability."""

    classes_: np.ndarray

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return class probabilities."""
        raise NotImplementedError

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable classes.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]
