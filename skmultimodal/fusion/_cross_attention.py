"""Cross-attention fusion: each modality reads each other one, token by token."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn

from skmultimodal._parameters import FRACTION, POSITIVE_INT
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

__all__ = ["CrossAttentionFusion"]


class CrossAttentionFusion(JointFusion):
    """Let the tokens of each modality attend to those of each other modality.

    The multimodal transformer [1]_ for sequences that are not aligned, such as
    words and sounds: every ordered pair of modalities has its own attention. An
    encoder without tokens gives one. Prefer it with ten thousand rows or more, and
    few modalities, for the pairs grow with their square.

    Read more in the :ref:`User Guide <cross_attention_fusion>`.

    Parameters
    ----------
    weights : {"learned", "uniform"} or dict, default="learned"
        Weights of the modalities, on the simplex. They weight the sources that a
        modality reads, and scale the block of each modality before the head.

    n_layers : int, default=1
        Blocks of attention for each ordered pair, and of self-attention after them.

    n_heads : int, default=4
        Attention heads of a block.

    out_features : int, default=32
        Width of the tokens, a multiple of `n_heads`, and of the fused embedding.

    dropout : float, default=0.1
        Dropout of attention, of the blocks' hidden layers and outputs, and of the
        head.

    See Also
    --------
    AttentionFusion : One transformer over the tokens of all modalities.
    BottleneckFusion : Sequences that meet in a few shared tokens.

    Notes
    -----
    With :math:`x_m` the tokens of modality :math:`m`, projected to one width and
    with sinusoidal positions, the target :math:`t` reads the source :math:`s` in
    blocks that start from :math:`z_{s \\to t} = x_t`,

    .. math:: z \\leftarrow z + \\mathrm{softmax}\\Big(
        \\frac{Q(z)\\, K(x_s)^T}{\\sqrt{d}}\\Big) V(x_s), \\qquad
        z \\leftarrow z + \\mathrm{MLP}(z),

    each with layer normalisation before it. The sources are averaged,
    :math:`z_t = \\sum_{s \\ne t} w_s(a)\\, z_{s \\to t}` over the present ones
    (:math:`x_t` if there is none), pass through self-attention, and their mean over
    tokens, normalised, is the block :math:`u_t` of the modality. The head is a
    hidden layer on the concatenated :math:`a_t M w_t u_t`. Input tokens
    ``(n, n_tokens, d_m)`` and masks, output ``(n, out_features)`` before the
    scores. With width ``D``, about ``12 D^2 M^2`` parameters a layer.

    Differences from [1]_: the sources of a target are averaged instead of
    concatenated, so that an absent one drops out; sequences are summarised by
    their mean instead of their last step; the projection is linear instead of a
    convolution; a query may also attend to nothing (a key and value of zeros), so
    that a source of a single token, too, has a gate.

    References
    ----------
    .. [1] Y. Tsai, S. Bai, P. P. Liang, J. Z. Kolter, L. Morency, R. Salakhutdinov,
       "Multimodal transformer for unaligned multimodal language sequences", ACL,
       2019.

    Examples
    --------
    >>> from skmultimodal import CrossAttentionFusion, FusionClassifier, Training
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> fusion = CrossAttentionFusion(out_features=16)
    >>> FusionClassifier(fusion=fusion, training=Training(max_epochs=3)).fit(
    ...     X, y
    ... ).transform(X).shape
    (200, 16)
    """

    limits: ClassVar[dict] = {
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
        out_features: int = 32,
        dropout: float = 0.1,
    ):
        self.weights = weights
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.out_features = out_features
        self.dropout = dropout

    def build(self, in_features: dict[str, int], n_outputs: int) -> FusionModule:
        """Return a new module for embeddings of the given widths."""
        check_heads(self)
        return _CrossAttention(in_features, n_outputs, self)


class _CrossAttention(FusionModule):
    takes_tokens = True

    def __init__(self, in_features, n_outputs, spec):
        super().__init__(in_features)
        width = spec.out_features

        def blocks():
            return nn.ModuleList(
                Block(width, spec.n_heads, spec.dropout) for _ in range(spec.n_layers)
            )

        def sources(target):
            others = [name for name in self.names if name != target]
            return per_modality(others, lambda name: blocks())

        # NOTE[DIFF] a linear projection, where the paper has a convolution
        self.tokens = Tokens(in_features, width)
        self.cross = per_modality(self.names, sources)
        self.own = per_modality(self.names, lambda name: blocks())
        self.norms = per_modality(self.names, lambda name: nn.LayerNorm(width))
        self.simplex = SimplexWeights(self.names, spec.weights)
        self.aux_heads = Heads(in_features, n_outputs)
        self.readout = Readout(
            len(self.names) * width, (width,), n_outputs, spec.dropout
        )

    def modality_weights(self):
        return self.simplex.static()

    def forward(self, embeddings, present=None):
        branch_scores = self.aux_heads and self.aux_heads(pooled(embeddings))
        tokens, masks = self.tokens(embeddings, present)
        known = torch.stack([masks[name].any(1) for name in self.names], 1)
        scale = len(self.names) * self.simplex.static() * known
        parts = []
        for m, name in enumerate(self.names):
            read = self._read(name, tokens, masks, scale)
            own: Any = self.own[module_key(name)]
            for block in own:
                read = block(read, ~masks[name])
            # NOTE[DIFF] the mean of the sequence, not its last step
            mean = masked_mean(read, masks[name])
            parts.append(scale[:, m, None] * self.norms[module_key(name)](mean))
        scores, hidden = self.readout(torch.cat(parts, 1))
        weights = self.simplex(len(hidden), known)
        return FusionOutput(scores, hidden, branch_scores, weights)

    def _read(self, target, tokens, masks, scale):
        """Return the target's tokens after the weighted mean of what they read."""
        steps = torch.zeros_like(tokens[target])
        total = torch.zeros_like(scale[:, 0])
        cross: Any = self.cross[module_key(target)]
        for m, source in enumerate(self.names):
            if source == target:
                continue
            read = tokens[target]
            for block in cross[module_key(source)]:
                read = block(read, ~masks[source], tokens[source])
            # NOTE[DIFF] sources are averaged, not concatenated: absent ones drop out
            steps = steps + scale[:, m, None, None] * (read - tokens[target])
            total = total + scale[:, m]
        return tokens[target] + steps / total.clamp(min=1e-12)[:, None, None]
