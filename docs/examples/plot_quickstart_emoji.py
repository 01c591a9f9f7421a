"""
Quickstart: images and words
============================

Each row of the emoji data holds an image and a name; the class is the group of the
emoji. One line fits both; then we ask what each of the two is worth.
"""

import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from skmultimodal import FusionClassifier
from skmultimodal.datasets import load_emoji
from skmultimodal.inspection import RowDisplay

X, y = load_emoji(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=800, test_size=400, stratify=y, random_state=0
)
clf = FusionClassifier(random_state=0).fit(X_train, y_train)
clf

# %%
# The baselines come first: the same model on one modality alone.

scores = {"both": clf.score(X_test, y_test)}
for name in X:
    alone = FusionClassifier(random_state=0).fit(X_train[[name]], y_train)
    scores[f"{name} alone"] = alone.score(X_test[[name]], y_test)
scores["majority"] = y_test.value_counts(normalize=True).iloc[0]

fig, ax = plt.subplots(figsize=(5, 2.2), layout="constrained")
bars = ax.barh(list(scores), list(scores.values()))
ax.bar_label(bars, fmt="%.2f", padding=3)
ax.set(xlabel="accuracy on 400 test rows", xlim=(0, 1))
ax.invert_yaxis()

# %%
# A row that the image alone gets wrong, and the fusion right.

pictures = clf.predict_proba_per_modality(X_test)["image"]
wrong = clf.classes_[pictures.argmax(axis=1)] != y_test
row = (wrong & (clf.predict(X_test) == y_test)).to_numpy().argmax()
RowDisplay.from_estimator(clf, X_test, row, y_test)
