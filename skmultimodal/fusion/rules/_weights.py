"""Weights of a combination, fitted to out-of-fold predictions.

Sample weights count rows: a weight of two is the same as the row twice, a weight
of zero the same as no row. Penalties are relative to the mean loss.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls
from scipy.special import logsumexp
from sklearn.metrics import get_scorer

from skmultimodal.fusion.rules._pool import EPS, linear_pool
from skmultimodal.training._tasks import Answer, Classification

__all__ = [
    "accuracies",
    "deviation_moments",
    "equal_weights_if_no_gain",
    "error_moments",
    "fit_linear_pool",
    "fit_log_pool",
    "gls_weights",
    "inverse_variance_weights",
    "is_clear",
    "linear_pool_em_step",
    "log_pool_loss",
    "nonnegative_minimum",
    "row_shares",
    "shrunk_covariance",
    "simplex_least_squares",
    "simplex_minimum",
]


def fit_log_pool(
    ratios,
    y,
    offset,
    *,
    shrinkage=0.01,
    bias=False,
    sample_weight=None,
    center=None,
):
    """Return weights and class bias of the log-linear pool.

    Minimises the mean log loss of ``softmax(offset + bias + sum_m w_m r_m)`` plus
    ``shrinkage * (||w - 1/M||^2 + ||bias||^2)`` over ``w >= 0``, by Newton's method
    with projection: the problem is convex and has few unknowns.

    Parameters
    ----------
    ratios : ndarray of shape (n_modalities, n_samples, n_classes)
        Log p - log prior (or log p), zero where a modality is absent.
    y : ndarray of shape (n_samples,)
        Classes as positions.
    offset : ndarray of shape (n_classes,) or (n_samples, n_classes)
        Scores where nothing is observed, the log prior.
    shrinkage : float, default=0.01
        Strength of the pull to equal weights 1 / n_modalities and no bias.
    bias : bool, default=False
        Whether a bias for each class is fitted.
    sample_weight : ndarray of shape (n_samples,), default=None
    center : ndarray of shape (n_modalities,), default=None
        What weights are pulled to instead of equal ones.

    Returns
    -------
    weights : ndarray of shape (n_modalities,)
    bias : ndarray of shape (n_classes,)
        Zero unless fitted.
    """
    n_modalities, _, n_classes = ratios.shape
    share = row_shares(len(y), sample_weight)
    n_bias = n_classes if bias else 0
    if center is None:
        center = np.full(n_modalities, 1 / n_modalities)
    start = np.r_[center, np.zeros(n_bias)]
    lower = np.r_[np.zeros(n_modalities), np.full(n_bias, -np.inf)]

    def loss(theta):
        return log_pool_loss(theta, ratios, y, offset, share, shrinkage, start)

    theta = _projected_newton(loss, start, lower)
    fitted = theta[n_modalities:] if bias else np.zeros(n_classes)
    return theta[:n_modalities], fitted


def log_pool_loss(theta, ratios, y, offset, share, shrinkage, target):
    """Return penalised mean log loss, its gradient and its Hessian.

    ``theta`` holds the weights, followed by the class bias if there is one;
    ``share`` of shape (n_samples,) sums to one.
    """
    n_modalities, n_samples, _ = ratios.shape
    weights, bias = theta[:n_modalities], theta[n_modalities:]
    scores = offset + np.tensordot(weights, ratios, axes=1)
    if len(bias):
        scores = scores + bias
    log_q = scores - logsumexp(scores, axis=1, keepdims=True)
    q, rows = np.exp(log_q), np.arange(n_samples)
    gap = theta - target
    loss = -share @ log_q[rows, y] + shrinkage * gap @ gap

    error = q.copy()
    error[rows, y] -= 1.0
    error *= share[:, None]
    gradient = ratios.reshape(n_modalities, -1) @ error.ravel()
    shared = q * share[:, None]
    spread = ratios - np.einsum("nc,mnc->mn", q, ratios)[:, :, None]
    weighted = spread * shared  # (n_modalities, n_samples, n_classes)
    hessian = weighted.reshape(n_modalities, -1) @ spread.reshape(n_modalities, -1).T
    if len(bias):
        gradient = np.r_[gradient, error.sum(axis=0)]
        cross = weighted.sum(axis=1)  # (n_modalities, n_classes)
        corner = np.diag(shared.sum(axis=0)) - shared.T @ q
        hessian = np.block([[hessian, cross], [cross.T, corner]])
    gradient = gradient + 2.0 * shrinkage * gap
    return loss, gradient, hessian + 2.0 * shrinkage * np.eye(len(theta))


def _projected_newton(loss, start, lower, max_iter=100, tol=1e-13):
    """Minimise a smooth convex function over x >= lower (Bertsekas, 1982)."""
    x = np.maximum(start, lower)
    value, gradient, hessian = loss(x)
    for _ in range(max_iter):
        free = (x > lower) | (gradient < 0)
        if np.abs(gradient[free]).max(initial=0.0) < tol:
            break
        step = np.zeros_like(x)
        step[free] = np.linalg.lstsq(
            hessian[np.ix_(free, free)], gradient[free], rcond=None
        )[0]
        length = 1.0
        while length > 1e-10:
            candidate = np.maximum(x - length * step, lower)
            update = loss(candidate)
            gain = 1e-4 * gradient @ (x - candidate)
            if update[0] <= value - gain + 1e-14 * max(1.0, abs(value)):
                break
            length /= 2
        else:
            break
        moved = np.abs(candidate - x).max()
        x, (value, gradient, hessian) = candidate, update
        if moved < tol:
            break
    return x


def fit_linear_pool(
    proba, y, present, *, objective="log_loss", shrinkage=0.2, sample_weight=None
):
    """Return weights on the simplex for the linear pool of probabilities.

    Parameters
    ----------
    proba : ndarray of shape (n_modalities, n_samples, n_classes)
    y : ndarray of shape (n_samples,)
        Classes as positions.
    present : ndarray of bool of shape (n_modalities, n_samples)
    objective : {"log_loss", "brier"}, scorer name or scorer, default="log_loss"
        Log loss is fitted by expectation maximisation, the Brier score exactly as
        a quadratic programme; the name of a scikit-learn scorer (``"accuracy"``,
        ``"f1_macro"``), or a scorer, by a search that starts at equal weights. A
        scorer sees the classes as positions.
    shrinkage : float, default=0.2
        Pull to equal weights: for log loss the Dirichlet pseudo-counts as a share
        of the rows, for the Brier score a ridge relative to the mean square error.
        A search is not shrunk: it leaves equal weights only for a better score.
    sample_weight : ndarray of shape (n_samples,), default=None

    Returns
    -------
    weights : ndarray of shape (n_modalities,)
        Non-negative, sum to one.
    """
    word = objective if isinstance(objective, str) else None
    if word == "brier":
        target = np.eye(proba.shape[2])[y]
        return simplex_minimum(
            error_moments(proba, target, present, sample_weight), shrinkage
        )
    if word != "log_loss":
        return _search(proba, y, present, get_scorer(objective), sample_weight)
    share = row_shares(len(y), sample_weight)
    likelihood = np.maximum(proba[:, np.arange(len(y)), y], EPS)
    weights = np.full(len(proba), 1 / len(proba))
    for _ in range(2000):
        previous = weights
        weights = linear_pool_em_step(previous, likelihood, present, share, shrinkage)
        if np.abs(weights - previous).max() < 1e-11:
            break
    return weights


def linear_pool_em_step(weights, likelihood, present, share, shrinkage=0.0):
    """Return the weights after one step of expectation maximisation.

    ``likelihood`` of shape (n_modalities, n_samples) holds the probability of the
    true class. A row in which a modality is absent is a draw from a truncated
    mixture, so the draws that truncation hides are counted too (Dempster, Laird
    and Rubin, 1977): the likelihood of the renormalised pool never falls.
    """
    prior = weights[:, None] * present
    joint = prior * likelihood
    observed = joint / np.maximum(joint.sum(axis=0), np.finfo(float).tiny)
    hidden = weights[:, None] * ~present / np.maximum(prior.sum(axis=0), EPS)
    counts = (observed + hidden) @ share + shrinkage / len(weights)
    return counts / counts.sum()


def _search(proba, y, present, scorer, sample_weight):
    """Return weights of a best score, by moving mass between pairs of modalities."""
    task = Classification(np.arange(proba.shape[2]))
    extra = {} if sample_weight is None else {"sample_weight": sample_weight}

    def score(weights):
        combined = linear_pool(proba, weights, present)
        return scorer(Answer(task, combined), combined, y, **extra)

    n_modalities = len(proba)
    weights = np.full(n_modalities, 1 / n_modalities)
    best, step = score(weights), 0.5
    while step > 0.01:
        improved = False
        for source in range(n_modalities):
            for sink in range(n_modalities):
                moved = min(step, weights[source])
                if source == sink or moved == 0:
                    continue
                candidate = weights.copy()
                candidate[source] -= moved
                candidate[sink] += moved
                value = score(candidate)
                if value > best + 1e-9:  # more than rounding
                    weights, best, improved = candidate, value, True
        if not improved:
            step /= 2
    return weights / weights.sum()


def equal_weights_if_no_gain(weights, equal, losses, equal_losses, sample_weight=None):
    """Return `equal` unless the fitted weights gain more than one standard error.

    Parameters
    ----------
    weights, equal : ndarray of shape (n_modalities,)
        Fitted and equal weights.
    losses, equal_losses : ndarray of shape (n_samples,)
        Out-of-fold loss of each row with either.
    sample_weight : ndarray of shape (n_samples,), default=None
        How often each row counts, in the standard error too.

    Returns
    -------
    weights : ndarray of shape (n_modalities,)
    """
    return weights if is_clear(equal_losses - losses, sample_weight) else equal


def is_clear(gain, sample_weight=None, groups=None, n_errors=1.0) -> bool:
    """Whether the mean gain of rows, (n_samples,), exceeds `n_errors` standard errors.

    A weight of two is the row twice; weights below one on the mean of the rows that
    have any are shares, and are taken relative to it. Rows of one of the `groups` say
    together what one row says.
    """
    weight = np.ones(len(gain)) if sample_weight is None else sample_weight
    total, count = weight.sum(), np.count_nonzero(weight)
    if 0 < total < count:
        weight, total = weight * (count / total), count
    if total <= 1:
        return False
    mean = weight @ gain / total
    if groups is None:
        variance = weight @ np.square(gain - mean) / (total - 1) / total
    else:
        group = np.unique(groups, return_inverse=True)[1]
        sums = np.bincount(group, weight * (gain - mean))
        if len(sums) < 2:
            return False
        variance = np.square(sums).sum() * len(sums) / (len(sums) - 1) / total**2
    return bool(mean > n_errors * np.sqrt(variance))


def error_moments(values, target, present, sample_weight=None):
    """Return mean products of the errors of each pair of modalities.

    Parameters
    ----------
    values : ndarray of shape (n_modalities, n_samples, n_outputs)
    target : ndarray of shape (n_samples, n_outputs)
    present : ndarray of bool of shape (n_modalities, n_samples)
    sample_weight : ndarray of shape (n_samples,), default=None

    Returns
    -------
    moments : ndarray of shape (n_modalities, n_modalities)
        Each over the rows where both are present, zero where there are none.
    """
    share = row_shares(len(target), sample_weight)
    errors = np.where(present[:, :, None], values - target, 0.0)
    n_modalities = len(values)
    weighted = (errors * share[:, None]).reshape(n_modalities, -1)
    products = weighted @ errors.reshape(n_modalities, -1).T
    together = (present * share) @ present.T
    return np.divide(products, together, out=0.0 * products, where=together > 0)


def simplex_minimum(moments, shrinkage=0.0):
    """Return the w on the simplex that minimises w' moments w.

    Exact, through one non-negative least squares problem: the minimiser of
    ``|A w|^2 + (sum(w) - 1)^2`` over ``w >= 0`` is a multiple of the answer,
    because for a given direction the best length leaves ``a / (1 + a)``, which
    rises with ``a = |A w|^2 / sum(w)^2``. ``shrinkage`` adds a ridge relative to
    the mean diagonal, which pulls to equal weights.
    """
    n = len(moments)
    scale = np.trace(moments) / n
    moments = moments / scale if scale > 0 else np.eye(n)
    values, vectors = np.linalg.eigh(moments + shrinkage * np.eye(n))
    root = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    weights, _ = nnls(np.vstack([root, np.ones(n)]), np.r_[np.zeros(n), 1.0])
    return weights / weights.sum()


def simplex_least_squares(values, y, present, *, shrinkage=0.01, sample_weight=None):
    """Return weights on the simplex of least squared error (Breiman, 1996).

    Parameters
    ----------
    values : ndarray of shape (n_modalities, n_samples, n_outputs)
        Predictions; outputs in comparable units share one set of weights.
    y : ndarray of shape (n_samples, n_outputs)
    present : ndarray of bool of shape (n_modalities, n_samples)
    shrinkage : float, default=0.01
        Ridge relative to the mean squared error of the modalities.
    sample_weight : ndarray of shape (n_samples,), default=None

    Returns
    -------
    weights : ndarray of shape (n_modalities,)
    """
    return simplex_minimum(error_moments(values, y, present, sample_weight), shrinkage)


def deviation_moments(deviations, target, present, sample_weight=None):
    """Return mean products of deviations: of each pair, and of each with the target.

    Parameters
    ----------
    deviations : ndarray of shape (n_modalities, n_samples, n_outputs)
        Of the predictions from the mean; anything where a modality is absent.
    target : ndarray of shape (n_samples, n_outputs)
    present : ndarray of bool of shape (n_modalities, n_samples)
    sample_weight : ndarray of shape (n_samples,), default=None

    Returns
    -------
    pairs : ndarray of shape (n_modalities, n_modalities)
        Over the rows where both are present; zero where there is none.
    own : ndarray of shape (n_modalities,)
    """
    pairs = error_moments(deviations, 0.0 * target, present, sample_weight)
    shares = present * row_shares(len(target), sample_weight)
    products = np.where(present[:, :, None], deviations * target, 0.0).sum(axis=2)
    own, alone = (shares * products).sum(axis=1), shares.sum(axis=1)
    return pairs, np.divide(own, alone, out=np.zeros_like(own), where=alone > 0)


def nonnegative_minimum(pairs, own, shrinkage):
    """Return the w >= 0 that minimise w'Pw - 2o'w + shrinkage ||w - 1/M||^2.

    With `pairs` P and `own` o from `deviation_moments` that is, where no modality is
    absent, the mean square of ``target - sum_m w_m deviations_m`` and the penalty.
    """
    n_modalities = len(own)
    values, vectors = np.linalg.eigh(pairs + shrinkage * np.eye(n_modalities))
    # means over different rows need not be those of any one set of rows
    root = np.sqrt(np.maximum(values, max(1e-10 * values.max(), 1e-300)))
    goal = vectors.T @ (own + shrinkage / n_modalities) / root
    return nnls(root[:, None] * vectors.T, goal)[0]


def inverse_variance_weights(moments):
    """Return weights proportional to one over each mean squared error."""
    variance = np.diag(moments)
    floor = 1e-12 * variance.max(initial=0.0) or 1.0
    precision = 1.0 / np.maximum(variance, floor)
    return precision / precision.sum()


def gls_weights(covariance):
    """Return the weights of least variance that sum to one (Bates and Granger, 1969).

    They may be negative where errors are strongly correlated.
    """
    solved = np.linalg.lstsq(covariance, np.ones(len(covariance)), rcond=None)[0]
    total = solved.sum()
    return solved / total if total > 0 else np.full(len(solved), 1 / len(solved))


def shrunk_covariance(errors, sample_weight=None):
    """Return the Ledoit-Wolf covariance of errors with mean zero.

    ``errors`` has shape (n_samples, n_modalities). The shrinkage is that of Ledoit
    and Wolf (2004), with sample weights counting rows.
    """
    n_samples, n = errors.shape
    weight = np.ones(n_samples) if sample_weight is None else sample_weight
    total = weight.sum()
    covariance = (errors * weight[:, None]).T @ errors / total
    mean = np.trace(covariance) / n
    distance = np.square(covariance - mean * np.eye(n)).sum()
    quartic = weight @ np.square(np.square(errors).sum(axis=1)) / total
    noise = max(quartic - np.square(covariance).sum(), 0.0) / total
    alpha = min(noise / distance, 1.0) if distance > 0 else 0.0
    return (1 - alpha) * covariance + alpha * mean * np.eye(n)


def accuracies(proba, y, present, sample_weight=None):
    """Return the accuracy of each modality where present, Laplace-smoothed.

    One row of each class is added, so that nothing seen means chance.
    """
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    right = (proba.argmax(axis=2) == y) & present
    return (right @ weight + 1.0) / (present @ weight + proba.shape[2])


def row_shares(n_samples, sample_weight):
    """Return sample weights that sum to one."""
    if sample_weight is None:
        return np.full(n_samples, 1.0 / max(n_samples, 1))
    return sample_weight / sample_weight.sum()
