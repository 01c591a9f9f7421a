"""Sequential fusion: one modality after the other, each sees the state before it."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import torch
from torch import nn

from skmultimodal._parameters import BOOL, POSITIVE_INT, one_of
from skmultimodal.fusion.apart._cascade import CascadeModel, check_cascade, prices_of
from skmultimodal.fusion.apart._residual import fit_residual, stage_order
from skmultimodal.fusion.joint._layers import Heads, SimplexWeights
from skmultimodal.fusion.joint._strategy import JointFusion
from skmultimodal.training._balance import BALANCERS
from skmultimodal.training._network import (
    FusionModule,
    FusionOutput,
    module_key,
    per_modality,
)

__all__ = ["SequentialFusion"]


class SequentialFusion(JointFusion):
    """Read the modalities one after the other, each with the state before it.

    Every stage takes its modality's embedding and the state that earlier stages
    left, and gives scores; the prediction is their weighted sum. A later stage sees
    all earlier modalities, an earlier stage none of the later ones. Prefer it when
    modalities have a natural order, of acquisition or of cost, or when one gives
    the context in which another is read.

    Read more in the :ref:`User Guide <sequential_fusion>`.

    Parameters
    ----------
    order : {"given", "auto", "best_first", "worst_first"} or list of str, \
            default="given"
        Order of the stages; ``"best_first"`` sorts by the out-of-fold loss of each
        modality alone, ``"auto"`` by what it takes off the prior's loss for its
        `cost`.

    mode : {"state", "residual"}, default="state"
        ``"state"`` passes a recurrent state from stage to stage. ``"residual"``
        fits each stage to what the out-of-fold scores of earlier stages leave
        (boosting over modalities); it is additive and sees no interaction.

    weights : {"learned", "uniform", "last", "cv"} or dict, default="learned"
        Weights of the stages' scores, on the simplex; ``"last"`` is the last
        present stage alone. In residual mode ``"learned"`` is a line search on
        held-out rows, and weights scale each step.

    state_features : int, default=64
        Width of the state.

    detach : bool, default=False
        Whether to stop gradients between stages: each stage is fed step by step and
        cannot shape the state before it.

    cv : int, splitter or None, default=None
        Folds for out-of-fold scores in residual mode and for `order`; None deals
        rows by content.

    exit_threshold : float or None, default=None
        Highest probability at which a row is sure: it then exits, and later
        modalities are not looked at (a cascade). None, or more than 1, uses all.

    cost : dict of str to float or None, default=None
        Price of each modality, for ``order="auto"`` and for what a prediction cost;
        None is 1 each.

    See Also
    --------
    ParallelFusion : Branches that do not see each other.

    Notes
    -----
    State mode: :math:`s_0` learned,
    :math:`s_k = \\mathrm{GRU}(h_k, s_{k-1})`, stage scores :math:`o_k = C_k s_k`,
    :math:`F = \\sum_k w_k(a) o_k`; an absent modality passes the state through and has
    weight 0. Residual mode: :math:`F_0 = \\log \\pi`,
    :math:`F_k = F_{k-1} + w_k f_k(x_k)` with
    :math:`f_k = \\arg\\min_f \\sum_i \\ell(y_i, F_{k-1}(x_i) + f(x_{ik}))`.

    References
    ----------
    .. [1] L. Kuncheva, "Combining Pattern Classifiers", Wiley, 2014.

    .. [2] C. Hua et al., "ReconBoost: boosting can achieve modality
       reconcilement", ICML, 2024.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier, SequentialFusion, Training
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(
    ...     fusion=SequentialFusion(weights="last"), training=Training(max_epochs=5)
    ... )
    >>> clf.fit(X, y).predict_proba(X).shape
    (200, 2)
    """

    ordered = True
    has_branches = True
    word_weights = ("learned", "uniform", "last", "cv")
    limits: ClassVar[dict] = {
        "mode": one_of("state", "residual"),
        "state_features": POSITIVE_INT,
        "detach": BOOL,
    }

    def __init__(
        self,
        order: str | list[str] = "given",
        mode: str = "state",
        weights: str | dict[str, float] = "learned",
        *,
        state_features: int = 64,
        detach: bool = False,
        cv: Any = None,
        exit_threshold: float | None = None,
        cost: dict[str, float] | None = None,
    ):
        self.order = order
        self.mode = mode
        self.weights = weights
        self.state_features = state_features
        self.detach = detach
        self.cv = cv
        self.exit_threshold = exit_threshold
        self.cost = cost

    @property
    def trains_by_epoch(self):  # type: ignore[override]  # nobody sets it
        """Whether fits can go on: in state mode only."""
        return self.mode == "state"

    @property
    def imputes(self):  # type: ignore[override]  # nobody sets it
        """Whether absent embeddings can be imputed: in state mode only."""
        return self.mode == "state"

    def fit_model(self, problem: Any) -> Any:
        """Order the stages, then fit them."""
        self.check(problem, self.word_weights)
        self._check_balance(problem.settings.balance)
        self._check_members(problem.settings.n_members)
        check_cascade(self.exit_threshold, problem.task)
        prices_of(problem.names, self.cost, problem.dropped)
        order = stage_order(problem, self.order, self.cv, self.cost)
        problem = problem.select(order)
        residual = self.mode == "residual"
        fit = partial(fit_residual, spec=self) if residual else super().fit_model
        return self._with_exit(fit(problem), problem)

    def _check_balance(self, balance):
        if balance in BALANCERS:
            raise ValueError(
                f"balance={balance!r} is not defined for SequentialFusion: the scores "
                "of a stage are those of its modality and all before it, not of one "
                "alone. Use balance='gradient_blending' or ParallelFusion."
            )
        if balance is not None and self.mode == "residual":
            raise ValueError(
                f"balance={balance!r} is not defined for "
                "SequentialFusion(mode='residual'): its stages are trained apart. Use "
                "mode='state' or balance=None."
            )

    def _check_members(self, n_members):
        if n_members > 1 and (self.mode == "residual" or self.exit_threshold):
            raise ValueError(
                f"n_members={n_members} is not defined for SequentialFusion with "
                "mode='residual' or an 'exit_threshold', which ask stages one by one. "
                "Use n_members=1."
            )

    def _with_exit(self, model, problem):
        """Return the model as a cascade, if it is to be one."""
        if self.exit_threshold is None or model.names != problem.names:
            return model
        prior = problem.task.prior(problem.target, problem.sample_weight)
        prices = prices_of(model.names, self.cost, problem.dropped)
        return CascadeModel(model, problem.task, prior, self.exit_threshold, prices)

    def build(self, in_features: dict[str, int], n_outputs: int) -> FusionModule:
        """Return a new module for embeddings of the given widths."""
        return _Sequential(in_features, n_outputs, self)


class _Sequential(FusionModule):
    def __init__(self, in_features, n_outputs, spec):
        super().__init__(in_features)
        self.detach = spec.detach
        width = spec.state_features
        self.stages = per_modality(
            self.names, lambda name: _stage(in_features[name], width)
        )
        self.start = nn.Parameter(0.1 * torch.randn(width))
        self.heads = Heads(dict.fromkeys(self.names, width), n_outputs)
        weights = spec.weights
        self.sums_branches = weights != "last"
        if weights == "last":
            self.simplex = None
        else:
            self.simplex = SimplexWeights(self.names, weights)

    def modality_weights(self):
        if self.simplex is not None:
            return self.simplex.static()
        return torch.eye(len(self.names))[-1]

    def forward(self, embeddings, present=None):
        n, like = len(embeddings[self.names[0]]), embeddings[self.names[0]]
        state = self.start.expand(n, -1)
        states = {}
        for m, name in enumerate(self.names):
            before = state.detach() if self.detach and m else state
            state = self.stages[module_key(name)](embeddings[name], before)
            if present is not None:  # an absent modality passes the state through
                state = torch.where(present[:, m, None], state, before)
            states[name] = state
        stage_scores = self.heads(states)  # (n, n_modalities, n_outputs)
        if self.simplex is not None:
            weights = self.simplex(n, present)
        else:
            weights = _last_present(n, len(self.names), present, like)
        scores = (weights[:, :, None] * stage_scores).sum(1)
        return FusionOutput(scores, state, stage_scores, weights)


def _stage(in_features, width):
    """Return a recurrent cell with larger weights than torch draws.

    With those a state hardly hears the one before it, and an interaction is found
    after hundreds of steps only.
    """
    cell = nn.GRUCell(in_features, width)
    for part in cell.weight_ih.data.chunk(3):
        nn.init.xavier_uniform_(part)
    for part in cell.weight_hh.data.chunk(3):
        nn.init.orthogonal_(part)
    nn.init.zeros_(cell.bias_ih)
    nn.init.zeros_(cell.bias_hh)
    return cell


def _last_present(n, n_modalities, present, like):
    """Return weight 1 for the last present stage of each row."""
    weights = like.new_zeros(n, n_modalities)
    if present is None:
        weights[:, -1] = 1
        return weights
    steps = torch.arange(1, n_modalities + 1, device=like.device)
    last = (present * steps).argmax(1)
    weights[torch.arange(n, device=like.device), last] = 1
    return weights
