"""Rules that combine predicted values."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import Ridge

from skmultimodal.fusion.rules import _pool
from skmultimodal.fusion.rules._base import BaseRegressionRule, fit_final
from skmultimodal.fusion.rules._competence import LocalSkill
from skmultimodal.fusion.rules._weights import (
    deviation_moments,
    equal_weights_if_no_gain,
    error_moments,
    gls_weights,
    inverse_variance_weights,
    nonnegative_minimum,
    shrunk_covariance,
    simplex_least_squares,
)

__all__ = [
    "REGRESSION_RULES",
    "CompetenceValue",
    "GeneralizedLeastSquares",
    "InverseVariance",
    "MeanValue",
    "MedianValue",
    "NonNegativeLeastSquares",
    "StackingRegression",
    "TrimmedMeanValue",
    "WeightedMean",
]


class MeanValue(BaseRegressionRule):
    """Combine by the mean over present modalities, weighted if weights are given."""

    def pool(self, values, present):
        return _pool.linear_pool(values, self.weights_, present)


class WeightedMean(MeanValue):
    """Combine by the weighted mean of least out-of-fold squared error.

    Parameters
    ----------
    shrinkage : float, default=0.01
        Pull to equal weights, relative to the mean squared error of the modalities.

    equal_if_no_gain : bool, default=True
        Whether weights become equal outright when the gain of fitted ones in
        squared error is within one standard error.

    Attributes
    ----------
    weights_ : ndarray of shape (n_modalities,)
        On the simplex; renormalised over the modalities present in a row. Outputs
        share them, each measured in its own standard deviations.

    prior_ : ndarray of shape (n_outputs,)
        The answer where nothing is observed.

    References
    ----------
    .. [1] L. Breiman, "Stacked regressions", Machine Learning, 1996.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.fusion import WeightedMean
    >>> y = np.arange(20.0)
    >>> values = np.stack([y, y + 9 * (-1) ** y])[:, :, None]
    >>> WeightedMean().fit(values, y).weights_.round(3)
    array([0.995, 0.005])
    """

    def __init__(self, shrinkage: float = 0.01, equal_if_no_gain: bool = True):
        self.shrinkage = shrinkage
        self.equal_if_no_gain = equal_if_no_gain

    def least_squares(self, fitted):
        return fitted

    def fit_weights(self, values, y, present, sample_weight):
        scale = self.scale(y, sample_weight)
        values, y = values / scale, y / scale
        weights = simplex_least_squares(
            values, y, present, shrinkage=self.shrinkage, sample_weight=sample_weight
        )
        if not self.equal_if_no_gain:
            return weights
        equal = self.equal_weights(len(values))
        fitted, even = [
            np.square(_pool.linear_pool(values, each, present) - y).mean(axis=1)
            for each in (weights, equal)
        ]
        return equal_weights_if_no_gain(weights, equal, fitted, even, sample_weight)


class InverseVariance(MeanValue):
    """Combine by weights of one over the out-of-fold mean squared error.

    Optimal for independent errors.
    """

    def least_squares(self, fitted):
        return fitted

    def fit_weights(self, values, y, present, sample_weight):
        scale = self.scale(y, sample_weight)
        return inverse_variance_weights(
            error_moments(values / scale, y / scale, present, sample_weight)
        )


class GeneralizedLeastSquares(MeanValue):
    """Combine by the weights of least variance for correlated errors.

    The weights solve the Ledoit-Wolf covariance of the out-of-fold errors against
    ones and may be negative [1]_ [2]_. Where modalities are absent they are solved
    anew for those present.

    Attributes
    ----------
    covariance_ : ndarray of shape (n_modalities, n_modalities) or None
        Shrunk covariance of the errors, outputs in standard deviations. It is
        diagonal if fewer than two rows have all modalities, and None if weights are
        given.

    weights_ : ndarray of shape (n_modalities,)
        Weights with all modalities present; they sum to one.

    prior_ : ndarray of shape (n_outputs,)
        The answer where nothing is observed.

    References
    ----------
    .. [1] J. Bates, C. Granger, "The combination of forecasts", Operational
       Research Quarterly, 1969.

    .. [2] O. Ledoit, M. Wolf, "A well-conditioned estimator for large-dimensional
       covariance matrices", Journal of Multivariate Analysis, 2004.
    """

    def least_squares(self, fitted):
        return fitted

    def fit_parameters(self, values, y, present, sample_weight):
        self.covariance_ = None

    def fit_weights(self, values, y, present, sample_weight):
        errors = (values - y) / self.scale(y, sample_weight)
        full = present.all(axis=0)
        if sample_weight[full].sum() >= 2:
            self.covariance_ = shrunk_covariance(
                errors[:, full].reshape(len(values), -1).T,
                np.repeat(sample_weight[full], y.shape[1]),
            )
        else:
            moments = error_moments(errors, np.zeros_like(y), present, sample_weight)
            self.covariance_ = np.diag(np.diag(moments))
        return gls_weights(self.covariance_)

    def row_weights(self, present):
        if self.covariance_ is None or present.all():
            return super().row_weights(present)
        covariance = self.covariance_

        def solved(here):
            return gls_weights(covariance[np.ix_(here, here)])

        return _by_pattern(solved, present)

    def pool(self, values, present):
        if self.covariance_ is None or present.all():
            return super().pool(values, present)
        return np.einsum("mn,mnk->nk", self.row_weights(present), values)


class NonNegativeLeastSquares(BaseRegressionRule):
    """Combine by free non-negative weights on deviations from the mean of `y`.

    The weights need not sum to one: modalities that each explain a part of `y` have
    larger ones than modalities that say the same. Fitted weights are those of all
    modalities together; where some are absent, the weights of the others are fitted
    anew, for they then speak for what is absent too. Given weights stay, and the
    terms of absent modalities are left out. Nothing observed gives the mean.

    Parameters
    ----------
    shrinkage : float, default=0.01
        Pull to one over the number of modalities that are present, relative to the
        variance of `y`.

    Attributes
    ----------
    weights_ : ndarray of shape (n_modalities,)
        Non-negative, where all are present. Equal weights are 1 / n_modalities.

    prior_ : ndarray of shape (n_outputs,)
        The answer where nothing is observed.

    References
    ----------
    .. [1] L. Breiman, "Stacked regressions", Machine Learning, 1996.
    """

    convex = False

    def __init__(self, shrinkage: float = 0.01):
        self.shrinkage = shrinkage

    def least_squares(self, fitted):
        return True  # given weights too are on deviations from the mean

    def fit_parameters(self, values, y, present, sample_weight):
        self.moments_ = None

    def fit_weights(self, values, y, present, sample_weight):
        scale = self.scale(y, sample_weight)
        self.moments_ = deviation_moments(
            (values - self.prior_) / scale,
            (y - self.prior_) / scale,
            present,
            sample_weight,
        )
        pairs, own = self.moments_
        return nonnegative_minimum(pairs, own, self.shrinkage)

    def row_weights(self, present):
        if self.moments_ is None or present.all():
            return super().row_weights(present)
        pairs, own = self.moments_

        def fitted(here):
            inner = pairs[np.ix_(here, here)], own[here]
            return nonnegative_minimum(*inner, self.shrinkage)

        return _by_pattern(fitted, present)

    def pool(self, values, present):
        deviations = values - self.prior_  # zero where absent
        if self.moments_ is None or present.all():
            return self.prior_ + np.tensordot(self.weights_, deviations, axes=1)
        weights = self.row_weights(present)
        return self.prior_ + np.einsum("mn,mnk->nk", weights, deviations)


def _by_pattern(solve, present):
    """Return weights solved for each set of present modalities, as `present`."""
    patterns, which = np.unique(present.T, axis=0, return_inverse=True)
    weights = np.zeros(patterns.shape)
    for row, here in zip(weights, patterns, strict=True):
        if here.any():
            row[here] = solve(here)
    return weights[which.ravel()].T


class CompetenceValue(LocalSkill, NonNegativeLeastSquares):
    """Combine by non-negative weights and the skill of models among similar rows.

    As :class:`Competence`, for values: the weights of :class:`NonNegativeLeastSquares`
    times factors that fall with the mean squared error among the nearest rows.

    Parameters
    ----------
    n_neighbors : int, default=None
        Nearest rows whose losses count. None is twice the square root of their number.

    passthrough : tuple of str, default=()
        Tables (or blocks of numbers) whose columns, standardised and one-hot encoded,
        neighbours are found by, instead of answers.

    Attributes
    ----------
    sharpness_ : float
        How much errors in units of the variance of `y` matter; zero where none gains.

    weights_ : ndarray of shape (n_modalities,)
        Of models as good as the others of a row among its neighbours.

    prior_ : ndarray of shape (n_outputs,)
        The answer where nothing is observed.

    n_neighbors_ : float
        Neighbours that are asked for.

    See Also
    --------
    Competence : The same for class probabilities.
    """

    shrinkage = 0.01

    def __init__(
        self, n_neighbors: int | None = None, passthrough: tuple[str, ...] = ()
    ):
        self.n_neighbors = n_neighbors
        self.passthrough = passthrough

    def fit_parameters(self, values, y, present, sample_weight, features=None):
        self.scale_ = self.scale(y, sample_weight)
        super().fit_parameters(values, y, present, sample_weight, features)
        self.moments_ = None  # of the trials; given weights have none

    def measured(self, values):
        return values / self.scale_

    def row_losses(self, values, y):
        return np.square((values - y) / self.scale_).mean(axis=2)

    def weigh(self, factors, values, y, present, sample_weight):
        values = self._scaled(values, factors)
        weights = NonNegativeLeastSquares.fit_weights(
            self, values, y, present, sample_weight
        )
        self.weights_ = weights
        deviations = values - self.prior_
        by_row = NonNegativeLeastSquares.row_weights(self, present)
        found = self.prior_ + np.einsum("mn,mnk->nk", by_row, deviations)
        return weights, np.square((found - y) / self.scale_).mean(axis=1)

    def pool(self, values, present, features=None):
        factors = self.factors(values, present, features)
        return super().pool(self._scaled(values, factors), present)

    def _scaled(self, values, factors):
        """Return values whose deviations from the mean are multiplied by factors."""
        return self.prior_ + factors[:, :, None] * (values - self.prior_)


class MedianValue(BaseRegressionRule):
    """Combine by the median over present modalities."""

    takes_weights = False

    def pool(self, values, present):
        return _pool.median(values, present)


class TrimmedMeanValue(BaseRegressionRule):
    """Combine by the mean without the extremes.

    Parameters
    ----------
    trim : float, default=0.25
        Share of the present modalities left out at either end, rounded down: with
        0.25 nothing below four modalities.
    """

    takes_weights = False

    def __init__(self, trim: float = 0.25):
        self.trim = trim

    def pool(self, values, present):
        return _pool.trimmed_mean(values, present, self.trim)


class StackingRegression(BaseRegressionRule):
    """Combine by an estimator fitted to out-of-fold predictions.

    Features are the predictions of all modalities less the mean of `y`, in standard
    deviations of `y`, zero where one is absent; and, for each modality absent in
    some rows of fitting, whether it is present.

    Parameters
    ----------
    final_estimator : regressor, default=None
        None is a ridge regression with ``alpha=1``.

    Attributes
    ----------
    final_estimator_ : regressor
        The fitted estimator.

    flagged_ : ndarray of shape (n_modalities,)
        Which modalities have an availability feature.

    scale_ : ndarray of shape (n_outputs,)
        Standard deviations of `y`.

    weights_ : ndarray of shape (n_modalities,)
        Equal: the rule has no weights.

    prior_ : ndarray of shape (n_outputs,)
        The answer where nothing is observed.

    References
    ----------
    .. [1] D. Wolpert, "Stacked generalization", Neural Networks, 1992.
    """

    needs_fit = True
    takes_weights = False

    def __init__(self, final_estimator: Any = None):
        self.final_estimator = final_estimator

    def least_squares(self, fitted):
        return True

    def fit_parameters(self, values, y, present, sample_weight):
        self.flagged_ = ~present.all(axis=1)
        self.scale_ = self.scale(y, sample_weight)
        target = (y - self.prior_) / self.scale_
        if target.shape[1] == 1:
            target = target.ravel()
        final = Ridge() if self.final_estimator is None else self.final_estimator
        features = self._features(values, present)
        self.final_estimator_ = fit_final(final, features, target, sample_weight)

    def pool(self, values, present):
        predicted = self.final_estimator_.predict(self._features(values, present))
        return self.prior_ + self.scale_ * predicted.reshape(values.shape[1:])

    def _features(self, values, present):
        deviations = (values - self.prior_) / self.scale_
        deviations = np.moveaxis(deviations, 0, 1).reshape(values.shape[1], -1)
        return np.hstack([deviations, present[self.flagged_].T])


REGRESSION_RULES = {
    "mean": MeanValue,
    "weighted_mean": WeightedMean,
    "median": MedianValue,
    "trimmed_mean": TrimmedMeanValue,
    "inverse_variance": InverseVariance,
    "gls": GeneralizedLeastSquares,
    "nnls": NonNegativeLeastSquares,
    "stacking": StackingRegression,
    "competence": CompetenceValue,
}
