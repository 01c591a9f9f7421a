"""Random trees for tables of many classes, which they tell apart by random codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from skmultimodal._sklearn import check_weights
from skmultimodal.encoders.features._centroid import CentroidClassifier
from skmultimodal.encoders.features._most_probable import MostProbable

__all__ = ["ProjectedForestClassifier"]


class ProjectedForestClassifier(MostProbable, BaseEstimator):
    """Classify by the leaves of trees that are grown on random codes of the classes.

    The trees predict a short random vector of the class [1]_, so that their size and
    time hardly depend on the number of classes; boosted trees grow one tree per class,
    and the nodes of a forest have a number for each. The leaves that a row falls into
    go to :class:`CentroidClassifier`.

    Parameters
    ----------
    n_estimators : int, default=100
    n_components : int, default=16
        Numbers in the code of a class.
    min_samples_leaf : int, default=4
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    forest_ : ExtraTreesRegressor
    leaves_ : OneHotEncoder
        Of the leaves of each tree.
    head_ : CentroidClassifier
    n_features_in_ : int

    References
    ----------
    .. [1] A. Joly, P. Geurts, L. Wehenkel, "Random forests with random projections of
       the output space for high dimensional multi-label classification", ECML-PKDD
       2014.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmultimodal.encoders.features._projected_forest import (
    ...     ProjectedForestClassifier,
    ... )
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ProjectedForestClassifier(20, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    """

    def __init__(
        self,
        n_estimators: int = 100,
        n_components: int = 16,
        min_samples_leaf: int = 4,
        random_state: Any = None,
    ):
        self.n_estimators = n_estimators
        self.n_components = n_components
        self.min_samples_leaf = min_samples_leaf
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Fit the trees and the means of their leaves.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers; NaN where they are missing.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
            A row of zero weight counts as absent.

        Returns
        -------
        self : object
        """
        X, y = validate_data(
            self, X, y, dtype=np.float32, ensure_all_finite="allow-nan"
        )
        check_classification_targets(y)
        weight = check_weights(sample_weight, X)
        X, y, weight = X[weight > 0], y[weight > 0], weight[weight > 0]
        self.classes_, labels = np.unique(y, return_inverse=True)
        random = check_random_state(self.random_state)
        codes = random.standard_normal((len(self.classes_), self.n_components))
        self.forest_ = ExtraTreesRegressor(
            self.n_estimators,
            min_samples_leaf=self.min_samples_leaf,
            random_state=random.randint(2**31 - 1),
        ).fit(X, codes[labels], sample_weight=weight)
        leaves = self.forest_.apply(X)
        self.leaves_ = OneHotEncoder(handle_unknown="ignore").fit(leaves)
        self.head_ = CentroidClassifier(random.randint(2**31 - 1))
        self.head_.fit(self.leaves_.transform(leaves), y, sample_weight=weight)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        X = validate_data(
            self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False
        )
        return self.head_.predict_proba(self.leaves_.transform(self.forest_.apply(X)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
