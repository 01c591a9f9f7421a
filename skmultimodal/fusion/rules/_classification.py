"""Rules that combine class probabilities, and the names of all of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmultimodal.fusion.rules import _pool
from skmultimodal.fusion.rules._base import BaseRule
from skmultimodal.fusion.rules._competence import Competence
from skmultimodal.fusion.rules._fitted import DecisionTemplate, NaiveBayes, Stacking
from skmultimodal.fusion.rules._log_pool import LogPool, log_losses
from skmultimodal.fusion.rules._pool import EPS
from skmultimodal.fusion.rules._weights import (
    accuracies,
    equal_weights_if_no_gain,
    fit_linear_pool,
)

__all__ = [
    "RULES",
    "BaseRule",
    "Borda",
    "Competence",
    "DecisionTemplate",
    "Dempster",
    "LinearPool",
    "LogPool",
    "Majority",
    "Max",
    "Median",
    "Min",
    "NaiveBayes",
    "Product",
    "Stacking",
    "TrimmedMean",
    "WeightedVote",
]


class LinearPool(BaseRule):
    """Combine by the weighted mean of probabilities (soft vote).

    Parameters
    ----------
    objective : {"log_loss", "brier"}, scorer name or scorer, default="log_loss"
        What fitted weights optimise.

    shrinkage : float, default=0.2
        Strength of the pull of fitted weights to equal ones, for log loss and the
        Brier score.

    equal_if_no_gain : bool, default=True
        Whether weights become equal outright when the gain of fitted ones is within
        one standard error, for log loss, the Brier score and ``"accuracy"``.

    Attributes
    ----------
    weights_ : ndarray of shape (n_modalities,)
        On the simplex; renormalised over the modalities present in a row.

    prior_ : ndarray of shape (n_classes,)
        Class prior.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.fusion import LinearPool
    >>> proba = np.array([[[0.8, 0.2]], [[0.4, 0.6]]])
    >>> rule = LinearPool().fit(proba, [0], prior=[0.5, 0.5], weights=[3, 1])
    >>> rule.combine(proba).round(2)
    array([[0.7, 0.3]])
    """

    trusts_priors = True

    def __init__(
        self,
        objective: Any = "log_loss",
        shrinkage: float = 0.2,
        equal_if_no_gain: bool = True,
    ):
        self.objective = objective
        self.shrinkage = shrinkage
        self.equal_if_no_gain = equal_if_no_gain

    def fit_weights(self, proba, y, present, sample_weight):
        weights = fit_linear_pool(
            proba,
            y,
            present,
            objective=self.objective,
            shrinkage=self.shrinkage,
            sample_weight=sample_weight,
        )
        loss = _LOSSES.get(self.objective) if isinstance(self.objective, str) else None
        if loss is None or not self.equal_if_no_gain:
            return weights
        equal = self.equal_weights(len(proba))
        fitted, even = [
            loss(self.finish(_pool.linear_pool(proba, each, present)), y)
            for each in (weights, equal)
        ]
        return equal_weights_if_no_gain(weights, equal, fitted, even, sample_weight)

    def pool(self, proba, present):
        return _pool.linear_pool(proba, self.weights_, present)


class Product(BaseRule):
    """Combine by Bayes' theorem as if modalities were independent given the class.

    Parameter-free and exact under that independence. The class prior is counted
    once, not once per modality: its exponent is one minus the number of present
    modalities [1]_.

    Attributes
    ----------
    weights_ : ndarray of shape (n_modalities,)
        Exponents of the ratios to the prior, one unless given.

    prior_ : ndarray of shape (n_classes,)
        Class prior.

    References
    ----------
    .. [1] J. Kittler, M. Hatef, R. Duin, J. Matas, "On combining classifiers",
       IEEE TPAMI, 1998.
    """

    trusts_priors = True
    convex = False

    def equal_weights(self, n_modalities):
        return np.ones(n_modalities)

    def pool(self, proba, present):
        ratios = _pool.log_ratios(proba, present, self.prior_)
        offset = np.log(np.clip(self.prior_, EPS, 1.0))
        return _pool.log_pool(ratios, self.weights_, offset)


class Max(BaseRule):
    """Combine by the largest probability of each class, brought to sum one."""

    trusts_priors = True
    takes_weights = False

    def pool(self, proba, present):
        return _pool.extreme(proba, present, largest=True)


class Min(BaseRule):
    """Combine by the smallest probability of each class, brought to sum one."""

    trusts_priors = True
    takes_weights = False

    def pool(self, proba, present):
        return _pool.extreme(np.clip(proba, EPS, 1.0), present, largest=False)


class Median(BaseRule):
    """Combine by the median probability of each class, brought to sum one."""

    trusts_priors = True
    takes_weights = False

    def pool(self, proba, present):
        return _pool.median(proba, present)


class TrimmedMean(BaseRule):
    """Combine by the mean without the extremes of each class.

    Parameters
    ----------
    trim : float, default=0.25
        Share of the present modalities left out at either end, rounded down: with
        0.25 nothing below four modalities.
    """

    trusts_priors = True
    takes_weights = False

    def __init__(self, trim: float = 0.25):
        self.trim = trim

    def pool(self, proba, present):
        return _pool.trimmed_mean(proba, present, self.trim)


class Majority(BaseRule):
    """Combine by counting decisions; the first class wins a tie."""

    def pool(self, proba, present):
        return _pool.linear_pool(_pool.decisions(proba), self.weights_, present)


class WeightedVote(Majority):
    """Combine by counting decisions, weighted by the log odds of being right.

    Optimal for independent errors spread evenly over the classes [1]_. Accuracies
    are out of fold and Laplace-smoothed; one at or below chance gets no weight.

    Attributes
    ----------
    weights_ : ndarray of shape (n_modalities,)
        On the simplex, proportional to log(q (n_classes - 1) / (1 - q)).

    prior_ : ndarray of shape (n_classes,)
        Class prior.

    References
    ----------
    .. [1] S. Nitzan, J. Paroush, "Optimal decision rules in uncertain dichotomous
       choice situations", International Economic Review, 1982.
    """

    def fit_weights(self, proba, y, present, sample_weight):
        right = accuracies(proba, y, present, sample_weight)
        odds = right * max(proba.shape[2] - 1, 1) / np.maximum(1.0 - right, EPS)
        weights = np.maximum(np.log(odds), 0.0)
        if not weights.any():
            return self.equal_weights(len(proba))
        return weights / weights.sum()


class Borda(BaseRule):
    """Combine by the sum of the ranks that modalities give each class.

    For many classes and scores that are not calibrated.
    """

    def pool(self, proba, present):
        return _pool.borda(proba, self.weights_, present)


class Dempster(BaseRule):
    """Combine by Dempster's rule, modalities discounted by their reliability.

    Attributes
    ----------
    weights_ : ndarray of shape (n_modalities,)
        Reliabilities in [0, 1]: the out-of-fold accuracies; one if uniform.

    prior_ : ndarray of shape (n_classes,)
        Class prior, which shares out the mass left to ignorance.

    References
    ----------
    .. [1] G. Shafer, "A mathematical theory of evidence", 1976.

    .. [2] G. Rogova, "Combining the results of several neural network classifiers",
       Neural Networks, 1994.
    """

    trusts_priors = True
    convex = False

    def equal_weights(self, n_modalities):
        return np.ones(n_modalities)

    def fit_weights(self, proba, y, present, sample_weight):
        return accuracies(proba, y, present, sample_weight)

    def pool(self, proba, present):
        if self.weights_.max() > 1:
            raise ValueError(
                "The weights of Dempster are reliabilities between 0 and 1. "
                f"Got {self.weights_.tolist()}."
            )
        return _pool.dempster(proba, self.weights_, present, self.prior_)


def _brier_losses(proba, y):
    """Return the Brier score of each row."""
    return np.square(proba - np.eye(proba.shape[1])[y]).sum(axis=1)


def _errors(proba, y):
    """Return one where the class of largest probability is wrong."""
    return (proba.argmax(axis=1) != y).astype(float)


_LOSSES = {"log_loss": log_losses, "brier": _brier_losses, "accuracy": _errors}

RULES = {
    "log_pool": LogPool,
    "mean": LinearPool,
    "weighted_mean": LinearPool,
    "product": Product,
    "max": Max,
    "min": Min,
    "median": Median,
    "trimmed_mean": TrimmedMean,
    "majority": Majority,
    "weighted_vote": WeightedVote,
    "borda": Borda,
    "naive_bayes": NaiveBayes,
    "decision_template": DecisionTemplate,
    "dempster": Dempster,
    "stacking": Stacking,
    "competence": Competence,
}
