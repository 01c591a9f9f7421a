"""
Regression: a mean of parts, or their sum
=========================================

A value depends on three blocks of columns, on each as much as on another. Decision
fusion fits a model to each block; how their predictions combine is its ``rule``.
"""

import matplotlib.pyplot as plt
from sklearn.metrics import r2_score

from skmultimodal import DecisionFusion, FusionRegressor, Training
from skmultimodal.datasets import make_multimodal_regression

X, y = make_multimodal_regression(n_samples=500, random_state=0)
train, test = slice(0, 350), slice(350, 500)
models = {
    "weighted mean": DecisionFusion(rule="weighted_mean"),
    "non-negative sum": DecisionFusion(),  # rule="nnls"
    "parallel network": "parallel",
    "feature network": "feature",
}
for name, fusion in models.items():
    training = Training(max_epochs=60, lr=5e-3) if "network" in name else "joint"
    reg = FusionRegressor(fusion=fusion, training=training, random_state=0)
    models[name] = reg.fit(X[train], y[train])

# %%
# Each block tells a third of the value. The mean of three such predictions has the
# right order but a third of the height: means are for models that predict the same
# thing. Weights that need not sum to one, the default, add the parts up and come out
# near one.

predictions = models["weighted mean"].predict_per_modality(X[test])
predictions = {f"{name} alone": values for name, values in predictions.items()}
predictions |= {name: reg.predict(X[test]) for name, reg in models.items()}
scores = {name: r2_score(y[test], values) for name, values in predictions.items()}

fig, (left, *axes) = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
left.bar_label(left.barh(list(scores), list(scores.values())), fmt="%.2f", padding=3)
left.set(xlabel="$R^2$ on 150 test rows", xlim=(0, 1.15))
left.invert_yaxis()
for ax, name in zip(axes, ["weighted mean", "non-negative sum"], strict=True):
    weights = models[name].fusion_weights_.values()
    ax.scatter(y[test], predictions[name], s=12)
    ax.axline((0, 0), slope=1, color="k", linestyle="--")
    ax.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal")
    ax.set(xlabel="true value", ylabel="prediction")
    ax.set_title(f"{name}\nweights " + ", ".join(f"{w:.2f}" for w in weights))
