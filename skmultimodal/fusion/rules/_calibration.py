"""Calibration of one modality's probabilities on its out-of-fold predictions."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.isotonic import IsotonicRegression

from skmultimodal.fusion.rules._pool import EPS, log_pool
from skmultimodal.fusion.rules._weights import fit_log_pool

__all__ = ["CALIBRATORS", "Isotonic", "Sigmoid", "Temperature"]

_SHRINKAGE = 1e-4  # to no change; keeps separable data finite


class _Calibrator(BaseEstimator):
    """Checks and the identity where there are no rows."""

    def fit(self, proba, y, sample_weight=None):
        """Fit to out-of-fold probabilities.

        Parameters
        ----------
        proba : ndarray of shape (n_samples, n_classes)
            Probabilities of rows the model was not trained on.

        y : ndarray of shape (n_samples,)
            Classes as positions 0 to n_classes - 1.

        sample_weight : ndarray of shape (n_samples,), default=None
            How often each row counts.

        Returns
        -------
        self : calibrator
        """
        proba, y = np.asarray(proba, dtype=np.float64), np.asarray(y, dtype=np.intp)
        if proba.ndim != 2 or len(y) != len(proba):
            raise ValueError(
                f"{type(self).__name__} expects proba of shape (n_samples, n_classes) "
                f"and one class a sample. Got {proba.shape} and {y.shape}."
            )
        weight = np.ones(len(y))
        if sample_weight is not None:
            weight = np.asarray(sample_weight, dtype=np.float64)
        rows = weight > 0
        self.identity_ = not rows.any()
        if not self.identity_:
            self._fit(proba[rows], y[rows], weight[rows])
        return self

    def predict(self, proba):
        """Return calibrated probabilities.

        Parameters
        ----------
        proba : ndarray of shape (n_samples, n_classes)
            Rows of NaN, an absent modality, stay NaN.

        Returns
        -------
        calibrated : ndarray of shape (n_samples, n_classes)
            Rows sum to one.
        """
        proba = np.asarray(proba, dtype=np.float64)
        rows = np.isfinite(proba).all(axis=1)
        if self.identity_ or not rows.any():
            return proba.copy()
        calibrated = np.full_like(proba, np.nan)
        scaled = np.maximum(self._predict(proba[rows]), EPS)
        calibrated[rows] = scaled / scaled.sum(axis=1, keepdims=True)
        return calibrated


class Temperature(_Calibrator):
    """Divide log probabilities by one temperature [1]_.

    Attributes
    ----------
    temperature_ : float
        Above one for an over-confident model; infinite for one that says nothing.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On calibration of modern neural
       networks", ICML, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.fusion.rules._calibration import Temperature
    >>> proba = np.tile([[0.9, 0.1]], (4, 1))
    >>> Temperature().fit(proba, [0, 0, 0, 1]).predict(proba[:1]).round(2)
    array([[0.75, 0.25]])
    """

    def _fit(self, proba, y, weight):
        slope, _ = fit_log_pool(
            _logs(proba)[None],
            y,
            np.zeros(proba.shape[1]),
            shrinkage=_SHRINKAGE,
            sample_weight=weight,
        )
        self._slope = slope
        self.temperature_ = 1.0 / slope[0] if slope[0] > 0 else np.inf

    def _predict(self, proba):
        return log_pool(_logs(proba)[None], self._slope, np.zeros(proba.shape[1]))


class Sigmoid(_Calibrator):
    """Fit a logistic curve to the log odds of each class against the rest [1]_.

    Slopes are not negative; classes are brought to sum one.

    Attributes
    ----------
    slopes_, intercepts_ : ndarray of shape (n_classes,)
        Curve of each class over its log odds.

    References
    ----------
    .. [1] J. Platt, "Probabilistic outputs for support vector machines", Advances in
       Large Margin Classifiers, 1999.
    """

    def _fit(self, proba, y, weight):
        n_classes = proba.shape[1]
        self.slopes_, self.intercepts_ = np.empty((2, n_classes))
        for k in range(n_classes):
            logs = _logs(np.stack([1 - proba[:, k], proba[:, k]], axis=1))
            slope, bias = fit_log_pool(
                logs[None],
                (y == k).astype(np.intp),
                np.zeros(2),
                shrinkage=_SHRINKAGE,
                bias=True,
                sample_weight=weight,
            )
            self.slopes_[k], self.intercepts_[k] = slope[0], bias[1] - bias[0]

    def _predict(self, proba):
        odds = _logs(proba) - _logs(1 - proba)
        return 1 / (1 + np.exp(-(self.slopes_ * odds + self.intercepts_)))


class Isotonic(_Calibrator):
    """Fit a rising step curve to each class against the rest [1]_.

    For some thousand rows and more. Classes are brought to sum one.

    Attributes
    ----------
    curves_ : list of IsotonicRegression
        One per class.

    References
    ----------
    .. [1] B. Zadrozny, C. Elkan, "Transforming classifier scores into accurate
       multiclass probability estimates", KDD, 2002.
    """

    def _fit(self, proba, y, weight):
        self.curves_ = [
            IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(
                proba[:, k], (y == k).astype(float), sample_weight=weight
            )
            for k in range(proba.shape[1])
        ]

    def _predict(self, proba):
        return np.stack(
            [curve.predict(proba[:, k]) for k, curve in enumerate(self.curves_)], axis=1
        )


def _logs(proba):
    return np.log(np.clip(proba, EPS, 1.0))


CALIBRATORS = {"temperature": Temperature, "sigmoid": Sigmoid, "isotonic": Isotonic}
