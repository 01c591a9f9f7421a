"""The task of times until an event, some of which are only known to be longer."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmultimodal.data._scaling import weighted_quantiles
from skmultimodal.training._censoring import Censoring, concordance_rows
from skmultimodal.training._tasks import EPS, Multilabel

__all__ = ["Survival", "survival_pairs"]

FEWEST_INTERVALS, MOST_INTERVALS = 4, 10
EVENTS = 25  # of an interval, where there are so many


def survival_pairs(y) -> np.ndarray:
    """Return times and whether the event was seen, (n_samples, 2), checked.

    Parameters
    ----------
    y : structured array of a bool and a number, or ndarray of shape (n_samples, 2)
        The latter is what this function returns.
    """
    y = np.asarray(y)
    names = y.dtype.names
    if names is not None and len(names) == 2:
        kinds = [y.dtype[name].kind for name in names]
        if sorted(kinds)[0] == "b" and kinds[1 - kinds.index("b")] in "fiu":
            event = names[kinds.index("b")]
            time = next(name for name in names if name != event)
            pairs = np.column_stack([y[time], y[event]]).astype(np.float64)
            bad = ~np.isfinite(pairs[:, 0]) | (pairs[:, 0] < 0)
            if bad.any():
                raise ValueError(
                    f"The times of y must be finite and not negative. The first that "
                    f"is not is in row {bad.argmax()}: {pairs[bad.argmax(), 0]}."
                )
            return pairs
    if y.dtype.kind == "f" and y.ndim == 2 and y.shape[1] == 2:
        return y
    got = y.dtype if names else f"an array of {y.dtype} of shape {y.shape}"
    raise ValueError(
        "y must be a structured array of two fields, whether the event was seen (bool) "
        f"and the time (float), as of scikit-survival. Got {got}. Make one: "
        "np.array(list(zip(event, time)), dtype=[('event', bool), ('time', float)])."
    )


class Survival(Multilabel):
    """Times until an event: hazards of intervals, binary cross-entropy where at risk.

    A row is asked of each interval that it entered whether the event came in it [1]_.
    The target is 1 where it did, 0 where the row left the interval without, and -1
    where it had left before; one that is lost within an interval counts there if more
    than half of it is over. Intervals end at quantiles of the times of events.

    Parameters
    ----------
    y : ndarray of shape (n_samples, 2)
        Time, and 1 where the event was seen.
    sample_weight : ndarray of shape (n_samples,), default=None
    n_intervals : int, default=None
        None is one for each 25 events, from 4 to 10.

    References
    ----------
    .. [1] M. Gensheimer, B. Narasimhan, "A scalable discrete-time survival model for
       neural networks", PeerJ, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.training._survival import Survival
    >>> y = np.array([[1.0, 1], [2.0, 1], [3.0, 0], [4.0, 1]])
    >>> task = Survival(y, n_intervals=3)
    >>> task.edges
    array([1., 2., 4.])
    >>> task.encode(y).astype(int).tolist()
    [[1, -1, -1], [0, 1, -1], [0, 0, -1], [0, 0, 1]]
    """

    kind = "survival"
    scoring = "concordance_ipcw"
    needs_loss = "times of events"
    wraps_models = True

    def __init__(self, y, sample_weight=None, n_intervals=None):
        seen = y[:, 1] > 0
        if n_intervals is None:
            n_intervals = max(int(seen.sum()) // EVENTS, FEWEST_INTERVALS)
            n_intervals = min(n_intervals, MOST_INTERVALS)
        shares = np.arange(1, n_intervals + 1) / n_intervals
        weight = None if sample_weight is None else sample_weight[seen]
        self.edges = np.unique(weighted_quantiles(y[seen, 0], shares, weight))
        self.starts = np.r_[min(0.0, self.edges[0]), self.edges[:-1]]
        self.n_outputs = len(self.edges)
        self.classes = np.arange(self.n_outputs)
        self.censoring = Censoring(y, sample_weight)

    def key(self) -> tuple:
        return (*super().key(), self.edges)

    def output_names(self) -> list[str]:
        return [f"until_{edge:g}" for edge in self.edges]

    def encode(self, y) -> np.ndarray:
        """Return the target of shape (n_samples, n_intervals), see above."""
        time, seen = (column[:, None] for column in survival_pairs(y).T)
        own = (self.starts < time) & (time <= self.edges)
        own[:, 0] |= time[:, 0] <= self.edges[0]
        target = np.where(time > self.edges, 0.0, -1.0)
        late = time > (self.starts + self.edges) / 2
        target[own & (seen == 0) & late] = 0.0
        target[own & (seen > 0)] = 1.0
        return target

    def decode(self, target) -> np.ndarray:
        return target

    def loss(self, scores, target):
        from torch.nn.functional import binary_cross_entropy_with_logits

        target = target.to(scores.dtype)
        asked = (target >= 0).to(scores.dtype)
        losses = binary_cross_entropy_with_logits(
            scores, target.clamp(min=0), reduction="none"
        )
        return (asked * losses).mean(dim=-1)

    def losses(self, response, target) -> np.ndarray:
        response = np.clip(response, EPS, 1 - EPS)
        likelihood = np.where(target > 0, response, 1 - response)
        return -np.where(target >= 0, np.log(likelihood), 0.0).mean(axis=1)

    def prior(self, target, sample_weight=None) -> np.ndarray:
        """Return the hazards of all rows, those of Kaplan and Meier."""
        weight = np.ones(len(target)) if sample_weight is None else sample_weight
        asked = weight @ (target >= 0)
        return weight @ (target > 0) / np.maximum(asked, np.finfo(float).tiny)

    def hazard(self, response) -> np.ndarray:
        """Return the cumulative hazard at the end of each interval."""
        return -np.log1p(-np.clip(response, 0.0, 1 - EPS)).cumsum(axis=-1)

    def predict(self, response) -> np.ndarray:
        """Return the risk: the cumulative hazard, summed over the intervals' ends."""
        return self.hazard(response).sum(axis=-1)

    def survival(self, response, times) -> np.ndarray:
        """Return the probability of no event until each of `times`.

        Hazards are constant within an interval, and the last one goes on.
        """
        ends = np.concatenate(
            [np.zeros((len(response), 1)), self.hazard(response)], axis=1
        )
        points = np.r_[self.starts[0], self.edges]
        k = np.clip(np.searchsorted(self.edges, times), 0, self.n_outputs - 1)
        share = (times - points[k]) / np.maximum(points[k + 1] - points[k], EPS)
        share = np.maximum(share, 0.0)
        return np.exp(-(ends[:, k] + share * (ends[:, k + 1] - ends[:, k])))

    def score(self, y, predicted, sample_weight=None) -> float:
        """Return the concordance with censoring weights of predicted risks."""
        merits = self._merits(predicted, survival_pairs(y), sample_weight)
        return float(np.average(merits, weights=sample_weight))

    def _merits(self, risk, pairs, sample_weight):
        return concordance_rows(risk, pairs, self.censoring, sample_weight)

    def merits(self, response, target, sample_weight=None) -> np.ndarray:
        """Return the part of each row in a concordance by intervals, unweighted."""
        last = (target >= 0).sum(axis=1)
        pairs = np.column_stack([last, (target > 0).any(axis=1)]).astype(float)
        return concordance_rows(self.predict(response), pairs, None, sample_weight)

    def scorer(self):
        def concordance_ipcw(estimator, X, y, sample_weight=None):
            return self.score(y, estimator.predict(X), sample_weight)

        return concordance_ipcw

    def parts(self, responses, target=None) -> list[tuple[Any, Any]]:
        return super().parts(responses, None if target is None else target > 0)

    def weight_of(self, part, target, sample_weight):
        """Return weights of zero where a row did not enter the interval."""
        asked = (target[:, part] >= 0).astype(float)
        return asked if sample_weight is None else asked * sample_weight
