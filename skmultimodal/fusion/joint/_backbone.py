"""The sum of branch scores that a joint strategy starts from."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from skmultimodal.fusion.joint._layers import Heads, SimplexWeights, mask_of
from skmultimodal.fusion.rules._base import fit_by_part
from skmultimodal.fusion.rules._log_pool import LogPool
from skmultimodal.fusion.rules._regression import NonNegativeLeastSquares

__all__ = ["Backbone", "n_scores", "pool_weights"]

LEAST = 0.05  # weight, below which a branch would learn nothing


def n_scores(encoder) -> int:
    """Return the columns of scores of a model that end an encoder's embedding."""
    return getattr(encoder, "n_scores", 0)


def pool_weights(problem, rows=None) -> dict[str, np.ndarray]:
    """Return the weights that `DecisionFusion` would give the models, by modality.

    Those of the log pool or, of values, of non-negative least squares, fitted to what
    models say of rows that they have not seen.

    Parameters
    ----------
    problem : FusionProblem
        With the models of its modalities, `scored`, if there are any.
    rows : ndarray of int, default=None
        Positions of the rows to judge by, all by default.

    Returns
    -------
    dict of str to ndarray of shape (2, n_outputs)
        Beside the others, and alone: of several labels each has its own. Quantiles
        have none.
    """
    task, weight = problem.task, problem.sample_weight
    if not problem.scored or task.levels is not None:
        return {}
    rows = slice(None) if rows is None else rows
    rules = fit_by_part(
        LogPool() if task.has_labels else NonNegativeLeastSquares(),
        task,
        np.stack([said[rows] for _, said, _ in problem.scored.values()]),
        task.in_units(problem.target[rows]),
        task.prior(problem.target, weight),
        None if weight is None else weight[rows],
    )
    together = np.array([rule.weights_ for rule in rules])  # (n_rules, n_modalities)
    alone = np.ones_like(together)
    if not task.has_labels:
        alone = np.array(
            [
                each.row_weights(np.eye(len(each.weights_), dtype=bool)).diagonal()
                for each in rules
            ]
        )
    weights = np.maximum(np.stack([together, alone]), LEAST)
    weights = np.broadcast_to(weights, (2, task.n_scores, weights.shape[2]))
    return dict(zip(problem.scored, weights.transpose(2, 0, 1), strict=True))


class Backbone(nn.Module):
    """Add the branches' scores to those of a strategy, as the log pool adds them.

    A branch says :math:`b_m = \\log \\pi + c_m s_m + z_m`: the prior, the scores
    :math:`s_m` of its model less those of the prior, with a learned scale that starts
    at one, and what the strategy's head for the branch adds. The output is
    :math:`f + \\log \\pi + \\sum_m r_m v_m (b_m - \\log \\pi)` over the present
    modalities, :math:`f` the strategy's own scores and :math:`v_m` the weight of the
    model in the log pool (of several labels each has its own), which is not learned.
    All that is learned but :math:`c_m` starts at zero: the network starts as
    ``DecisionFusion("log_pool")``. Fixed weights, and those of strategies that are
    weighted sums of branches (their :math:`f` is the sum, and is not added twice), make
    :math:`r_m`, times the number of modalities that count, so that equal weights are
    one; with given ones :math:`v_m` is one.

    Of values, which are no logarithms, :math:`v_m` is the weight :math:`w_m` of
    non-negative least squares, and where modalities are absent
    :math:`\\min(w_m W / W_{present}, a_m)`: it grows with the part of the sum
    :math:`W` of all that the present ones have, to :math:`a_m`, what it is alone. With
    given weights :math:`w_m` is one over the number of modalities and :math:`a_m` one,
    which is their mean.

    After training `factor` multiplies what the strategy learned, :math:`f` and
    :math:`z_m`.

    Parameters
    ----------
    prior : ndarray of shape (n_outputs,)
        Scores of the prior.
    pools : bool
        Whether scores are logarithms, which add up.
    weights : str, dict or None
        The parameter of the strategy; a dict is fixed weights.
    pool_weights : dict of str to ndarray of shape (2, n_outputs)
        See `pool_weights`; equal ones where there are none.
    modules : dict of str to nn.Module
        Encoders.
    fusion : FusionModule
    """

    prior: Tensor
    pool_weights: Tensor
    alone: Tensor
    factor: Tensor

    def __init__(self, prior, pools, weights, pool_weights, modules, fusion):
        super().__init__()
        self.register_buffer("prior", torch.as_tensor(np.asarray(prior)))
        self.pools, self.sums = pools, fusion.sums_branches
        self.names = list(modules)
        self.counts = {name: n_scores(module) for name, module in modules.items()}
        fixed = weights if isinstance(weights, dict) else "uniform"
        self.share = SimplexWeights(self.names, fixed)
        equal = np.ones((2, len(self.prior)))
        equal[0] = 1.0 if pools else 1 / len(self.names)
        pooled = np.stack([pool_weights.get(name, equal) for name in self.names], 1)
        together, alone = torch.from_numpy(pooled).float()  # (n_modalities, n_outputs)
        self.register_buffer("pool_weights", together.clone())
        self.register_buffer("alone", alone.clone())
        self.scale = nn.Parameter(torch.ones(len(self.names)))
        self.register_buffer("factor", torch.ones(()))
        for part in fusion.modules():
            layers = list(part.heads.values()) if isinstance(part, Heads) else []
            for layer in [*layers, getattr(part, "out", None)]:
                if isinstance(layer, nn.Linear):
                    nn.init.zeros_(layer.weight)
                    nn.init.zeros_(layer.bias)

    @property
    def starts_from_models(self) -> bool:
        """Whether each branch has a model."""
        return all(self.counts.values())

    def forward(self, output, embeddings, present):
        """Return the output of the strategy with the backbone in its scores."""
        said = torch.stack([self._said(embeddings[name], name) for name in self.names])
        branches = said.transpose(0, 1) * self.scale[:, None]
        if output.branch_scores is not None:
            branches = branches + self.factor * output.branch_scores
        if present is not None:
            branches = branches * mask_of(present, branches)[:, :, None]
        share = output.weights if self.sums else self.share(len(branches), present)
        pooled = self.prior + (self.relative(share) * branches).sum(1)
        scores = pooled if self.sums else self.factor * output.scores + pooled
        return output._replace(scores=scores, branch_scores=branches + self.prior)

    def relative(self, share: Tensor) -> Tensor:
        """Return what branches are multiplied by, (n_samples, n_modalities, n_outputs).

        It is zero of absent modalities, whose `share` is zero.
        """
        here = (share > 0)[:, :, None]
        weights, alone = self.pool_weights.to(share), self.alone.to(share)
        if not self.pools:
            rest = (here * weights).sum(1, keepdim=True).clamp(min=1e-30)
            grown = weights * (weights.sum(0) / rest)
            weights = torch.minimum(grown, torch.maximum(alone, weights))
        return share[:, :, None] * here.sum(1, keepdim=True) * weights

    def terms(self, names, weights, branch_scores) -> dict[str, np.ndarray]:
        """Return the terms of a weighted sum, and of the prior, by name."""
        prior = self.prior.detach().cpu().numpy()
        relative = self.relative(torch.from_numpy(weights)).numpy()
        terms = relative * (branch_scores - prior)
        return {
            "prior": np.broadcast_to(prior, terms[:, 0].shape).copy(),
            **{name: terms[:, m] for m, name in enumerate(names)},
        }

    def _said(self, embedding, name):
        """Return the model's scores at the end of an embedding, zeros without one."""
        if isinstance(embedding, tuple):  # tokens, the first of which holds them
            embedding = embedding[0][:, 0]
        if self.counts[name]:
            return embedding[:, -self.counts[name] :]
        return embedding.new_zeros(len(embedding), len(self.prior))
