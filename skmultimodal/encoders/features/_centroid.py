"""Nearest class means, calibrated without extra fits: for many classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from skmultimodal._sklearn import check_weights
from skmultimodal.data._judged import judged_rows
from skmultimodal.encoders.features._most_probable import MostProbable

__all__ = ["CentroidClassifier"]

_PART = 1_000_000  # inner products computed in one go


class CentroidClassifier(MostProbable, BaseEstimator):
    """Classify by the cosine to the mean row of each class [1]_.

    Made for sparse rows and for more classes than one can fit coefficients to: the
    means hold no more numbers than the training rows do.

    Parameters
    ----------
    random_state : int, RandomState instance or None, default=None
        Draws the rows that choose the temperature, where there are more than
        1,000,000 over the number of classes, 500 at the least, and more than 50
        classes.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    class_prior_ : ndarray of shape (n_classes,)
    centroids_ : sparse matrix of shape (n_classes, n_features)
        Means of the classes, of length one.
    scale_ : float
        Inverse temperature.
    n_features_in_ : int

    See Also
    --------
    KernelClassifier : More accurate, for fewer classes.

    Notes
    -----
    Probabilities are ``softmax(log prior + scale * cosine)``. The temperature has the
    best likelihood of training rows that are left out of the mean of their class, which
    takes no further fit, with the smoothed targets of Platt. A row of zeros gets the
    prior. A weight of two is the same as two copies that are left out together.

    References
    ----------
    .. [1] E.-H. Han, G. Karypis, "Centroid-based document classification: analysis and
       experimental results", PKDD 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.encoders.features._centroid import CentroidClassifier
    >>> X, y = np.repeat(np.eye(3), 4, axis=0), np.repeat(["a", "b", "c"], 4)
    >>> CentroidClassifier().fit(X, y).predict([[0, 2, 1]])
    array(['b'], dtype='<U1')
    """

    def __init__(self, random_state: Any = None):
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> CentroidClassifier:
        """Fit the means; a row of zero weight counts as absent.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : object
        """
        X, y = validate_data(self, X, y, dtype=np.float64, accept_sparse="csr")
        check_classification_targets(y)
        weight = check_weights(sample_weight, X)
        X, y, weight = X[weight > 0], y[weight > 0], weight[weight > 0]
        self.classes_, codes = np.unique(y, return_inverse=True)
        count = np.bincount(codes, weights=weight)
        self.class_prior_ = count / count.sum()
        X, n_samples, n_classes = sparse.csr_matrix(X), len(y), len(count)
        chosen = (weight, (codes, np.arange(n_samples)))
        sums = sparse.csr_matrix(chosen, shape=(n_classes, n_samples)) @ X
        squares = _squares(sums)
        lengths = _lengths(squares)
        self.centroids_ = sparse.csr_matrix(sparse.diags(1 / lengths) @ sums)
        rows = judged_rows((n_samples, n_classes), self.random_state)
        X, codes, weight = X[rows], codes[rows], weight[rows]
        own = np.arange(len(codes)), codes
        cosines = self._cosines(X)
        square = _squares(X)
        length = _lengths(square)
        product = cosines[own] * lengths[codes] * length
        rest = squares[codes] - 2 * weight * product + weight**2 * square
        some = rest > 1e-9 * squares[codes]  # of the class is left without the row
        scale = length * np.sqrt(np.where(some, rest, 1.0))
        cosines[own] = np.where(some, (product - weight * square) / scale, 0.0)
        self.scale_ = self._best_scale(cosines, own, weight, count[codes])
        return self

    def _best_scale(self, cosines, own, weight, count):
        """Return the inverse temperature of the best likelihood."""
        others = max(len(self.classes_) - 1, 1)
        doubt = 1 / (count + 2)

        def negative_log_likelihood(log_scale):
            logs = self._log_proba(cosines, np.exp(log_scale))
            right = logs[own]
            wrong = (logs.sum(axis=1) - right) / others
            return -weight @ ((1 - doubt) * right + doubt * wrong)

        found = minimize_scalar(
            negative_log_likelihood, bounds=(-2.0, 5.0), method="bounded"
        )
        return float(np.exp(found.x))

    def _cosines(self, X):
        """Return the inner products with the means, over the length of the row."""
        cosines = np.empty((X.shape[0], len(self.classes_)))
        n_rows, means = max(_PART // len(self.classes_), 1), self.centroids_.T
        for start in range(0, len(cosines), n_rows):
            part = X[start : start + n_rows]
            products = (part @ means).toarray()
            products /= _lengths(_squares(part))[:, np.newaxis]
            cosines[start : start + n_rows] = products
        return cosines

    def _log_proba(self, cosines, scale):
        return log_softmax(np.log(self.class_prior_) + scale * cosines, axis=1)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return class probabilities.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, accept_sparse="csr", reset=False)
        cosines = self._cosines(sparse.csr_matrix(X))
        return np.exp(self._log_proba(cosines, self.scale_))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _squares(X):
    return np.asarray(X.multiply(X).sum(axis=1)).ravel()


def _lengths(squares):
    """Return lengths to divide by, one for rows of zeros."""
    return np.sqrt(np.where(squares > 0, squares, 1.0))
