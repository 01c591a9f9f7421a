"""Mixture of experts: a gate mixes the predictions of the modalities."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch.nn.functional import logsigmoid

from skmultimodal._parameters import NOT_NEGATIVE, WIDTHS, one_of
from skmultimodal.fusion.joint._layers import (
    Heads,
    Readout,
    SimplexWeights,
    hide_absent,
    mask_of,
)
from skmultimodal.fusion.joint._strategy import JointFusion
from skmultimodal.training._network import FusionModule, FusionOutput

__all__ = ["MixtureOfExpertsFusion"]

TINY = 1e-30  # smallest weight that enters a logarithm


class MixtureOfExpertsFusion(JointFusion):
    """Mix the predictions of one expert per modality with a gate.

    Each modality has an expert, encoder and linear head; for each row a gate gives
    the probability that each expert is the one to trust. Training maximises the
    likelihood of the mixture, so experts may specialise. Prefer it when different
    modalities are right in different regions; on a few hundred rows the gate
    overfits easily.

    Read more in the :ref:`User Guide <mixture_of_experts_fusion>`.

    Parameters
    ----------
    weights : {"learned", "uniform"} or dict, default="learned"
        ``"learned"`` is the gate. ``"uniform"`` and a dict ``{modality: weight}``
        put the same fixed weights in its place in every row, renormalised over the
        present modalities.

    gate_input : {"features", "scores"}, default="features"
        What the gate looks at: the embeddings or the experts' scores.

    gate_hidden : tuple of int, default=(32,)
        Widths of the gate's hidden layers; ``()`` is a linear gate.

    entropy_weight : float, default=0.01
        Weight of the gate's negative entropy in the loss; it keeps the gate from
        settling on one expert.

    See Also
    --------
    ParallelFusion : With ``weights="gated"``, a gate that mixes scores before the
        link.
    GatedFusion : Gates that mix features.

    Notes
    -----
    With expert scores :math:`z_m`, gate :math:`g = \\mathrm{softmax}(G[h])` over the
    present modalities and :math:`p_m = \\mathrm{softmax}(z_m)`, the model and its
    loss are

    .. math:: p(y \\mid x) = \\sum_m g_m(x)\\, p_m(y \\mid x_m), \\qquad
        -\\log p(y \\mid x) + \\lambda_{ent} \\sum_m g_m \\log g_m
        + \\frac{\\lambda_{aux}}{M} \\sum_m a_m \\ell(z_m, y).

    The scores are :math:`\\log p(y \\mid x)`, whose softmax is the mixture. With
    several labels a row each label has its own mixture of sigmoids, the gate in
    common, and its score is the log odds. In regression the scores are the mean
    :math:`\\sum_m g_m z_m` and the loss is its squared error, not the likelihood of
    a mixture of densities. Input ``{modality: (n, d_m)}``, scores
    ``(n, n_outputs)``, embedding ``(n, sum d_m)``; ``K sum(d_m + 1)`` parameters and
    those of the gate.

    Differences from [1]_: each expert sees its own modality only; the entropy and
    the experts' own losses are added.

    References
    ----------
    .. [1] R. Jacobs, M. Jordan, S. Nowlan, G. Hinton, "Adaptive mixtures of local
       experts", Neural Computation, 1991.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier, MixtureOfExpertsFusion, Training
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(
    ...     fusion=MixtureOfExpertsFusion(), training=Training(max_epochs=5)
    ... )
    >>> sorted(clf.fit(X, y).predict_proba_per_modality(X))
    ['m0', 'm1', 'm2']
    """

    takes_backbone = False

    has_branches = True
    limits: ClassVar[dict] = {
        "gate_input": one_of("features", "scores"),
        "gate_hidden": WIDTHS,
        "entropy_weight": NOT_NEGATIVE,
    }

    def __init__(
        self,
        weights: str | dict[str, float] = "learned",
        *,
        gate_input: str = "features",
        gate_hidden: tuple[int, ...] = (32,),
        entropy_weight: float = 0.01,
    ):
        self.weights = weights
        self.gate_input = gate_input
        self.gate_hidden = gate_hidden
        self.entropy_weight = entropy_weight

    def build(self, in_features: dict[str, int], n_outputs: int) -> FusionModule:
        """Return a new module for embeddings of the given widths."""
        return _Mixture(in_features, n_outputs, self)


class _Mixture(FusionModule):
    task_kind = "classification"

    def __init__(self, in_features, n_outputs, spec):
        super().__init__(in_features)
        self.entropy_weight = spec.entropy_weight
        self.gate_input, n_modalities = spec.gate_input, len(self.names)
        # NOTE[DIFF] each expert sees its own modality only
        self.experts = Heads(in_features, n_outputs)
        if spec.weights == "learned" and n_modalities > 1:
            width = sum(in_features.values())
            if spec.gate_input == "scores":
                width = n_modalities * n_outputs
            self.simplex = None
            self.gate = Readout(width, spec.gate_hidden, n_modalities)
        else:
            self.simplex = SimplexWeights(self.names, spec.weights)

    def fit_to(self, task):
        self.task_kind = task.kind

    def modality_weights(self):
        return None if self.simplex is None else self.simplex.static()

    def forward(self, embeddings, present=None):
        branch_scores = self.experts(embeddings)  # (n, n_modalities, n_outputs)
        joined = torch.cat([embeddings[name] for name in self.names], dim=1)
        mask = mask_of(present, branch_scores)
        if self.simplex is not None:
            weights = self.simplex(len(joined), present)
            log_weights = weights.clamp(min=TINY).log()
        else:
            inputs = joined
            if self.gate_input == "scores":
                inputs = (branch_scores * mask[:, :, None]).flatten(1)
            logits = hide_absent(self.gate(inputs)[0], present)
            log_weights = logits.log_softmax(1)
            weights = log_weights.exp() * mask
        mix = getattr(self, "_" + self.task_kind)
        scores = mix(weights[:, :, None], log_weights[:, :, None], branch_scores)
        return FusionOutput(scores, joined, branch_scores, weights)

    def loss(self, output, target, criterion):
        losses = super().loss(output, target, criterion)
        if self.simplex is None and self.entropy_weight:
            weights = output.weights
            # NOTE[DIFF] the entropy of the gate, and the experts' own losses, are added
            entropy = -(weights * weights.clamp(min=TINY).log()).sum(1)
            losses = losses - self.entropy_weight * entropy
        return losses

    def _classification(self, weights, log_weights, scores):
        return (log_weights + scores.log_softmax(2)).logsumexp(1)

    def _multilabel(self, weights, log_weights, scores):
        log_yes = (log_weights + logsigmoid(scores)).logsumexp(1)
        log_no = (log_weights + logsigmoid(-scores)).logsumexp(1)
        return log_yes - log_no

    _ordinal = _multilabel  # whether a row is above each grade
    _survival = _multilabel  # whether the event comes in each interval

    def _regression(self, weights, log_weights, scores):
        return (weights * scores).sum(1)
