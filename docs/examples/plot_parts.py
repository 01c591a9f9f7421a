"""
What in a row speaks for its prediction
=======================================

Which seconds of the sound, which strokes of the image, which words? Parts of a cell are
left out, and what one adds is its Shapley value: the values of a cell sum to the
difference between the whole cell and an empty one.
"""

import matplotlib.pyplot as plt

from skmultimodal import FusionClassifier
from skmultimodal.datasets import load_birdstrikes, load_spoken_digits
from skmultimodal.inspection import explain_row, modality_report, part_attributions

X, y = load_spoken_digits(return_X_y=True)
clf = FusionClassifier(random_state=0).fit(X[:500], y[:500])
row = X[505:506]

# %%
# Blue speaks for the predicted digit, vermillion against it.

fig, (left, right) = plt.subplots(
    1, 2, figsize=(8, 2.6), layout="constrained", width_ratios=[1, 2.4]
)
part_attributions(clf, row, "image", random_state=0).plot(ax=left)
sound = part_attributions(clf, row, "audio", windows=10)
sound.plot(ax=right)
sound.to_frame().round(2)

# %%
# Words and columns of a report of a bird strike, in one game: what two parts only tell
# together, they share, also across modalities.

X, y = load_birdstrikes(return_X_y=True)
model = FusionClassifier(random_state=0).fit(X[:500], y[:500])
found = explain_row(
    model,
    X[503:504],
    y[503:504],
    background=X[:500],
    background_y=y[:500],
    random_state=0,
)
found.plot()
found.modalities_.round(2)

# %%
# ``found.to_html("row.html")`` puts the same beside the nearest training rows. Before
# the model is trusted at all, an audit tells where fusing pays and where it does not.

report = modality_report(model, X[500:900], y[500:900], groups=["sky"])
report.modalities_.round(3)

# %%
report.losses().round(3)
