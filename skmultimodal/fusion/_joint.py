"""Strategies whose encoders and fusion are one network, trained together."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone

from skmultimodal._network import FusionModule
from skmultimodal.fusion._base import BaseFusion
from skmultimodal.fusion._network_model import fit_network
from skmultimodal.fusion._staged import cross_fitted_weights, fit_staged

__all__ = ["JointFusion"]


class JointFusion(BaseFusion):
    """Base class of strategies trained as one network.

    A subclass writes ``build(in_features, n_outputs)`` and gets preparation,
    training, prediction and missing modalities for free. It has the parameters
    ``weights`` and ``modality_dropout``.

    Attributes
    ----------
    ordered : bool
        Class attribute. If True, `in_features` comes in the user's order;
        otherwise sorted by name, so that the order of modalities changes nothing.
    """

    ordered = False
    trains_by_epoch = True
    imputes = True
    word_weights = ("learned", "uniform")

    def build(self, in_features: dict[str, int], n_outputs: int) -> FusionModule:
        """Return a new fusion module for the widths of the embeddings."""
        raise NotImplementedError

    def check_task(self, task: Any) -> None:
        """Raise a ValueError if the strategy is not defined for `task`."""

    def build_for(self, task: Any, in_features: dict[str, int]) -> FusionModule:
        """Return a new fusion module that knows the kind of its task."""
        module = self.build(in_features, task.n_outputs)
        module.task_kind = task.kind
        return module

    def fit_model(self, problem: Any) -> Any:
        """Train encoders and fusion, together or (staged) one after the other."""
        self._check_weights(problem, self.word_weights)
        self.check_task(problem.task)
        names = problem.names if self.ordered else sorted(problem.names)
        problem = problem.select(names)
        fit = fit_staged if problem.training == "staged" else fit_network
        if isinstance(self.weights, str) and self.weights == "cv":
            weights = cross_fitted_weights(self, problem, fit)
            return fit(clone(self).set_params(weights=weights), problem)
        return fit(self, problem)
