"""
A frozen pretrained encoder
===========================

Any ``nn.Module`` can be an encoder. Here a small network learns from most of the digits
first; frozen, it then encodes images of which only 40 are labelled, beside a noisy
table.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from skmultimodal import (
    FusionClassifier,
    ModuleEncoder,
    MultimodalData,
    TabularEncoder,
    Training,
)

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
# The table says, with noise, the last two bits of the digit and whether it is 5 or
# more. The same network from scratch has 40 rows to learn from; with the frozen one,
# only what comes after it is trained.

rng = np.random.default_rng(0)
y = digit[~first]
table = rng.normal(np.column_stack([y % 2, y // 2 % 2, y >= 5]), 0.3)
X = MultimodalData({"picture": pixels[~first], "table": table})
scores = {}
for origin, factory, freeze in [
    ("from scratch", backbone, False),
    ("frozen", pretrained, True),
]:
    picture = ModuleEncoder(factory, freeze=freeze)
    encoders = [("picture", picture), ("table", TabularEncoder())]
    clf = FusionClassifier(
        encoders, "decision", training=Training(batch_size=8, lr=1e-2)
    )
    clf.set_params(training__max_epochs=40, random_state=0).fit(X[:40], y[:40])
    for name, proba in clf.predict_proba_per_modality(X[40:]).items():
        key = "table" if name == "table" else f"picture, {origin}"
        scores[key] = (clf.classes_[proba.argmax(axis=1)] == y[40:]).mean()
    scores[f"picture + table, {origin}"] = clf.score(X[40:], y[40:])

fig, ax = plt.subplots(figsize=(6, 2.4), layout="constrained")
ax.bar_label(ax.barh(list(scores), list(scores.values())), fmt="%.2f", padding=3)
ax.set(xlabel=f"accuracy on {len(y) - 40} test rows", xlim=(0, 1.1))
ax.invert_yaxis()
