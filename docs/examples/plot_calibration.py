"""
Are the fused probabilities right?
==================================

Of the rows that are given a probability of 0.8, eight in ten should be right. The model
of the words is too modest here: it is right more often than it says. Scaling by a
temperature, fitted on predictions out of fold, corrects that; the fused probabilities
were right before, and gain nothing. A point of few rows says little: the lower axes
count them.
"""

import matplotlib.pyplot as plt

from skmultimodal import DecisionFusion, FusionClassifier
from skmultimodal.datasets import load_emoji
from skmultimodal.inspection import ReliabilityDisplay

X, y = load_emoji(return_X_y=True)
train, test = slice(0, None, 2), slice(1, None, 2)
fig, axes = plt.subplots(
    2, 2, figsize=(9, 4.5), height_ratios=(3, 1), sharex=True, layout="constrained"
)
for pair, calibrate in zip(axes.T, [None, "temperature"], strict=True):
    fusion = DecisionFusion(rule="product", calibrate=calibrate)
    clf = FusionClassifier(fusion=fusion, random_state=0).fit(X[train], y[train])
    ReliabilityDisplay.from_estimator(clf, X[test], y[test], n_bins=8, ax=pair)
    title = f"calibrate={calibrate!r}: accuracy {clf.score(X[test], y[test]):.2f}"
    pair[0].set_title(title)
