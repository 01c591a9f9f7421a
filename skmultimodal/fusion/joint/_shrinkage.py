"""How much of what a network learns beyond its models holds on other rows."""

from __future__ import annotations

import numpy as np
import torch

from skmultimodal.fusion.apart._folds import folds_of, validation_split
from skmultimodal.fusion.rules._weights import is_clear
from skmultimodal.training._members import train_members
from skmultimodal.training._outputs import predict_outputs
from skmultimodal.training._tensors import TensorRows
from skmultimodal.training._trained import bare_module

__all__ = ["shrink", "shrinks"]

FEW_ROWS = 1000  # below it shrinkage="auto" is on
FACTORS = np.linspace(0, 1, 21)[1:]  # with none, training on would teach nothing


def shrinks(net, settings, from_models, n_samples) -> bool:
    """Whether what a network says beyond the models of its branches is to be judged."""
    if bare_module(net).backbone is None:
        return False
    if settings.shrinkage == "auto":
        return from_models and n_samples < FEW_ROWS
    return settings.shrinkage


def shrink(nets, prepare, problem, seeds) -> bool:
    """Set the factors of the networks; return whether Ctrl-C left them at one."""
    try:
        factor = estimate_factor(prepare, problem, seeds)
    except KeyboardInterrupt:
        return True
    for net in nets:
        bare_module(net).backbone.factor.fill_(factor)
    return False


def estimate_factor(prepare, problem, seeds) -> float:
    """Return the factor of a strategy's own scores beside those of models.

    Networks are trained for each fold without its rows, and judge them. Of the factors
    whose loss is within one standard error of the least it is the largest.

    Parameters
    ----------
    prepare : callable
        Given the positions of the rows to train on, it returns a callable that makes a
        new network, which has a backbone, and the `Tensors` of all rows.
    problem : FusionProblem
    seeds : list of int
        Of the members, whose scores are averaged.

    Returns
    -------
    float
        One where rows do not allow two folds, or those of a fold are too few to hold
        some out for early stopping or to fit an encoder that learns from y.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C.
    """
    settings = problem.settings.replace(callbacks=None, checkpoint=None, verbose=0)
    losses = np.zeros((len(FACTORS), problem.n_samples))
    folds = folds_of(problem, None)
    for train, test in folds:
        rows, held_out = train, None
        try:
            if settings.early_stopping:
                parts = validation_split(problem.take(train))
                rows, held_out = (train[part] for part in parts)
            make, data = prepare(rows)
        except ValueError:  # all rows allowed it: these are too few
            return 1.0
        nets, interrupted = train_members(
            make,
            problem.task,
            TensorRows(data, rows),
            None if held_out is None else TensorRows(data, held_out),
            settings,
            seeds,
            [None] * len(seeds),
        )
        if interrupted:
            raise KeyboardInterrupt
        left_out = TensorRows(data, test), data.target[test]
        losses[:, test] = _losses(nets, *left_out, settings.n_threads)
    if not folds:
        return 1.0
    return largest_within_error(losses, problem.sample_weight, problem.groups)


def _losses(nets, rows, target, n_threads) -> np.ndarray:
    """Return the losses of rows by the mean of networks, (n_factors, n_samples)."""
    ends = [_scores(nets, rows, factor, n_threads) for factor in (0.0, 1.0)]
    fusion, criterion = bare_module(nets[0]).fusion.eval(), nets[0].criterion_
    with torch.no_grad():
        losses = [
            fusion.head_loss(torch.lerp(ends[0], ends[1], factor), target, criterion)
            for factor in FACTORS.tolist()
        ]
    return torch.stack(losses).numpy()


def _scores(nets, rows, factor, n_threads) -> torch.Tensor:
    """Return the mean scores of networks with a factor."""
    parts = []
    for net in nets:
        bare_module(net).backbone.factor.fill_(factor)
        parts.append(predict_outputs(net, rows, ["scores"], n_threads)["scores"])
    return torch.from_numpy(np.mean(parts, axis=0))


def largest_within_error(losses, sample_weight=None, groups=None) -> float:
    """Return the largest factor whose loss is within one standard error of the least.

    Parameters
    ----------
    losses : ndarray of shape (n_factors, n_samples)
        Of rows left out, for the factors in `FACTORS`.
    sample_weight : ndarray of shape (n_samples,), default=None
    groups : ndarray of shape (n_samples,), default=None
        Rows of one group count as one in the standard error.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.fusion.joint._shrinkage import FACTORS, largest_within_error
    >>> best_of_rows = np.array([0.1, 0.3, 0.5])  # a mean of .3
    >>> losses = (FACTORS[:, None] - best_of_rows) ** 2
    >>> round(largest_within_error(losses), 2)
    0.5
    """
    best = losses[np.average(losses, axis=1, weights=sample_weight).argmin()]
    return float(
        max(
            factor
            for factor, each in zip(FACTORS, losses, strict=True)
            if not is_clear(each - best, sample_weight, groups)
        )
    )
