"""
A strategy of your own
======================

A strategy is a class of hyperparameters whose ``build`` returns a torch module over the
embeddings. This one, in under 40 lines, adds the products of each pair of them; it
trains, masks absent modalities and takes part in a grid search as ours do.
"""

import matplotlib.pyplot as plt
import torch
from sklearn.model_selection import GridSearchCV
from torch import nn

from skmultimodal import FusionClassifier, Training
from skmultimodal.datasets import make_multimodal_xor
from skmultimodal.fusion import FusionModule, FusionOutput, JointFusion, per_modality
from skmultimodal.utils.estimator_checks import check_fusion


class PairwiseFusion(JointFusion):
    """Add projected embeddings, and the products of each pair of them."""

    word_weights = ("uniform",)  # a dict of weights is always allowed

    def __init__(self, weights="uniform", out_features=16):
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
        products = (total**2 - (parts**2).sum(1)) / 2
        fused = torch.cat([total, products], dim=1)
        return FusionOutput(self.head(fused), fused, weights=weights)


# %%
# The checks that our own strategies pass are public. They raise at the first promise
# that is broken: absent modalities that count, a parameter without gradient, rows that
# see each other, an order of modalities that matters.

check_fusion(PairwiseFusion())

# %%
# On XOR, where only the interaction of two modalities tells the class, it is compared
# with parallel fusion, a sum, and with feature fusion, a hidden layer over both.

X, y = make_multimodal_xor(400, n_features=(4, 4), random_state=0)
clf = FusionClassifier(random_state=0, training=Training(max_epochs=30, lr=5e-3))
grid = {"fusion": ["parallel", "feature", PairwiseFusion()]}
search = GridSearchCV(clf, grid, cv=3).fit(X, y)

fig, ax = plt.subplots(figsize=(5.5, 2.1), layout="constrained")
scores = search.cv_results_["mean_test_score"]
bars = ax.barh(["parallel", "feature", "PairwiseFusion"], scores)
ax.bar_label(bars, fmt="%.2f", padding=3)
ax.axvline(0.5, color="k", linestyle="--", label="chance")
ax.set(xlabel="accuracy, 3 folds", xlim=(0, 1.1))
ax.invert_yaxis()
fig.legend(loc="outside upper right", frameon=False)
