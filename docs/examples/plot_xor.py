"""
XOR: which strategies see an interaction
========================================

Each modality carries one bit and the class is their exclusive or, so a modality alone,
or a sum of one score a modality, says nothing about the class.
"""

import matplotlib.pyplot as plt
from sklearn.model_selection import cross_val_score

from skmultimodal import FusionClassifier
from skmultimodal.datasets import make_multimodal_xor

X, y = make_multimodal_xor(400, n_features=(4, 4), random_state=0)
strategies = ["parallel", "sequential", "feature", "decision"]
scores = {
    name: cross_val_score(
        FusionClassifier(fusion=name, max_epochs=40, random_state=0), X, y, cv=3
    ).mean()
    for name in strategies
}
for name, score in scores.items():
    print(f"{name:10s} {score:.2f}")

# %%
# Parallel and decision fusion are additive and stay near one half; the state of
# sequential fusion and the head of feature fusion carry the interaction.

fig, ax = plt.subplots(figsize=(5, 2.5), layout="constrained")
ax.barh(strategies, scores.values())
ax.axvline(0.5, color="k", linestyle="--", label="chance")
ax.set(xlabel="accuracy, 3 folds", xlim=(0, 1))
ax.invert_yaxis()
ax.legend()
