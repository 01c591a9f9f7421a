"""
Bird strikes: boosted trees beside text
=======================================

Reports of aircraft that struck birds: a table of height, speed and so on, and remarks.
Under decision fusion a modality may be any scikit-learn classifier, so that each gets
the model that suits it: boosted trees for the table, a linear model for words.
"""

import matplotlib.pyplot as plt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skmultimodal import FusionClassifier
from skmultimodal.datasets import load_birdstrikes
from skmultimodal.inspection import FusionWeightsDisplay

X, y = load_birdstrikes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
table = [name for name in X if name != "text"]
trees = HistGradientBoostingClassifier(
    max_iter=60, categorical_features="from_dtype", random_state=0
)
words = make_pipeline(
    TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=5, max_iter=1000)
)
clf = FusionClassifier(
    [("table", trees), ("text", words)],
    "decision",
    columns={"table": table},
    random_state=0,
)
clf.fit(X_train, y_train)

# %%
# Each model is fitted by itself, so its own score comes out of the same fit. The
# weights are fitted to predictions out of fold, and need not sum to one.

scores = {"largest class": (y_test == y_train.mode()[0]).mean()}
for name, proba in clf.predict_proba_per_modality(X_test).items():
    scores[name] = (clf.classes_[proba.argmax(axis=1)] == y_test).mean()
scores["fused"] = clf.score(X_test, y_test)

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 2.4), layout="constrained")
left.bar_label(left.barh(list(scores), list(scores.values())), fmt="%.2f", padding=3)
left.set(xlabel=f"accuracy on {len(y_test)} test rows", xlim=(0, 1))
left.invert_yaxis()
display = FusionWeightsDisplay.from_estimator(clf, ax=right)
