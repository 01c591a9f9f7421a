"""Conformity scores, and how many calibration rows conform less than a new one."""

from __future__ import annotations

import numpy as np

__all__ = ["Calibration", "effective_weights", "label_scores"]

MOST_CELLS = 2_000_000  # of a block of rows by calibration rows
SLACK = 1e-9  # of sums of weights, for levels such as 1 - 0.9


def label_scores(proba, kind, u=None, penalty=0.0, n_free=0) -> np.ndarray:
    """Return how badly each label conforms to a row's probabilities.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
    kind : {"lac", "aps", "raps"}
        One less the label's probability; the probability of it and of all more
        probable labels; or the latter with a penalty on its rank.
    u : ndarray of shape (n_samples,), default=None
        Uniform numbers: the share of the label's own probability that is left out.
        None leaves nothing out.
    penalty : float, default=0.0
        Of each rank beyond `n_free`, for ``"raps"``.
    n_free : int, default=0
        Number of ranks without a penalty.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.estimators.conformal._scores import label_scores
    >>> label_scores(np.array([[0.2, 0.5, 0.3]]), "aps").round(2).tolist()
    [[1.0, 0.5, 0.8]]
    """
    if kind == "lac":
        return 1.0 - proba
    order = np.argsort(-proba, axis=1, kind="stable")
    down = np.take_along_axis(proba, order, axis=1)
    scores = np.cumsum(down, axis=1)
    if u is not None:
        scores = scores - u[:, None] * down
    if kind == "raps":
        rank = np.arange(1, proba.shape[1] + 1)
        scores = scores + penalty * np.maximum(rank - n_free, 0)
    out = np.empty_like(scores)
    np.put_along_axis(out, order, scores, axis=1)
    return out


def effective_weights(weight) -> np.ndarray:
    """Return weights whose sum is the number of equal ones that say as much (Kish).

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.estimators.conformal._scores import effective_weights
    >>> effective_weights(np.array([2.0, 2.0, 2.0])).tolist()
    [1.0, 1.0, 1.0]
    """
    return weight * (weight.sum() / max((weight**2).sum(), np.finfo(float).tiny))


class Calibration:
    """Scores of calibration rows, and what they say of new ones.

    Each row was scored by a model that had not seen it, `model`. A new row is
    compared to it by that model: with one model that is split conformal prediction,
    with those of several folds cross-conformal prediction and CV+.

    Parameters
    ----------
    scores : ndarray of shape (n_calibration,)
        Larger where a row conforms less.
    model : ndarray of int of shape (n_calibration,)
        Position of the model that scored the row.
    weight : ndarray of shape (n_calibration,)
    """

    def __init__(self, scores, model, weight):
        self.scores, self.model, self.weight = scores, model, weight

    def take(self, rows) -> Calibration:
        """Return that of some of the rows, with weights of their own number."""
        weight = effective_weights(self.weight[rows])
        return Calibration(self.scores[rows], self.model[rows], weight)

    def threshold(self, level) -> float:
        """Return the least score that a share `level` of rows does not exceed.

        The new row counts as one of them, with an infinite score.
        """
        return float(_upper_quantile(self.scores[None], self.weight, level)[0])

    def p_values(self, scores) -> np.ndarray:
        """Return the shares of rows that conform no more than new ones.

        Parameters
        ----------
        scores : ndarray of shape (n_models, n_samples, n_classes)
            Of each label of new rows by each model.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In (0, 1]; the new row counts as one of them.
        """
        count = np.ones(scores.shape[1:])
        for k, new in enumerate(scores):
            own = self.model == k
            order = np.argsort(self.scores[own])
            weight = self.weight[own][order]
            above = np.append(np.cumsum(weight[::-1])[::-1], 0.0)
            count += above[np.searchsorted(self.scores[own][order], new)]
        return np.minimum(count / (1.0 + self.weight.sum()), 1.0)

    def interval(self, centre, scale, level) -> np.ndarray:
        """Return the bounds of new rows of shape (n_samples, 2).

        Parameters
        ----------
        centre, scale : ndarray of shape (n_models, n_samples)
            Prediction of each model, and the unit of its scores.
        level : float
            Share of rows to be covered.
        """
        if len(centre) == 1:
            threshold = self.threshold(level)
            with np.errstate(invalid="ignore"):  # no spread, and no threshold
                reach = np.nan_to_num(threshold * scale[0], nan=np.inf, posinf=np.inf)
            reach = _rounded_up(centre[0], reach)
            return np.stack([centre[0] - reach, centre[0] + reach], axis=1)
        n = centre.shape[1]
        step = max(1, MOST_CELLS // max(1, len(self.scores)))
        bounds = np.empty((n, 2))
        for start in range(0, n, step):
            rows = slice(start, start + step)
            middle = centre[self.model, rows].T  # (n, n_calibration)
            reach = _rounded_up(middle, scale[self.model, rows].T * self.scores)
            for side, sign in enumerate((-1, 1)):
                ends = sign * middle + reach
                bounds[rows, side] = sign * _upper_quantile(ends, self.weight, level)
        return bounds


def _rounded_up(centre, reach):
    """Return a reach of which rounding takes nothing, for values that occur often."""
    return reach + 4 * np.finfo(float).eps * (np.abs(centre) + reach)


def _upper_quantile(values, weight, level) -> np.ndarray:
    """Return quantiles of the rows of values and an infinite one of weight one."""
    needed = level * (weight.sum() + 1.0) - SLACK
    order = np.argsort(values, axis=1)
    reached = np.cumsum(weight[order], axis=1)
    at = (reached < needed).sum(axis=1)
    ends = np.take_along_axis(values, order, axis=1)
    ends = np.hstack([ends, np.full((len(values), 1), np.inf)])
    return np.take_along_axis(ends, at[:, None], axis=1)[:, 0]
