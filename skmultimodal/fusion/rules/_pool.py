"""Combinations of decisions as pure functions over stacked arrays with a mask.

Every function takes ``values`` of shape (n_modalities, n_samples, n_outputs) and
``present``, bool of shape (n_modalities, n_samples), and sees only rows where at
least one modality is present. What stands in absent entries is finite and has no
influence.
"""

from __future__ import annotations

import numpy as np
from scipy.special import softmax
from scipy.stats import rankdata

__all__ = [
    "EPS",
    "borda",
    "decisions",
    "dempster",
    "extreme",
    "linear_pool",
    "log_pool",
    "log_ratios",
    "median",
    "naive_bayes",
    "nearest_template",
    "shares",
    "trimmed_mean",
]

EPS = 1e-7  # probabilities are clipped here before a logarithm is taken


def log_ratios(proba, present, prior=None):
    """Return log p - log prior (log p without a prior), zero where absent."""
    ratios = np.log(np.clip(proba, EPS, 1.0))
    if prior is not None:
        ratios -= np.log(np.clip(prior, EPS, 1.0))
    return np.where(present[:, :, None], ratios, 0.0)


def linear_pool(values, weights, present):
    """Return the weighted mean over present modalities."""
    return np.einsum("mn,mnc->nc", shares(weights, present), values)


def shares(weights, present):
    """Return weights brought to sum one over what is present in each row.

    A row in which only modalities of weight zero are present has equal ones.
    """
    found = weights[:, None] * present  # (n_modalities, n_samples)
    total = found.sum(axis=0)
    found = np.where(total > 0, found, present)
    return found / found.sum(axis=0)


def log_pool(ratios, weights, offset):
    """Return softmax(offset + sum of weighted log ratios), shape (n, n_classes)."""
    return softmax(offset + np.tensordot(weights, ratios, axes=1), axis=1)


def extreme(values, present, largest):
    """Return the largest or smallest value over present modalities."""
    if largest:
        return np.where(present[:, :, None], values, -np.inf).max(axis=0)
    return np.where(present[:, :, None], values, np.inf).min(axis=0)


def median(values, present):
    """Return the median over present modalities."""
    return _central_mean(values, present, (present.sum(axis=0) - 1) // 2)


def trimmed_mean(values, present, trim):
    """Return the mean without the floor(trim * n_present) values at either end."""
    count = present.sum(axis=0)
    cut = np.floor(trim * count + 1e-9).astype(int)
    return _central_mean(values, present, np.minimum(cut, (count - 1) // 2))


def _central_mean(values, present, cut):
    """Return the mean of present values without the `cut` (n,) at either end."""
    ordered = np.sort(np.where(present[:, :, None], values, np.inf), axis=0)
    position, count = np.arange(len(values))[:, None], present.sum(axis=0)
    keep = (position >= cut) & (position < count - cut)
    total = np.where(keep[:, :, None], ordered, 0.0).sum(axis=0)
    return total / (count - 2 * cut)[:, None]


def decisions(proba):
    """Return the one-hot decision of each modality; the first class wins a tie."""
    return np.eye(proba.shape[2])[proba.argmax(axis=2)]


def borda(proba, weights, present):
    """Return weighted rank sums as shares; tied classes get their mean rank."""
    n_classes = proba.shape[2]
    ranks = rankdata(proba, axis=2) - 1.0
    total = max(n_classes * (n_classes - 1) / 2, 1)
    return linear_pool(ranks / total, weights, present)


def dempster(proba, reliability, present, prior):
    """Return Dempster's combination of discounted decisions.

    Each modality has mass r p(c) on class c and 1 - r on ignorance. The combined
    mass of class c is proportional to prod(r p(c) + 1 - r) - prod(1 - r); what is
    left to ignorance goes to the classes by their prior.
    """
    reliability = reliability[:, None] * present  # (n_modalities, n_samples)
    with np.errstate(divide="ignore"):
        ignorance = np.log1p(-reliability).sum(axis=0)[:, None]
    plausible = np.clip(proba, EPS, 1.0) - 1.0
    plausible = np.log1p(reliability[:, :, None] * plausible).sum(axis=0)
    top = plausible.max(axis=1, keepdims=True)
    ignorance, plausible = np.exp(ignorance - top), np.exp(plausible - top)
    mass = np.maximum(plausible - ignorance, 0.0) + ignorance * prior
    return mass / mass.sum(axis=1, keepdims=True)


def naive_bayes(proba, log_confusions, present, prior):
    """Return the posterior given the labels that the modalities say.

    ``log_confusions`` of shape (n_modalities, n_classes, n_classes) holds
    log P(said | true) with the true class first.
    """
    scores = np.log(np.clip(prior, EPS, 1.0)) + np.zeros(proba.shape[1:])
    for said, table, here in zip(
        proba.argmax(axis=2), log_confusions, present, strict=True
    ):
        scores += np.where(here[:, None], table[:, said].T, 0.0)
    return softmax(scores, axis=1)


def nearest_template(proba, templates, variance, present):
    """Return softmax of minus squared distances to the templates of the classes.

    ``templates`` has shape (n_classes, n_modalities, n_classes).
    """
    distance = np.zeros(proba.shape[1:])
    for m, here in enumerate(present):
        gaps = (
            np.square(proba[m]).sum(axis=1)[:, None]
            + np.square(templates[:, m]).sum(axis=1)
            - 2.0 * proba[m] @ templates[:, m].T
        )
        distance += np.where(here[:, None], gaps, 0.0)
    return softmax(-distance / (2.0 * variance), axis=1)
