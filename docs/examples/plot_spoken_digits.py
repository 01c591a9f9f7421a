"""
Spoken digits: picture, sound and word
======================================

A digit is drawn, spoken and written. All three come as raw signals: an array of pixels,
a waveform, a string in one of several languages.
"""

import matplotlib.pyplot as plt
import pandas as pd

from skmultimodal import FusionClassifier
from skmultimodal.datasets import load_spoken_digits
from skmultimodal.inspection import RowDisplay

data = load_spoken_digits()
X, y = data.data, data.target
train, test = slice(0, 500), slice(500, 900)
clf = FusionClassifier(random_state=0).fit(X[train], y[train])
fused = clf.score(X[test], y[test])

# %%
# Each modality alone, out of the same fit.

alone = clf.predict_proba_per_modality(X[test])
right = {
    name: (clf.classes_[proba.argmax(axis=1)] == y[test]).mean()
    for name, proba in alone.items()
}
scores = pd.Series(right | {"fused": fused}).sort_values()
fig, ax = plt.subplots(figsize=(5, 2.2), layout="constrained")
ax.bar_label(ax.barh(scores.index, scores), fmt="%.3f", padding=3)
ax.set(xlabel="accuracy on 400 other rows", xlim=(0, 1.1))

# %%
RowDisplay.from_estimator(clf, X[test], 7, y[test])
