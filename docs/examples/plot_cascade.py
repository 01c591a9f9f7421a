"""
A cascade that stops when it is sure
====================================

If audio costs ten times an image to obtain, one would rather look at the image
first, and listen only where it leaves doubts.
"""

from skmultimodal import FusionClassifier, SequentialFusion, Training
from skmultimodal.datasets import load_spoken_digits
from skmultimodal.inspection import AccuracyCostDisplay, accuracy_cost_curve

data = load_spoken_digits()
X, y = data.data, data.target
cost = {"image": 1.0, "text": 3.0, "audio": 10.0}
fusion = SequentialFusion(order=["image", "text", "audio"], cost=cost)
clf = FusionClassifier(fusion=fusion, random_state=0, training=Training(max_epochs=20))
clf.fit(X[:300], y[:300])

# %%
# The curve needs no second fit. A threshold read off it should be judged on rows that
# were not used to choose it.

curve = accuracy_cost_curve(clf, X[500:700], y[500:700])
display = AccuracyCostDisplay(curve).plot()

# %%
# At a threshold, rows that are sure never touch the later modalities.

clf.set_params(fusion__exit_threshold=0.9).fit(X[:300], y[:300])
result = clf.predict_with_cost(X[700:1000])
print(f"accuracy {(result.prediction == y[700:1000]).mean():.3f}")
print(f"mean cost {result.cost.mean():.1f} of {sum(cost.values()):.0f}")
print(result.seen.mean().round(2).to_string())
