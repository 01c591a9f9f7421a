"""Feature-level fusion: embeddings merged in one space, then a nonlinear head."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn

from skmultimodal._parameters import (
    BOOL,
    FRACTION,
    POSITIVE_INT,
    WIDTHS,
    either,
    one_of,
)
from skmultimodal.encoders._modules import MLP
from skmultimodal.fusion.apart._heads import fit_head
from skmultimodal.fusion.joint._layers import (
    AbsentTokens,
    Heads,
    Projections,
    SimplexWeights,
    mask_of,
)
from skmultimodal.fusion.joint._strategy import JointFusion
from skmultimodal.training._network import FusionModule, FusionOutput

__all__ = ["FeatureFusion"]

MERGES = ("concat", "sum", "mean", "max", "product")


class FeatureFusion(JointFusion):
    """Merge normalised embeddings, then predict with one nonlinear head.

    The modalities are projected into one space, normalised, weighted and merged;
    the head sees all of them at once and can express any interaction. Prefer it
    when modalities mean something only together and there are enough rows.

    Read more in the :ref:`User Guide <feature_fusion>`.

    Parameters
    ----------
    merge : {"concat", "sum", "mean", "max", "product"}, default="concat"
        How the projected embeddings become one.

    weights : {"learned", "uniform"} or dict, default="learned"
        Weights of the modalities before the merge, on the simplex.

    out_features : int, default=64
        Width of each projected embedding.

    head : tuple of int or estimator, default=(64,)
        Widths of the head's hidden layers, at least one: with a linear head,
        concatenation would be parallel fusion. A scikit-learn classifier or
        regressor is fitted on out-of-fold embeddings of encoders trained apart,
        all in one space; blocks are concatenated and of the other parameters only
        given `weights` matter.

    dropout : float, default=0.0
        Dropout of the head's hidden layers.

    normalize : bool, default=True
        Whether the projections are layer-normalised.

    See Also
    --------
    ParallelFusion : Add the scores of the modalities instead.

    Notes
    -----
    :math:`u_m = \\mathrm{LN}(P_m h_m)`, merged with weights scaled by the number of
    modalities, so that equal weights are 1: concatenation
    :math:`[M w_1 u_1; \\ldots]`, sum :math:`\\sum_m a_m M w_m u_m`, mean
    :math:`\\sum_m w_m(a) u_m`, maximum over the present :math:`M w_m u_m`, product
    :math:`\\prod_m (1 + a_m M w_m u_m)`. In a concatenation a learned token stands
    for an absent modality; in the others it is the neutral element.

    References
    ----------
    .. [1] J. Ngiam et al., "Multimodal deep learning", ICML, 2011.

    Examples
    --------
    >>> from skmultimodal import FeatureFusion, FusionClassifier, Training
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> clf = FusionClassifier(
    ...     fusion=FeatureFusion(merge="sum"), training=Training(max_epochs=5)
    ... )
    >>> clf.fit(X, y).transform(X).shape
    (200, 64)
    """

    limits: ClassVar[dict] = {
        "merge": one_of(*MERGES),
        "out_features": POSITIVE_INT,
        "head": either(WIDTHS, ("an estimator", lambda v: hasattr(v, "fit"))),
        "dropout": FRACTION,
        "normalize": BOOL,
    }

    def __init__(
        self,
        merge: str = "concat",
        weights: str | dict[str, float] = "learned",
        *,
        out_features: int = 64,
        head: Any = (64,),
        dropout: float = 0.0,
        normalize: bool = True,
    ):
        self.merge = merge
        self.weights = weights
        self.out_features = out_features
        self.head = head
        self.dropout = dropout
        self.normalize = normalize

    @property
    def trains_by_epoch(self):  # type: ignore[override]  # nobody sets it
        """Whether fits can go on: not with a scikit-learn head."""
        return not hasattr(self.head, "fit")

    def fit_model(self, problem: Any) -> Any:
        """Train the network, or fit a scikit-learn head on embeddings."""
        if self.trains_by_epoch:
            return super().fit_model(problem)
        self.check(problem, self.word_weights)
        return fit_head(self, problem.select(sorted(problem.names)))

    def build(self, in_features: dict[str, int], n_outputs: int) -> FusionModule:
        """Return a new module for embeddings of the given widths."""
        if not len(self.head):
            raise ValueError(
                "The 'head' parameter of FeatureFusion must have at least one hidden "
                "layer. Got () instead. For a linear head use ParallelFusion."
            )
        return _Feature(in_features, n_outputs, self)


class _Feature(FusionModule):
    def __init__(self, in_features, n_outputs, spec):
        super().__init__(in_features)
        self.merge = spec.merge
        width, n_modalities = spec.out_features, len(self.names)
        self.project = Projections(in_features, width, spec.normalize)
        self.simplex = SimplexWeights(self.names, spec.weights)
        if self.merge == "concat":
            self.absent = AbsentTokens(in_features)
            width *= n_modalities
        self.aux_heads = Heads(in_features, n_outputs)
        self.hidden = nn.Sequential(
            MLP(width, spec.head[-1], spec.head[:-1], spec.dropout), nn.ReLU()
        )
        if spec.dropout:
            self.hidden.append(nn.Dropout(spec.dropout))
        self.out = nn.Linear(spec.head[-1], n_outputs)

    def modality_weights(self):
        return self.simplex.static()

    def forward(self, embeddings, present=None):
        branch_scores = self.aux_heads and self.aux_heads(embeddings)
        if self.merge == "concat":
            embeddings = self.absent(embeddings, present)
        blocks = self.project(embeddings)  # (n, n_modalities, out_features)
        weights = self.simplex(len(blocks), present)
        merged = getattr(self, "_" + self.merge)(blocks, weights, present)
        hidden = self.hidden(merged)
        return FusionOutput(self.out(hidden), hidden, branch_scores, weights)

    def _scaled(self, blocks):
        return blocks * (len(self.names) * self.simplex.static())[:, None]

    def _concat(self, blocks, weights, present):
        return self._scaled(blocks).flatten(1)

    def _sum(self, blocks, weights, present):
        return (self._scaled(blocks) * mask_of(present, blocks)[:, :, None]).sum(1)

    def _mean(self, blocks, weights, present):
        return (weights[:, :, None] * blocks).sum(1)

    def _max(self, blocks, weights, present):
        blocks = self._scaled(blocks)
        if present is None:
            return blocks.amax(1)
        lowest = torch.finfo(blocks.dtype).min
        merged = blocks.masked_fill(~present[:, :, None], lowest).amax(1)
        return merged.masked_fill(~present.any(1, keepdim=True), 0.0)

    def _product(self, blocks, weights, present):
        factors = 1 + self._scaled(blocks) * mask_of(present, blocks)[:, :, None]
        return factors.prod(1)
