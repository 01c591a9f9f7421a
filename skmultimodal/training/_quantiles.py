"""The task of several quantiles of one value."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone
from sklearn.metrics import d2_pinball_score

from skmultimodal.data._scaling import weighted_quantiles
from skmultimodal.training._tasks import Regression

__all__ = ["Quantiles"]


class Quantiles(Regression):
    """Quantiles of one value: pinball loss of standardised targets, sorted.

    A target is the value less the quantile of all rows, in standard deviations, once
    for each level: scores of zero are the quantiles of all rows. Outputs of a network
    and combinations of models may cross; in the order of their size they never do, and
    their pinball loss is never larger [1]_. For with two levels s < t and two values
    a <= b the loss of (a, b) is that of (b, a) less (t - s) (b - a), whatever y is, and
    a sort is a sequence of such exchanges.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    levels : sequence of float
        Increasing, in (0, 1).
    sample_weight : ndarray of shape (n_samples,), default=None
    single : bool, default=False
        Whether `predict` gives one axis; for one level.

    References
    ----------
    .. [1] V. Chernozhukov, I. Fernandez-Val, A. Galichon, "Quantile and probability
       curves without crossing", Econometrica, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.training._quantiles import Quantiles
    >>> task = Quantiles(np.arange(11.0), (0.1, 0.5))
    >>> task.prior(task.encode(np.arange(11.0))).round(3)
    array([1., 5.])
    """

    scoring = "d2_pinball"
    needs_loss = "quantiles"
    wraps_models = True

    def __init__(self, y, levels, sample_weight=None, single=False):
        super().__init__(y, sample_weight)
        self.levels = tuple(map(float, levels))
        self.n_outputs, self.single = len(self.levels), single
        y = np.asarray(y, dtype=np.float64)
        self.mean = weighted_quantiles(y, self.levels, sample_weight)

    def output_names(self) -> list[str]:
        return [f"q{level:g}" for level in self.levels]

    def encode(self, y) -> np.ndarray:
        """Return the targets, of shape (n_samples, n_levels)."""
        return (np.asarray(y, dtype=np.float64).reshape(len(y), -1) - self.mean) / (
            self.scale
        )

    def loss(self, scores, target):
        offset = scores.new_tensor(self.mean / self.scale)
        values = (scores + offset).sort(dim=-1).values - offset
        gap, level = target.to(scores.dtype) - values, scores.new_tensor(self.levels)
        return (level * gap).maximum((level - 1) * gap).mean(dim=-1)

    def losses(self, response, target) -> np.ndarray:
        return self._pinball(self.scores(response), target).mean(axis=1)

    def _pinball(self, scores, target):
        gap, level = target - scores, np.array(self.levels)
        return np.maximum(level * gap, (level - 1) * gap)

    def response(self, scores) -> np.ndarray:
        return np.sort(super().response(scores), axis=-1)

    def prior(self, target, sample_weight=None) -> np.ndarray:
        """Return the quantiles of the target, in units of y."""
        values = self.truth(target)[:, 0]
        return weighted_quantiles(values, self.levels, sample_weight)

    def score(self, y, predicted, sample_weight=None) -> float:
        """Return the share of pinball loss explained, mean over levels."""
        predicted = np.reshape(predicted, (len(predicted), -1))
        scores = [
            d2_pinball_score(y, column, alpha=level, sample_weight=sample_weight)
            for column, level in zip(predicted.T, self.levels, strict=True)
        ]
        return float(np.mean(scores))

    def scorer(self):
        def d2_pinball(estimator, X, y, sample_weight=None):
            return self.score(y, estimator.predict(X), sample_weight)

        return d2_pinball

    def merits(self, response, target, sample_weight=None) -> np.ndarray:
        prior = self.scores(self.prior(target, sample_weight))
        losses = self._pinball(prior, target)
        spread = np.average(losses, axis=0, weights=sample_weight)
        losses = self._pinball(self.scores(response), target)
        return 1 - (losses / np.maximum(spread, np.finfo(float).tiny)).mean(axis=1)

    def parts(self, responses, target=None):
        return [
            (
                responses[..., k : k + 1],
                None if target is None else target[..., k : k + 1],
            )
            for k in range(self.n_outputs)
        ]

    def rule_of(self, part, rule):
        """Return a new rule; one that has a level gets that of the part."""
        rule = clone(rule)
        if "quantile" in rule.get_params():
            rule.set_params(quantile=self.levels[part])
        return rule

    def joined(self, parts) -> np.ndarray:
        return np.sort(np.concatenate(parts, axis=-1), axis=-1)

    def link(self):
        """Return the module from a tensor of scores to one of responses."""
        from torch import nn

        from skmultimodal.training._links import Sorted

        return nn.Sequential(super().link(), Sorted())
