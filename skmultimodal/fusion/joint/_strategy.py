"""Strategies whose encoders and fusion are one network, trained together."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone

from skmultimodal._parameters import check_parameters
from skmultimodal.fusion._base import BaseFusion
from skmultimodal.fusion.apart._scored import with_scores
from skmultimodal.fusion.apart._staged import cross_fitted_weights, fit_staged
from skmultimodal.fusion.joint._model import fit_network
from skmultimodal.training._balance import BALANCERS
from skmultimodal.training._network import FusionModule
from skmultimodal.training._settings import JointTraining, TrainingSettings

__all__ = ["JointFusion"]


class JointFusion(BaseFusion):
    """Base class of strategies trained as one network.

    A subclass writes ``build(in_features, n_outputs)`` and gets preparation,
    training, prediction and missing modalities for free. It has the parameter
    ``weights``; how it is trained is said by :class:`~skmultimodal.Training`.

    Attributes
    ----------
    ordered : bool
        Class attribute. If True, `in_features` comes in the user's order;
        otherwise sorted by name, so that the order of modalities changes nothing.
    has_branches : bool
        Class attribute. If True, modalities have scores of their own even with
        ``aux_weight=0``.
    smooth : bool
        Class attribute. False for a form whose scores jump, by a choice of the largest
        for example: that of `check_fusion` which compares float32 with float64 then
        looks at their types only.
    takes_backbone : bool
        Class attribute. Whether the sum of branch scores may be added to the scores:
        they are before the link, and no mixture or evidence.
    aux_weight, modality_dropout : float
        Class attributes. What ``"auto"`` stands for in the parameters of
        :class:`~skmultimodal.Training` of these names.
    """

    ordered = False
    has_branches = False
    smooth = True
    aux_weight = 0.3
    modality_dropout = 0.2
    trains_by_epoch = True
    imputes = True
    takes_backbone = True
    word_weights: tuple[str, ...] = ("learned", "uniform")
    weights_are_fitted = False  # a dict of them, beside the weights of the log pool

    def build(self, in_features: dict[str, int], n_outputs: int) -> FusionModule:
        """Return a new fusion module for the widths of the embeddings."""
        raise NotImplementedError

    def check_task(self, task: Any) -> None:
        """Raise a ValueError if the strategy is not defined for `task`."""

    def build_for(
        self,
        task: Any,
        in_features: dict[str, int],
        joint: JointTraining | None = None,
    ) -> FusionModule:
        """Return a new fusion module for a task, to be trained as `joint` says."""
        check_parameters(self, self.limits)
        joint = joint or self.joint_training(TrainingSettings())
        module = self.build(in_features, task.n_scores)
        module.fit_to(task)
        module.train_with(joint)
        return module

    def joint_training(self, settings: TrainingSettings) -> JointTraining:
        """Return what the training adds to the loss of the strategy."""
        return settings.joint(self)

    def fit_model(self, problem: Any) -> Any:
        """Train encoders and fusion, together or (staged) one after the other."""
        self.check(problem, self.word_weights)
        _check_balance(self, problem.settings)
        self.check_task(problem.task)
        names = problem.names if self.ordered else sorted(problem.names)
        problem = problem.select(names)
        fit = fit_staged if problem.settings.mode == "staged" else _fit_scored
        if isinstance(self.weights, str) and self.weights == "cv":
            settings = problem.settings.replace(n_members=1)
            weights = cross_fitted_weights(self, problem.with_settings(settings), fit)
            spec = clone(self).set_params(weights=weights)
            spec.weights_are_fitted = True
            return fit(spec, problem)
        return fit(self, problem)


def _fit_scored(spec, problem):
    return fit_network(spec, with_scores(problem))


def _check_balance(strategy, settings) -> None:
    """Raise a ValueError for training options that a strategy cannot follow."""
    owner, joint = type(strategy).__name__, strategy.joint_training(settings)
    for name in ("balance", "agreement_weight"):
        value = getattr(joint, name)
        if value and not (strategy.has_branches or joint.aux_weight):
            raise ValueError(
                f"{name}={value!r} compares what the modalities say alone, for which "
                f"{owner} needs aux_weight above 0. Got aux_weight=0."
            )
    if settings.n_members > 1 and settings.mode == "staged":
        raise ValueError(
            f"n_members={settings.n_members} is the number of networks whose encoders "
            "are trained with the fusion. Use mode='joint' of Training or n_members=1."
        )
    if joint.balance == "mmpareto" and settings.accelerator is not None:
        raise ValueError(
            "balance='mmpareto' compares gradients of whole batches, of which each "
            "process of an accelerator sees a part. Leave 'accelerator' out, or use "
            "balance='ogm_ge'."
        )
    if joint.balance in BALANCERS and settings.mode == "staged":
        raise ValueError(
            f"balance={joint.balance!r} changes the gradients of encoders, which "
            "mode='staged' of Training has trained before. Use mode='joint' or "
            "balance='gradient_blending'."
        )
