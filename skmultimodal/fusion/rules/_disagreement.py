"""How sure the members of an ensemble are, and how much they contradict each other."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.special import entr
from sklearn.utils import Bunch

__all__ = ["disagreement", "spread"]


def disagreement(responses, weights, prior) -> Bunch:
    """Return the entropies of a weighted mixture of predictions, by row.

    The entropy of the mixture (total) is the mean entropy of its members (aleatoric)
    and what they disagree by (epistemic) [1]_.

    Parameters
    ----------
    responses : ndarray of shape (n_modalities, n_samples, n_classes)
        Probabilities of the members; NaN where a modality is absent.
    weights : ndarray of shape (n_modalities,)
        Non-negative; renormalised over the present members of a row.
    prior : ndarray of shape (n_classes,)
        Probabilities of a row without members.

    Returns
    -------
    Bunch
        ``total``, ``aleatoric``, ``epistemic`` and ``conflict``, each an ndarray of
        shape (n_samples,), in nats. Conflict is the mean Jensen-Shannon divergence
        over pairs of present members.

    References
    ----------
    .. [1] S. Depeweg et al., "Decomposition of uncertainty in Bayesian deep learning
       for efficient and risk-sensitive learning", ICML, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.fusion.rules._disagreement import disagreement
    >>> sure = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])  # two members, one row
    >>> found = disagreement(sure, np.ones(2), np.array([0.5, 0.5]))
    >>> found.aleatoric.round(3), found.epistemic.round(3), found.conflict.round(3)
    (array([0.]), array([0.693]), array([0.693]))
    """
    present, known, shares = _shares(responses, weights)
    mixture = np.einsum("mn,mnc->nc", shares, known)
    mixture[~present.any(axis=0)] = prior
    total = entr(mixture).sum(axis=1)
    aleatoric = (shares * entr(known).sum(axis=2)).sum(axis=0)
    aleatoric = np.where(present.any(axis=0), aleatoric, total)

    def divergence(a, b):
        return (entr((a + b) / 2) - (entr(a) + entr(b)) / 2).sum(axis=1)

    conflict = _mean_over_pairs(known, present, divergence)
    return Bunch(
        total=total,
        aleatoric=aleatoric,
        epistemic=np.maximum(total - aleatoric, 0.0),
        conflict=np.maximum(conflict, 0.0),
    )


def spread(responses, weights, errors, prior_variance) -> Bunch:
    """Return the variances of a weighted mixture of predicted values, by row.

    By the law of total variance that of the mixture (total) is the mean of its members'
    own (aleatoric) and the variance of their predictions (epistemic).

    Parameters
    ----------
    responses : ndarray of shape (n_modalities, n_samples, n_outputs)
        Values of the members; NaN where a modality is absent.
    weights : ndarray of shape (n_modalities,)
        Renormalised over the present members of a row; negative ones count as zero.
    errors : ndarray of shape (n_modalities, n_outputs)
        Mean squared error of each member, the same in all rows.
    prior_variance : ndarray of shape (n_outputs,)
        Variance of a row without members.

    Returns
    -------
    Bunch
        ``total``, ``aleatoric``, ``epistemic`` and ``conflict``, each an ndarray of
        shape (n_samples, n_outputs), in squared units of y. Conflict is the mean over
        pairs of present members of the variance of their two predictions.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.fusion.rules._disagreement import spread
    >>> values = np.array([[[1.0]], [[5.0]]])  # two members, one row
    >>> found = spread(values, np.ones(2), np.array([[2.0], [4.0]]), np.array([9.0]))
    >>> found.aleatoric.item(), found.epistemic.item(), found.conflict.item()
    (3.0, 4.0, 4.0)
    """
    present, known, shares = _shares(responses, np.maximum(weights, 0.0))
    mean = np.einsum("mn,mnk->nk", shares, known)
    epistemic = np.einsum("mn,mnk->nk", shares, (known - mean) ** 2)
    aleatoric = np.einsum("mn,mk->nk", shares, errors)
    aleatoric[~present.any(axis=0)] = prior_variance
    return Bunch(
        total=aleatoric + epistemic,
        aleatoric=aleatoric,
        epistemic=epistemic,
        conflict=_mean_over_pairs(known, present, lambda a, b: (a - b) ** 2 / 4),
    )


def _shares(responses, weights):
    """Return which members are present, their responses and their shares of a row."""
    present = np.isfinite(responses).all(axis=2)  # (n_modalities, n)
    known = np.where(present[:, :, None], responses, 0.0)
    shares = present * np.asarray(weights, dtype=float)[:, None]
    unweighted = present & ~shares.any(axis=0)  # only members of weight zero
    shares = np.where(unweighted, 1.0, shares)
    return present, known, shares / np.maximum(shares.sum(axis=0), np.finfo(float).tiny)


def _mean_over_pairs(known, present, gap):
    """Return the mean of a gap over pairs of present members, 0 without a pair."""
    total = np.zeros_like(gap(known[0], known[0]))
    count = np.zeros(len(total))
    for a, b in combinations(range(len(known)), 2):
        both = present[a] & present[b]
        found = gap(known[a], known[b])
        total += np.where(both.reshape(-1, *[1] * (found.ndim - 1)), found, 0.0)
        count += both
    return total / np.maximum(count, 1).reshape(-1, *[1] * (total.ndim - 1))
