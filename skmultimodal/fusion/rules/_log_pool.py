"""The log-linear pool of class probabilities."""

from __future__ import annotations

import numpy as np

from skmultimodal.data._judged import judged_rows
from skmultimodal.fusion.rules import _pool
from skmultimodal.fusion.rules._base import BaseRule
from skmultimodal.fusion.rules._matrices import fit_matrices
from skmultimodal.fusion.rules._pool import EPS
from skmultimodal.fusion.rules._prior import implied_prior
from skmultimodal.fusion.rules._weights import equal_weights_if_no_gain, fit_log_pool

__all__ = ["LogPool", "log_losses"]


class LogPool(BaseRule):
    """Combine by a weighted sum of log probability ratios to the prior.

    The default rule: few parameters, one term for each modality, and absent modalities
    leave theirs out. A sum of weights below one absorbs dependence between the
    modalities and over-confidence of their models.

    Parameters
    ----------
    prior_correction : bool, default=True
        Whether terms are log p - log prior on top of the log prior. Without it the
        pool is the weighted geometric mean. The prior of a term is that of `prior_`
        unless out-of-fold predictions show that a model answers at another one.

    shrinkage : float, default=0.01
        Strength of the pull of fitted weights to 1 / n_modalities.

    bias : bool, default=False
        Whether a bias for each class is fitted with the weights.

    equal_if_no_gain : bool, default=True
        Whether weights become equal outright when the gain of fitted ones in log
        loss is within one standard error.

    matrices : bool, default=False
        Whether fitted weights may become matrices, by which what a model says of one
        class speaks for and against the others too, as in Dirichlet calibration [2]_
        of all models together: where there are 300 rows or more, at most 50 classes
        (fewer with more than four modalities), and the log loss of rows left out falls
        by more than one standard error.

    Attributes
    ----------
    weights_ : ndarray of shape (n_modalities,)
        Non-negative; they need not sum to one. Equal weights are 1 / n_modalities.

    bias_ : ndarray of shape (n_classes,)
        Class bias, zero unless fitted.

    prior_ : ndarray of shape (n_classes,)
        Class prior.

    member_priors_ : ndarray of shape (n_modalities, n_classes)
        Prior at which each model answers: `prior_`, unless its mean probabilities are
        too far from the shares of the classes, as those of a model with
        ``class_weight="balanced"`` are.

    matrices_ : ndarray of shape (n_modalities, n_classes, n_classes) or None
        What is added to the weights, from the classes that a model speaks of to those
        it speaks for. None where weights are numbers.

    Notes
    -----
    :math:`p(c|x) \\propto \\pi_c \\prod_{m \\in a} (p_m(c|x_m) / \\pi_{mc})^{w_m}`
    over the present modalities :math:`a` [1]_, with :math:`\\pi_m = \\pi` for models
    at the prior of the data. With matrices :math:`A_m` the scores
    :math:`\\log(p_{mk} / \\pi_{mk})` of the classes :math:`k` enter that of
    :math:`c` by :math:`w_m [k = c] + A_{mkc}`.

    References
    ----------
    .. [1] C. Genest, J. Zidek, "Combining probability distributions: a critique and
       an annotated bibliography", Statistical Science, 1986.
    .. [2] M. Kull, M. Perello-Nieto, M. Kaengsepp, T. Silva Filho, H. Song, P. Flach,
       "Beyond temperature scaling: obtaining well-calibrated multi-class probabilities
       with Dirichlet calibration", NeurIPS, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.fusion import LogPool
    >>> proba = np.array([[[0.8, 0.2]], [[0.8, 0.2]]])
    >>> rule = LogPool().fit(proba, [0], prior=[0.5, 0.5], weights=[1, 1])
    >>> rule.combine(proba).round(3)
    array([[0.941, 0.059]])
    """

    convex = False

    def __init__(
        self,
        prior_correction: bool = True,
        shrinkage: float = 0.01,
        bias: bool = False,
        equal_if_no_gain: bool = True,
        matrices: bool = False,
    ):
        self.prior_correction = prior_correction
        self.shrinkage = shrinkage
        self.bias = bias
        self.equal_if_no_gain = equal_if_no_gain
        self.matrices = matrices

    def fit_parameters(self, proba, y, present, sample_weight):
        self.bias_, self.matrices_ = np.zeros(proba.shape[2]), None
        self.member_priors_ = np.tile(self.prior_, (len(proba), 1))
        for m, here in enumerate(present):
            if here.any():
                self.member_priors_[m] = implied_prior(
                    proba[m, here], y[here], self.prior_, sample_weight[here]
                )

    def fit_weights(self, proba, y, present, sample_weight):
        rows = judged_rows(proba.shape[1:], random_state=0)
        proba, y, present = proba[:, rows], y[rows], present[:, rows]
        sample_weight = sample_weight[rows]
        ratios, offset = self._terms(proba, present)
        weights, bias = fit_log_pool(
            ratios,
            y,
            offset,
            shrinkage=self.shrinkage,
            bias=self.bias,
            sample_weight=sample_weight,
        )
        if self.equal_if_no_gain:
            equal = self.equal_weights(len(weights))
            fitted, even = [
                log_losses(_pool.log_pool(ratios, each, offset + shift), y)
                for each, shift in ((weights, bias), (equal, self.bias_))
            ]
            kept = equal_weights_if_no_gain(weights, equal, fitted, even, sample_weight)
            if kept is equal:
                weights, bias = equal, self.bias_
        self.bias_ = bias
        if self.matrices:
            scores = offset + bias + np.tensordot(weights, ratios, axes=1)
            groups = None if self._groups is None else self._groups[rows]
            self.matrices_ = fit_matrices(ratios, y, scores, sample_weight, groups)
        return weights

    def pool(self, proba, present):
        ratios, offset = self._terms(proba, present)
        if self.matrices_ is not None:
            offset = offset + np.einsum("mnk,mkc->nc", ratios, self.matrices_)
        return _pool.log_pool(ratios, self.weights_, offset + self.bias_)

    def _terms(self, proba, present):
        """Return log ratios and what they are added to."""
        if not self.prior_correction:
            return _pool.log_ratios(proba, present), np.zeros_like(self.prior_)
        offset = np.log(np.clip(self.prior_, EPS, 1.0))
        return _pool.log_ratios(proba, present, self.member_priors_[:, None]), offset


def log_losses(proba, y):
    """Return the log loss of each row."""
    return -np.log(np.clip(proba[np.arange(len(y)), y], EPS, 1.0))
