"""The prior at which a model answers, where it is not that of the data."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax
from scipy.stats import norm

from skmultimodal.fusion.rules._pool import EPS

__all__ = ["at_prior", "implied_prior"]

_PART = 4_000_000  # predictions looked at in one go


def implied_prior(proba, y, prior, sample_weight):
    """Return the prior at which a model answers.

    That is `prior`, unless the mean out-of-fold probability of a class is further from
    its share than chance explains (one in a thousand). Then it is the prior that, taken
    off the answers and replaced by `prior`, brings both together.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
    y : ndarray of shape (n_samples,)
        Classes as positions.
    prior : ndarray of shape (n_classes,)
    sample_weight : ndarray of shape (n_samples,)

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.fusion.rules._prior import implied_prior
    >>> y = np.repeat([0, 1], [90, 10])
    >>> implied_prior(np.full((100, 2), 0.5), y, np.array([0.9, 0.1]), np.ones(100))
    array([0.5, 0.5])
    """
    if at_prior(proba, y, sample_weight):
        return prior
    n_classes, total = proba.shape[1], sample_weight.sum()
    share, parts = sample_weight / total, _parts(proba)
    logs, shift = np.log(np.clip(proba, EPS, 1.0)), np.zeros(n_classes)
    counts = [share @ _hits(y - part.start, proba[:, part]) for part in parts]
    goal = total * np.concatenate(counts) + prior  # one row of the prior more
    for _ in range(500 if len(parts) == 1 else 50):
        step = np.log(goal / (total * (share @ softmax(logs + shift, axis=1)) + prior))
        shift = shift + step
        if np.abs(step).max() < 1e-9:
            break
    return softmax(np.log(np.clip(prior, EPS, 1.0)) - shift)


def at_prior(proba, y, sample_weight) -> bool:
    """Whether chance explains the mean probabilities of all classes.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
    y : ndarray of shape (n_samples,)
        Classes as positions.
    sample_weight : ndarray of shape (n_samples,)
    """
    total, level = sample_weight.sum(), 0.0005 / proba.shape[1]
    rest = sample_weight / total, total, level
    near = [_near(proba[:, p], y - p.start, *rest) for p in _parts(proba)]
    return all(near)


def _parts(proba) -> list[slice]:
    """Return columns that are looked at together."""
    width = max(_PART // len(proba), 50)
    return [slice(k, k + width) for k in range(0, proba.shape[1], width)]


def _near(proba, y, share, total, level) -> bool:
    """Whether chance explains how far mean probabilities are from shares of classes.

    ``y`` has the columns of `proba`, or other numbers where they are of other parts.
    """
    errors = _hits(y, proba) - proba
    gap = share @ errors
    by_chance = share @ (proba * (1 - proba))  # if the probabilities were right
    spread = np.sqrt(np.maximum(share @ np.square(errors - gap), by_chance) / total)
    return bool((np.abs(gap) <= norm.isf(level) * spread).all())


def _hits(y, proba):
    """Return one where a column of `proba` is that of the row's class, else zero."""
    return (y[:, np.newaxis] == np.arange(proba.shape[1])).astype(np.float64)
