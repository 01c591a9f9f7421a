"""Evidential fusion on two published multi-view tables, baselines beside it.

    python benchmarks/bench_evidential.py --data FOLDER [--json FILE]

FOLDER, or the environment variable SKMULTIMODAL_BENCH_DATA, holds
``handwritten6_tmc.npz`` (UCI Multiple Features with the split of TMC) and
``cub10_img_text.npz`` (ten birds of Caltech-UCSD, picture and text features). Each
has ``y``, one array ``X_<modality>`` a modality and, for the first, ``train_idx``
and ``test_idx``. They are not part of the package, for they carry no licence.

Protocols: Handwritten on its split, three seeds of ours; CUB on ten stratified 80/20
splits. Features are standardised inside the encoders, on training rows. Linear
encoders, 64 units; every setting is the same on both sets.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmultimodal import (
    EvidentialFusion,
    FusionClassifier,
    MultimodalData,
    TabularEncoder,
    Training,
)

FILES = {"handwritten": "handwritten6_tmc.npz", "cub": "cub10_img_text.npz"}
BARS = {"handwritten": 98.5, "cub": 90.0}
METHODS = {
    "EvidentialFusion": {},
    "EvidentialFusion(pseudo_view=True)": {"pseudo_view": True},
    "EvidentialFusion('average')": {"rule": "average", "conflict_weight": 1.0},
}
# accuracy in percent as printed in the papers
PUBLISHED = {
    "handwritten": {
        "TMC (ICLR 2021)": 98.51,
        "ECML (AAAI 2024)": 99.40,
    },
    "cub": {
        "TMC (ICLR 2021), one split": 91.00,
        "ECML (AAAI 2024)": 98.50,
    },
}


def load(path: Path):
    """Return the modalities, the labels and the file's own split, if any."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    X = {
        name.removeprefix("X_"): block.astype(np.float32)
        for name, block in arrays.items()
        if name.startswith("X_")
    }
    split = None
    if "train_idx" in arrays:
        split = arrays["train_idx"], arrays["test_idx"]
    return X, arrays["y"], split


def splits_of(y, split, n_splits):
    """Return (seed, train, test), the file's split for every seed if it has one."""
    if split is not None:
        return [(seed, *split) for seed in range(3)]
    splitter = StratifiedShuffleSplit(n_splits, test_size=0.2, random_state=0)
    return [(i, *rows) for i, rows in enumerate(splitter.split(y[:, None], y))]


def evidential(X, seed, params):
    """Return the classifier that is measured."""
    return FusionClassifier(
        [(name, TabularEncoder(hidden_features=())) for name in X],
        EvidentialFusion(**params),
        random_state=seed,
        training=Training(lr=3e-3, max_epochs=60, early_stopping=False),
    )


def logistic_probabilities(blocks, y, train, test):
    """Return the probabilities of logistic regression on each standardised block."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    return [model.fit(b[train], y[train]).predict_proba(b[test]) for b in blocks]


def baselines(X, y, train, test):
    """Return the accuracy of logistic regressions, in percent."""
    blocks = list(X.values())
    parts = logistic_probabilities(blocks, y, train, test)
    joined = logistic_probabilities([np.hstack(blocks)], y, train, test)[0]
    best = max(accuracy(part, y[test]) for part in parts)
    return {
        "logistic regression, best modality (of test)": best,
        "logistic regression, concatenation": accuracy(joined, y[test]),
        "logistic regression, product": accuracy(
            sum(np.log(part + 1e-12) for part in parts), y[test]
        ),
    }


def accuracy(scores, y):
    """Return percent correct; labels are 0, 1, ... ."""
    return 100 * float((scores.argmax(1) == y).mean())


def run(name: str, path: Path, n_splits: int) -> dict:
    """Return the accuracies of every method on one data set."""
    X, y, split = load(path)
    y = np.unique(y, return_inverse=True)[1]
    results, seconds = {}, 0.0
    for seed, train, test in splits_of(y, split, n_splits):
        rows = {
            key: MultimodalData({k: v[index] for k, v in X.items()})
            for key, index in (("train", train), ("test", test))
        }
        for method, params in METHODS.items():
            start = perf_counter()
            clf = evidential(X, seed, params).fit(rows["train"], y[train])
            seconds += perf_counter() - start
            score = accuracy(clf.predict_proba(rows["test"]), y[test])
            results.setdefault(method, []).append(score)
        if split is None or seed == 0:
            for method, score in baselines(X, y, train, test).items():
                results.setdefault(method, []).append(score)
    return {"data": name, "results": results, "fit_seconds": round(seconds, 1)}


def table(run: dict) -> str:
    """Return the text table of one data set."""
    name = run["data"]
    lines = [f"{name} (accuracy in percent; bar {BARS[name]})"]
    for method, scores in run["results"].items():
        spread = f"+- {np.std(scores):.2f}" if len(scores) > 1 else "        "
        lines.append(
            f"  {method:<44}{np.mean(scores):7.2f} {spread}  over {len(scores)}"
        )
    for method, score in PUBLISHED[name].items():
        lines.append(f"  {method + ', published':<44}{score:7.2f}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("SKMULTIMODAL_BENCH_DATA")
    parser.add_argument("--data", default=default, help="folder of the npz files")
    parser.add_argument("--json", help="file for the figures")
    parser.add_argument("--splits", type=int, default=10, help="splits of CUB")
    args = parser.parse_args()
    if not args.data or not Path(args.data).is_dir():
        sys.exit(
            f"No folder of data: got {args.data!r}. Pass --data FOLDER, or set "
            f"SKMULTIMODAL_BENCH_DATA, to a folder with {list(FILES.values())}; this "
            "file's docstring says what they hold."
        )
    runs = []
    for name, file in FILES.items():
        path = Path(args.data) / file
        if not path.exists():
            print(f"{name}: skipped, there is no {file} in the folder")
            continue
        runs.append(run(name, path, args.splits))
        print(table(runs[-1]), end="\n\n", flush=True)
    if args.json:
        Path(args.json).write_text(
            json.dumps({"runs": runs, "published": PUBLISHED}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
