"""Attention fusion: modalities are tokens of a small transformer."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from skmultimodal._parameters import FRACTION, POSITIVE_INT, one_of
from skmultimodal.fusion.joint._layers import Heads, Readout, SimplexWeights
from skmultimodal.fusion.joint._strategy import JointFusion
from skmultimodal.fusion.joint._tokens import (
    Block,
    Tokens,
    attention_bias,
    check_heads,
    masked_mean,
    pooled,
)
from skmultimodal.training._network import FusionModule, FusionOutput

__all__ = ["AttentionFusion"]


class AttentionFusion(JointFusion):
    """Let the modalities attend to each other as tokens of a transformer.

    Each modality is one token, or all tokens of its sequence, and absent ones are
    masked. Prefer it with thousands of rows and several modalities, some of which
    may be missing; on a few hundred rows it overfits.

    Read more in the :ref:`User Guide <attention_fusion>`.

    Parameters
    ----------
    weights : {"learned", "uniform"} or dict, default="learned"
        Weights of the modalities, on the simplex. Their logarithms are added to
        the attention logits of the modalities' tokens, and equal weights add
        nothing; a modality with weight zero is not attended to.

    n_layers : int, default=1
        Blocks of the transformer.

    n_heads : int, default=4
        Attention heads of a block.

    out_features : int, default=64
        Width of the tokens, a multiple of `n_heads`.

    pool : {"cls", "mean"}, default="cls"
        Whether the fused embedding is a learned token that attends to all, or the
        weighted mean over modalities of the means of their tokens.

    tokens : {"pooled", "sequence"}, default="pooled"
        Whether a modality is one token, or as many as its encoder offers (steps of
        a text or audio, places of an image).

    dropout : float, default=0.1
        Dropout of attention and of the blocks' hidden layers and outputs.

    See Also
    --------
    CrossAttentionFusion : Attention from each modality to each other one.
    BottleneckFusion : Long sequences that meet in a few shared tokens.

    Notes
    -----
    The tokens are :math:`t_m = P_m h_m + \\tau_m`, with :math:`\\tau_m` the
    learned embedding of the modality, and, in sequences, a sinusoidal position. A
    block is

    .. math:: x \\leftarrow x + \\mathrm{Attention}(\\mathrm{LN}(x)), \\qquad
        x \\leftarrow x + \\mathrm{MLP}(\\mathrm{LN}(x)),

    where attention is the softmax of
    :math:`q^T k_m / \\sqrt{d} + \\log(|a|\\, w_m(a))` over the present modalities
    :math:`a`. Input ``{modality: (n, d_m)}`` or tokens ``(n, n_tokens, d_m)``,
    output ``(n, out_features)`` before the linear head. With width ``D``, about
    ``12 D^2`` parameters a layer and ``sum(d_m) D`` in the projections.

    Differences from [1]_: normalisation before each part, which trains without a
    warm-up; queries may also attend to nothing (a key and value of zeros); query,
    key and value maps have no bias; weights are added to the logits.

    The weights of a row, ``modality_weights(X)`` of the estimators, are the shares of
    the modalities' tokens in what the class token or the mean reads, attention rolled
    out over the layers [2]_.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS, 2017.

    .. [2] S. Abnar, W. Zuidema, "Quantifying attention flow in transformers", ACL,
       2020.

    Examples
    --------
    >>> from skmultimodal import AttentionFusion, FusionClassifier, Training
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(
    ...     fusion=AttentionFusion(out_features=16), training=Training(max_epochs=5)
    ... )
    >>> clf.fit(X, y).transform(X).shape
    (200, 16)
    """

    limits: ClassVar[dict] = {
        "pool": one_of("cls", "mean"),
        "tokens": one_of("pooled", "sequence"),
        "n_layers": POSITIVE_INT,
        "n_heads": POSITIVE_INT,
        "out_features": POSITIVE_INT,
        "dropout": FRACTION,
    }

    def __init__(
        self,
        weights: str | dict[str, float] = "learned",
        *,
        n_layers: int = 1,
        n_heads: int = 4,
        out_features: int = 64,
        pool: str = "cls",
        tokens: str = "pooled",
        dropout: float = 0.1,
    ):
        self.weights = weights
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.out_features = out_features
        self.pool = pool
        self.tokens = tokens
        self.dropout = dropout

    def build(self, in_features: dict[str, int], n_outputs: int) -> FusionModule:
        """Return a new module for embeddings of the given widths."""
        check_heads(self)
        return _Attention(in_features, n_outputs, self)


class _Attention(FusionModule):
    def __init__(self, in_features, n_outputs, spec):
        super().__init__(in_features)
        width = spec.out_features
        self.takes_tokens = spec.tokens == "sequence"
        self.tokens = Tokens(in_features, width)
        self.simplex = SimplexWeights(self.names, spec.weights)
        self.cls = None
        if spec.pool == "cls":
            self.cls = nn.Parameter(0.02 * torch.randn(width))
        # NOTE[DIFF] blocks normalise before each part, their maps have no bias, and a
        # query may attend to nothing
        self.blocks = nn.ModuleList(
            Block(width, spec.n_heads, spec.dropout) for _ in range(spec.n_layers)
        )
        self.norm = nn.LayerNorm(width)
        self.aux_heads = Heads(in_features, n_outputs)
        self.readout = Readout(width, (), n_outputs)

    def modality_weights(self):
        return self.simplex.static()

    def row_weights(self, embeddings, present=None):
        """Return the share of each modality in what the read-out attends to."""
        seen: list[torch.Tensor] = []
        weights = self(embeddings, present, seen).weights
        lengths = [
            given[0].shape[1] if isinstance(given, tuple) else 1
            for given in (embeddings[name] for name in self.names)
        ]
        _, masks = self.tokens(embeddings, present)
        n_tokens = seen[0].shape[1] if seen else sum(lengths) + (self.cls is not None)
        own = torch.eye(n_tokens, dtype=weights.dtype, device=weights.device)
        flow = own.expand(len(weights), -1, -1)
        for attention in seen:
            mixed = own + attention  # a token keeps itself, and adds what it attends to
            flow = (mixed / mixed.sum(2, keepdim=True)) @ flow
        if self.cls is not None:
            read = flow[:, -1, :-1]
        else:
            read = self._mean(flow.split(lengths, 1), masks, weights)
        parts = read.split(lengths, 1)
        shares = torch.stack([part.sum(1) for part in parts], 1)
        return shares / shares.sum(1, keepdim=True).clamp(min=1e-30)

    def forward(self, embeddings, present=None, seen=None):
        branch_scores = self.aux_heads and self.aux_heads(pooled(embeddings))
        tokens, masks = self.tokens(embeddings, present)
        known = torch.stack([masks[name].any(1) for name in self.names], 1)
        weights = self.simplex(len(known), known)  # (n, n_modalities)
        scale = weights * (weights > 0).sum(1, keepdim=True)
        biases = [  # NOTE[DIFF] weights of modalities are added to the logits
            attention_bias(masks[name], scale[:, m])
            for m, name in enumerate(self.names)
        ]
        parts, bias = [tokens[name] for name in self.names], torch.cat(biases, 1)
        if self.cls is not None:
            parts.append(self.cls.expand(len(known), 1, -1))
            bias = torch.cat([bias, torch.zeros_like(bias[:, :1])], 1)
        lengths = [part.shape[1] for part in parts]
        fused = torch.cat(parts, 1)  # (n, n_tokens, out_features)
        for block in self.blocks:
            fused = block(fused, bias, seen=seen)
        fused = self.norm(fused)
        if self.cls is not None:
            fused = fused[:, -1]
        else:
            fused = self._mean(fused.split(lengths, 1), masks, weights)
        scores, fused = self.readout(fused)
        return FusionOutput(scores, fused, branch_scores, weights)

    def _mean(self, parts, masks, weights):
        """Return the weighted mean over modalities of the means of their tokens."""
        means = [
            masked_mean(part, masks[name])
            for name, part in zip(self.names, parts, strict=True)
        ]
        return (weights[:, :, None] * torch.stack(means, 1)).sum(1)
