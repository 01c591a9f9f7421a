"""
A frozen pretrained encoder
===========================

Any ``nn.Module`` can be an encoder. Here a small network learns from most of the digits
first; frozen, it then encodes pictures of which only 40 are labelled, beside a noisy
table. For text, ``SentenceTransformerEncoder("path/of/a/model")`` does the same with a
model of sentence-transformers, and computes each distinct text once.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from skmultimodal import FusionClassifier, ModuleEncoder, MultimodalData, TabularEncoder

pixels, digit = load_digits(return_X_y=True)
pixels = pixels.reshape(-1, 1, 8, 8).astype(np.float32) / 16


def backbone():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.Flatten(),
        nn.Linear(64 * 16, 64), nn.ReLU(),
    )  # fmt: skip


torch.manual_seed(0)
learnt, head = backbone(), nn.Linear(64, 10)
first = np.arange(len(digit)) < 1200
inputs = torch.from_numpy(pixels[first])
targets = torch.from_numpy(digit[first])
optimizer = torch.optim.Adam([*learnt.parameters(), *head.parameters()], 3e-3)
for _ in range(100):
    optimizer.zero_grad()
    nn.functional.cross_entropy(head(learnt(inputs)), targets).backward()
    optimizer.step()
STATE = learnt.state_dict()


def pretrained():
    module = backbone()
    module.load_state_dict(STATE)
    return module


# %%
# The same network from scratch has 40 rows to learn from; with the frozen one only what
# comes after it is trained.

rng = np.random.default_rng(0)
rest = ~first
table = rng.normal(digit[rest, None], 4, (rest.sum(), 3))
X, y = MultimodalData({"picture": pixels[rest], "table": table}), digit[rest]
scores = {}
for name, factory, freeze in [
    ("from scratch", backbone, False),
    ("pretrained, frozen", pretrained, True),
]:
    encoders = [
        ("picture", ModuleEncoder(factory, freeze=freeze)),
        ("table", TabularEncoder()),
    ]
    clf = FusionClassifier(encoders, "feature", batch_size=8)
    clf.set_params(max_epochs=40, random_state=0)
    scores[name] = clf.fit(X[:40], y[:40]).score(X[40:], y[40:])

fig, ax = plt.subplots(figsize=(5.5, 1.6), layout="constrained")
ax.bar_label(ax.barh(list(scores), list(scores.values())), fmt="%.2f", padding=3)
ax.set(xlabel="accuracy on the other rows", xlim=(0, 1.1))
