"""
Which modality matters, and do they interact?
=============================================

Shapley values share the score among modalities, whatever the order in which they come;
interactions say how much of a prediction no sum over modalities could give.
"""

import matplotlib.pyplot as plt

from skmultimodal import FusionClassifier, Training
from skmultimodal.datasets import load_spoken_digits, make_multimodal_xor
from skmultimodal.inspection import (
    InteractionDisplay,
    ModalityImportanceDisplay,
    modality_importance,
    modality_interaction,
)

data = load_spoken_digits()
X, y = data.data, data.target
clf = FusionClassifier(random_state=0).fit(X[:500], y[:500])
result = modality_importance(clf, X[500:700], y[500:700])
result.values_.round(2)  # the score of every set of modalities

# %%
# Bars share out the accuracy over chance; each dot beside is one row's share of the
# probability of its true class.

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
shown = ModalityImportanceDisplay(
    result.importances_, std=result.std_, per_row=result.per_row_
)
shown.plot(ax=left)
shown.plot(ax=right, kind="beeswarm")

# %%
# Only a strategy that can interact may be asked, so both models fuse features. The
# digits need little interaction: each modality tells the class by itself. For XOR most
# of it is interaction, for neither modality says anything alone.

bits, parity = make_multimodal_xor(200, n_features=(4, 4), random_state=0)
xor = FusionClassifier(
    fusion="feature", random_state=0, training=Training(max_epochs=30)
)
xor.fit(bits, parity)
digits = FusionClassifier(
    fusion="feature", random_state=0, training=Training(max_epochs=15)
)
digits.fit(X[:250], y[:250])
fig, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for ax, (name, model, rows) in zip(
    axes, [("digits", digits, X[500:520]), ("XOR", xor, bits[:100])], strict=True
):
    found = modality_interaction(model, rows, random_state=0)
    InteractionDisplay(found.matrix_).plot(ax=ax)
    ax.set_title(f"{name}: {found.score_:.2f} of it is interaction")
