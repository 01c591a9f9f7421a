"""
How fast, at the least and at the most: quantiles from a remark and a form
==========================================================================

The speed of an aircraft that hit a bird, from what the pilot wrote and from the form.
One estimator predicts the .1, .5 and .9 quantile, which do not cross. The truth is
below each as often as it says, with the remark and without.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from skmultimodal import FusionRegressor
from skmultimodal.datasets import load_birdstrikes

levels = [0.1, 0.5, 0.9]
X, _ = load_birdstrikes(return_X_y=True)
X = X[X["speed"].notna()].sample(1200, random_state=0)
X.iloc[::5, X.columns.get_loc("text")] = None  # some have no remark
y, X = X["speed"].to_numpy(), X.drop(columns=["speed", "operator", "height"])
X, X_new, y, y_new = train_test_split(X, y, test_size=0.4, random_state=0)

reg = FusionRegressor(loss="quantile", quantiles=levels, random_state=0).fit(X, y)
names = {"form and remark": X_new, "form alone": X_new.assign(text=None)}

fig, axes = plt.subplots(1, 2, figsize=(8, 3.5), sharey=True, layout="constrained")
for ax, (name, rows) in zip(axes, names.items(), strict=True):
    predicted = reg.predict(rows)
    order = np.argsort(predicted[:, 1])
    low, middle, high = predicted[order].T
    place = np.arange(len(order))
    ax.fill_between(place, low, high, alpha=0.25, linewidth=0, label="0.1 to 0.9")
    ax.plot(place, middle, label="0.5")
    ax.plot(place, y_new[order], ".", color="0.3", markersize=2, label="true")
    below = (y_new[:, None] <= predicted).mean(axis=0)
    ax.set_title(f"{name}: below " + ", ".join(f"{share:.2f}" for share in below))
    ax.set_xlabel("rows held out, by their median")
axes[0].set_ylabel("speed (knots)")
axes[0].legend(loc="upper left")

# %%
# The share of pinball loss that is explained: the remark adds little to the form.
reg.score(X_new, y_new), reg.score(names["form alone"], y_new)
