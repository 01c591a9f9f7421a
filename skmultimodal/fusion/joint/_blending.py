"""Gradient blending: weights of losses from how heads generalise and overfit."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from skmultimodal.training._fit import train
from skmultimodal.training._outputs import predict_outputs
from skmultimodal.training._tensors import TensorRows
from skmultimodal.training._trained import bare_module

__all__ = ["blending_weights", "estimate_blend"]

FLOOR = 0.05  # of the largest gain: less overfitting than this is not told from none
LEAST = 0.01  # share of the loss that every head keeps


def blending_weights(train_losses, valid_losses) -> np.ndarray:
    """Return the weights of losses that gradient blending gives to heads.

    With the training loss :math:`L^T` and the loss on held-out rows :math:`L^V` of a
    head at the start (0) and the end (n) of a training, its generalisation is
    :math:`G = L^V_0 - L^V_n`, its overfitting
    :math:`O = (L^V_n - L^T_n) - (L^V_0 - L^T_0)`, and its weight is proportional to
    :math:`G / O^2` [1]_.

    Parameters
    ----------
    train_losses, valid_losses : array-like of shape (n_heads, n_checkpoints)
        Curves of the losses; the first and the last point are used.

    Returns
    -------
    ndarray of shape (n_heads,)
        Positive, with sum one.

    Notes
    -----
    Differences from [1]_, for held-out parts that are small: overfitting below a
    twentieth of the largest gain, negative too, counts as that much; a head that
    gains nothing, and any whose share would be less, keeps about a hundredth; where
    no head gains, all are equal.

    References
    ----------
    .. [1] W. Wang, D. Tran, M. Feiszli, "What makes training multi-modal
       classification networks hard?", CVPR, 2020.

    Examples
    --------
    >>> from skmultimodal.fusion.joint._blending import blending_weights
    >>> train_losses = [[1.0, 0.5], [1.0, 0.2]]
    >>> valid_losses = [[1.0, 0.6], [1.0, 0.4]]  # gains .4, .6, overfitting .1, .2
    >>> blending_weights(train_losses, valid_losses).round(3)  # as 40 to 15
    array([0.727, 0.273])
    """
    train_losses, valid_losses = np.asarray(train_losses), np.asarray(valid_losses)
    gaps = valid_losses - train_losses
    gains = np.maximum(valid_losses[:, 0] - valid_losses[:, -1], 0.0)
    if not gains.any():
        return np.full(len(gains), 1 / len(gains))
    # NOTE[DIFF] floors, for held-out parts that are small
    overfitting = np.maximum(gaps[:, -1] - gaps[:, 0], FLOOR * gains.max())
    weights = gains / overfitting**2
    weights = np.maximum(weights / weights.sum(), LEAST)
    return weights / weights.sum()


def estimate_blend(make, joint, problem, data, rows, held_out) -> tuple[float, ...]:
    """Return the weights of the branches' losses and, last, of the fused loss.

    Parameters
    ----------
    make : callable
        Returns a new network, given a `JointTraining`.
    joint : JointTraining
        How the strategy is trained, but for the weights of its losses.
    problem : FusionProblem
    data : Tensors
    rows, held_out : ndarray of int
        Rows to train on and rows held out.

    Notes
    -----
    The offline variant. Two networks are trained for half of ``max_epochs``: one on
    the branches' losses, which do not share encoders, the other on the fused loss.
    The start of all curves is the best constant prediction, for that of an untrained
    network is of its initialisation.
    """
    settings = problem.settings
    settings = settings.replace(
        max_epochs=max(1, settings.max_epochs // 2),
        callbacks=None,
        checkpoint=None,
        verbose=0,
    )
    n_modalities = len(problem.names)
    branches, fused = (1.0,) * n_modalities + (0.0,), (0.0,) * n_modalities + (1.0,)
    part = TensorRows(data, rows)
    # by their agreement a branch would learn from others
    apart = joint.replace(blend=branches, agreement_weight=0.0)
    nets = []
    for how in (apart, joint.replace(blend=fused)):
        new = partial(make, how)
        net, interrupted = train(new, problem.task, part, None, settings, problem.seed)
        if interrupted:
            raise KeyboardInterrupt
        nets.append(net)
    alone, together = nets
    weight = problem.sample_weight
    weight = None if weight is None else weight[rows]
    prior = problem.task.scores(problem.task.prior(problem.target[rows], weight))
    constants = torch.tensor(np.stack([prior, np.zeros_like(prior)]))  # (2, n_outputs)
    curves, best = [], None
    for part in (rows, held_out):
        start = _losses(alone, problem, data, part, constants)
        best = start.argmin() if best is None else best
        end = _losses(alone, problem, data, part)
        end[-1] = _losses(together, problem, data, part)[-1]
        curves.append(np.column_stack([np.full(len(end), start[best]), end]))
    return tuple(blending_weights(*curves).tolist())


def _losses(net, problem, data, rows, constants=None) -> np.ndarray:
    """Return mean losses on some rows: of all heads, or of constant scores."""
    module, criterion = bare_module(net).fusion.eval(), net.criterion_
    if constants is not None:
        heads = [scores.expand(len(rows), -1) for scores in constants]
        present = np.ones((len(rows), len(heads)))
    else:
        part, fields = TensorRows(data, rows), ("scores", "branch_scores")
        outputs = predict_outputs(net, part, fields, problem.settings.n_threads)
        scores, branches = (torch.from_numpy(outputs[field]) for field in fields)
        heads = [*branches.unbind(1), scores]
        present = np.column_stack([problem.present[rows], np.ones(len(rows))])
    target = data.target[rows]
    losses = torch.stack([module.head_loss(head, target, criterion) for head in heads])
    if problem.sample_weight is not None:
        present = present * problem.sample_weight[rows, None]
    total = np.maximum(present.sum(axis=0), np.finfo(float).tiny)
    return (present * losses.numpy().T).sum(axis=0) / total
