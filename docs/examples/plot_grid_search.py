"""
Search over strategies and weights
==================================

The strategy is a parameter like any other. With ``memory``, and with encoders trained
once per fold (``training="staged"``), a search over strategies trains no encoder twice.
"""

import tempfile

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skmultimodal import (
    DecisionFusion,
    FeatureFusion,
    FusionClassifier,
    ImageEncoder,
    ParallelFusion,
    TextEncoder,
    Training,
)
from skmultimodal.datasets import load_emoji

X, y = load_emoji(return_X_y=True)
X, y = X[::5], y[::5]
encoders = [("image", ImageEncoder((4, 8), 32)), ("text", TextEncoder())]
grid = [
    {"fusion": [ParallelFusion()], "fusion__weights": ["learned", "uniform"]},
    {"fusion": [FeatureFusion()], "fusion__merge": ["concat", "sum"]},
    {"fusion": [DecisionFusion()], "fusion__rule": ["log_pool", "mean", "stacking"]},
]
with tempfile.TemporaryDirectory() as folder:
    clf = FusionClassifier(
        encoders,
        memory=folder,
        random_state=0,
        training=Training("staged", max_epochs=10, lr=1e-2),
    )
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(clf, grid, cv=folds, refit=False).fit(X, y)

# %%
# Differences of a standard deviation between folds are no ground for a choice.

found = pd.DataFrame(search.cv_results_)
labels = []
for params in search.cv_results_["params"]:
    ((key, value),) = (item for item in params.items() if item[0] != "fusion")
    option = key.removeprefix("fusion__")
    labels.append(f"{type(params['fusion']).__name__}, {option}={value}")

fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.errorbar(found["mean_test_score"], labels, xerr=found["std_test_score"], fmt="o")
ax.set_xlabel("accuracy: mean and standard deviation of 3 folds")
ax.invert_yaxis()
