import torch
from torch import nn

from skmultimodal.fusion import FusionModule, FusionOutput, JointFusion, per_modality


class PairwiseFusion(JointFusion):
    """Add projected embeddings, and the products of each pair of them."""

    word_weights = ("uniform",)  # a dict of weights is always allowed

    def __init__(self, weights="uniform", out_features=32):
        self.weights = weights
        self.out_features = out_features

    def build(self, in_features, n_outputs):
        return _Pairwise(in_features, n_outputs, self.weights, self.out_features)


class _Pairwise(FusionModule):
    def __init__(self, in_features, n_outputs, weights, d):
        super().__init__(in_features)
        given = weights if isinstance(weights, dict) else dict.fromkeys(in_features, 1)
        self.register_buffer("shares", torch.tensor([given[n] for n in in_features]))
        self.project = per_modality(in_features, lambda n: nn.Linear(in_features[n], d))
        self.head = nn.Linear(2 * d, n_outputs)

    def forward(self, embeddings, present=None):
        pairs = zip(self.project.values(), embeddings.values(), strict=True)
        parts = torch.stack([layer(values) for layer, values in pairs], dim=1)
        weights = self.shares.expand(parts.shape[:2])  # (n, n_modalities)
        weights = weights if present is None else weights * present
        weights = weights / weights.sum(1, keepdim=True).clamp(min=1e-9)
        parts = len(self.names) * weights[:, :, None] * parts
        total = parts.sum(1)  # (n, d)
        fused = torch.cat([total, (total**2 - (parts**2).sum(1)) / 2], dim=1)
        return FusionOutput(self.head(fused), fused, weights=weights)
