"""
XOR: what tells the four strategies apart
=========================================

Each modality carries one bit and the class is their exclusive or, so a modality alone,
or a sum of one score per modality, says nothing about the class.
"""

import matplotlib.pyplot as plt
import numpy as np

from skmultimodal import FusionClassifier, MultimodalData, Training
from skmultimodal.datasets import make_multimodal_xor

X, y = make_multimodal_xor(600, n_features=(1, 1), random_state=0)
train, test = slice(0, 400), slice(400, 600)
models = {
    name: FusionClassifier(
        fusion=name, training=Training(max_epochs=40), random_state=0
    )
    for name in ["parallel", "sequential", "feature"]
}
models["decision"] = FusionClassifier(fusion="decision", random_state=0)
for clf in models.values():
    clf.fit(X[train], y[train])

# %%
# With one number per modality, what a strategy can say can be drawn: the probability of
# class 1 for every pair of values. Parallel and decision fusion add one score a
# modality and find nothing to say. The second stage of sequential fusion sees the state
# of the first, the head of feature fusion sees both, and each draws the four fields.

axis = np.linspace(-6, 6, 60)
across, up = np.meshgrid(axis, axis)
plane = MultimodalData({"m0": across.reshape(-1, 1), "m1": up.reshape(-1, 1)})

fig, axes = plt.subplots(
    1, 4, figsize=(10, 3), sharex=True, sharey=True, layout="constrained"
)
for ax, (name, clf) in zip(axes, models.items(), strict=True):
    proba = clf.predict_proba(plane)[:, 1].reshape(across.shape)
    drawn = ax.pcolormesh(across, up, proba, cmap="RdBu", vmin=0, vmax=1)
    m0, m1 = X["m0"][test, 0], X["m1"][test, 0]
    ax.scatter(m0, m1, c=y[test], cmap="RdBu", s=12, edgecolors="w", linewidths=0.5)
    ax.set(title=f"{name}: {clf.score(X[test], y[test]):.2f}", aspect="equal")
    ax.set_xlabel("m0")
axes[0].set_ylabel("m1")
fig.colorbar(drawn, ax=axes, label="probability of class 1", shrink=0.8)
fig.suptitle("Accuracy on 200 test rows; chance is 0.50")
