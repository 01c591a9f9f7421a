"""Parallel fusion: branches trained together, their scores added with weights."""

from __future__ import annotations

import torch
from torch import nn

from skmultimodal.fusion.joint._layers import Heads, SimplexWeights
from skmultimodal.fusion.joint._strategy import JointFusion
from skmultimodal.training._network import FusionModule, FusionOutput

__all__ = ["ParallelFusion"]


class ParallelFusion(JointFusion):
    """Add the weighted scores of branches that are trained together.

    Every modality has a branch of its own, encoder and linear head. The branches
    meet in the loss of the weighted sum only, so each prediction splits exactly
    into one term per modality, unless its weights are ``"gated"``. Prefer it when
    modalities are informative each on its own, when some may be missing, or when
    predictions must be explained. It cannot express an interaction between modalities
    (XOR).

    Read more in the :ref:`User Guide <parallel_fusion>`.

    Parameters
    ----------
    weights : {"learned", "uniform", "gated", "cv"} or dict, default="learned"
        Weights of the branches, on the simplex. ``"learned"`` are trained by
        gradient, ``"gated"`` are computed for each row from all embeddings (then
        there are no `contributions`), ``"cv"`` are fitted on out-of-fold scores of
        the branches, and a dict
        gives ``{modality: weight}``.

    See Also
    --------
    DecisionFusion : Fit the models apart and combine their predictions.
    FeatureFusion : Merge embeddings before one nonlinear head.

    Notes
    -----
    The scores are :math:`F(x) = \\sum_m w_m(a)\\, z_m(x_m)` with
    :math:`w_m(a) = a_m w_m / \\sum_j a_j w_j` over the present modalities
    :math:`a`, and the loss of a row is

    .. math:: \\ell(F, y) + \\frac{\\lambda_{aux}}{M} \\sum_m a_m \\ell(z_m, y)
        + \\frac{\\lambda_{agree}}{2K} \\sum_{m<m'} \\|z_m - z_{m'}\\|^2 .

    Input ``{modality: (n, d_m)}``, scores ``(n, n_outputs)``, embedding
    ``(n, sum d_m)``; ``K sum(d_m + 1) + M`` parameters besides the encoders.

    References
    ----------
    .. [1] K. Simonyan, A. Zisserman, "Two-stream convolutional networks for action
       recognition in videos", NeurIPS, 2014.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier, ParallelFusion, Training
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(
    ...     fusion=ParallelFusion(weights="uniform"), training=Training(max_epochs=5)
    ... )
    >>> clf.fit(X, y).predict_proba(X).shape
    (200, 2)
    """

    has_branches = True
    word_weights = ("learned", "uniform", "gated", "cv")

    def __init__(
        self,
        weights: str | dict[str, float] = "learned",
    ):
        self.weights = weights

    def build(self, in_features: dict[str, int], n_outputs: int) -> FusionModule:
        """Return a new module for embeddings of the given widths."""
        return _Parallel(in_features, n_outputs, self.weights)


class _Parallel(FusionModule):
    sums_branches = True

    def __init__(self, in_features, n_outputs, weights):
        super().__init__(in_features)
        self.heads = Heads(in_features, n_outputs)
        gated = weights == "gated" and len(self.names) > 1
        self.additive = not gated  # a gate sees all modalities
        if gated:
            self.gate = nn.Linear(sum(in_features.values()), len(self.names))
            nn.init.zeros_(self.gate.weight)  # starts uniform
            nn.init.zeros_(self.gate.bias)
            self.simplex = None
        else:
            self.simplex = SimplexWeights(self.names, weights)

    def modality_weights(self):
        return None if self.simplex is None else self.simplex.static()

    def forward(self, embeddings, present=None):
        branch_scores = self.heads(embeddings)  # (n, n_modalities, n_outputs)
        joined = torch.cat([embeddings[name] for name in self.names], dim=1)
        if self.simplex is not None:
            weights = self.simplex(len(joined), present)
        else:
            logits = self.gate(joined)
            if present is not None:
                logits = logits.masked_fill(~present, -1e9)
            weights = logits.softmax(1)
            if present is not None:
                weights = weights * present
        scores = (weights[:, :, None] * branch_scores).sum(1)
        return FusionOutput(scores, joined, branch_scores, weights)
