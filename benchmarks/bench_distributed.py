"""Memory of training and prediction over Parquet, and a large fit on paper.

    python benchmarks/bench_distributed.py [--partitions 64] [--json FILE]
    python benchmarks/bench_distributed.py --paper 1 [--json FILE]

The first writes Parquet files of 2000 rows (a PNG, a text, eight numbers), and
measures the highest resident size of a fresh process that trains on them with
`partial_fit_parquet`, or predicts them with `predict_parquet`, for 1, 4, 16 and 64
files. The bar is the growth from the first to the last.

The second measures what a row costs: bytes on disk, seconds to train an encoder for
one epoch, to encode with it, and to train the fusion alone on embeddings. From
these it works out a fit of 100 million rows and a search of 1000 candidates.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import tempfile
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
from _common import arguments, bar_row, in_child, print_table, save

from skmultimodal import Training

ROWS, SIDE, MEMORY_BAR = 2000, 32, 1.25
WORDS = np.array("red green blue sky sea tree house car bird dog sun rain".split())
N, EPOCHS, CANDIDATES, FOLDS = 100_000_000, 10, 1000, 5  # on paper


def make_rows(n, seed=0):
    """Return rows in which every modality tells a little of four classes."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    y, pictures = rng.integers(0, 4, n), []
    for k in y:
        pixels = rng.integers(0, 128, (SIDE, SIDE, 3)) + 30 * k
        buffer = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(buffer, format="PNG")
        pictures.append(buffer.getvalue())
    texts = [" ".join(rng.choice(WORDS[k : k + 8], 12)) for k in y]
    table = rng.normal(size=(n, 8)) + 0.2 * y[:, None]
    frame = pd.DataFrame(table, columns=[f"x{i}" for i in range(8)])
    return frame.assign(image=pictures, text=texts, label=y)


def classifier(names=("image", "text", "table"), epochs=30):
    from skmultimodal import (
        FeatureFusion,
        FusionClassifier,
        ImageEncoder,
        TabularEncoder,
        TextEncoder,
    )

    encoders = {
        "image": ImageEncoder((16, 32), 64),
        "text": TextEncoder(out_features=64),
        "table": TabularEncoder((64,), 64),
    }
    columns = {"table": [f"x{i}" for i in range(8)]} if "table" in names else None
    return FusionClassifier(
        [(name, encoders[name]) for name in names],
        FeatureFusion(out_features=64, head=(64,)),
        columns=columns,
        random_state=0,
        training=Training(max_epochs=epochs, early_stopping=False),
    )


def child(what, folder):
    """Train on, or predict, all files of a folder; print the peak of the process."""
    import torch

    from skmultimodal.distributed import partial_fit_parquet, predict_parquet

    torch.set_num_threads(1)
    clf, files = classifier(), Path(folder)
    classes, params = [0, 1, 2, 3], {"batch_rows": ROWS}
    if what == "predict":
        clf.partial_fit(make_rows(ROWS).drop(columns="label"), make_rows(ROWS)["label"])
    start = process_time()
    if what == "fit":
        partial_fit_parquet(clf, files, "label", classes=classes, **params)
    else:
        predict_parquet(clf, files, files.parent / "out.parquet", **params)
    figures = {
        "seconds": process_time() - start,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    print(json.dumps(figures))


def memory(options):
    sizes = [n for n in (1, 4, 16, 64) if n <= options.partitions]
    runs, frame = [], make_rows(ROWS)
    for n_files in sizes:
        with tempfile.TemporaryDirectory() as folder:
            files = Path(folder, "rows")
            files.mkdir()
            for i in range(n_files):
                frame.to_parquet(files / f"{i:03}.parquet")
            for what in ("fit", "predict"):
                run = in_child([__file__, what, files], MALLOC_ARENA_MAX="1")
                runs.append({"what": what, "files": n_files, **run})
    print_table(
        ["", "files", "rows", "CPU s", "CPU ms/row", "peak MB"],
        [
            [
                r["what"],
                r["files"],
                r["files"] * ROWS,
                r["seconds"],
                1e3 * r["seconds"] / (r["files"] * ROWS),
                r["peak"] / 1e6,
            ]
            for r in runs
        ],
        f"Highest resident size over Parquet files of {ROWS} rows",
    )
    bars = []
    for what in ("fit", "predict"):
        peaks = [run["peak"] for run in runs if run["what"] == what]
        name = f"peak of {what}, {sizes[-1]} files over 1"
        bars.append(bar_row(name, peaks[-1] / peaks[0], MEMORY_BAR))
    print_table(["bar", "measured", "bar", "held"], bars, "Bars")
    save(options.json, runs=runs, bars=bars)


def cost_of_a_row():
    """Return what a row of each modality costs, and one of embeddings."""
    import torch

    from skmultimodal import MultimodalData

    torch.set_num_threads(1)
    frame, costs = make_rows(2 * ROWS), {}
    y = frame.pop("label")
    for name in ("image", "text", "table"):
        columns = [f"x{i}" for i in range(8)] if name == "table" else [name]
        X, clf = frame[columns], classifier((name,), epochs=1)
        costs[name] = {
            "bytes": _bytes_on_disk(X) / len(X),
            **_seconds(clf, X, y, lambda fitted, X, name=name: fitted.encode(X, name)),
            "embedding": 64 * 4,
        }
    rng = np.random.default_rng(0)
    shape = (len(y), 64)
    embeddings = MultimodalData(
        {name: rng.standard_normal(shape, dtype=np.float32) for name in costs}
    )
    head = _seconds(_head(list(costs)), embeddings, y, lambda fitted, X: None)
    return costs, head["train"]


def _head(names):
    from torch import nn

    from skmultimodal import FeatureFusion, FusionClassifier, ModuleEncoder

    return FusionClassifier(
        [(name, ModuleEncoder(nn.Identity)) for name in names],
        FeatureFusion(out_features=64, head=(64,)),
        random_state=0,
        training=Training(max_epochs=1, early_stopping=False),
    )


def _bytes_on_disk(X):
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        X.to_parquet(file.name)
        return Path(file.name).stat().st_size


def _seconds(clf, X, y, encode):
    """Return CPU seconds a row of an epoch of training, and of encoding."""
    clf.partial_fit(X, y)  # the first epoch fits the preprocessing besides
    start = process_time()
    clf.partial_fit(X, y)
    trained = process_time()
    encode(clf, X)
    done = process_time()
    return {"train": (trained - start) / len(y), "encode": (done - trained) / len(y)}


def paper(options):
    costs, head = cost_of_a_row()
    print_table(
        ["modality", "bytes", "train [us]", "encode [us]", "embedding [bytes]"],
        [
            [name, round(c["bytes"]), 1e6 * c["train"], 1e6 * c["encode"], 256]
            for name, c in costs.items()
        ]
        + [["fusion of embeddings", 768, 1e6 * head, 0.0, 0]],
        "Measured: one row, one epoch, one core",
    )
    raw = sum(c["bytes"] for c in costs.values())
    train = sum(c["train"] for c in costs.values())
    encode = sum(c["encode"] for c in costs.values())
    stored = sum(c["embedding"] for c in costs.values())
    fits = CANDIDATES * FOLDS * (1 - 1 / FOLDS)  # in fits of all rows
    plans = {
        "joint fit": (raw * EPOCHS, train * EPOCHS, 0),
        "frozen: encode once": (raw, encode, stored),
        "frozen: fit the fusion": (stored * EPOCHS, head * EPOCHS, 0),
        "search, joint": (raw * EPOCHS * fits, train * EPOCHS * fits, 0),
        "search, frozen": (
            raw + stored * EPOCHS * fits,
            encode + head * EPOCHS * fits,
            stored,
        ),
        "search, frozen, 1 % of rows": (
            0.01 * (raw + stored * EPOCHS * fits),
            0.01 * (encode + head * EPOCHS * fits),
            0.01 * stored,
        ),
    }
    rows = [
        [
            name,
            n_bytes * N / 1e12,
            kept * N / 1e9,
            seconds * N / 3600,
            seconds * N / 86400,
            n_bytes / seconds / 1e6,
        ]
        for name, (n_bytes, seconds, kept) in plans.items()
    ]
    columns = ["", "read [TB]", "stored [GB]", "core hours", "cores for a day"]
    print_table(
        [*columns, "MB/s a core"],
        rows,
        f"On paper: {N} rows, {EPOCHS} epochs; {CANDIDATES} candidates, {FOLDS} folds",
    )
    save(options.json, costs=costs, head=head, plans=rows)


def main():
    options = arguments(
        __doc__,
        partitions=(int, 64, "largest number of files"),
        paper=(int, 0, "1: what a row costs, and a large fit on paper"),
    )
    (paper if options.paper else memory)(options)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] in ("fit", "predict"):
        child(*sys.argv[1:])
    else:
        main()
