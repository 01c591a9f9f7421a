"""
Grades in order: how far off, and not only whether
==================================================

The progression of diabetes, in fifths, from measures of the body and of the serum. A
plain classifier treats the fifths as any five labels; with ``ordinal=True`` it asks of
each whether the row lies above it, and is less far off.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.metrics import ConfusionMatrixDisplay, mean_absolute_error
from sklearn.model_selection import train_test_split

from skmultimodal import FusionClassifier

X, y = load_diabetes(return_X_y=True, as_frame=True)
columns = {"body": list(X.columns[:4]), "serum": list(X.columns[4:])}
fifth = np.searchsorted(np.quantile(y, [0.2, 0.4, 0.6, 0.8]), y)
X, X_new, fifth, fifth_new = train_test_split(
    X, fifth, test_size=0.4, random_state=0, stratify=fifth
)

fig, axes = plt.subplots(1, 2, figsize=(8, 3.8), layout="constrained")
for ax, ordinal in zip(axes, (False, True), strict=True):
    clf = FusionClassifier(
        {"body": "table", "serum": "table"},
        "feature",
        columns=columns,
        ordinal=ordinal,
        random_state=0,
    )
    predicted = clf.fit(X, fifth).predict(X_new)
    off = mean_absolute_error(fifth_new, predicted)
    ConfusionMatrixDisplay.from_predictions(
        fifth_new, predicted, ax=ax, cmap="Blues", colorbar=False
    )
    kind = "ordinal" if ordinal else "plain"
    ax.set_title(f"{kind}: off by {off:.2f} grades on average")

# %%
# `predict` is the median grade; `score` is the quadratic weighted kappa.
clf.score(X_new, fifth_new)
