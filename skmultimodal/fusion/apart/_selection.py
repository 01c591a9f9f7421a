"""An ensemble of fitted strategies, selected by out-of-fold predictions."""

from __future__ import annotations

import numpy as np

from skmultimodal.fusion._base import FusionModel

__all__ = ["EnsembleModel", "greedy_shares", "mean_response"]

STEPS = 25  # of the selection; a share is a count over at most as many
ROUNDING = 1e-12


def greedy_shares(responses, score) -> np.ndarray:
    """Return shares of members by greedy selection with replacement.

    Step by step the member is added whose mean with those already in scores best; a
    member may be added again. Of all steps the best is kept [1]_.

    Parameters
    ----------
    responses : ndarray of shape (n_members, n_samples, n_outputs)
        Predictions of rows that no member was fitted on.
    score : callable
        From a response of shape (n_samples, n_outputs) to a number, higher is better.

    Returns
    -------
    ndarray of shape (n_members,)
        Not negative, with sum one.

    References
    ----------
    .. [1] R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes, "Ensemble selection from
       libraries of models", ICML, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.fusion.apart._selection import greedy_shares
    >>> responses = np.array([[[0.0]], [[3.0]]])
    >>> greedy_shares(responses, lambda found: -abs(found.item() - 1))
    array([0.66666667, 0.33333333])
    """
    counts = np.zeros(len(responses))
    total = np.zeros(responses.shape[1:])
    best, kept = -np.inf, counts
    for step in range(1, STEPS + 1):
        scores = [score((total + response) / step) for response in responses]
        added = int(np.argmax(scores))
        counts[added] += 1
        total = total + responses[added]
        if scores[added] > best + ROUNDING:
            best, kept = scores[added], counts.copy()
    return kept / kept.sum()


def mean_response(responses, shares) -> np.ndarray:
    """Return the mean response, of shape (n_samples, n_outputs)."""
    return np.einsum("m,mnk->nk", shares, np.asarray(responses))


class EnsembleModel(FusionModel):
    """The weighted mean of the responses of fitted strategies.

    Parameters
    ----------
    task : Classification, Multilabel or Regression
    names : list of str
        Modalities.
    members : dict of str to FusionModel
        By candidate, the first the one of the largest share.
    shares : dict of str to float
        Of the members, with sum one.

    Attributes
    ----------
    weights : dict of str to float
        Means of the members' weights, each of sum one.
    encoders : dict of str to estimator
        Those of the first member.
    """

    def __init__(self, task, names, members, shares):
        self.task, self.names = task, list(names)
        self.members, self.shares = members, shares
        first = next(iter(members.values()))
        self.encoders = first.encoders
        self.n_features = sum(model.n_features for model in members.values())
        self.history = [
            {"candidate": name, **row}
            for name, model in members.items()
            for row in model.history
        ]
        self.weights = dict.fromkeys(self.names, 0.0)
        for name, model in members.items():
            total = sum(model.weights.values()) or 1.0
            for modality, weight in model.weights.items():
                self.weights[modality] += shares[name] * weight / total

    def response(self, cells, present):
        return self._mean(self._of_members("response", cells, present))

    def responses(self, cells, presences):
        parts = [
            model.responses(
                {name: cells[name] for name in model.names},
                [present[:, self._columns(model)] for present in presences],
            )
            for model in self.members.values()
        ]
        return [self._mean(part) for part in zip(*parts, strict=True)]

    def response_to_mixed(self, cells, rows, present):
        parts = [
            model.response_to_mixed(
                {name: cells[name] for name in model.names},
                rows[:, self._columns(model)],
                present[:, self._columns(model)],
            )
            for model in self.members.values()
        ]
        return self._mean(parts)

    def scores(self, cells, present):
        return self.task.scores(self.response(cells, present))

    def embedding(self, cells, present):
        """Return the embeddings of all members, side by side."""
        return np.hstack(self._of_members("embedding", cells, present))

    def feature_names(self):
        return [
            f"{name}__{feature}"
            for name, model in self.members.items()
            for feature in model.feature_names()
        ]

    def offers(self, method):
        if method == "response_per_modality":
            return all(model.offers(method) for model in self.members.values())
        return super().offers(method)

    def response_per_modality(self, cells, present):
        parts = self._of_members("response_per_modality", cells, present)
        return {name: self._mean([part[name] for part in parts]) for name in self.names}

    def trim(self):
        for model in self.members.values():
            model.trim()

    def _columns(self, model):
        return [self.names.index(name) for name in model.names]

    def _of_members(self, method, cells, present):
        """Return what a method of each member says of the rows."""
        return [
            getattr(model, method)(
                {name: cells[name] for name in model.names},
                present[:, self._columns(model)],
            )
            for model in self.members.values()
        ]

    def _mean(self, responses):
        return mean_response(responses, np.array(list(self.shares.values())))
