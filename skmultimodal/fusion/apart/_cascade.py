"""Early exit: later modalities are looked at only for rows that are not sure yet."""

from __future__ import annotations

import numpy as np

from skmultimodal._parameters import is_real
from skmultimodal.data._columns import did_you_mean
from skmultimodal.data._containers import take_rows
from skmultimodal.fusion._base import FusionModel

__all__ = ["CascadeModel", "certainty", "check_cascade", "prices_of"]


def certainty(task, response) -> np.ndarray:
    """Return how sure each prediction is: its highest probability.

    Of several labels, that of the least sure one.
    """
    return task.distributions(response).max(axis=-1).min(axis=-1)


def prices_of(names, cost, dropped=()) -> np.ndarray:
    """Return the price of each modality, 1 where none are given."""
    if cost is None:
        return np.ones(len(names))
    if not isinstance(cost, dict):
        raise TypeError(
            f"'cost' must be None or a dict {{modality: price}}. Got {cost!r} instead."
        )
    unknown = set(cost) - set(names) - set(dropped)
    if unknown or set(names) - set(cost):
        hint = did_you_mean(next(iter(unknown)), names) if unknown else ""
        raise ValueError(
            f"'cost' must have one price for each modality in {sorted(names)}. Got "
            f"{sorted(map(str, cost))} instead.{hint}"
        )
    for name in names:
        price = cost[name]
        if not is_real(price) or not 0 <= price < np.inf:
            raise ValueError(
                f"'cost' must be finite numbers >= 0. Got {price!r} for modality "
                f"{name!r}."
            )
    return np.array([cost[name] for name in names], dtype=float)


def check_cascade(threshold, task) -> None:
    """Refuse a threshold that is no number, and one for values."""
    if threshold is None:
        return
    if not is_real(threshold) or not threshold >= 0:
        raise ValueError(
            "The 'exit_threshold' parameter of SequentialFusion must be None or a "
            f"number >= 0. Got {threshold!r} instead."
        )
    if not task.has_labels:
        raise ValueError(
            "'exit_threshold' is for labels: a value comes without a probability. Use "
            "exit_threshold=None."
        )


class CascadeModel(FusionModel):
    """A fitted sequential model that stops after the modality that makes it sure.

    Whatever it is asked, modalities that a row did not need count as absent.

    Parameters
    ----------
    whole : JointModel, StagedModel or ResidualModel
        Has ``stage_input(cells, name)`` and ``response_of_stages(inputs, seen)``.
    task : Classification or Multilabel
    prior : ndarray of shape (n_outputs,)
    threshold : float
    prices : ndarray of shape (n_modalities,)
        In the order of the stages.
    """

    def __init__(self, whole, task, prior, threshold, prices):
        self.whole, self.task, self.prior = whole, task, prior
        self.threshold, self.prices = threshold, prices
        self.names, self.encoders = whole.names, whole.encoders
        self.dtype, self.n_features = whole.dtype, whole.n_features

    weights = property(lambda self: self.whole.weights)
    history = property(lambda self: self.whole.history)
    n_iter = property(lambda self: self.whole.n_iter)
    interrupted = property(lambda self: self.whole.interrupted)
    net = property(lambda self: self.whole.net)
    models = property(lambda self: self.whole.models)
    steps = property(lambda self: self.whole.steps)

    def offers(self, method):
        return method == "seen" or self.whole.offers(method)

    def feature_names(self):
        return self.whole.feature_names()

    def response(self, cells, present):
        return self._run(cells, present)[0]

    def seen(self, cells, present):
        """Return the response, and which modalities each row was given."""
        return self._run(cells, present)

    def _run(self, cells, present):
        if self.threshold > 1:  # no row ever exits
            return self.whole.response(cells, present), present
        n_samples = len(present)
        response = np.tile(self.prior.astype(self.dtype), (n_samples, 1))
        seen, unsure = np.zeros_like(present), np.ones(n_samples, dtype=bool)
        inputs = {}
        for m, name in enumerate(self.names):
            here = np.flatnonzero(unsure & present[:, m])
            if not len(here):
                continue
            own = self.whole.stage_input(take_rows(cells[name], here), name)
            inputs[name] = np.zeros((n_samples, own.shape[1]), dtype=own.dtype)
            inputs[name][here], seen[here, m] = own, True
            known = {name: rows[here] for name, rows in inputs.items()}
            response[here] = self.whole.response_of_stages(known, seen[here])
            unsure[here] = certainty(self.task, response[here]) < self.threshold
        return response, seen

    def scores(self, cells, present):
        return self.whole.scores(cells, self._run(cells, present)[1])

    def embedding(self, cells, present):
        return self.whole.embedding(cells, self._run(cells, present)[1])

    def encode(self, cells, present, name):
        return self.whole.encode(cells, present, name)

    def response_per_modality(self, cells, present):
        seen = self._run(cells, present)[1]
        return self.whole.response_per_modality(cells, seen)

    def modality_weights(self, cells, present):
        return self.whole.modality_weights(cells, self._run(cells, present)[1])

    def contributions(self, cells, present):
        return self.whole.contributions(cells, self._run(cells, present)[1])

    @property
    def weight_unit(self):  # type: ignore[override]  # nobody sets it
        return self.whole.weight_unit

    def trained_more(self, problem, unit=None):
        """Return the model, trained on with the rows of `problem`."""
        whole = self.whole.trained_more(problem, unit)
        return CascadeModel(whole, self.task, self.prior, self.threshold, self.prices)
