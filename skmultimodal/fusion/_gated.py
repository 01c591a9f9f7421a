"""Gated fusion: gates computed for each row mix the modalities' features."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from skmultimodal._parameters import FRACTION, POSITIVE_INT, WIDTHS, one_of
from skmultimodal.fusion.joint._layers import (
    Heads,
    Projections,
    Readout,
    SimplexWeights,
    hide_absent,
    mask_of,
)
from skmultimodal.fusion.joint._strategy import JointFusion
from skmultimodal.training._network import FusionModule, FusionOutput

__all__ = ["GatedFusion"]


class GatedFusion(JointFusion):
    """Mix the modalities' features with gates computed for each row.

    The gated multimodal unit [1]_: every modality gives the same number of
    features, and gates that look at all modalities decide, row by row, how much of
    each enters. Prefer it when the quality of a modality varies from row to row;
    the mean gates of a row are its weights.

    Read more in the :ref:`User Guide <gated_fusion>`.

    Parameters
    ----------
    weights : {"learned", "uniform"} or dict, default="learned"
        ``"learned"`` are the gates. ``"uniform"`` and a dict ``{modality: weight}``
        put the same fixed weights in their place in every row, renormalised over
        the present modalities.

    gate : {"softmax", "sigmoid"}, default="softmax"
        Whether the gates of a unit share one total among the modalities or open
        independently of each other.

    gate_sharing : {"unit", "scalar"}, default="unit"
        One gate for each unit of a modality, or one for all its units.

    out_features : int, default=64
        Width of the fused features.

    head : tuple of int, default=(64,)
        Widths of the hidden layers after the gates; ``()`` is a linear head.

    dropout : float, default=0.0
        Dropout of the head's hidden layers.

    See Also
    --------
    MixtureOfExpertsFusion : Gates that mix predictions instead of features.
    ParallelFusion : With ``weights="gated"``, gates that mix scores.

    Notes
    -----
    With :math:`[h]` the concatenated embeddings, zeros where absent, the fused
    features are

    .. math:: u = \\sum_m a_m\\, g_m([h]) \\odot \\tanh(W_m h_m + b_m), \\qquad
        g = \\mathrm{softmax}_m(V_m [h] + c_m)

    over the present modalities :math:`a` (absent ones have the gate logit
    :math:`-\\infty`), or :math:`g_m = \\sigma(V_m [h] + c_m)`. Input
    ``{modality: (n, d_m)}``, output ``(n, out_features)`` before the head. With
    :math:`d = \\sum_m d_m`, the projections have ``(d + M) D`` parameters and the gates
    ``M (d + 1) D``, or ``M (d + 1)`` with scalar gates. The weights of a row are its
    gates averaged over units, with sigmoid gates divided by their sum.

    Differences from [1]_: with two modalities the softmax gate is the paper's
    :math:`z = \\sigma(W_z [h_1; h_2])`, :math:`1 - z`; the paper's form for more
    modalities is ``gate="sigmoid"``. Gates start at equal values, so that training
    starts from the mean of the modalities.

    References
    ----------
    .. [1] J. Arevalo, T. Solorio, M. Montes-y-Gomez, F. Gonzalez, "Gated multimodal
       units for information fusion", ICLR workshop, 2017.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier, GatedFusion, Training
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(
    ...     fusion=GatedFusion(out_features=16), training=Training(max_epochs=5)
    ... )
    >>> sorted(clf.fit(X, y).fusion_weights_)
    ['m0', 'm1', 'm2']
    """

    limits: ClassVar[dict] = {
        "gate": one_of("softmax", "sigmoid"),
        "gate_sharing": one_of("unit", "scalar"),
        "out_features": POSITIVE_INT,
        "head": WIDTHS,
        "dropout": FRACTION,
    }

    def __init__(
        self,
        weights: str | dict[str, float] = "learned",
        *,
        gate: str = "softmax",
        gate_sharing: str = "unit",
        out_features: int = 64,
        head: tuple[int, ...] = (64,),
        dropout: float = 0.0,
    ):
        self.weights = weights
        self.gate = gate
        self.gate_sharing = gate_sharing
        self.out_features = out_features
        self.head = head
        self.dropout = dropout

    def build(self, in_features: dict[str, int], n_outputs: int) -> FusionModule:
        """Return a new module for embeddings of the given widths."""
        return _Gated(in_features, n_outputs, self)


class _Gated(FusionModule):
    def __init__(self, in_features, n_outputs, spec):
        super().__init__(in_features)
        self.project = Projections(in_features, spec.out_features, normalize=False)
        if spec.weights == "learned" and len(self.names) > 1:
            self.simplex, self.sigmoid = None, spec.gate == "sigmoid"
            n_gates = 1 if spec.gate_sharing == "scalar" else spec.out_features
            self.gate = nn.Linear(sum(in_features.values()), len(self.names) * n_gates)
            nn.init.zeros_(self.gate.weight)  # NOTE[DIFF] starts at equal gates
            nn.init.zeros_(self.gate.bias)
        else:
            self.simplex = SimplexWeights(self.names, spec.weights)
        self.aux_heads = Heads(in_features, n_outputs)
        self.readout = Readout(spec.out_features, spec.head, n_outputs, spec.dropout)

    def modality_weights(self):
        return None if self.simplex is None else self.simplex.static()

    def forward(self, embeddings, present=None):
        branch_scores = self.aux_heads and self.aux_heads(embeddings)
        features = self.project(embeddings).tanh()  # (n, n_modalities, out_features)
        gates = self._gates(embeddings, present)  # (n, n_modalities, units or 1)
        scores, hidden = self.readout((gates * features).sum(1))
        weights = gates.mean(2)
        weights = weights / weights.sum(1, keepdim=True).clamp(min=1e-30)
        return FusionOutput(scores, hidden, branch_scores, weights)

    def _gates(self, embeddings, present):
        joined = torch.cat([embeddings[name] for name in self.names], dim=1)
        if self.simplex is not None:
            return self.simplex(len(joined), present)[:, :, None]
        logits = self.gate(joined).unflatten(1, (len(self.names), -1))
        logits = hide_absent(logits, present)
        # NOTE[DIFF] the paper has sigmoids for more than two modalities
        gates = logits.sigmoid() if self.sigmoid else logits.softmax(1)
        return gates * mask_of(present, gates)[:, :, None]
