"""
An encoder of your own
======================

An encoder learns its preprocessing in ``fit``, makes arrays in ``transform``, and
returns a new torch module in ``build``. This one embeds a text by how often it uses
each letter.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.model_selection import cross_val_score
from torch import nn

from skmultimodal import BaseEncoder, FusionClassifier, ImageEncoder, TextEncoder
from skmultimodal.datasets import load_emoji


class LetterEncoder(BaseEncoder):
    """Embed text by how often it uses each letter."""

    def __init__(self, out_features=32):
        self.out_features = out_features

    def fit(self, cells, y=None, sample_weight=None):
        self.letters_ = sorted(set("".join(cells).lower()))
        return self

    def transform(self, cells):
        counts = [[text.lower().count(c) for c in self.letters_] for text in cells]
        return {"counts": np.sqrt(np.array(counts, dtype=float))}

    def build(self):
        return _Letters(len(self.letters_), self.out_features)


class _Letters(nn.Module):
    def __init__(self, n_letters, out_features):
        super().__init__()
        self.linear = nn.Linear(n_letters, out_features)
        self.out_features = out_features

    def forward(self, counts):
        return torch.relu(self.linear(counts))


# %%
# Its parameters are searched as ``text__out_features``. What an encoder adds is to be
# measured: letters alone say little, and nothing that the picture did not say.

X, y = load_emoji(return_X_y=True)
X, y = X[::2], y[::2]
image = ("image", ImageEncoder((8, 16), 32))
candidates = {
    "letters": [("text", LetterEncoder())],
    "words": [("text", TextEncoder())],
    "picture": [image],
    "picture, letters": [image, ("text", LetterEncoder())],
    "picture, words": [image, ("text", TextEncoder())],
}
scores = {}
for name, encoders in candidates.items():
    clf = FusionClassifier(encoders, "feature", max_epochs=20, random_state=0)
    scores[name] = cross_val_score(clf, X[[n for n, _ in encoders]], y, cv=2).mean()

fig, ax = plt.subplots(figsize=(5.5, 2.4), layout="constrained")
ax.bar_label(ax.barh(list(scores), list(scores.values())), fmt="%.2f", padding=3)
ax.set(xlabel="accuracy, 2 folds", xlim=(0, 1))
ax.invert_yaxis()
