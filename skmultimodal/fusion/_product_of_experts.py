"""Product of experts: Gaussian beliefs about a latent code, multiplied."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from skmultimodal._parameters import FRACTION, NOT_NEGATIVE, POSITIVE_INT, WIDTHS
from skmultimodal.fusion.joint._layers import (
    Projections,
    Readout,
    SimplexWeights,
    mask_of,
)
from skmultimodal.fusion.joint._strategy import JointFusion
from skmultimodal.training._network import FusionModule

__all__ = ["ProductOfExpertsFusion"]


class _Output(NamedTuple):
    """A `FusionOutput` with the divergence of the belief from the prior."""

    scores: Tensor
    embedding: Tensor
    branch_scores: Tensor | None
    weights: Tensor | None
    present: Tensor | None
    divergence: Tensor


class ProductOfExpertsFusion(JointFusion):
    """Multiply the modalities' Gaussian beliefs about a latent code.

    Each modality is an expert that gives a mean and a precision for every unit of
    a latent code; the product of the experts with a standard normal prior is
    Gaussian again, and the head predicts from it. An absent modality drops out of
    the product exactly, so one model serves every subset. Prefer it when
    modalities are often missing and each should speak with its own confidence.

    Read more in the :ref:`User Guide <product_of_experts_fusion>`.

    Parameters
    ----------
    weights : {"uniform", "learned"} or dict, default="uniform"
        Weights of the modalities, on the simplex; scaled by the number of
        modalities they multiply the experts' precisions.

    beta : float, default=0.001
        Weight of the divergence from the prior, the price of a bit of information
        in the code.

    out_features : int, default=32
        Width of the code.

    head : tuple of int, default=(64,)
        Widths of the hidden layers after the code; ``()`` is a linear head.

    dropout : float, default=0.0
        Dropout of the head's hidden layers.

    See Also
    --------
    EmbraceFusion : Chance, too, but without precisions.

    Notes
    -----
    With means :math:`\\mu_m`, precisions
    :math:`T_m = \\mathrm{softplus}(\\cdot)`, both linear in :math:`h_m`, and
    :math:`a_m` 1 for present and 0 for absent, the code is
    :math:`q = N(\\mu, \\sigma^2)` with

    .. math:: \\sigma^2 = \\frac{1}{1 + \\sum_m a_m M w_m T_m}, \\qquad
        \\mu = \\sigma^2 \\sum_m a_m M w_m T_m \\mu_m,

    the 1 being the prior's precision. The head sees a draw
    :math:`z \\sim q` in training and :math:`\\mu` at predict, and the loss is
    :math:`\\ell(g(z), y) + \\beta\\, KL(q \\| N(0, I))` and the mean auxiliary loss of
    :math:`g` at the code of each modality alone. The weights of a row are the
    experts' shares of its precision, averaged over units. Input
    ``{modality: (n, d_m)}``, output ``(n, out_features)`` before the head;
    ``2 D sum(d_m + 1)`` parameters.

    Differences from [1]_: the predictions from one modality share the head and
    enter without a divergence of their own. Differences from [2]_: the code
    predicts y, nothing is reconstructed.

    References
    ----------
    .. [1] C. Lee, M. van der Schaar, "A variational information bottleneck approach
       to multi-omics data integration", AISTATS, 2021.

    .. [2] M. Wu, N. Goodman, "Multimodal generative models for scalable
       weakly-supervised learning", NeurIPS, 2018.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier, ProductOfExpertsFusion, Training
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(
    ...     fusion=ProductOfExpertsFusion(), training=Training(max_epochs=5)
    ... )
    >>> clf.fit(X, y).transform(X).shape
    (200, 64)
    """

    takes_backbone = False

    limits: ClassVar[dict] = {
        "beta": NOT_NEGATIVE,
        "out_features": POSITIVE_INT,
        "head": WIDTHS,
        "dropout": FRACTION,
    }

    def __init__(
        self,
        weights: str | dict[str, float] = "uniform",
        *,
        beta: float = 0.001,
        out_features: int = 32,
        head: tuple[int, ...] = (64,),
        dropout: float = 0.0,
    ):
        self.weights = weights
        self.beta = beta
        self.out_features = out_features
        self.head = head
        self.dropout = dropout

    def build(self, in_features: dict[str, int], n_outputs: int) -> FusionModule:
        """Return a new module for embeddings of the given widths."""
        return _ProductOfExperts(in_features, n_outputs, self)


class _ProductOfExperts(FusionModule):
    def __init__(self, in_features, n_outputs, spec):
        super().__init__(in_features)
        self.beta = spec.beta
        self.experts = Projections(in_features, 2 * spec.out_features, normalize=False)
        self.simplex = SimplexWeights(self.names, spec.weights)
        self.readout = Readout(spec.out_features, spec.head, n_outputs, spec.dropout)

    def forward(self, embeddings, present=None):
        # both (n, n_modalities, out_features)
        means, precisions = self.experts(embeddings).chunk(2, dim=2)
        scale = len(self.names) * self.simplex.static()[:, None]
        precisions = scale * softplus(precisions)
        mask = mask_of(present, means)[:, :, None]
        mean, variance = _posterior(means, precisions * mask)
        code = mean
        if self.training:
            code = mean + variance.sqrt() * torch.randn_like(mean)
        scores, hidden = self.readout(code)
        branch_scores = None
        if self.aux_weight:  # the code of each modality alone
            # NOTE[DIFF] it shares the head, and has no divergence of its own
            alone = means * precisions / (1 + precisions)
            branch_scores = self.readout(alone)[0]
        total = (precisions * mask).sum(1, keepdim=True)
        weights = (precisions * mask / total.clamp(min=1e-30)).mean(2)
        divergence = 0.5 * (mean**2 + variance - 1 - variance.log()).sum(1)
        return _Output(scores, hidden, branch_scores, weights, None, divergence)

    def loss(self, output, target, criterion):
        losses = super().loss(output, target, criterion)
        # NOTE[DIFF] the code predicts y, nothing is reconstructed
        return losses + self.beta * output.divergence


def _posterior(means, precisions):
    """Return mean and variance of the product of experts with N(0, 1)."""
    variance = 1 / (1 + precisions.sum(1))
    return variance * (precisions * means).sum(1), variance
