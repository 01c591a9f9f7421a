"""Bottleneck fusion: modalities exchange what fits into a few shared tokens."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn

from skmultimodal._parameters import FRACTION, POSITIVE_INT, an_int
from skmultimodal.fusion.joint._layers import Heads, Readout, SimplexWeights
from skmultimodal.fusion.joint._strategy import JointFusion
from skmultimodal.fusion.joint._tokens import (
    Block,
    Tokens,
    check_heads,
    masked_mean,
    pooled,
)
from skmultimodal.training._network import (
    FusionModule,
    FusionOutput,
    module_key,
    per_modality,
)

__all__ = ["BottleneckFusion"]


class BottleneckFusion(JointFusion):
    """Let modalities exchange only what fits into a few shared tokens.

    Each modality attends to its own tokens and to the bottleneck, whose tokens are
    averaged over the modalities after each layer [1]_. Prefer it for long
    sequences (frames of audio, places of images), where attention among the
    tokens of all modalities is too expensive. An encoder without tokens gives one.

    Read more in the :ref:`User Guide <bottleneck_fusion>`.

    Parameters
    ----------
    weights : {"learned", "uniform"} or dict, default="learned"
        Weights of the modalities, on the simplex, in the mean of the bottleneck
        tokens and in that of the modalities' embeddings.

    n_bottlenecks : int, default=4
        Shared tokens.

    n_layers : int, default=2
        Layers, two or more: one writes the bottleneck, the next reads it.

    n_heads : int, default=4
        Attention heads of a block.

    out_features : int, default=64
        Width of the tokens, a multiple of `n_heads`.

    dropout : float, default=0.1
        Dropout of attention and of the blocks' hidden layers and outputs.

    See Also
    --------
    AttentionFusion : One transformer over the tokens of all modalities.
    CrossAttentionFusion : Attention from each modality to each other one.

    Notes
    -----
    With :math:`x_m^0` the projected tokens of modality :math:`m` and :math:`b^0`
    the learned bottleneck, layer :math:`l` is

    .. math:: [x_m^{l+1};\\, b_m^{l+1}] = \\mathrm{Block}_m^l([x_m^l;\\, b^l]), \\qquad
        b^{l+1} = \\sum_m w_m(a)\\, b_m^{l+1}

    over the present modalities :math:`a`, and the fused embedding is
    :math:`\\sum_m w_m(a)\\, \\mathrm{LN}_m(\\bar x_m)` with :math:`\\bar x_m` the mean
    over the tokens. Input tokens ``(n, n_tokens, d_m)`` and masks, output
    ``(n, out_features)`` before the linear head. With width ``D``, about
    ``12 D^2 M`` parameters a layer; attention costs
    ``sum((n_tokens_m + n_bottlenecks)^2)``.

    Differences from [1]_: every layer has a bottleneck, for the encoders are the
    layers before fusion; modalities are summarised by the mean of their tokens
    instead of a class token each; means over modalities are weighted; a query may
    also attend to nothing (a key and value of zeros).

    References
    ----------
    .. [1] A. Nagrani, S. Yang, A. Arnab, A. Jansen, C. Schmid, C. Sun, "Attention
       bottlenecks for multimodal fusion", NeurIPS, 2021.

    Examples
    --------
    >>> from skmultimodal import BottleneckFusion, FusionClassifier, Training
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(
    ...     fusion=BottleneckFusion(out_features=16), training=Training(max_epochs=3)
    ... )
    >>> clf.fit(X, y).transform(X).shape
    (200, 16)
    """

    limits: ClassVar[dict] = {
        "n_bottlenecks": POSITIVE_INT,
        "n_layers": an_int(2),
        "n_heads": POSITIVE_INT,
        "out_features": POSITIVE_INT,
        "dropout": FRACTION,
    }

    def __init__(
        self,
        weights: str | dict[str, float] = "learned",
        *,
        n_bottlenecks: int = 4,
        n_layers: int = 2,
        n_heads: int = 4,
        out_features: int = 64,
        dropout: float = 0.1,
    ):
        self.weights = weights
        self.n_bottlenecks = n_bottlenecks
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.out_features = out_features
        self.dropout = dropout

    def build(self, in_features: dict[str, int], n_outputs: int) -> FusionModule:
        """Return a new module for embeddings of the given widths."""
        check_heads(self)
        return _Bottleneck(in_features, n_outputs, self)


class _Bottleneck(FusionModule):
    takes_tokens = True

    def __init__(self, in_features, n_outputs, spec):
        super().__init__(in_features)
        width = spec.out_features

        def blocks(name):
            return nn.ModuleList(
                Block(width, spec.n_heads, spec.dropout) for _ in range(spec.n_layers)
            )

        self.tokens = Tokens(in_features, width)
        self.bottleneck = nn.Parameter(0.02 * torch.randn(spec.n_bottlenecks, width))
        self.n_layers, self.blocks = spec.n_layers, per_modality(self.names, blocks)
        self.norms = per_modality(self.names, lambda name: nn.LayerNorm(width))
        self.simplex = SimplexWeights(self.names, spec.weights)
        self.aux_heads = Heads(in_features, n_outputs)
        self.readout = Readout(width, (), n_outputs)

    def modality_weights(self):
        return self.simplex.static()

    def forward(self, embeddings, present=None):
        branch_scores = self.aux_heads and self.aux_heads(pooled(embeddings))
        tokens, masks = self.tokens(embeddings, present)
        known = torch.stack([masks[name].any(1) for name in self.names], 1)
        weights = self.simplex(len(known), known)  # (n, n_modalities)
        shared = self.bottleneck.expand(len(known), -1, -1)
        n_shared = shared.shape[1]
        seen = torch.zeros(shared.shape[:2], dtype=torch.bool, device=shared.device)
        # NOTE[DIFF] every layer has a bottleneck: the encoders are the layers before it
        for layer in range(self.n_layers):
            written = torch.zeros_like(shared)
            for m, name in enumerate(self.names):
                blocks: Any = self.blocks[module_key(name)]
                block = blocks[layer]
                joined = torch.cat([tokens[name], shared], 1)
                joined = block(joined, torch.cat([~masks[name], seen], 1))
                tokens[name] = joined[:, :-n_shared]
                share = weights[:, m, None, None]  # NOTE[DIFF] a weighted mean
                written = written + share * joined[:, -n_shared:]
            shared = written
        fused = torch.zeros_like(shared[:, 0])
        for m, name in enumerate(self.names):
            # NOTE[DIFF] the mean of the tokens in place of a class token
            mean = masked_mean(tokens[name], masks[name])
            fused = fused + weights[:, m, None] * self.norms[module_key(name)](mean)
        scores, fused = self.readout(fused)
        return FusionOutput(scores, fused, branch_scores, weights)
