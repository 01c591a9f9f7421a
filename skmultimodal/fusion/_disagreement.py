"""How sure the members of an ensemble are, and how much they contradict each other."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.special import entr
from sklearn.utils import Bunch

__all__ = ["disagreement"]


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
    >>> from skmultimodal.fusion._disagreement import disagreement
    >>> sure = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])  # two members, one row
    >>> found = disagreement(sure, np.ones(2), np.array([0.5, 0.5]))
    >>> found.aleatoric.round(3), found.epistemic.round(3), found.conflict.round(3)
    (array([0.]), array([0.693]), array([0.693]))
    """
    present = np.isfinite(responses).all(axis=2)  # (n_modalities, n)
    known = np.where(present[:, :, None], responses, 0.0)
    shares = present * np.asarray(weights, dtype=float)[:, None]
    unweighted = present & ~shares.any(axis=0)  # only members of weight zero
    shares = np.where(unweighted, 1.0, shares)
    shares = shares / np.maximum(shares.sum(axis=0), np.finfo(float).tiny)
    mixture = np.einsum("mn,mnc->nc", shares, known)
    mixture[~present.any(axis=0)] = prior
    total = entr(mixture).sum(axis=1)
    aleatoric = (shares * entr(known).sum(axis=2)).sum(axis=0)
    aleatoric = np.where(present.any(axis=0), aleatoric, total)
    pairs = [
        (entr((known[a] + known[b]) / 2) - (entr(known[a]) + entr(known[b])) / 2).sum(1)
        for a, b in combinations(range(len(known)), 2)
    ]
    both = [present[a] & present[b] for a, b in combinations(range(len(known)), 2)]
    conflict = np.zeros(len(total))
    if pairs:
        conflict = np.where(both, pairs, 0.0).sum(axis=0)
        conflict /= np.maximum(np.sum(both, axis=0), 1)
    return Bunch(
        total=total,
        aleatoric=aleatoric,
        epistemic=np.maximum(total - aleatoric, 0.0),
        conflict=np.maximum(conflict, 0.0),
    )
