"""Strategies whose encoders and fusion are one network, trained together."""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn.base import clone

from skmultimodal._parameters import (
    FRACTION,
    NONE,
    NOT_NEGATIVE,
    check_parameters,
    either,
    one_of,
)
from skmultimodal.fusion._base import BaseFusion
from skmultimodal.fusion.apart._staged import cross_fitted_weights, fit_staged
from skmultimodal.fusion.joint._balance import balance_of, check_balance
from skmultimodal.fusion.joint._model import fit_network
from skmultimodal.training._network import FusionModule

__all__ = ["JointFusion"]


class JointFusion(BaseFusion):
    """Base class of strategies trained as one network.

    A subclass writes ``build(in_features, n_outputs)`` and gets preparation,
    training, prediction and missing modalities for free. It has the parameters
    ``weights`` and ``modality_dropout``; the other training options of the strategies
    of this library (``aux_weight``, ``agreement_weight``, ``balance``,
    ``balance_strength``) are off unless it has them too.

    Attributes
    ----------
    ordered : bool
        Class attribute. If True, `in_features` comes in the user's order;
        otherwise sorted by name, so that the order of modalities changes nothing.
    has_branches : bool
        Class attribute. If True, modalities have scores of their own even with
        ``aux_weight=0``.
    """

    ordered = False
    has_branches = False
    aux_weight = 0.0
    agreement_weight = 0.0
    balance = None
    balance_strength = 0.5
    trains_by_epoch = True
    imputes = True
    word_weights = ("learned", "uniform")
    limits: ClassVar[dict] = {
        "aux_weight": NOT_NEGATIVE,
        "agreement_weight": NOT_NEGATIVE,
        "modality_dropout": FRACTION,
        "balance": either(NONE, one_of("ogm_ge", "gradient_blending")),
        "balance_strength": NOT_NEGATIVE,
    }

    def build(self, in_features: dict[str, int], n_outputs: int) -> FusionModule:
        """Return a new fusion module for the widths of the embeddings."""
        raise NotImplementedError

    def check_task(self, task: Any) -> None:
        """Raise a ValueError if the strategy is not defined for `task`."""

    def build_for(self, task: Any, in_features: dict[str, int]) -> FusionModule:
        """Return a new fusion module that knows the kind of its task."""
        check_parameters(self, self.limits)
        check_balance(self)
        module = self.build(in_features, task.n_outputs)
        module.task_kind = task.kind
        module.agreement_weight = self.agreement_weight
        module.balance = balance_of(self, in_features)
        return module

    def fit_model(self, problem: Any) -> Any:
        """Train encoders and fusion, together or (staged) one after the other."""
        self._check(problem, self.word_weights)
        check_balance(self, problem.training)
        self.check_task(problem.task)
        names = problem.names if self.ordered else sorted(problem.names)
        problem = problem.select(names)
        fit = fit_staged if problem.training == "staged" else fit_network
        if isinstance(self.weights, str) and self.weights == "cv":
            weights = cross_fitted_weights(self, problem, fit)
            return fit(clone(self).set_params(weights=weights), problem)
        return fit(self, problem)
