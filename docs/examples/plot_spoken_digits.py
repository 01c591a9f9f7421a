"""
Spoken digits: image, audio and word
====================================

A digit is drawn, spoken and written. All three come as raw signals: an array of pixels,
a waveform, a string in one of several languages. The test part holds other voices and
other languages than the training part.
"""

import matplotlib.pyplot as plt
import pandas as pd

from skmultimodal import FusionClassifier
from skmultimodal.datasets import load_spoken_digits
from skmultimodal.inspection import RowDisplay

train = load_spoken_digits(subset="train")
test = load_spoken_digits(subset="test")
clf = FusionClassifier(random_state=0).fit(train.data[:600], train.target[:600])
fused = clf.score(test.data, test.target)

# %%
# Each modality alone, out of the same fit. Words of a language never seen are guessed
# from their likeness to known ones.

alone = clf.predict_proba_per_modality(test.data)
right = {
    name: (clf.classes_[proba.argmax(axis=1)] == test.target).mean()
    for name, proba in alone.items()
}
scores = pd.Series(right | {"fused": fused}).sort_values()
fig, ax = plt.subplots(figsize=(5, 2.2), layout="constrained")
ax.bar_label(ax.barh(scores.index, scores), fmt="%.3f", padding=3)
ax.set(xlabel="accuracy, new voices and languages", xlim=(0, 1.15))

# %%
RowDisplay.from_estimator(clf, test.data, 7, test.target)
