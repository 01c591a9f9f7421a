"""Low-rank fusion: products of all modalities, in factors or as a full tensor."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn

from skmultimodal._parameters import FRACTION, NONE, POSITIVE_INT, WIDTHS, either
from skmultimodal.fusion.joint._layers import (
    Heads,
    Projections,
    Readout,
    SimplexWeights,
    mask_of,
)
from skmultimodal.fusion.joint._strategy import JointFusion
from skmultimodal.training._network import FusionModule, FusionOutput, module_key

__all__ = ["LowRankFusion"]

MAX_TENSOR_MODALITIES = 3


class LowRankFusion(JointFusion):
    """Multiply the modalities' features: low-rank or full tensor fusion.

    Each unit of the fused features is a polynomial with a term for every subset of
    the modalities. The full tensor of its coefficients [2]_ grows exponentially
    with the modalities; in `rank` factors [1]_ it grows linearly. Prefer it when
    modalities act on each other multiplicatively and rows are many; on few rows it
    is the operator that overfits first.

    Read more in the :ref:`User Guide <low_rank_fusion>`.

    Parameters
    ----------
    rank : int or None, default=4
        Number of factors; None is the full tensor, for up to three modalities.

    weights : {"learned", "uniform"} or dict, default="learned"
        Weights of the modalities, on the simplex; each scales the part of its
        modality in the products.

    out_features : int, default=64
        Width of the fused features.

    tensor_features : int, default=12
        Width that each modality is projected to before the full tensor is formed;
        used if ``rank=None``.

    head : tuple of int, default=(64,)
        Widths of the hidden layers after the products; ``()`` is a linear head.

    dropout : float, default=0.0
        Dropout of the head's hidden layers.

    See Also
    --------
    FeatureFusion : With ``merge="product"``, one product of normalised features.

    Notes
    -----
    With weights scaled by the number of modalities, so that equal weights are 1,
    and :math:`a_m` 1 for present and 0 for absent,

    .. math:: u = \\sum_{r=1}^{R} \\alpha_r \\bigodot_m
        \\left(1 + a_m M w_m (U_m^{(r)} h_m + b_m^{(r)})\\right),

    which equals a linear map of the tensor :math:`\\bigotimes_m [1; h_m]` with
    coefficients of rank :math:`R`. The full tensor is
    :math:`u = W \\bigotimes_m [1; a_m M w_m P_m h_m]`. An absent modality's factor
    is exactly 1. Input ``{modality: (n, d_m)}``, output ``(n, out_features)``
    before the head; ``R D sum(d_m + 1)`` parameters in factors,
    ``D (tensor_features + 1)^M`` in full.

    Differences from [1]_: the 1 stands outside of the factors, which start near
    zero, so that products of many modalities start near 1 and their gradients do
    not vanish; the functions are the same. A head follows the products. Difference
    from [2]_: a linear projection narrows each modality first.

    References
    ----------
    .. [1] Z. Liu, Y. Shen, V. Lakshminarasimhan, P. Liang, A. Zadeh, L. Morency,
       "Efficient low-rank multimodal fusion with modality-specific factors", ACL,
       2018.

    .. [2] A. Zadeh, M. Chen, S. Poria, E. Cambria, L. Morency, "Tensor fusion
       network for multimodal sentiment analysis", EMNLP, 2017.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier, LowRankFusion, Training
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(
    ...     fusion=LowRankFusion(rank=2), training=Training(max_epochs=5)
    ... )
    >>> clf.fit(X, y).transform(X).shape
    (200, 64)
    """

    limits: ClassVar[dict] = {
        "rank": either(NONE, POSITIVE_INT),
        "out_features": POSITIVE_INT,
        "tensor_features": POSITIVE_INT,
        "head": WIDTHS,
        "dropout": FRACTION,
    }

    def __init__(
        self,
        rank: int | None = 4,
        weights: str | dict[str, float] = "learned",
        *,
        out_features: int = 64,
        tensor_features: int = 12,
        head: tuple[int, ...] = (64,),
        dropout: float = 0.0,
    ):
        self.rank = rank
        self.weights = weights
        self.out_features = out_features
        self.tensor_features = tensor_features
        self.head = head
        self.dropout = dropout

    def build(self, in_features: dict[str, int], n_outputs: int) -> FusionModule:
        """Return a new module for embeddings of the given widths."""
        rank, n_modalities = self.rank, len(in_features)
        if rank is None and n_modalities > MAX_TENSOR_MODALITIES:
            raise ValueError(
                f"LowRankFusion with rank=None takes at most {MAX_TENSOR_MODALITIES} "
                f"modalities, for the tensor grows exponentially. Got {n_modalities}: "
                f"{list(in_features)}. Pass an int as 'rank'."
            )
        return _LowRank(in_features, n_outputs, self)


class _LowRank(FusionModule):
    def __init__(self, in_features, n_outputs, spec):
        super().__init__(in_features)
        merge = _FullTensor if spec.rank is None else _Factors
        self.merge = merge(in_features, spec)
        self.simplex = SimplexWeights(self.names, spec.weights)
        self.aux_heads = Heads(in_features, n_outputs)
        self.readout = Readout(spec.out_features, spec.head, n_outputs, spec.dropout)

    def modality_weights(self):
        return self.simplex.static()

    def forward(self, embeddings, present=None):
        branch_scores = self.aux_heads and self.aux_heads(embeddings)
        blocks = self.merge.project(embeddings)  # (n, n_modalities, width)
        scale = len(self.names) * self.simplex.static() * mask_of(present, blocks)
        scores, hidden = self.readout(self.merge(blocks * scale[:, :, None]))
        weights = self.simplex(len(blocks), present)
        return FusionOutput(scores, hidden, branch_scores, weights)


class _Factors(nn.Module):
    """Sum over ranks of products over modalities of 1 + block."""

    def __init__(self, in_features, spec):
        super().__init__()
        self.rank = spec.rank
        self.project = Projections(
            in_features, spec.rank * spec.out_features, normalize=False
        )
        for name in in_features:
            linear: Any = self.project.blocks[module_key(name)]
            with torch.no_grad():  # the variance of the product stays bounded
                linear.weight /= len(in_features) ** 0.5
            nn.init.zeros_(linear.bias)
        self.mix = nn.Parameter(torch.full((spec.rank,), 1 / spec.rank))

    def forward(self, blocks):
        # NOTE[DIFF] the 1 stands outside of the factors, so that products start near 1
        products = (1 + blocks).prod(1).unflatten(1, (self.rank, -1))
        return torch.einsum("nrd,r->nd", products, self.mix)


class _FullTensor(nn.Module):
    """A linear map of the outer product over modalities of [1; block]."""

    def __init__(self, in_features, spec):
        super().__init__()
        width = spec.tensor_features  # NOTE[DIFF] a projection narrows each modality
        self.project = Projections(in_features, width, normalize=False)
        self.linear = nn.Linear((width + 1) ** len(in_features), spec.out_features)

    def forward(self, blocks):
        one = torch.ones_like(blocks[:, :, :1])
        tensor = one[:, 0]
        for block in torch.cat([one, blocks], 2).unbind(1):
            tensor = (tensor[:, :, None] * block[:, None]).flatten(1)
        return self.linear(tensor)
