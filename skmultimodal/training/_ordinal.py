"""The task of one label of several that have an order."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, softmax

from skmultimodal._warnings import warn
from skmultimodal.training._tasks import EPS, Classification

__all__ = ["Ordinal", "ordered_grades"]


def ordered_grades(labels, grades=None) -> np.ndarray:
    """Return labels in the order of grades, of which some may not occur.

    Parameters
    ----------
    labels : ndarray of shape (n_classes,)
        Sorted.
    grades : sequence of labels, default=None
        From lowest to highest. None leaves them as they are, and warns of texts.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.training._ordinal import ordered_grades
    >>> ordered_grades(np.array(["high", "low"]), ["low", "mid", "high"])
    array(['low', 'high'], dtype='<U4')
    """
    if grades is None:
        if labels.dtype.kind in "OUS":
            warn(
                "The labels of an ordinal y are texts, and their alphabetical order is "
                f"taken for that of the grades: {labels[:5].tolist()}. Give the order, "
                "ordinal=[lowest, ..., highest], or y as an ordered categorical."
            )
        return labels
    places = {grade: k for k, grade in enumerate(grades)}
    lost = [label for label in labels.tolist() if label not in places]
    if lost or len(places) < len(grades):
        raise ValueError(
            f"'ordinal' must list each label of y once. Got {list(grades)}, and the "
            f"labels {labels[:10].tolist()}."
        )
    return labels[np.argsort([places[label] for label in labels.tolist()])]


class Ordinal(Classification):
    """One label per row of an ordered set: cumulative logits.

    Scores are the logits of lying above each grade but the last, put in falling order,
    and the loss is the mean binary cross-entropy of these questions [1]_. It is proper,
    and order never raises it: exchanging two logits s < t at grades j < k changes it by
    (t - s) times the difference of two truths, of which that of j is not the smaller.
    Probabilities are differences of neighbours. The prediction is the median grade,
    which has the least expected absolute error.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    grades : ndarray of shape (n_classes,)
        Labels from lowest to highest. `classes` stay sorted, as columns of
        probabilities do everywhere in scikit-learn.

    References
    ----------
    .. [1] P. McCullagh, "Regression models for ordinal data", Journal of the Royal
       Statistical Society B, 1980 (cumulative logits); Z. Niu et al., "Ordinal
       regression with multiple output CNN for age estimation", CVPR, 2016 (the loss).

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.training._ordinal import Ordinal
    >>> task = Ordinal(np.array(["low", "high", "mid"]), ["low", "mid", "high"])
    >>> task.response(np.array([[2.0, -2.0]])).round(2)  # of high, low and mid
    array([[0.12, 0.12, 0.76]])
    >>> task.predict(np.array([[0.3, 0.3, 0.4]]))
    array(['mid'], dtype='<U4')
    """

    kind = "ordinal"
    scoring = "quadratic_kappa"
    needs_loss = "ordered classes"

    def __init__(self, y, grades):
        super().__init__(y)
        self.order = np.searchsorted(self.classes, np.asarray(grades))
        self.rank = np.argsort(self.order)  # of each class
        self.grades = self.classes[self.order]

    @property
    def n_scores(self) -> int:
        return self.n_outputs - 1

    def key(self) -> tuple:
        return (*super().key(), self.order)

    def output_names(self) -> list[str]:
        return [f"above_{grade}" for grade in self.grades[:-1]]

    def _above(self, response):
        """Return the probability of lying above each grade but the last."""
        ordered = response[..., self.order]
        return np.flip(np.cumsum(np.flip(ordered, -1), axis=-1), -1)[..., 1:]

    def _from_above(self, above) -> np.ndarray:
        """Return class probabilities; `above` is put in order."""
        falling = -np.sort(-above, axis=-1)
        ends = np.ones((*above.shape[:-1], 1))
        steps = np.concatenate([ends, falling, 0 * ends], axis=-1)
        return -np.diff(steps, axis=-1)[..., self.rank]

    def loss(self, scores, target):
        from torch.nn.functional import binary_cross_entropy_with_logits

        logits = scores.sort(dim=-1, descending=True).values
        rank = scores.new_tensor(self.rank)[target]
        truth = (rank[:, None] > scores.new_tensor(range(self.n_scores))).to(
            scores.dtype
        )
        losses = binary_cross_entropy_with_logits(logits, truth, reduction="none")
        return losses.mean(dim=-1)

    def losses(self, response, target) -> np.ndarray:
        """Return the mean binary log loss of each row."""
        above = np.clip(self._above(response), EPS, 1 - EPS)
        truth = self.rank[target][:, None] > np.arange(self.n_scores)
        return -np.log(np.where(truth, above, 1 - above)).mean(axis=1)

    def response(self, scores) -> np.ndarray:
        return self._from_above(expit(scores))

    def scores(self, response) -> np.ndarray:
        above = np.clip(self._above(response), EPS, 1 - EPS)
        return np.log(above) - np.log1p(-above)

    def decision(self, scores) -> np.ndarray:
        return super().decision(np.log(np.clip(self.response(scores), EPS, None)))

    def chosen(self, response) -> np.ndarray:
        """Return the class of the median grade."""
        return self.order[(self._above(response) > 0.5).sum(axis=-1)]

    def score(self, y, predicted, sample_weight=None) -> float:
        """Return the quadratic weighted kappa of predicted labels."""
        target, said = self.encode(y), self.encode(predicted)
        merits = self._merits(said, target, sample_weight)
        return float(np.average(merits, weights=sample_weight))

    def merits(self, response, target, sample_weight=None) -> np.ndarray:
        return self._merits(self.chosen(response), target, sample_weight)

    def _merits(self, said, target, weight):
        """Return one less squared errors over those by chance; their mean is kappa."""
        said, true = ranks = self.rank[said], self.rank[target]
        counts = [np.bincount(r, weight, minlength=self.n_outputs) for r in ranks]
        shares = [count / count.sum() for count in counts]
        steps = np.arange(self.n_outputs)
        by_chance = shares[0] @ np.square(steps[:, None] - steps) @ shares[1]
        return 1 - np.square(said - true) / max(by_chance, np.finfo(float).tiny)

    def scorer(self):
        def quadratic_kappa(estimator, X, y, sample_weight=None):
            return self.score(y, estimator.predict(X), sample_weight)

        return quadratic_kappa

    def parts(self, responses, target=None) -> list[tuple[Any, Any]]:
        """Return the question of each grade but the last: whether a row is above it."""
        above = self._above(responses)
        binary = np.stack([1 - above, above], axis=-1)
        rank = None if target is None else self.rank[target]
        return [
            (binary[..., k, :], None if rank is None else (rank > k).astype(np.int64))
            for k in range(self.n_scores)
        ]

    def joined(self, parts) -> np.ndarray:
        return self._from_above(np.stack([part[..., 1] for part in parts], axis=-1))

    def centred(self, response) -> np.ndarray:
        logs = np.log(np.clip(response, EPS, None))
        return logs - logs.mean(axis=-1, keepdims=True)

    def of_centred(self, centred) -> np.ndarray:
        return softmax(centred, axis=-1)

    def link(self):
        """Return the module from a tensor of scores to one of responses."""
        from skmultimodal.training._links import Steps

        return Steps(self.rank)
