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
    [("table", trees), ("text", words)], "decision", columns={"table": table}
)
clf.set_params(random_state=0).fit(X_train, y_train)

# %%
proba = clf.predict_proba_per_modality(X_test)
scores = {
    name: (clf.classes_[p.argmax(axis=1)] == y_test).mean() for name, p in proba.items()
}
scores["fused"] = clf.score(X_test, y_test)
fig, (left, right) = plt.subplots(1, 2, figsize=(8, 2.4), layout="constrained")
left.bar_label(left.barh(list(scores), list(scores.values())), fmt="%.2f", padding=3)
left.set(xlabel="accuracy", xlim=(0, 1))
left.invert_yaxis()
display = FusionWeightsDisplay.from_estimator(clf, ax=right)
