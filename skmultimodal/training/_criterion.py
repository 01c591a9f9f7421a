"""The loss of each row: the task's, or one that the user gives."""

from __future__ import annotations

import copy

from torch import nn

__all__ = ["Criterion"]


class Criterion:
    """The loss of each row; not a module, so that accelerators leave it.

    Parameters
    ----------
    task : Classification, Multilabel or Regression
    given : class, module or callable, default=None
        A loss of the user in place of the task's, called with scores and targets.
    **params : object
        Of `given`, where it is a class.
    """

    def __init__(self, task, given=None, **params):
        self.task = task
        if isinstance(given, type):
            given = given(**params)
        elif given is not None and params:
            raise ValueError(
                f"'net_params' has parameters of a criterion, {sorted(params)}, which "
                "is no class. Give the class, or an instance without them."
            )
        self.given = copy.deepcopy(given)
        if hasattr(self.given, "reduction"):
            self.given.reduction = "none"
        if isinstance(self.given, nn.Module) and list(self.given.parameters()):
            raise ValueError(
                f"The 'criterion' of 'net_params', {type(self.given).__name__}, has "
                "parameters of its own, which would not be trained. Use buffers."
            )

    def __call__(self, scores, target):
        if self.given is None:
            return self.task.loss(scores, target)
        if isinstance(self.given, nn.Module):
            self.given.to(scores.device, scores.dtype)
        target = self.task.loss_target(target, scores)
        shapes = f"scores {tuple(scores.shape)} and targets {tuple(target.shape)}"
        name = getattr(self.given, "__name__", type(self.given).__name__)
        try:
            losses = self.given(scores, target)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            raise ValueError(
                f"The 'criterion' of 'net_params', {name}, cannot compare {shapes}, "
                f"{str(target.dtype).removeprefix('torch.')}: {error}"
            ) from error
        if losses.ndim == 0 or len(losses) != len(scores):
            raise ValueError(
                f"The 'criterion' of 'net_params', {name}, must give a loss for each "
                f"row, so that rows can be weighted. Got shape {tuple(losses.shape)} "
                f"for {shapes}. Give it an attribute 'reduction' that it follows."
            )
        return losses.flatten(1).mean(1) if losses.ndim > 1 else losses
