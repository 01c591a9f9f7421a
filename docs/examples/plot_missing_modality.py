"""
When a modality is absent
=========================

Rows come without their audio, or without their image. What counts is how the score
falls as more of them are absent, and what was done about it.
"""

import matplotlib.pyplot as plt

from skmultimodal import FusionClassifier, Training
from skmultimodal.datasets import drop_modalities, load_spoken_digits
from skmultimodal.inspection import MissingModalityDisplay

data = load_spoken_digits()
X, y = data.data, data.target
train, test = slice(0, 500), slice(500, 900)

# %%
# Training rows may have gaps: with ``missing="mask"``, the default, what is absent is
# left out of the fusion. The report has one row a pattern of presence; a prediction for
# a pattern that training never saw is an extrapolation, and warns.

holes = drop_modalities(X[train], 0.3, random_state=1)
clf = FusionClassifier(
    fusion="feature", random_state=0, training=Training(max_epochs=15)
)
clf.fit(holes, y[train]).missing_report_

# %%
# Three models of the same complete rows: one that was never without a modality, one
# whose modalities were hidden at random while it trained, and one that puts the
# embedding expected from the others in place of an absent one. The curve is the exact
# expectation for every rate, from predictions for all patterns.

settings = {
    "no measure": (0.0, "mask"),
    "modality dropout": (0.4, "mask"),
    "imputed": (0.0, "impute"),
}
models = {}
for name, (dropout, missing) in settings.items():
    training = Training(max_epochs=15, modality_dropout=dropout)
    clf = FusionClassifier(
        fusion="feature", training=training, missing=missing, random_state=0
    )
    models[name] = clf.fit(X[train], y[train])

fig, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
display = MissingModalityDisplay.from_estimator(models, X[test], y[test], ax=ax)
