"""Evidential fusion: modalities give evidence for classes, and ignorance is kept."""

from __future__ import annotations

from itertools import combinations
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus

from skmultimodal._parameters import BOOL, NOT_NEGATIVE, an_int, one_of
from skmultimodal.fusion.joint._layers import Heads, SimplexWeights, mask_of
from skmultimodal.fusion.joint._strategy import JointFusion
from skmultimodal.training._network import FusionModule, FusionOutput

__all__ = ["EvidentialFusion", "combine_evidence"]

LARGEST_LOG = 50.0  # of products in Dempster's rule, larger ones are scaled down to it


class EvidentialFusion(JointFusion):
    """Add up the evidence of the modalities and say how much is not known.

    Every modality gives non-negative evidence for each class, the parameters of a
    Dirichlet distribution; a rule combines them. A row then has a belief in each
    class, an ignorance, and a conflict between its modalities, see the method
    ``uncertainty`` of :class:`FusionClassifier`. Prefer it when rows must be
    refused or flagged; its ignorance is a score to rank rows by, not a calibrated
    probability. For classification only.

    Read more in the :ref:`User Guide <evidential_fusion>`.

    Parameters
    ----------
    rule : {"dempster", "cumulative", "average", "weighted"}, default="dempster"
        How evidence is combined. ``"dempster"`` multiplies, so that modalities
        that agree become very sure; ``"cumulative"`` adds; ``"average"`` takes the
        mean, for modalities that depend on each other; ``"weighted"`` takes the
        mean weighted by how much each modality knows.

    weights : {"uniform", "learned"} or dict, default="uniform"
        Weights of the modalities, on the simplex. They scale evidence, and equal
        weights leave it as it is.

    annealing_epochs : int, default=10
        Epochs over which the penalty on evidence for wrong classes grows to its
        whole.

    pseudo_view : bool, default=False
        Whether the concatenated embeddings are one more modality.

    conflict_weight : float, default=0.0
        Weight of the mean conflict between pairs of modalities. The conflict of [3]_
        is this mean times the number of modalities: their gamma is
        ``conflict_weight / n_modalities``.

    See Also
    --------
    ParallelFusion : Add scores instead of evidence.
    DecisionFusion : With ``rule="dempster"``, models that are fitted apart.

    Notes
    -----
    With :math:`K` classes and heads :math:`z_m`, the evidence of a modality is
    :math:`e_m = a_m M w_m\\, \\mathrm{softplus}(z_m(h_m))`, zero where it is absent,
    and the rules are

    .. math:: e = K \\Big(\\prod_m (1 + e_m / K) - 1\\Big), \\quad \\sum_m e_m, \\quad
        \\frac{1}{|a|} \\sum_m e_m, \\quad
        \\frac{\\sum_m (1 - u_m)\\, e_m}{\\sum_m (1 - u_m)} .

    From :math:`\\alpha = e + 1` and :math:`S = \\sum_k \\alpha_k` follow the belief
    :math:`b = e / S`, the ignorance :math:`u = K / S` and the probabilities
    :math:`\\alpha / S`. The loss of a row is
    :math:`L(\\alpha) + \\lambda_{aux} \\sum_m a_m L(\\alpha_m)` plus the weighted
    conflict, the mean over pairs of present modalities of
    :math:`\\frac{1}{2} \\|p_i - p_j\\|_1 (1 - u_i)(1 - u_j)`, where

    .. math:: L(\\alpha) = \\psi(S) - \\psi(\\alpha_y)
        + \\lambda_t\\, KL(\\mathrm{Dir}(\\tilde\\alpha) \\,\\|\\, \\mathrm{Dir}(1)),
        \\qquad \\lambda_t = \\min(1, t / T),

    in epoch :math:`t` of :math:`T` annealing epochs, and :math:`\\tilde\\alpha` is
    :math:`\\alpha` with 1 in the true class. The scores are :math:`\\log \\alpha`,
    whose softmax is :math:`\\alpha / S`. Input ``{modality: (n, d_m)}``, scores
    ``(n, n_outputs)``, embedding ``(n, sum d_m)``; ``K sum(d_m + 1)`` parameters,
    twice as many with the pseudo-view.

    Differences from [1]_ and [2]_: Dempster's rule, in the papers applied pair
    after pair, is computed whole, in logarithms. The weights and the modality
    dropout are ours. The loss of held-out rows counts the whole penalty in every
    epoch, so that early stopping compares like with like. Averaging is over all
    present modalities at once, where the code of [3]_ averages pair after pair and
    so depends on their order; conflict is a mean over pairs, not a sum.

    References
    ----------
    .. [1] Z. Han, C. Zhang, H. Fu, J. T. Zhou, "Trusted multi-view
       classification", ICLR, 2021.
    .. [2] Z. Han, C. Zhang, H. Fu, J. T. Zhou, "Trusted multi-view classification
       with dynamic evidential fusion", IEEE TPAMI, 2022.
    .. [3] C. Xu, J. Si, Z. Guan, W. Zhao, Y. Wu, X. Gao, "Reliable conflictive
       multi-view learning", AAAI, 2024.
    .. [4] M. Sensoy, L. Kaplan, M. Kandemir, "Evidential deep learning to quantify
       classification uncertainty", NeurIPS, 2018.

    Examples
    --------
    >>> from skmultimodal import EvidentialFusion, FusionClassifier, Training
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(
    ...     fusion=EvidentialFusion(), training=Training(lr=0.01, max_epochs=5)
    ... )
    >>> clf.fit(X, y).uncertainty(X).ignorance.shape
    (200,)
    """

    takes_backbone = False

    has_branches = True
    aux_weight = 1.0
    limits: ClassVar[dict] = {
        "rule": one_of("dempster", "cumulative", "average", "weighted"),
        "annealing_epochs": an_int(0),
        "pseudo_view": BOOL,
        "conflict_weight": NOT_NEGATIVE,
    }

    def __init__(
        self,
        rule: str = "dempster",
        weights: str | dict[str, float] = "uniform",
        *,
        annealing_epochs: int = 10,
        pseudo_view: bool = False,
        conflict_weight: float = 0.0,
    ):
        self.rule = rule
        self.weights = weights
        self.annealing_epochs = annealing_epochs
        self.pseudo_view = pseudo_view
        self.conflict_weight = conflict_weight

    def check_task(self, task: Any) -> None:
        """Raise a ValueError unless there is one class per row."""
        if not task.one_label or task.needs_loss is not None:
            raise ValueError(
                "EvidentialFusion is defined for classes with one label per row, and "
                f"without order. Got a target of kind {task.kind!r}. Use another "
                "strategy, such as ParallelFusion, or one classifier per label."
            )

    def build(self, in_features: dict[str, int], n_outputs: int) -> FusionModule:
        """Return a new module for embeddings of the given widths."""
        return _Evidential(in_features, n_outputs, self)


class _Evidential(FusionModule):
    epoch = 0

    def __init__(self, in_features, n_outputs, spec):
        super().__init__(in_features)
        self.rule, self.annealing_epochs = spec.rule, spec.annealing_epochs
        self.conflict_weight = spec.conflict_weight
        self.heads = Heads(in_features, n_outputs)
        self.simplex = SimplexWeights(self.names, spec.weights)
        self.pseudo: nn.Linear | None = None
        if spec.pseudo_view:
            self.pseudo = nn.Linear(sum(in_features.values()), n_outputs)

    def modality_weights(self):
        return self.simplex.static()

    def row_weights(self, embeddings, present=None):
        """Return the share of each modality in the evidence of all."""
        evidence = self(embeddings, present).branch_scores.expm1().sum(2)
        return evidence / evidence.sum(1, keepdim=True).clamp(min=1e-30)

    def train_with(self, joint):
        # the paper sums the losses of the views, where ours take the mean
        super().train_with(joint.replace(aux_weight=len(self.names) * joint.aux_weight))

    def on_epoch(self, epoch):
        self.epoch = epoch

    def forward(self, embeddings, present=None):
        evidence = softplus(self.heads(embeddings))  # (n, n_modalities, n_outputs)
        mask = mask_of(present, evidence)
        scale = len(self.names) * self.simplex.static() * mask
        evidence = evidence * scale[:, :, None]  # NOTE[DIFF] the weights are ours
        joined = torch.cat([embeddings[name] for name in self.names], dim=1)
        pieces = evidence
        if self.pseudo is not None:
            known = mask.amax(1)
            pieces = torch.cat([evidence, self._pseudo(joined, known)[:, None]], 1)
            mask = torch.cat([mask, known[:, None]], 1)
        scores = combine_evidence(pieces, mask, self.rule).log1p()
        weights = self.simplex(len(joined), present)
        return FusionOutput(scores, joined, evidence.log1p(), weights)

    def _pseudo(self, joined, known):
        """Return the evidence of the pseudo-view, none in rows without modality."""
        assert self.pseudo is not None  # asked for only where there is one
        return softplus(self.pseudo(joined)) * known[:, None]

    def loss(self, output, target, criterion):
        """Return the loss of each row; `criterion` is not used."""
        losses = super().loss(output, target, criterion)
        branches = output.branch_scores
        mask = mask_of(output.present, branches)
        if self.pseudo is not None and self.aux_weight and self.blend is None:
            scores = self._pseudo(output.embedding, mask.amax(1)).log1p()
            own = self.head_loss(scores, target, criterion)
            losses = losses + self.aux_weight / len(self.names) * own
        if self.conflict_weight:
            losses = losses + self.conflict_weight * conflict(branches, mask)
        return losses

    def truth_losses(self, losses, branches, target):
        logs = branches.detach().log_softmax(2)
        target = target[:, None, None].expand(*logs.shape[:2], 1)
        return -logs.gather(2, target)[:, :, 0]

    def head_loss(self, scores, target, criterion):
        """Return the loss of log alpha (n, n_outputs) and class indices (n,)."""
        if getattr(criterion, "given", None) is not None:
            raise ValueError(
                "EvidentialFusion has a loss of its own and cannot take the "
                "'criterion' of 'net_params'. Leave it out, or use another strategy."
            )
        alpha = scores.exp()
        truth = one_hot(target, alpha.shape[-1]).to(alpha.dtype)
        true = (truth * alpha).sum(-1)
        fit = alpha.sum(-1).digamma() - true.digamma()
        share = 1.0
        # NOTE[DIFF] held-out rows have the whole penalty, for epochs to be comparable
        if self.training and self.annealing_epochs:
            share = min(1.0, self.epoch / self.annealing_epochs)
        wrong = truth + (1 - truth) * alpha
        return fit + share * divergence_from_uniform(wrong)

    def uncertainty(self, output):
        """Return belief, ignorance and conflict of each row, as a dict of tensors."""
        alpha = output.scores.exp()
        total = alpha.sum(1)
        branches = output.branch_scores
        return {
            "belief": (alpha - 1) / total[:, None],
            "ignorance": alpha.shape[1] / total,
            "conflict": conflict(branches, mask_of(output.present, branches)),
        }


def combine_evidence(evidence: Tensor, mask: Tensor, rule: str) -> Tensor:
    """Return the fused evidence of each row, (n, n_outputs).

    Parameters
    ----------
    evidence : Tensor of shape (n, n_modalities, n_outputs)
        Zeros where a modality is absent.
    mask : Tensor of shape (n, n_modalities)
        One where a modality is present, else zero.
    rule : {"dempster", "cumulative", "average", "weighted"}

    Examples
    --------
    >>> import torch
    >>> from skmultimodal.fusion._evidential import combine_evidence
    >>> evidence = torch.tensor([[[2.0, 0.0], [4.0, 2.0]]])
    >>> combine_evidence(evidence, torch.ones(1, 2), "dempster")  # 2 (2 * 3 - 1), ...
    tensor([[10.,  2.]])
    """
    if rule == "cumulative":
        return evidence.sum(1)
    n_outputs = evidence.shape[2]
    if rule == "dempster":
        # NOTE[DIFF] the rule whole, in logarithms, which the papers apply by pairs
        logs = (evidence / n_outputs).log1p().sum(1)
        excess = (logs.max(1, keepdim=True).values - LARGEST_LOG).clamp(min=0)
        return n_outputs * (logs - excess).clamp(min=0).expm1()
    if rule == "average":
        # NOTE[DIFF] over all at once: averaging pair after pair depends on their order
        return evidence.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
    total = evidence.sum(2)
    known = total / (total + n_outputs)  # 1 - ignorance, (n, n_modalities)
    sums = (known[:, :, None] * evidence).sum(1)
    return sums / known.sum(1, keepdim=True).clamp(min=1e-30)


def conflict(log_alpha: Tensor, mask: Tensor) -> Tensor:
    """Return the mean conflict between the present modalities, in [0, 1], (n,)."""
    alpha = log_alpha.exp()
    total = alpha.sum(2, keepdim=True)
    proba = alpha / total
    known = mask * (1 - alpha.shape[2] / total[:, :, 0])
    conflicts, count = torch.zeros_like(known[:, 0]), torch.zeros_like(known[:, 0])
    for i, j in combinations(range(mask.shape[1]), 2):
        gap = (proba[:, i] - proba[:, j]).abs().sum(1) / 2
        conflicts = conflicts + gap * known[:, i] * known[:, j]
        count = count + mask[:, i] * mask[:, j]
    return conflicts / count.clamp(min=1)  # NOTE[DIFF] a mean over pairs, not a sum


def divergence_from_uniform(alpha: Tensor) -> Tensor:
    """Return KL(Dir(alpha) || Dir(1)) over the last axis."""
    total = alpha.sum(-1)
    n_outputs = torch.full_like(total, alpha.shape[-1])
    logs = alpha.digamma() - total.digamma()[..., None]
    inner = ((alpha - 1) * logs - alpha.lgamma()).sum(-1)
    return total.lgamma() - n_outputs.lgamma() + inner
