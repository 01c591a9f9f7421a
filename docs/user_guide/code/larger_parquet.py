"""Train and predict over Parquet files that need not fit in memory."""

import tempfile
from pathlib import Path

import pandas as pd

from skmultimodal import FusionClassifier
from skmultimodal.datasets import load_birdstrikes
from skmultimodal.distributed import partial_fit_parquet, predict_parquet

folder = Path(tempfile.mkdtemp())
X, y = load_birdstrikes(return_X_y=True)
rows = X.assign(label=y, key=range(len(X)))[:800]
for i in range(4):
    rows[i::4].to_parquet(folder / f"{i}.parquet")  # shuffled: rows are drawn evenly

clf = partial_fit_parquet(
    FusionClassifier(fusion="parallel", random_state=0),
    folder,
    "label",
    columns=list(X),
    classes=sorted(y.unique()),
    epochs=2,
    batch_rows=200,
)
predict_parquet(
    clf, folder, folder.with_suffix(".parquet"), method="predict_proba", keep=["key"]
)
print(pd.read_parquet(folder.with_suffix(".parquet")).shape)
