"""Accuracy of strategies by how they are trained: the table of the recipe.

    python benchmarks/bench_recipe.py [--data FOLDER] [--sets emoji birdstrikes ...]
        [--recipes RECIPE ...] [--rows N] [--memory FOLDER] [--json FILE] [--rst FILE]

The folds of ``bench_strategies.py --joint``. Each recipe changes one thing of the
default: the loss (labels smoothed by .05 or .1), the weights (mean of those after each
of the last third of the epochs), the number of epochs (half or twice), the adapters
(batch normalisation before their dropout). A recipe stands beside the default of the
same strategy, set and fold; the error is that of the mean of these differences, over
three strategies. ``--rows`` draws rows of larger training parts.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import tempfile
import warnings
from pathlib import Path
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from bench_strategies import load, take
from sklearn.metrics import log_loss
from skorch.callbacks import Callback
from torch import nn

from skmultimodal import FusionClassifier, Training
from skmultimodal.encoders.features import _encoder

SETS = ("emoji", "birdstrikes", "leaves100_3v", "cub10_img_text")
STRATEGIES = ("parallel", "feature", "sequential")


class MeanWeights(Callback):
    """Put the mean of the weights after each of the last third of epochs."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.sum_, self.n_ = None, 0

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) <= 2 * net.epochs_ahead // 3:
            return
        state = net.module_.state_dict()
        if self.sum_ is None:
            self.sum_ = {key: value.clone() for key, value in state.items()}
        else:
            for key, value in state.items():
                self.sum_[key] += value
        self.n_ += 1

    def on_train_end(self, net, X=None, y=None, **kwargs):
        if self.n_:
            mean = {key: value / self.n_ for key, value in self.sum_.items()}
            net.module_.load_state_dict(mean)


class NormalisedAdapter(_encoder._Adapter):
    """The adapter with batch normalisation before its dropout."""

    def __init__(self, module, dropout, n_scores):
        super().__init__(module, dropout, n_scores)
        norm = nn.BatchNorm1d(module.out_features)
        self.dropout = nn.Sequential(norm, self.dropout)


def smoothed(amount):
    loss = {"criterion": nn.CrossEntropyLoss, "criterion__label_smoothing": amount}
    return Training(net_params=loss)


RECIPES = {
    "default": Training(),
    "smooth_05": smoothed(0.05),
    "smooth_10": smoothed(0.1),
    "mean_weights": Training(callbacks=[MeanWeights()]),
    "half_epochs": Training(max_epochs=15),
    "twice_epochs": Training(max_epochs=60),
    "batch_norm": Training(),
}


def fit(recipe, strategy, X, y, memory):
    model = FusionClassifier(
        fusion=strategy, training=RECIPES[recipe], random_state=0, memory=memory
    )
    adapter = contextlib.nullcontext()
    if recipe == "batch_norm":
        adapter = mock.patch.object(_encoder, "_Adapter", NormalisedAdapter)
    with adapter, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


def run(name, folder, recipes, n_rows, memory):
    """Return a record a recipe, strategy and fold of one set."""
    X, y, folds = load(name, folder, 3)
    records = []
    for i, (train, test) in enumerate(folds):
        if n_rows is not None and len(train) > n_rows:
            train = np.random.default_rng(0).permutation(train)[:n_rows]
        part, held_out = take(X, train), take(X, test)
        for recipe in recipes:
            for strategy in STRATEGIES:
                model = fit(recipe, strategy, part, y[train], memory)
                proba = np.clip(model.predict_proba(held_out), 1e-7, 1)
                proba /= proba.sum(axis=1, keepdims=True)
                right = model.classes_[proba.argmax(axis=1)] == y[test]
                loss = log_loss(y[test], proba, labels=model.classes_)
                records.append(
                    {
                        "set": name,
                        "recipe": recipe,
                        "strategy": strategy,
                        "fold": i,
                        "rows": len(train),
                        "accuracy": float(right.mean()),
                        "log_loss": float(loss),
                    }
                )
    return records


def gains(records, measure="accuracy"):
    """Return a row a recipe: on each set how much above the default, in points."""
    frame = pd.DataFrame(records)
    values = frame.pivot_table(
        measure, ["set", "fold", "strategy"], "recipe", sort=False
    )
    apart = values.sub(values["default"], axis=0).drop(columns="default")
    by_fold = apart.groupby(["set", "fold"], sort=False).mean()
    by_set = by_fold.groupby("set", sort=False)
    means, errors = by_set.mean(), by_set.std() / np.sqrt(3)  # dealt anew or not
    scale = 100 if measure == "accuracy" else 1
    table = pd.DataFrame(
        {
            name: {
                recipe: f"{scale * means.loc[name, recipe]:+.2f} ± "
                f"{scale * errors.loc[name, recipe]:.2f}"
                for recipe in means
            }
            for name in means.index
        }
    )
    return table


def page(records):
    """Return the table as reStructuredText."""
    table = gains(records)
    header = ", ".join(f'"{s}"' for s in ["recipe", *table])
    lines = [
        f".. Written by benchmarks/bench_recipe.py on {datetime.date.today()}",
        "",
        ".. csv-table:: Points of accuracy above the default training",
        "   :class: results-table",
        f"   :header: {header}",
        "",
    ]
    for recipe, row in table.iterrows():
        lines.append("   " + ", ".join(f'"{cell}"' for cell in [recipe, *row]))
    return "\n".join([*lines, ""])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("SKMULTIMODAL_BENCH_DATA"))
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES))
    parser.add_argument("--rows", type=int, help="most training rows of a fold")
    parser.add_argument("--memory", help="keep the fitted base models in this folder")
    parser.add_argument("--json")
    parser.add_argument("--rst")
    args = parser.parse_args()
    recipes = list(dict.fromkeys(["default", *args.recipes]))
    folder, records = Path(args.data) if args.data else None, []
    kept = contextlib.nullcontext(args.memory)
    with kept if args.memory else tempfile.TemporaryDirectory() as memory:
        for name in args.sets:
            records += run(name, folder, recipes, args.rows, memory)
            if args.json:
                Path(args.json).write_text(json.dumps(records, indent=1))
            if args.rst:
                Path(args.rst).write_text(page(records))
            for measure in ("accuracy", "log_loss"):
                print(measure, gains(records, measure), sep="\n", flush=True)


if __name__ == "__main__":
    main()
