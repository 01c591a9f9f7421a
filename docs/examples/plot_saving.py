"""
From notebook to file
=====================

``save`` writes a file that can be loaded without running code from it; ``to_onnx``
writes the network for other runtimes. Both give the same predictions.
"""

import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd

import skmultimodal
from skmultimodal import FusionClassifier, ImageEncoder, TextEncoder, Training
from skmultimodal.datasets import load_emoji

X, y = load_emoji(return_X_y=True)
encoders = [("image", ImageEncoder((8, 16), 32)), ("text", TextEncoder())]
clf = FusionClassifier(
    encoders, "feature", random_state=0, training=Training(max_epochs=5)
)
clf.fit(X[:600], y[:600])
expected = clf.predict_proba(X[600:900])

folder = tempfile.TemporaryDirectory()
path = Path(folder.name)
clf.save(path / "model.skmm")
clf.to_onnx(path / "model.onnx", X[:8])

# %%
# The graph takes prepared tensors; reading and preparing cells stays with the
# estimator.

loaded = skmultimodal.load(path / "model.skmm")
session = onnxruntime.InferenceSession(path / "model.onnx")
(graph,) = session.run(["response"], clf.onnx_inputs(X[600:900]))
pd.DataFrame(
    {
        "kB": [
            sum(file.stat().st_size for file in path.glob(f"model.{kind}*")) / 1000
            for kind in ("skmm", "onnx")
        ],
        "largest difference": [
            np.abs(loaded.predict_proba(X[600:900]) - expected).max(),
            np.abs(graph - expected).max(),
        ],
    },
    index=["save", "to_onnx"],
).round(7)

# %%
folder.cleanup()
