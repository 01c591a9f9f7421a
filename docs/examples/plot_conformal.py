"""
Sets of labels that keep their promise when a modality is missing
=================================================================

A set shall hold the true digit in nine rows of ten. One threshold for all rows keeps
that on average: rows with the spelt digit are covered nearly always, and rows that have
nothing but the image too rarely. With a threshold for each pattern of present
modalities, every pattern is covered, and what is lost with a modality shows as larger
sets.
"""

import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from skmultimodal import ConformalFusionClassifier, FusionClassifier
from skmultimodal.datasets import drop_modalities, load_spoken_digits
from skmultimodal.inspection import CoverageDisplay

X, y = load_spoken_digits(return_X_y=True)
X = drop_modalities(X[["image", "text"]], {"image": 0.3, "text": 0.3}, random_state=0)
X, X_new, y, y_new = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)

fig, axes = plt.subplots(2, 2, figsize=(8, 4.5), sharex="col", layout="constrained")
for pair, by in zip(axes, [None, "pattern"], strict=True):
    inner = FusionClassifier(random_state=0)
    clf = ConformalFusionClassifier(inner, conformity_score="lac", by=by).fit(X, y)
    CoverageDisplay.from_estimator(clf, X_new, y_new, ax=pair)
    pair[0].set_title(f"by={by!r}")
axes[0, 0].set_xlim(0.78, 1.02)

# %%
# What calibrates each pattern.
clf.calibration_report_
