"""Weights for times that are cut off, and scores that are right with them."""

from __future__ import annotations

import numpy as np

__all__ = ["Censoring", "brier_scores", "concordance_rows"]

LEAST = 0.1  # share of rows still followed; beyond it a few rows would decide


class Censoring:
    """The estimate of Kaplan and Meier of how long rows are followed.

    Parameters
    ----------
    y : ndarray of shape (n_samples, 2)
        Time, and 1 where the event was seen.
    sample_weight : ndarray of shape (n_samples,), default=None

    Attributes
    ----------
    until : float
        When fewer than a tenth of the rows are still followed.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.training._censoring import Censoring
    >>> y = np.array([[1.0, 1], [2.0, 0], [3.0, 1]])
    >>> Censoring(y).still(np.array([1.0, 2.0, 3.0]))
    array([1. , 0.5, 0.5])
    """

    def __init__(self, y, sample_weight=None):
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        self.times, which = np.unique(y[:, 0], return_inverse=True)
        gone = np.bincount(which, weight)
        lost = np.bincount(which, weight * (y[:, 1] == 0))
        events = gone - lost  # an event comes before a loss at the same time
        here = np.cumsum(gone[::-1])[::-1] - events
        shares = np.divide(lost, here, out=np.zeros(len(here)), where=here > 0)
        self.probability = np.cumprod(1 - shares)
        few = self.probability < LEAST
        self.until = float(self.times[few.argmax()]) if few.any() else np.inf

    def still(self, times) -> np.ndarray:
        """Return the probability to be followed beyond each of `times`."""
        k = np.searchsorted(self.times, times, side="right")
        return np.r_[1.0, self.probability][k]


def concordance_rows(risk, y, censoring=None, sample_weight=None) -> np.ndarray:
    """Return numbers of the rows whose mean is the concordance [1]_.

    The share of pairs, of a row whose event was seen and one that lasted longer, in
    which the former has the higher risk; ties count half. A pair has the weight of one
    over the squared probability that the former was followed that long, and none from
    the time on at which that is below a tenth: one pair could outweigh all others.

    Parameters
    ----------
    risk : ndarray of shape (n_samples,)
    y : ndarray of shape (n_samples, 2)
    censoring : Censoring, default=None
        Of the training rows; None gives all pairs one weight (Harrell).
    sample_weight : ndarray of shape (n_samples,), default=None

    References
    ----------
    .. [1] H. Uno et al., "On the C-statistics for evaluating overall adequacy of risk
       prediction procedures with censored survival data", Statistics in Medicine, 2011.
    """
    own = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
    time, seen = y.T
    right, all_pairs = np.zeros(len(y)), np.zeros(len(y))
    still, counts = np.ones(len(y)), seen > 0
    if censoring is not None:
        still, counts = censoring.still(time), counts & (time < censoring.until)
    for i in np.flatnonzero(counts):
        later = own * ((time > time[i]) | ((time == time[i]) & (seen == 0)))
        less = (risk < risk[i]) + 0.5 * (risk == risk[i])
        all_pairs[i] = later.sum() / still[i] ** 2
        right[i] = later @ less / still[i] ** 2
    total = own @ all_pairs
    if total == 0:
        return np.full(len(y), np.nan)
    return right * own.sum() / total


def brier_scores(survival, times, y, censoring) -> np.ndarray:
    """Return the Brier score at each time with censoring weights [1]_.

    Parameters
    ----------
    survival : ndarray of shape (n_samples, n_times)
    times : ndarray of shape (n_times,)
    y : ndarray of shape (n_samples, 2)
    censoring : Censoring

    References
    ----------
    .. [1] E. Graf et al., "Assessment and comparison of prognostic classification
       schemes for survival data", Statistics in Medicine, 1999.
    """
    time, seen = y[:, :1], y[:, 1:]
    tiny = np.finfo(float).tiny
    gone = (time <= times) & (seen > 0)
    by_event = gone / np.maximum(censoring.still(time), tiny)
    by_time = (time > times) / np.maximum(censoring.still(times), tiny)
    return (survival**2 * by_event + (1 - survival) ** 2 * by_time).mean(axis=0)
