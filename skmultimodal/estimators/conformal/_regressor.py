"""Intervals of values that hold the true one as often as they say."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin

from skmultimodal._parameters import one_of
from skmultimodal.estimators._regressor import FusionRegressor
from skmultimodal.estimators.conformal._base import BaseConformal, ordered

__all__ = ["ConformalFusionRegressor"]


class ConformalFusionRegressor(RegressorMixin, BaseConformal):
    """Predict intervals that hold the true value with a given confidence.

    The promise holds for every pattern of present modalities by itself: a row that
    lost its best modality gets a wider interval, not a smaller chance [1]_. It needs
    only that new rows come like the calibration rows, whatever the model.

    Read more in the :ref:`User Guide <conformal>`.

    Parameters
    ----------
    estimator : FusionRegressor or FrozenEstimator, default=None
        What predicts, with any strategy; a fitted one in a ``FrozenEstimator`` is not
        fitted again. None is ``FusionRegressor()``.

    method : {"split", "cv+"}, default="split"
        ``"split"`` calibrates on one fold and fits to the others. ``"cv+"`` [3]_
        calibrates on all rows: a model is fitted without each fold, and they all
        predict. ``fusion="decision"`` has these models already; other strategies, the
        default ensemble among them, are fitted once a fold more.

    conformity_score : {"residual", "normalised"}, default="residual"
        The absolute error, or the same in units of the row's own standard deviation,
        which decision fusion estimates: the root of ``uncertainty(X).total``.

    confidence_level : float, default=0.9
        Share of the rows whose interval shall hold the true value.

    by : {"pattern", "conflict"} or None, default="pattern"
        What has a threshold of its own: each pattern of present modalities, each half
        of it by how far the modalities disagree, or nothing (None).

    min_rows : int, default=30
        Patterns with fewer calibration rows are pooled, with those that no calibration
        row had. Where there are too few for the level, the interval is infinite.

    cv : int, splitter, iterable or None, default=None
        Folds. None deals rows by content into five; for ``method="cv+"`` under
        decision fusion, it is the strategy's own.

    random_state : int, RandomState instance or None, default=None
        Seed of the fit, where the estimator has none.

    Attributes
    ----------
    estimator_ : FusionRegressor
        The fitted estimator.

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
    ConformalFusionClassifier : Sets of labels.
    skmultimodal.inspection.CoverageDisplay : Coverage and width by pattern.

    Notes
    -----
    With ``"split"`` the interval is :math:`\\hat y \\pm q \\sigma`, q the score that a
    share of the calibration rows of the same category does not exceed, the new row
    counting as one of them with an infinite score [2]_; where they are too few for the
    level, the interval is infinite. With ``"cv+"`` its ends are the quantiles of
    :math:`\\hat y_{-k(i)} \\pm \\sigma_{-k(i)} r_i` over the calibration rows i [3]_.

    Differences from [3]_: the weights of decision fusion are fitted once a fold to
    predictions whose models have seen the fold; only these few numbers can tell of it.

    References
    ----------
    .. [1] M. Zaffran, A. Dieuleveut, J. Josse, Y. Romano, "Conformal prediction with
       missing values", ICML, 2023.

    .. [2] V. Vovk, A. Gammerman, G. Shafer, "Algorithmic learning in a random world",
       Springer, 2005 (Mondrian); weights as in R. Tibshirani et al., NeurIPS, 2019;
       L. Kish, "Survey sampling", Wiley, 1965.

    .. [3] R. Barber, E. Candes, A. Ramdas, R. Tibshirani, "Predictive inference with
       the jackknife+", Annals of Statistics, 2021.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skmultimodal import ConformalFusionRegressor, FusionRegressor
    >>> from skmultimodal.datasets import make_multimodal_regression
    >>> X, y = make_multimodal_regression(200, random_state=0)
    >>> models = [(name, Ridge()) for name in X]
    >>> reg = ConformalFusionRegressor(FusionRegressor(models, "decision"))
    >>> reg.fit(X[:150], y[:150]).predict_interval(X[150:]).shape
    (50, 2)
    """

    kind = FusionRegressor
    limits: ClassVar[dict] = {
        **BaseConformal.limits,
        "conformity_score": one_of("residual", "normalised"),
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        method: str = "split",
        conformity_score: str = "residual",
        confidence_level: float = 0.9,
        by: str | None = "pattern",
        min_rows: int = 30,
        cv: Any = None,
        random_state: Any = None,
    ):
        self.estimator = estimator
        self.method = method
        self.conformity_score = conformity_score
        self.confidence_level = confidence_level
        self.by = by
        self.min_rows = min_rows
        self.cv = cv
        self.random_state = random_state

    def _centre_and_scale(self, model, cells, present):
        """Return the prediction and the unit of its errors, each (n_samples,)."""
        present = ordered(model, cells, present)
        if model.task.n_outputs > 1:  # several values a row were refused before
            raise ValueError(
                f"{type(self).__name__} needs an estimator of one value, around which "
                f"intervals lie. Got one of the quantiles {list(model.task.levels)}. "
                "Use loss='squared_error', or one quantile, such as quantiles=0.5."
            )
        centre = np.asarray(model.response(cells, present), dtype=float)[:, 0]
        if self.conformity_score == "residual":
            return centre, np.ones(len(centre))
        if not model.offers("uncertainty"):
            raise ValueError(
                f"conformity_score='normalised' of {type(self).__name__} needs a "
                "strategy that says how far off it may be in a row. Got "
                f"{type(model).__name__}. Use fusion='decision' with two modalities or "
                "more, or conformity_score='residual'."
            )
        return centre, np.sqrt(np.ravel(model.uncertainty(cells, present)["total"]))

    def _scores(self, estimator, model, cells, present, y):
        centre, scale = self._centre_and_scale(model, cells, present)
        return np.abs(y - centre) / np.maximum(scale, np.finfo(float).tiny)

    def predict_interval(self, X: Any, confidence_level: Any = None) -> np.ndarray:
        """Return the lower and upper end of each row's interval.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        confidence_level : float or array-like of shape (n_levels,), default=None
            Share of the rows whose interval holds the true value; that of the
            estimator if None.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            With several levels, of shape (n_samples, 2, n_levels). Infinite where the
            calibration rows are too few for the level.
        """
        levels, single = self._levels(confidence_level)
        cells, present, parts = self._read(X)
        answers = [self._centre_and_scale(m, cells, present) for m in self.models_]
        centre, scale = (np.stack(part) for part in zip(*answers, strict=True))
        bounds = np.empty((centre.shape[1], 2, len(levels)))
        for calibration, rows in parts:
            part = centre[:, rows], scale[:, rows]
            for k, level in enumerate(levels):
                bounds[rows, :, k] = calibration.interval(*part, level)
        return bounds[:, :, 0] if single else bounds
