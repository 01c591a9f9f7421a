"""Kernel models that choose their own penalty and calibrate themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import cholesky, eigh, solve_triangular
from scipy.optimize import minimize_scalar
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from skmultimodal._sklearn import check_weights
from skmultimodal.data._judged import judged_rows
from skmultimodal.encoders.features._most_probable import MostProbable

__all__ = [
    "KernelClassifier",
    "KernelRegressor",
    "LeftOutClassifier",
    "LeftOutRegressor",
]

_JITTER = 1e-6  # keeps the factor of the kernel matrix finite for equal rows
_DTYPES = [np.float64, np.float32]  # rows are kept as they come, and read in parts
_PART = 4096  # rows of a part, in double precision


class _KernelRidge(BaseEstimator):
    """Ridge regression on a kernel map, its penalty chosen by leaving one out."""

    keeps_left_out = False  # whether the fit notes its leave-one-out answers

    def __init__(
        self,
        gamma=0.5,
        alphas=(0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0),
        max_landmarks=1500,
        random_state=None,
    ):
        self.gamma = gamma
        self.alphas = alphas
        self.max_landmarks = max_landmarks
        self.random_state = random_state

    def _fit_ridge(self, X, target, weight, rows, loss):
        """Set the map and the coefficients of the penalty that is best on some rows."""
        held_out, best = self._held_out(target, weight), np.inf
        every = slice(None) if self.keeps_left_out else rows
        solutions = self._solutions(X, target, weight, every)
        for a, (alpha, coef, left_out) in enumerate(solutions):
            own = left_out[rows] if self.keeps_left_out else left_out
            value, scale = loss(own if held_out is None else held_out[a, rows])
            if value < best:
                best, self.alpha_, self.scale_ = value, alpha, scale
                best_coef, best_left_out = coef, left_out
        self._set_coef(best_coef)
        if self.keeps_left_out:
            self.left_out_ = self._answers(best_left_out)
        del self._lower, self._map_mean, self._vectors

    def taken_left_out(self):
        """Return the leave-one-out answers of the fit, once; None without any."""
        return self.__dict__.pop("left_out_", None)

    def _held_out(self, target, weight):
        """Return predictions to choose by, one array a penalty; None leaves one out."""
        return None

    def _solutions(self, X, target, weight, rows=slice(None)):
        """Yield each penalty, its coefficients and what it says of `rows` left out."""
        n, total = len(X), weight.sum()
        center = sum(weight[part] @ own for part, own in _parts(X)) / total
        variance = 0.0
        for part, own in _parts(X):
            variance += weight[part] @ ((own - center) ** 2).sum(axis=1) / total
        self.gamma_ = self.gamma / variance if variance > 0 else 1.0
        if n > self.max_landmarks:
            random_state = check_random_state(self.random_state)
            self.landmarks_ = X[random_state.permutation(n)[: self.max_landmarks]]
        else:
            self.landmarks_ = X.copy()  # X may be the caller's own array
        kernel = self._kernel(self.landmarks_)
        kernel.flat[:: len(kernel) + 1] += _JITTER
        self._lower = lower = cholesky(kernel, lower=True)
        if n > self.max_landmarks:  # inner products of mapped rows are the kernel
            mapped = solve_triangular(lower, self._kernel(X).T, lower=True).T
        else:
            mapped = lower.copy()
        self._map_mean = weight @ mapped / total
        mapped -= self._map_mean
        self.target_mean_ = weight @ target / total
        target = target - self.target_mean_
        weighted = mapped * weight[:, np.newaxis]
        gram = (mapped.T @ weighted).astype(np.float32)  # its errors are far below
        eigenvalues, vectors = eigh(gram, driver="evd")  # the smallest penalty
        eigenvalues, self._vectors = np.maximum(eigenvalues, 0), vectors
        moments = vectors.T @ (weighted.T @ target)
        rotated = mapped[rows] @ vectors
        target, weight = target[rows], weight[rows]
        squares = rotated**2
        for alpha in self.alphas:
            shrunk = 1 / (eigenvalues + alpha)
            coef = shrunk[:, np.newaxis] * moments
            leverage = weight * (squares @ shrunk + 1 / total)
            residual = target - rotated @ coef
            left_out = target - residual / np.maximum(1 - leverage, 1e-6)[:, np.newaxis]
            yield alpha, coef, left_out + self.target_mean_

    def _set_coef(self, coef):
        """Set what prediction needs of the coefficients of a solution."""
        coef = self._vectors @ coef
        self.dual_coef_ = solve_triangular(self._lower.T, coef)
        self.intercept_ = self.target_mean_ - self._map_mean @ coef

    def _kernel(self, X):
        """Return the kernel of rows and landmarks, (n_samples, n_landmarks)."""
        landmarks = self.landmarks_.astype(np.float64, copy=False)
        kernel = np.empty((len(X), len(landmarks)))
        for part, own in _parts(X):
            kernel[part] = rbf_kernel(own, landmarks, gamma=self.gamma_)
        return kernel

    def _response(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, dtype=_DTYPES, reset=False)
        return self._kernel(X) @ self.dual_coef_ + self.intercept_


def _parts(X):
    """Yield slices of rows, and these rows in double precision."""
    for part in gen_batches(len(X), _PART):
        yield part, X[part].astype(np.float64, copy=False)


class KernelClassifier(MostProbable, _KernelRidge):
    """Classify with a Gaussian kernel, calibrated without extra fits.

    Least squares on class indicators in the space of a Gaussian kernel: close to a
    support vector machine in accuracy. One factorisation gives the leave-one-out
    prediction of every training row for every penalty [1]_; they choose the penalty
    and the temperature of the probabilities, so that no inner cross-validation is
    needed.

    Parameters
    ----------
    gamma : float, default=0.5
        Width of the kernel ``exp(-gamma * |x - z|^2 / v)``, where ``v`` is the total
        variance of the training rows. Scale the features before.
    alphas : tuple of float, default=(0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
        Penalties to choose from.
    max_landmarks : int, default=1500
        With more rows than this, the kernel is expanded on a random sample of them
        (Nystroem [2]_): cost is linear in rows.
    random_state : int, RandomState instance or None, default=None
        Draws that sample.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    alpha_ : float
        Chosen penalty.
    scale_ : float
        Inverse temperature.
    landmarks_ : ndarray of shape (n_landmarks, n_features)
    n_features_in_ : int

    See Also
    --------
    KernelRegressor : The same for numbers.

    Notes
    -----
    Probabilities are ``softmax(log prior + scale * (f - prior))`` of the least
    squares fit ``f``; a row far from all others gets nearly the prior.
    Cost: ``O(n m^2 + m^3)`` for ``m`` landmarks.

    The temperature is fitted to the smoothed targets of [3]_: where no row is left
    out wrongly, the likelihood alone would make the model boundlessly sure.

    Differences from [1]_: least squares on indicators of all classes at once, an
    unpenalised mean, and weights. A weight of two fits like two copies of the row,
    but both are left out at once, so that copies cannot vouch for each other.

    References
    ----------
    .. [1] G. Cawley, N. Talbot, "Fast exact leave-one-out cross-validation of sparse
       least-squares support vector machines", Neural Networks 17(10), 2004.
    .. [2] C. Williams, M. Seeger, "Using the Nystroem method to speed up kernel
       machines", NIPS 2000.
    .. [3] J. Platt, "Probabilistic outputs for support vector machines and
       comparisons to regularized likelihood methods", Advances in Large Margin
       Classifiers, MIT Press, 1999.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmultimodal.encoders import KernelClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), KernelClassifier()).fit(X, y)
    >>> round(model.score(X, y), 2)
    0.99
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> KernelClassifier:
        """Fit the model; a row of zero weight counts as absent.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : object
        """
        X, y = validate_data(self, X, y, dtype=_DTYPES)
        check_classification_targets(y)
        weight = check_weights(sample_weight, X)
        known = slice(None) if weight.all() else weight > 0
        X, y, weight = X[known], y[known], weight[known]
        self.classes_, codes = np.unique(y, return_inverse=True)
        target = np.eye(len(self.classes_))[codes]
        rows = judged_rows(target.shape, self.random_state)
        smooth, share = _platt_targets(target[rows], weight @ target), weight[rows]

        def loss(left_out):
            def negative_log_likelihood(log_scale):
                logs = self._log_proba(left_out, np.exp(log_scale))
                return -share @ (smooth * logs).sum(axis=1)

            found = minimize_scalar(
                negative_log_likelihood, bounds=(-2.0, 5.0), method="bounded"
            )
            return found.fun, np.exp(found.x)

        self._fit_ridge(X, target, weight, rows, loss)
        return self

    def _answers(self, response):
        """Return responses as probabilities."""
        return np.exp(self._log_proba(response, self.scale_))

    def _log_proba(self, response, scale):
        prior = self.target_mean_
        logs = np.log(prior) + scale * (response - prior)
        logs -= logs.max(axis=1, keepdims=True)  # log_softmax, at half its cost
        return logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
        """
        return self._answers(self._response(X))


def _platt_targets(target, class_weight) -> np.ndarray:
    """Return targets no surer than the weight of their class allows, as Platt does."""
    n_classes = target.shape[1]
    doubt = (target / (class_weight + 2)).sum(axis=1, keepdims=True)
    if n_classes == 1:
        return target
    return target * (1 - doubt) + (1 - target) * doubt / (n_classes - 1)


class KernelRegressor(RegressorMixin, _KernelRidge):
    """Predict numbers with a Gaussian kernel and a penalty it chooses itself.

    Kernel ridge regression; the penalty has the smallest leave-one-out squared
    error, which one factorisation gives for every penalty.

    Parameters
    ----------
    gamma : float, default=0.5
        Width of the kernel ``exp(-gamma * |x - z|^2 / v)``, where ``v`` is the total
        variance of the training rows. Scale the features before.
    alphas : tuple of float, default=(0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
        Penalties to choose from.
    max_landmarks : int, default=1500
        With more rows than this, the kernel is expanded on a random sample of them.
    random_state : int, RandomState instance or None, default=None
        Draws that sample.

    Attributes
    ----------
    alpha_ : float
        Chosen penalty.
    landmarks_ : ndarray of shape (n_landmarks, n_features)
    n_features_in_ : int

    See Also
    --------
    KernelClassifier : The same for classes, with the references.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.encoders import KernelRegressor
    >>> X = np.linspace(0, 6, 50)[:, np.newaxis]
    >>> round(KernelRegressor().fit(X, np.sin(X[:, 0])).score(X, np.sin(X[:, 0])), 2)
    1.0
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> KernelRegressor:
        """Fit the model; a row of zero weight counts as absent.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : object
        """
        X, y = validate_data(
            self, X, y, dtype=_DTYPES, multi_output=True, y_numeric=True
        )
        weight = check_weights(sample_weight, X)
        known = slice(None) if weight.all() else weight > 0
        X, y, weight = X[known], y[known], weight[known]
        self._flat = y.ndim == 1
        target = y.reshape(len(y), -1).astype(np.float64)

        rows = judged_rows(target.shape, self.random_state)
        known, share = target[rows], weight[rows]

        def loss(left_out):
            return share @ ((known - left_out) ** 2).sum(axis=1), 1.0

        self._fit_ridge(X, target, weight, rows, loss)
        return self

    def _answers(self, response):
        """Return responses as values."""
        return response[:, 0] if self._flat else response

    def predict(self, X: Any) -> np.ndarray:
        """Return predicted values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        values : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        return self._answers(self._response(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class LeftOutClassifier(KernelClassifier):
    """The same, which notes the leave-one-out probabilities of its fit."""

    keeps_left_out = True


class LeftOutRegressor(KernelRegressor):
    """The same, which notes the leave-one-out values of its fit."""

    keeps_left_out = True
