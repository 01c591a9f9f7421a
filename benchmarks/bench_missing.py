"""What an absent modality costs: removed at predict, and never there.

Each strategy is trained with ``modality_dropout=0.5`` on complete rows of a bundled
data set. Then, on held-out rows,

- "removed" is the accuracy with one modality removed at predict, and "refitted" that
  of a model fitted without the modality; the first may be 3 points below the second;
- "area" is the area under the missing-rate curve: with V(S) the accuracy when the
  modalities S are present, the mean over sizes s = 0, ..., M of the mean of V(S) over
  all S of that size. Nothing present gives the prior.

    python benchmarks/bench_missing.py --repeats 3 --json missing.json
"""

from __future__ import annotations

import warnings
from itertools import combinations
from statistics import mean

import numpy as np
from _common import arguments, bar_row, print_table, save
from sklearn.model_selection import train_test_split

from skmultimodal import (
    FeatureFusion,
    FusionClassifier,
    GatedFusion,
    ParallelFusion,
    SequentialFusion,
    Training,
)
from skmultimodal.datasets import load_birdstrikes, load_emoji, load_spoken_digits

DROPOUT = 0.5
BAR = -0.03  # three points
LOADERS = {
    "emoji": load_emoji,
    "birdstrikes": load_birdstrikes,
    "spoken_digits": load_spoken_digits,
}
STRATEGIES = {
    "parallel": ParallelFusion,
    "sequential": SequentialFusion,
    "feature": FeatureFusion,
    "gated": GatedFusion,
}


def without(X, modalities, lost):
    """Return a copy of X without the modalities in `lost`."""
    columns = [c for name in lost for c in np.atleast_1d(modalities[name])]
    return X.assign(**dict.fromkeys(columns))


def area(values, names):
    """Return the area under the missing-rate curve of {present modalities: value}."""
    by_size = [
        mean(values[subset] for subset in combinations(names, size))
        for size in range(len(names) + 1)
    ]
    return mean(by_size)


def measure(loader, strategy, rows, epochs, seed):
    """Return the area, and {modality: (removed, refitted)} of one split."""
    X, y = loader(return_X_y=True)
    if len(X) > rows:
        X, _, y, _ = train_test_split(
            X, y, train_size=rows, stratify=y, random_state=seed
        )
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=seed
    )

    def fit(X):
        clf = FusionClassifier(
            fusion=strategy(),
            random_state=seed,
            training=Training(max_epochs=epochs, modality_dropout=DROPOUT),
        )
        return clf.fit(X, y)

    clf = fit(X)
    names, where = clf.modalities_, clf.columns_
    values = {}
    for size in range(len(names) + 1):
        for present in combinations(names, size):
            lost = [name for name in names if name not in present]
            values[present] = float(clf.score(without(X_test, where, lost), y_test))
    pairs = {}
    for name in names:
        rest = tuple(other for other in names if other != name)
        columns = list(np.atleast_1d(where[name]))
        refitted = fit(X.drop(columns=columns)).score(
            X_test.drop(columns=columns), y_test
        )
        pairs[name] = (values[rest], float(refitted))
    return area(values, names), values[tuple(names)], pairs


def main():
    args = arguments(
        __doc__,
        rows=(int, 6000, "most rows of a data set"),
        epochs=(int, 30, "epochs of each fit"),
        repeats=(int, 3, "splits"),
        data=(str, ",".join(LOADERS), "data sets"),
    )
    warnings.simplefilter("ignore", UserWarning)  # patterns unseen in training
    figures, areas, bars = [], [], []
    for data in args.data.split(","):
        for label, strategy in STRATEGIES.items():
            runs = [
                measure(LOADERS[data], strategy, args.rows, args.epochs, seed)
                for seed in range(args.repeats)
            ]
            areas.append(
                [
                    data,
                    label,
                    mean(run[1] for run in runs),
                    mean(run[0] for run in runs),
                ]
            )
            for name in runs[0][2]:
                removed = mean(run[2][name][0] for run in runs)
                refitted = mean(run[2][name][1] for run in runs)
                row = bar_row(f"{data}/{name}", removed - refitted, BAR, at_least=True)
                bars.append([row[0], label, removed, refitted, *row[1:]])
            figures.append({"data": data, "strategy": label, "runs": runs})
            print(f"{data} {label} done", flush=True)
    columns = ["removed", "strategy", "at predict", "refitted", "gap", "bar", "met"]
    print_table(columns, bars, "Accuracy without one modality")
    columns = ["data", "strategy", "complete", "area"]
    print_table(columns, areas, "Accuracy, complete and under the missing-rate curve")
    save(args.json, figures=figures, areas=areas, bars=bars)


if __name__ == "__main__":
    main()
