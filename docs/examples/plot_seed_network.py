r"""
One network, four strategies
============================

An image, a text and audio feed one binary decision. The encoders are small networks
of the classic kind: two stages of convolution and pooling for the image, an embedding
and an LSTM for the words, an LSTM over the frames of the audio. What remains to be
chosen is how they are fused. Every strategy is an instance of

.. math:: Y = \mathrm{link}\Big(\sum_i w_i\, f_i(X_i)\Big)

and they differ in what :math:`f_i` is:

- **parallel**: the scores of a branch that sees :math:`X_i` only; all branches are
  trained together;
- **sequential**: the scores of stage :math:`i`, which sees :math:`X_i` and the state
  that the stages before it left;
- **feature**: the embedding of :math:`X_i`, brought into one space; the link is a
  network of its own, here 128-64-1;
- **decision**: the decision of a complete model of :math:`X_i`, trained on its own.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV, GroupKFold

from skmultimodal import (
    AudioEncoder,
    DecisionFusion,
    FeatureFusion,
    FusionClassifier,
    ImageEncoder,
    ParallelFusion,
    SequentialFusion,
    TextEncoder,
    Training,
)
from skmultimodal.datasets import load_spoken_digits

# %%
# The spoken digits hold a handwritten digit, its name spoken and its name written; the
# voices and languages of the test part are new. The target is binary: is the digit
# five or more?

train = load_spoken_digits(subset="train")
test = load_spoken_digits(subset="test")
X, y = train.data[::2], train.target[::2] >= 5
print(X.iloc[0].map(lambda cell: getattr(cell, "shape", cell)))

# %%
# Encoders and strategy are parameters like any other, so a grid search chooses among
# the strategies, each with the same encoders. No language is in two folds, since new
# speakers are what the model is for.

lstm = {"cell": "lstm", "hidden_features": 64, "bidirectional": False}
encoders = [
    ("image", ImageEncoder(channels=(16, 32))),
    ("text", TextEncoder(level="word", embedding_features=64, **lstm)),
    ("audio", AudioEncoder(**lstm)),
]
clf = FusionClassifier(
    encoders, random_state=0, training=Training(max_epochs=12, batch_size=32)
)
strategies = {
    "parallel": ParallelFusion(),
    "sequential": SequentialFusion(),
    "feature": FeatureFusion(head=(128, 64)),
    "decision": DecisionFusion(weights="uniform"),
}
search = GridSearchCV(clf, {"fusion": list(strategies.values())}, cv=GroupKFold(3))
search.fit(X, y, groups=train.language[::2])

# %%
# Each strategy in one row: accuracy over the three folds, and seconds of one fit.

results = pd.DataFrame(
    {
        "accuracy": search.cv_results_["mean_test_score"],
        "std": search.cv_results_["std_test_score"],
        "seconds": search.cv_results_["mean_fit_time"],
    },
    index=list(strategies),
)
print(results.round(3))
best = results["accuracy"].idxmax()
accuracy = search.score(test.data, test.target >= 5)
print(f"{best} fusion on the test part: {accuracy:.3f}")

# %%
# The search refits the best strategy on all training rows. Its fitted weights
# :math:`w_i` tell what each modality counts for.

weights = search.best_estimator_.fusion_weights_
print({name: round(weight, 2) for name, weight in weights.items()})

# %%
# The line marks the larger class: what is above it has been learnt.

fig, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
labels = [f"{name}, {row.seconds:.1f} s" for name, row in results.iterrows()]
ax.barh(labels, results["accuracy"], xerr=results["std"], capsize=3)
larger = max(np.mean(y), 1 - np.mean(y))
ax.axvline(larger, color="k", linestyle="--", label="larger class")
ax.set(
    xlabel="accuracy, 3 folds", xlim=(0, 1.02), title="Strategy and seconds of a fit"
)
ax.invert_yaxis()
fig.legend(loc="outside lower right", frameon=False)
