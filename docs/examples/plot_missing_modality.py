"""
When a modality is absent
=========================

Cells that are missing are a fact about a row. What counts is how the score falls as
more of them go, and whether the model was trained for it.
"""

import matplotlib.pyplot as plt

from skmultimodal import FeatureFusion, FusionClassifier, ParallelFusion
from skmultimodal.datasets import drop_modalities, load_spoken_digits
from skmultimodal.inspection import MissingModalityDisplay

data = load_spoken_digits()
X, y = data.data, data.target
train, test = slice(0, 500), slice(500, 900)
models = {
    "feature": FeatureFusion(modality_dropout=0.0),
    "feature, dropout": FeatureFusion(modality_dropout=0.4),
    "parallel, dropout": ParallelFusion(modality_dropout=0.4),
}
for name, fusion in models.items():
    clf = FusionClassifier(fusion=fusion, max_epochs=15, random_state=0)
    models[name] = clf.fit(X[train], y[train])

# %%
# Training rows may have gaps too: with ``missing="mask"``, the default, what is absent
# is left out of the fusion. The report has one row a pattern of presence; predictions
# for a pattern that training never saw are extrapolations, and said to be.

clf = FusionClassifier(fusion="parallel", missing="mask", max_epochs=5, random_state=0)
clf.fit(drop_modalities(X[train], 0.3, random_state=1), y[train])
clf.missing_report_

# %%
# The exact expectation for every missing rate, from predictions for all patterns.

fig, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
display = MissingModalityDisplay.from_estimator(models, X[test], y[test], ax=ax)
