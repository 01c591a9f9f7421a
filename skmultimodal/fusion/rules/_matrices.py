"""Matrices in the place of the weights of a log-linear pool."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from skmultimodal.data._folds import content_folds
from skmultimodal.data._judged import MANY
from skmultimodal.fusion.rules._weights import is_clear, row_shares

__all__ = ["fit_matrices"]

PENALTIES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
MIN_ROWS = 300  # of 200, losses on other rows rose where weights were good enough
LARGEST = 3_000_000  # rows times unknowns, some seconds; of more rows some are drawn


def fit_matrices(ratios, y, scores, sample_weight=None, groups=None):
    """Return what is added to the weights of a log-linear pool, made matrices.

    Minimises the mean log loss of ``softmax(scores + sum_m r_m @ A_m)`` plus half the
    penalty times the sum of squares. The penalty is the one of `PENALTIES` with the
    least loss on five folds, equal rows in one fold.

    Parameters
    ----------
    ratios : ndarray of shape (n_modalities, n_samples, n_classes)
        Log p - log prior, zero where a modality is absent.
    y : ndarray of shape (n_samples,)
        Classes as positions.
    scores : ndarray of shape (n_samples, n_classes)
        Those of the pool with weights.
    sample_weight : ndarray of shape (n_samples,), default=None
    groups : ndarray of shape (n_samples,), default=None
        Rows of one group share a fold, and count as one in the standard error.

    Returns
    -------
    ndarray of shape (n_modalities, n_classes, n_classes) or None
        From classes that models speak of to classes. None unless the loss of rows left
        out falls by more than one standard error, and of fewer than 300 rows or more
        than 50 classes. Of more than 3 million rows times unknowns some rows are drawn.
    """
    n_modalities, n_samples, n_classes = ratios.shape
    most = LARGEST // (n_modalities * n_classes**2)
    if min(n_samples, most) < MIN_ROWS or n_classes > MANY:
        return None
    if n_samples > most:
        rows = np.sort(np.random.default_rng(0).permutation(n_samples)[:most])
        by_row = y, scores, sample_weight, groups
        known = [None if part is None else part[rows] for part in by_row]
        return fit_matrices(ratios[:, rows], *known)
    x = ratios.transpose(1, 0, 2).reshape(n_samples, -1)
    none = np.zeros((x.shape[1], n_classes))
    keys = np.column_stack([x, y]) if groups is None else np.asarray(groups)
    keys = np.unique(keys, axis=0, return_inverse=True)[1].ravel()
    fold = content_folds(keys, y)
    if fold is None:
        return None
    weight = np.ones(n_samples) if sample_weight is None else sample_weight
    found = dict.fromkeys(range(fold.max() + 1), none)
    least, best, gain = np.inf, PENALTIES[0], np.zeros(n_samples)
    before = _losses(x, y, scores, none)
    for penalty in PENALTIES:
        losses = np.empty(n_samples)
        for k, start in found.items():
            seen, left = fold != k, fold == k
            part = x[seen], y[seen], scores[seen], weight[seen]
            found[k] = _fitted(*part, penalty, start)
            losses[left] = _losses(x[left], y[left], scores[left], found[k])
        loss = np.average(losses, weights=weight)
        if loss >= least:
            break
        least, best, gain = loss, penalty, before - losses
    if not is_clear(gain, sample_weight, groups):
        return None
    matrices = _fitted(x, y, scores, weight, best, none)
    return matrices.reshape(n_modalities, n_classes, n_classes)


def _fitted(x, y, scores, weight, penalty, start) -> np.ndarray:
    """Return the matrix of least penalised loss, from `x` to the classes."""
    share, rows = row_shares(len(y), weight), np.arange(len(y))

    def loss(theta):
        matrix = theta.reshape(start.shape)
        log_q = log_softmax(scores + x @ matrix, axis=1)
        error = np.exp(log_q)
        error[rows, y] -= 1.0
        gradient = x.T @ (share[:, None] * error) + penalty * matrix
        value = -share @ log_q[rows, y] + penalty / 2 * (theta @ theta)
        return value, gradient.ravel()

    options = {"maxiter": 200, "gtol": 1e-6}
    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    return found.x.reshape(start.shape)


def _losses(x, y, scores, matrix) -> np.ndarray:
    """Return the log loss of each row."""
    return -log_softmax(scores + x @ matrix, axis=1)[np.arange(len(y)), y]
