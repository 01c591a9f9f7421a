"""
Several labels a row
====================

``y`` may be an indicator matrix. Here an emoji has three questions at once: is it of a
living being, is it round about food or objects, and is its name long?
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from skmultimodal import FusionClassifier
from skmultimodal.datasets import load_emoji

X, group = load_emoji(return_X_y=True)
X, group = X[::2], group[::2]
labels = {
    "living": group.isin(["animals-nature", "people-body", "smileys-emotion"]),
    "thing": group.isin(["food-drink", "objects", "activities", "symbols"]),
    "long name": X["text"].str.len() > 12,
}
y = np.column_stack(list(labels.values())).astype(int)
train, test = slice(0, None, 2), slice(1, None, 2)
clf = FusionClassifier(fusion="decision", random_state=0).fit(X[train], y[train])

# %%
# The image knows of living beings, the words of both, and of their own length.

probabilities = clf.predict_proba_per_modality(X[test])
probabilities["fused"] = clf.predict_proba(X[test])
scores = pd.DataFrame(
    {
        name: roc_auc_score(y[test], proba, average=None)
        for name, proba in probabilities.items()
    },
    index=list(labels),
)
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
scores.plot.bar(ax=ax, rot=0, ylim=(0.5, 1.02), ylabel="area under the ROC curve")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
