"""Embrace fusion: each unit of the fused features comes from one modality."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch.nn.functional import one_hot

from skmultimodal._parameters import FRACTION, POSITIVE_INT, WIDTHS
from skmultimodal.fusion.joint._layers import (
    Projections,
    Readout,
    SimplexWeights,
)
from skmultimodal.fusion.joint._strategy import JointFusion
from skmultimodal.training._network import FusionModule, FusionOutput

__all__ = ["EmbraceFusion"]


class EmbraceFusion(JointFusion):
    """Draw each unit of the fused features from one modality.

    Every modality offers a full set of features; in training, chance picks for
    each unit the modality that it comes from, so that the head learns to do with
    any part of them. Prefer it on few rows and when modalities may be missing.

    Read more in the :ref:`User Guide <embrace_fusion>`.

    Parameters
    ----------
    weights : {"uniform", "learned"} or dict, default="uniform"
        Probabilities of selecting the modalities, renormalised over the present
        ones.

    out_features : int, default=64
        Width of the fused features.

    head : tuple of int, default=(64,)
        Widths of the hidden layers after the selection; ``()`` is a linear head.

    dropout : float, default=0.0
        Dropout of the head's hidden layers.

    See Also
    --------
    FeatureFusion : With ``merge="mean"``, the same without chance.

    Notes
    -----
    With :math:`v_m = \\mathrm{ReLU}(W_m h_m + b_m)`, unit :math:`j` of a row with
    present modalities :math:`a` is, in training,

    .. math:: u_j = v_{r_j, j}, \\qquad r_j \\sim \\mathrm{Multinomial}(w(a)),

    and at predict its expectation :math:`u = \\sum_m w_m(a) v_m`. An absent modality
    is never selected. The scores of one modality are those of the head for
    :math:`v_m`: what the model predicts where only this modality is present.
    Input ``{modality: (n, d_m)}``, output ``(n, out_features)`` before the head;
    ``D sum(d_m + 1)`` parameters.

    Differences from [1]_: the expectation at predict, where the authors' code draws
    again, so that equal rows get equal predictions; ``weights="learned"`` trains
    the probabilities through the straight-through gradient of the draw; the
    predictions from one modality enter the loss.

    References
    ----------
    .. [1] J.-H. Choi, J.-S. Lee, "EmbraceNet: a robust deep learning architecture
       for multimodal classification", Information Fusion, 2019.

    Examples
    --------
    >>> from skmultimodal import EmbraceFusion, FusionClassifier, Training
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(fusion=EmbraceFusion(), training=Training(max_epochs=5))
    >>> clf.fit(X, y).transform(X).shape
    (200, 64)
    """

    takes_backbone = False

    limits: ClassVar[dict] = {
        "out_features": POSITIVE_INT,
        "head": WIDTHS,
        "dropout": FRACTION,
    }

    def __init__(
        self,
        weights: str | dict[str, float] = "uniform",
        *,
        out_features: int = 64,
        head: tuple[int, ...] = (64,),
        dropout: float = 0.0,
    ):
        self.weights = weights
        self.out_features = out_features
        self.head = head
        self.dropout = dropout

    def build(self, in_features: dict[str, int], n_outputs: int) -> FusionModule:
        """Return a new module for embeddings of the given widths."""
        return _Embrace(in_features, n_outputs, self)


class _Embrace(FusionModule):
    def __init__(self, in_features, n_outputs, spec):
        super().__init__(in_features)
        self.project = Projections(in_features, spec.out_features, normalize=False)
        self.simplex = SimplexWeights(self.names, spec.weights)
        self.readout = Readout(spec.out_features, spec.head, n_outputs, spec.dropout)

    def modality_weights(self):
        return self.simplex.static()

    def forward(self, embeddings, present=None):
        features = self.project(embeddings).relu()  # (n, n_modalities, out_features)
        weights = self.simplex(len(features), present)
        selection = weights[:, :, None]  # NOTE[DIFF] the expectation at predict
        if self.training:
            drawn = _draw(weights.detach(), features.shape[2])
            # NOTE[DIFF] probabilities are learnt: the gradient of the draw is taken to
            # be theirs
            selection = drawn + selection - selection.detach()
        selection = selection * (weights > 0)[:, :, None]
        scores, hidden = self.readout((selection * features).sum(1))
        # NOTE[DIFF] the predictions from one modality enter the loss
        branch_scores = self.readout(features)[0] if self.aux_weight else None
        return FusionOutput(scores, hidden, branch_scores, weights)


def _draw(weights, n_units):
    """Return one-hot draws of a modality for each unit, (n, n_modalities, n_units)."""
    nothing = weights.sum(1, keepdim=True) == 0  # a row that has none to draw
    weights = torch.where(nothing, torch.ones_like(weights), weights)
    drawn = torch.multinomial(weights, n_units, replacement=True)  # (n, n_units)
    return one_hot(drawn, weights.shape[1]).transpose(1, 2).to(weights.dtype)
