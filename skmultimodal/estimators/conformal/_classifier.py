"""Sets of labels that hold the true one as often as they say."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from skmultimodal._parameters import BOOL, NOT_NEGATIVE, an_int, one_of
from skmultimodal.data._hashing import combine_keys, row_keys
from skmultimodal.estimators._classifier import FusionClassifier
from skmultimodal.estimators.conformal._base import BaseConformal, ordered
from skmultimodal.estimators.conformal._scores import label_scores

__all__ = ["ConformalFusionClassifier"]


class ConformalFusionClassifier(ClassifierMixin, BaseConformal):
    """Predict sets of labels that hold the true one with a given confidence.

    The promise holds for every pattern of present modalities by itself: a row that
    lost its best modality gets a larger set, not a smaller chance [1]_. It needs only
    that new rows come like the calibration rows, whatever the model.

    Read more in the :ref:`User Guide <conformal>`.

    Parameters
    ----------
    estimator : FusionClassifier or FrozenEstimator, default=None
        What predicts, with any strategy; a fitted one in a ``FrozenEstimator`` is not
        fitted again. None is ``FusionClassifier()``.

    method : {"split", "cv+"}, default="split"
        ``"split"`` calibrates on one fold and fits to the others. ``"cv+"``
        (cross-conformal, [3]_) calibrates on all rows: a model is fitted without each
        fold, and they all predict. ``fusion="decision"`` has these models already;
        other strategies, the default ensemble among them, are fitted once a fold more.

    conformity_score : {"aps", "raps", "lac"}, default="aps"
        The probability of a label and of all more probable ones (adaptive prediction
        sets, [3]_), the same with a penalty on its rank [4]_, or one less its own
        probability, which gives the smallest sets but serves easy rows too well.

    confidence_level : float, default=0.9
        Share of the rows whose set shall hold the true label.

    by : {"pattern", "conflict"} or None, default="pattern"
        What has a threshold of its own: each pattern of present modalities, each half
        of it by how far the modalities disagree, or nothing (None).

    min_rows : int, default=30
        Patterns with fewer calibration rows are pooled, with those that no calibration
        row had. Where there are too few for the level, the set has all labels.

    cv : int, splitter, iterable or None, default=None
        Folds. None deals rows by content into five; for ``method="cv+"`` under
        decision fusion, it is the strategy's own.

    randomized : bool, default=True
        Whether the last label of a set is drawn into it in proportion (by the row's
        content, so that a row always gets the same set). The share is then exact, and
        sets may be empty; otherwise sets are larger than need be. Not for ``"lac"``.

    penalty : float, default=0.01
        What each rank beyond `n_free` costs in ``"raps"``.

    n_free : int, default=1
        Number of labels without a penalty in ``"raps"``.

    random_state : int, RandomState instance or None, default=None
        Seed of the fit, where the estimator has none.

    Attributes
    ----------
    estimator_ : FusionClassifier
        The fitted estimator.

    classes_ : ndarray of shape (n_classes,)
        Labels.

    modalities_ : list of str
        Names of the modalities.

    calibration_report_ : DataFrame
        ``count`` of calibration rows, whether they were ``pooled``, and ``threshold``
        of the score at `confidence_level`, by pattern.

    n_features_in_ : int
        Columns of X.

    feature_names_in_ : ndarray of str
        Names of the columns of X.

    See Also
    --------
    ConformalFusionRegressor : Intervals of values.
    skmultimodal.inspection.CoverageDisplay : Coverage and size by pattern.

    Notes
    -----
    A label is in the set if its p-value, the share of calibration rows of the same
    category that conform no more (the new row being one of them), is above one less
    the confidence. With ``"split"`` that covers at least the confidence, and at most
    1 / (n + 1) more, for each category of n rows [2]_; with ``"cv+"`` mostly the
    same, and never less than 1 - 2 (1 - confidence) [3]_.

    Differences from [3]_: the weights of decision fusion are fitted once a fold to
    predictions whose models have seen the fold; only these few numbers can tell of it.

    References
    ----------
    .. [1] M. Zaffran, A. Dieuleveut, J. Josse, Y. Romano, "Conformal prediction with
       missing values", ICML, 2023.

    .. [2] V. Vovk, A. Gammerman, G. Shafer, "Algorithmic learning in a random world",
       Springer, 2005 (Mondrian); weights as in R. Tibshirani et al., NeurIPS, 2019;
       L. Kish, "Survey sampling", Wiley, 1965.

    .. [3] Y. Romano, M. Sesia, E. Candes, "Classification with valid and adaptive
       coverage", NeurIPS, 2020.

    .. [4] A. Angelopoulos et al., "Uncertainty sets for image classifiers using
       conformal prediction", ICLR, 2021.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skmultimodal import ConformalFusionClassifier, FusionClassifier
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(200, random_state=0)
    >>> models = [(name, LogisticRegression()) for name in X]
    >>> clf = ConformalFusionClassifier(FusionClassifier(models, "decision"))
    >>> sets = clf.fit(X[:150], y[:150]).predict_set(X[150:])
    >>> sets.shape == (50, len(clf.classes_))
    True
    """

    kind = FusionClassifier
    limits: ClassVar[dict] = {
        **BaseConformal.limits,
        "conformity_score": one_of("aps", "raps", "lac"),
        "randomized": BOOL,
        "penalty": NOT_NEGATIVE,
        "n_free": an_int(0),
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        method: str = "split",
        conformity_score: str = "aps",
        confidence_level: float = 0.9,
        by: str | None = "pattern",
        min_rows: int = 30,
        cv: Any = None,
        randomized: bool = True,
        penalty: float = 0.01,
        n_free: int = 1,
        random_state: Any = None,
    ):
        self.estimator = estimator
        self.method = method
        self.conformity_score = conformity_score
        self.confidence_level = confidence_level
        self.by = by
        self.min_rows = min_rows
        self.cv = cv
        self.randomized = randomized
        self.penalty = penalty
        self.n_free = n_free
        self.random_state = random_state

    def _all_scores(self, model, cells, present):
        """Return the score of every label, of shape (n_samples, n_classes)."""
        proba = model.response(cells, ordered(model, cells, present))
        u = None
        if self.randomized and self.conformity_score != "lac":
            keys = combine_keys(row_keys(c) for c in cells.values() if c is not None)
            # folds are dealt by the first half of the key, which must not tell of u
            half = np.ascontiguousarray(keys).view(np.uint64).reshape(-1, 2)[:, 1]
            u = (half >> np.uint64(11)) * 2.0**-53
        score = self.conformity_score, u, self.penalty, self.n_free
        return label_scores(np.asarray(proba, dtype=float), *score)

    def _scores(self, estimator, model, cells, present, y):
        target = estimator.task_.encode(y)
        scores = self._all_scores(model, cells, present)
        return scores[np.arange(len(y)), target]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the estimator.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    def predict_p(self, X: Any) -> np.ndarray:
        """Return the p-value of each label: how many rows conform no more.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            A true label has a p-value of at most a with probability a.
        """
        cells, present, parts = self._read(X)
        scores = np.stack([self._all_scores(m, cells, present) for m in self.models_])
        p = np.empty(scores.shape[1:])
        for calibration, rows in parts:
            p[rows] = calibration.p_values(scores[:, rows])
        return p

    def predict_set(self, X: Any, confidence_level: Any = None) -> np.ndarray:
        """Return which labels are in the set of each row.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        confidence_level : float or array-like of shape (n_levels,), default=None
            Share of the rows whose set holds the true label; that of the estimator if
            None.

        Returns
        -------
        ndarray of bool of shape (n_samples, n_classes)
            With several levels, of shape (n_samples, n_classes, n_levels).
        """
        levels, single = self._levels(confidence_level)
        sets = self.predict_p(X)[:, :, None] > 1.0 - levels + 1e-12
        return sets[:, :, 0] if single else sets
