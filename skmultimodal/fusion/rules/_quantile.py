"""A rule that combines predicted quantiles and keeps their level."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.optimize import linprog

from skmultimodal.fusion.rules._base import BaseRegressionRule
from skmultimodal.fusion.rules._pool import shares

__all__ = ["NonNegativeQuantile", "least_pinball"]

MOST_MODALITIES = 6  # whose sets are all fitted beforehand


def least_pinball(values, y, quantile, sample_weight, scale=None):
    """Return non-negative weights and intercepts of least pinball loss.

    Parameters
    ----------
    values : ndarray of shape (n_modalities, n_samples, n_outputs)
    y : ndarray of shape (n_samples, n_outputs)
    quantile : float
    sample_weight : ndarray of shape (n_samples,)
    scale : ndarray of shape (n_outputs,), default=None
        What the losses of the outputs are divided by.

    Returns
    -------
    weights : ndarray of shape (n_modalities,)
    intercepts : ndarray of shape (n_outputs,)

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.fusion.rules._quantile import least_pinball
    >>> y = np.arange(5.0)[:, None]
    >>> w, b = least_pinball(np.stack([y / 2 + 1]), y, 0.5, np.ones(5))
    >>> w.round(3).tolist(), b.round(3).tolist()
    ([2.0], [-2.0])
    """
    m, n, k = values.shape
    scale = np.ones(k) if scale is None else scale
    cost = (sample_weight[:, None] / scale).ravel()
    cost /= cost.sum()
    # the dual has a bounded variable a value and a row a weight, and is fast
    found = linprog(
        -y.ravel(),
        A_ub=values.reshape(m, n * k),
        b_ub=np.zeros(m),
        A_eq=np.tile(np.eye(k), n),
        b_eq=np.zeros(k),
        bounds=np.column_stack([(quantile - 1) * cost, quantile * cost]),
        method="highs",
    )
    return np.maximum(-found.ineqlin.marginals, 0.0), -found.eqlin.marginals


class NonNegativeQuantile(BaseRegressionRule):
    """Combine predicted quantiles by the non-negative sum of least pinball loss.

    For models that each predict the same quantile. A mean of quantiles is in general
    no quantile of that level, for a modality alone is less sure than all together; the
    intercept brings the level back. Sets of modalities have weights and intercepts of
    their own, fitted to all rows that have the whole set.

    Parameters
    ----------
    quantile : float, default=0.5
        The level, in (0, 1); that of the models.

    Attributes
    ----------
    weights_ : ndarray of shape (n_modalities,)
        Non-negative, where all are present.

    prior_ : ndarray of shape (n_outputs,)
        The answer where nothing is observed; under :class:`DecisionFusion` the mean
        of y.

    Notes
    -----
    A linear program: of :math:`\\sum_i \\rho_\\tau(y_i - b - \\sum_m w_m f_m(x_{im}))`
    the least over :math:`w \\ge 0` and :math:`b`, with :math:`\\rho_\\tau(e) =
    \\max(\\tau e, (\\tau - 1) e)` [1]_. At the least a share :math:`\\tau` of the
    out-of-fold values lies below, but for one more than there are weights. Given and
    equal weights are brought to sum one over what is present, without an intercept.

    References
    ----------
    .. [1] R. Koenker, G. Bassett, "Regression quantiles", Econometrica, 1978.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.fusion import NonNegativeQuantile
    >>> y = np.arange(20.0)
    >>> values = np.stack([y, y + 9 * (-1) ** y])[:, :, None]
    >>> NonNegativeQuantile(0.9).fit(values, y).weights_.round(3)
    array([1., 0.])
    """

    convex = False

    def __init__(self, quantile: float = 0.5):
        self.quantile = quantile

    def fit_parameters(self, values, y, present, sample_weight):
        if not 0 < self.quantile < 1:
            raise ValueError(
                "The 'quantile' parameter of NonNegativeQuantile must be a number in "
                f"(0, 1). Got {self.quantile!r} instead."
            )
        self.sets_ = None

    def fit_weights(self, values, y, present, sample_weight):
        scale, m = self.scale(y, sample_weight), len(values)
        sets = {tuple(map(bool, row)) for row in np.unique(present.T, axis=0)}
        if m <= MOST_MODALITIES:
            sets = {
                tuple(k in chosen for k in range(m))
                for size in range(1, m + 1)
                for chosen in combinations(range(m), size)
            }
        sets.add((True,) * m)
        kept = sorted(here for here in sets if any(here))
        self.sets_ = np.array(kept)
        self.set_weights_ = np.zeros((len(kept), m))
        self.intercepts_ = np.zeros((len(kept), y.shape[1]))
        for row, here in enumerate(self.sets_):
            whole = present[here].all(axis=0)
            if whole.sum() <= here.sum() + 1:  # too few for as many numbers
                self.set_weights_[row, here] = 1 / here.sum()
                continue
            part = values[here][:, whole], y[whole], self.quantile
            fitted = least_pinball(*part, sample_weight[whole], scale)
            self.set_weights_[row, here], self.intercepts_[row] = fitted
        return self.set_weights_[-1]

    def row_weights(self, present):
        return self._terms(present)[0]

    def pool(self, values, present):
        weights, intercepts = self._terms(present)
        return intercepts + np.einsum("mn,mnk->nk", weights, values)

    def _terms(self, present):
        """Return weights, as `present`, and intercepts, (n_samples, n_outputs)."""
        weights = shares(self.weights_, present)
        intercepts = np.zeros((present.shape[1], len(self.prior_)))
        if self.sets_ is None:
            return weights, intercepts
        for here, own, intercept in zip(
            self.sets_, self.set_weights_, self.intercepts_, strict=True
        ):
            rows = (present.T == here).all(axis=1)
            weights[:, rows], intercepts[rows] = own[:, None], intercept
        return weights, intercepts
