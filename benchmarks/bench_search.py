"""What `memory` saves in a search, and how two processes share one.

    python benchmarks/bench_search.py [--rows 1200] [--json FILE]

On bundled emoji (picture and text). Four questions:

default     `FusionClassifier()` over scikit-learn's `StackingClassifier` of the same
            models on the same features, with as many folds
weights     a grid over 20 decision weights over a fit of one candidate, with memory;
            and the same grid without
strategies  four strategies, staged, 5 folds, with memory (cold, then warm) and without
processes   a grid of 8 joint networks at ``n_jobs=1`` over ``n_jobs=2``

The last is time on the clock and means
something only if two cores are free; the pool is warm, and both are measured twice,
alternating. The others are CPU time of the process; of the first, the median of three
alternating fits.
"""

from __future__ import annotations

import tempfile
from operator import itemgetter
from statistics import median
from time import perf_counter, process_time

import numpy as np
import torch
from _common import arguments, bar_row, print_table, save
from sklearn.base import clone
from sklearn.ensemble import StackingClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmultimodal import (
    DecisionFusion,
    FusionClassifier,
    ImageEncoder,
    TextEncoder,
    Training,
)
from skmultimodal.datasets import load_emoji
from skmultimodal.encoders.features._classical import default_model
from skmultimodal.model_selection import weight_grid

DEFAULT_BAR, WEIGHTS_BAR, PROCESSES_BAR = 2.0, 1.3, 1.7


def classifier(mode="joint", **kwargs):
    encoders = [
        ("image", ImageEncoder((8, 16), 32)),
        ("text", TextEncoder(out_features=32)),
    ]
    training = Training(mode, max_epochs=10, n_threads=1)
    return FusionClassifier(encoders, training=training, random_state=0, **kwargs)


def search(X, y, grid, folds, n_jobs=None, **kwargs):
    """Return CPU seconds, seconds on the clock and the scores of a grid search."""
    splitter = StratifiedKFold(folds, shuffle=True, random_state=0)
    found = GridSearchCV(
        classifier(**kwargs), grid, cv=splitter, n_jobs=n_jobs, refit=False
    )
    cpu, clock = process_time(), perf_counter()
    found.fit(X, y)
    seconds = process_time() - cpu, perf_counter() - clock
    return *seconds, found.cv_results_["mean_test_score"]


def default(X, y):
    """Return CPU seconds of our default and of the stack, three of each."""
    members = [
        (
            name,
            make_pipeline(FunctionTransformer(itemgetter(name)), default_model(name)),
        )
        for name in X
    ]
    candidates = {
        "FusionClassifier()": FusionClassifier(
            random_state=0, training=Training(n_threads=1)
        ),
        "StackingClassifier": StackingClassifier(members, cv=5),
    }
    seconds = {name: [] for name in candidates}
    FusionClassifier(random_state=0).fit(X[::5], y[::5])  # imports
    for _ in range(3):
        for name, candidate in candidates.items():
            start = process_time()
            clone(candidate).fit(X, y)
            seconds[name].append(process_time() - start)
    return {name: median(taken) for name, taken in seconds.items()}


def weights(X, y):
    grid = weight_grid(["image", "text"], step=1 / 19)
    fusion = DecisionFusion(cv=3)
    seconds, scores = {}, {}
    for name, candidates, memory in (
        ("1 candidate, memory", grid[:1], True),
        ("20 candidates, memory", grid, True),
        ("20 candidates", grid, False),
        ("1 candidate", grid[:1], False),
    ):
        with tempfile.TemporaryDirectory() as folder:
            params = {"fusion": fusion, "memory": folder if memory else None}
            seconds[name], _, scores[name] = search(
                X, y, {"fusion__weights": candidates}, 3, **params
            )
    np.testing.assert_array_equal(
        scores["20 candidates"], scores["20 candidates, memory"]
    )
    return seconds


def strategies(X, y):
    grid = {"fusion": ["parallel", "sequential", "feature", "decision"]}
    with tempfile.TemporaryDirectory() as folder:
        runs = {
            "no memory": search(X, y, grid, 5, mode="staged"),
            "cold": search(X, y, grid, 5, mode="staged", memory=folder),
            "warm": search(X, y, grid, 5, mode="staged", memory=folder),
        }
    for name in ("cold", "warm"):
        np.testing.assert_array_equal(runs[name][2], runs["no memory"][2])
    return {name: run[0] for name, run in runs.items()}


def processes(X, y):
    grid = {
        "fusion": ["feature"],
        "training__lr": [1e-3, 2e-3, 3e-3, 4e-3],
        "training__batch_size": [32, 64],
    }
    search(
        X, y, {"training__max_epochs": [1, 1]}, 2, n_jobs=2, fusion="feature"
    )  # start the pool
    seconds = {1: [], 2: []}
    for n_jobs in (1, 2, 2, 1):
        seconds[n_jobs].append(search(X, y, grid, 2, n_jobs=n_jobs)[1])
    return {f"n_jobs={n_jobs}": min(taken) for n_jobs, taken in seconds.items()}


def main():
    options = arguments(__doc__, rows=(int, 1200, "rows"))
    torch.set_num_threads(1)
    X, y = load_emoji(return_X_y=True)
    if options.rows < len(y):
        X, _, y, _ = train_test_split(
            X, y, train_size=options.rows, stratify=y, random_state=0
        )
    of_default = default(X, y)
    print_table(["one fit", "CPU s"], of_default.items(), " ")
    of_weights = weights(X, y)
    print_table(["20 decision weights, 3 folds", "CPU s"], of_weights.items())
    of_strategies = strategies(X, y)
    print_table(
        ["4 strategies, staged, 5 folds", "CPU s"], of_strategies.items(), title=" "
    )
    of_processes = processes(X, y)
    print_table(["grid of 8, 2 folds", "s on the clock"], of_processes.items(), " ")
    bars = [
        bar_row(
            "default / stack",
            of_default["FusionClassifier()"] / of_default["StackingClassifier"],
            DEFAULT_BAR,
        ),
        bar_row(
            "20 weights / 1, memory",
            of_weights["20 candidates, memory"] / of_weights["1 candidate, memory"],
            WEIGHTS_BAR,
        ),
        bar_row(
            "n_jobs=1 / n_jobs=2",
            of_processes["n_jobs=1"] / of_processes["n_jobs=2"],
            PROCESSES_BAR,
            at_least=True,
        ),
    ]
    print_table(["bar", "measured", "bar", "held"], bars, "Bars")
    save(
        options.json,
        default=of_default,
        weights=of_weights,
        strategies=of_strategies,
        processes=of_processes,
        bars=bars,
    )


if __name__ == "__main__":
    main()
