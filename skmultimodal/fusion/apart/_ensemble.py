"""Members beside a first one, weighted by their out-of-fold predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from skmultimodal.fusion.rules._pool import log_ratios
from skmultimodal.fusion.rules._weights import fit_log_pool, is_clear, row_shares

__all__ = ["Ensemble"]

PULL = 0.01  # to the first member alone
# Below, predictions out of fold say too little: with pretrained encoders and 32 or 64
# rows of emoji, members that entered raised the log loss of other rows each time.
MIN_ROWS = 100
# Standard errors that a gain must exceed: the rows that judge weights have fitted them
CLEAR = 2.0


class Ensemble:
    """A weighted sum of members' scores that starts from the first of them.

    The scores are relative to those of the prior, as in the log-linear pool. Members
    enter one after the other, that of the greatest gain first [1]_, the weights of all
    fitted anew each time, as long as the out-of-fold loss falls by more than two
    standard errors; without such a gain the first member stays alone, as it is.

    Parameters
    ----------
    task : Classification, Multilabel or Regression
    prior : ndarray of shape (n_outputs,)
        The response where nothing is observed.

    Attributes
    ----------
    weights : dict of str to float
        Those of the members that entered, the first always among them.
    report : DataFrame
        One row a member: its name ``member``, its own out-of-fold ``loss``, its
        ``weight``, and the ``gain`` in loss as it entered, zero of the first and NaN of
        those that did not enter.

    References
    ----------
    .. [1] R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes, "Ensemble selection
       from libraries of models", ICML 2004.
    """

    def __init__(self, task, prior):
        self.task, self.prior = task, prior

    def fit(self, responses, target, sample_weight=None, groups=None):
        """Choose and weight the members.

        Parameters
        ----------
        responses : dict of str to ndarray of shape (n_samples, n_outputs)
            Out-of-fold responses; the first member is first.
        target : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : ndarray of shape (n_samples,), default=None
        groups : ndarray of shape (n_samples,), default=None
            Rows of one group count as one in the standard error.
        """
        first, *others = responses
        self.weights, gains = {first: 1.0}, {first: 0.0}
        losses = self.task.losses(responses[first], target)
        while others and len(target) >= MIN_ROWS:
            trials = []
            for name in others:
                names = [*self.weights, name]
                weights = self._fitted(names, responses, target, sample_weight)
                trial = dict(zip(names, weights.tolist(), strict=True))
                found = self.task.losses(self._sum(trial, responses), target)
                trials.append((self._mean(found, sample_weight), name, trial, found))
            loss, name, trial, found = min(trials, key=lambda one: one[0])
            gain = losses - found
            if trial[name] == 0 or not is_clear(gain, sample_weight, groups, CLEAR):
                break
            gains[name] = self._mean(losses, sample_weight) - loss
            self.weights, losses = trial, found
            others.remove(name)
        own = {n: self.task.losses(r, target) for n, r in responses.items()}
        self.report = pd.DataFrame(
            {
                "member": list(responses),
                "loss": [self._mean(each, sample_weight) for each in own.values()],
                "weight": [self.weights.get(name, 0.0) for name in responses],
                "gain": [gains.get(name, np.nan) for name in responses],
            }
        )
        return self

    def combine(self, responses) -> np.ndarray:
        """Return the response, of shape (n_samples, n_outputs).

        Parameters
        ----------
        responses : dict of str to ndarray of shape (n_samples, n_outputs)
            Of the members in `weights`; the first is the answer for rows where another
            one is NaN.
        """
        first = responses[next(iter(self.weights))]
        if len(self.weights) == 1:
            return first
        combined = self._sum(self.weights, responses)
        return np.where(np.isfinite(combined), combined, first)

    def _sum(self, weights, responses):
        """Return the response of the weighted sum; the first alone is left as it is."""
        origin = self.task.scores(self.prior[None])
        total = origin + sum(
            weight * (self.task.scores(responses[name]) - origin)
            for name, weight in weights.items()
        )
        return self.task.response(total)

    def _fitted(self, names, responses, target, sample_weight):
        """Return weights >= 0 of least loss, pulled to the first member alone."""
        center = np.eye(len(names))[0]
        origin = self.task.scores(self.prior[None])
        if self.task.has_labels:
            stack = np.stack([responses[name] for name in names])
            ratios, labels, offsets, shares = [], [], [], []
            parts = self.task.parts(stack, target)
            priors = self.task.parts(self.prior)
            for (part, label), (prior, _) in zip(parts, priors, strict=True):
                known = np.ones(part.shape[:2], dtype=bool)
                ratios.append(log_ratios(part, known, prior))
                labels.append(label)
                offset = -log_ratios(np.ones((1, 1, len(prior))), known[:1, :1], prior)
                offsets.append(np.repeat(offset[0], len(label), axis=0))
                shares.append(row_shares(len(label), sample_weight))
            return fit_log_pool(
                np.concatenate(ratios, axis=1),
                np.concatenate(labels),
                np.concatenate(offsets),
                shrinkage=PULL,
                sample_weight=np.concatenate(shares),
                center=center,
            )[0]
        root = np.sqrt(row_shares(len(target), sample_weight) / target.shape[1])
        terms = [self.task.scores(responses[name]) - origin for name in names]
        columns = np.stack([(root[:, None] * t).ravel() for t in terms], axis=1)
        goal = (root[:, None] * (target - origin)).ravel()
        pull = np.sqrt(PULL) * np.eye(len(names))
        return nnls(np.vstack([columns, pull]), np.r_[goal, pull @ center])[0]

    @staticmethod
    def _mean(losses, sample_weight) -> float:
        return float(np.average(losses, weights=sample_weight))
