"""
Regression: what each modality adds
===================================

A value depends on three blocks of columns. The fused prediction is the weighted mean of
what each block predicts, with weights fitted on predictions out of fold.
"""

import matplotlib.pyplot as plt
from sklearn.metrics import r2_score

from skmultimodal import FusionRegressor
from skmultimodal.datasets import make_multimodal_regression

X, y = make_multimodal_regression(n_samples=500, random_state=0)
train, test = slice(0, 350), slice(350, 500)
scores = {}
for fusion in ("decision", "parallel", "feature"):
    reg = FusionRegressor(fusion=fusion, max_epochs=60, lr=5e-3, random_state=0)
    scores[fusion] = reg.fit(X[train], y[train]).score(X[test], y[test])

reg = FusionRegressor(fusion="decision", random_state=0).fit(X[train], y[train])
for name, values in reg.predict_per_modality(X[test]).items():
    scores[f"{name} alone"] = r2_score(y[test], values)

# %%
# Each block alone explains a part. A mean of three predictions, each shrunk towards the
# middle, falls short of a sum of scores that is trained as one network.

fig, ax = plt.subplots(figsize=(5.5, 2.6), layout="constrained")
ax.bar_label(ax.barh(list(scores), list(scores.values())), fmt="%.2f", padding=3)
ax.set(xlabel="$R^2$ on 150 test rows", xlim=(0, 1.1))
ax.invert_yaxis()
