"""Accuracy of strategies by how they are trained: the table of the recipe.

    python benchmarks/bench_recipe.py [--data FOLDER] [--sets emoji birdstrikes ...]
        [--recipes RECIPE ...] [--rows N] [--folds N] [--memory FOLDER] [--json FILE]
        [--rst FILE] [--read FILE ...]

The folds of ``bench_strategies.py --joint``. Each recipe changes one thing of the
default: the loss (labels smoothed by .05 or .1), the weights (mean of those after each
of the last third of the epochs, or the exponential moving mean of those after each
step), the number of epochs (half, twice, or as many as make 125 steps, from 15 to 30),
the adapters (batch normalisation before their dropout), the learning rate of the
encoders, which are adapters on fixed features here (.3 or 3 times that of the fusion).
None of them is shrunk on few rows. A recipe stands beside the default of the same
strategy, set and fold; the error is that of the mean of these differences, over three
strategies. The mean over sets has the error of a mean of sets.

``--rows`` draws rows of larger training parts, ``--folds`` takes the first of the
folds. ``--read`` puts records of former runs, written by ``--json``, before new ones;
with ``--sets`` and no name after it, they alone make the table.
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
import torch
from bench_strategies import BENCH, load, take
from sklearn.metrics import log_loss
from skorch.callbacks import Callback
from torch import nn

from skmultimodal import FusionClassifier, Training
from skmultimodal.encoders.features import _encoder

SETS = ("emoji", "birdstrikes", *BENCH)
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


class MovingMean(Callback):
    """Put the exponential moving mean of the weights after each step.

    The weight of the past grows from .1 to .99, so that none is left of the first.
    """

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.mean_, self.n_ = list(map(torch.clone, net.module_.parameters())), 0

    @torch.no_grad()
    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        if training:
            past = min(0.99, (1 + self.n_) / (10 + self.n_))
            new = list(net.module_.parameters())
            torch._foreach_lerp_(self.mean_, new, 1 - past)
            self.n_ += 1

    @torch.no_grad()
    def on_train_end(self, net, X=None, y=None, **kwargs):
        for value, mean in zip(net.module_.parameters(), self.mean_, strict=True):
            value.copy_(mean)


class RatesApart(torch.optim.AdamW):
    """AdamW whose groups of parameters have a learning rate ``times`` the common."""

    def __init__(self, params, lr, **kwargs):
        params = [
            {"lr": lr * group.pop("times", 1.0), **group} for group in map(dict, params)
        ]
        super().__init__(params, lr=lr, **kwargs)


class NormalisedAdapter(_encoder._Adapter):
    """The adapter with batch normalisation before its dropout."""

    def __init__(self, module, dropout, n_scores):
        super().__init__(module, dropout, n_scores)
        norm = nn.BatchNorm1d(module.out_features)
        self.dropout = nn.Sequential(norm, self.dropout)


def smoothed(amount):
    loss = {"criterion": nn.CrossEntropyLoss, "criterion__label_smoothing": amount}
    return Training(net_params=loss)


def encoders_at(times):
    groups = [("encoders.*", {"times": times})]  # names of parameters of the network
    net_params = {"optimizer__param_groups": groups, "optimizer__fused": True}
    return Training(optimizer=RatesApart, net_params=net_params)


def by_rows(n_rows):
    enough = -(-125 // -(-n_rows // 64))  # epochs, in batches of 64 rows
    return Training(max_epochs=min(max(enough, 15), 30))


RECIPES = {
    "default": Training(),
    "smooth_05": smoothed(0.05),
    "smooth_10": smoothed(0.1),
    "mean_weights": Training(callbacks=[MeanWeights()]),
    "moving_mean": Training(callbacks=[MovingMean()]),
    "half_epochs": Training(max_epochs=15),
    "epochs_by_rows": by_rows,
    "twice_epochs": Training(max_epochs=60),
    "batch_norm": Training(),
    "encoders_third": encoders_at(0.3),
    "encoders_thrice": encoders_at(3.0),
}
TITLES = {
    "smooth_05": "labels smoothed by 0.05",
    "smooth_10": "labels smoothed by 0.1",
    "mean_weights": "mean of the weights of the last third of epochs",
    "moving_mean": "exponential moving mean of the weights",
    "half_epochs": "half the epochs",
    "epochs_by_rows": "half the epochs or more, for 125 steps",
    "twice_epochs": "twice the epochs",
    "batch_norm": "batch normalisation in the adapters",
    "encoders_third": "encoders at 0.3 times the rate of the fusion",
    "encoders_thrice": "encoders at 3 times the rate of the fusion",
}


def fit(recipe, strategy, X, y, memory):
    given = RECIPES[recipe]
    training = given(len(y)) if callable(given) else given
    model = FusionClassifier(
        fusion=strategy, training=training, random_state=0, memory=memory
    ).set_params(training__shrinkage=False)
    adapter = contextlib.nullcontext()
    if recipe == "batch_norm":
        adapter = mock.patch.object(_encoder, "_Adapter", NormalisedAdapter)
    with adapter, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


def run(name, folder, recipes, n_rows, n_folds, memory):
    """Return a record a recipe, strategy and fold of one set."""
    X, y, folds = load(name, folder, 3)
    records = []
    for i, (train, test) in enumerate(folds[:n_folds]):
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
    """Return how much above the default recipes are: means and errors by set.

    The column "mean" is of sets, its error that of a mean of as many.
    """
    frame = pd.DataFrame(records)
    values = frame.pivot_table(
        measure, ["set", "fold", "strategy"], "recipe", sort=False
    )
    recipes = [r for r in RECIPES if r in values and r != "default"]
    apart = values[recipes].sub(values["default"], axis=0)
    by_fold = apart.groupby(["set", "fold"], sort=False).mean()
    by_set = by_fold.groupby("set", sort=False)
    n_folds = by_set.size().clip(upper=3)  # those dealt anew hold no further rows
    means, errors = by_set.mean().T, by_set.std().T / np.sqrt(n_folds)
    n_sets = means.shape[1]
    errors["mean"] = means.std(axis=1) / np.sqrt(n_sets)
    means["mean"] = means.mean(axis=1)
    scale = 100 if measure == "accuracy" else 1
    return scale * means, scale * errors


def table(records, measure="accuracy", digits=2):
    """Return the gains as text."""
    means, errors = gains(records, measure)
    return pd.DataFrame(
        {
            name: [
                f"{mean:+.{digits}f} ± {error:.{digits}f}"
                for mean, error in zip(means[name], errors[name], strict=True)
            ]
            for name in means
        },
        index=means.index,
    )


def page(records):
    """Return the tables as reStructuredText."""
    today = datetime.date.today()
    lines = [f".. Written by benchmarks/bench_recipe.py on {today}", ""]
    for title, measure, digits in [
        ("Points of accuracy above the default training", "accuracy", 2),
        (
            "Log loss above that of the default training, less being better",
            "log_loss",
            3,
        ),
    ]:
        cells = table(records, measure, digits)
        header = ", ".join(f'"{s}"' for s in ["recipe", *cells])
        lines += [
            f".. csv-table:: {title}, and standard error",
            "   :class: results-table",
            f"   :header: {header}",
            "",
        ]
        for recipe, row in cells.iterrows():
            row = [TITLES.get(recipe, recipe), *row]
            lines.append("   " + ", ".join(f'"{cell}"' for cell in row))
        lines.append("")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("SKMULTIMODAL_BENCH_DATA"))
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES))
    parser.add_argument("--rows", type=int, help="most training rows of a fold")
    parser.add_argument("--folds", type=int, help="most folds of a set")
    parser.add_argument("--memory", help="keep the fitted base models in this folder")
    parser.add_argument("--json")
    parser.add_argument("--rst")
    parser.add_argument("--read", nargs="+", default=[], help="files of --json")
    args = parser.parse_args()
    recipes = list(dict.fromkeys(["default", *args.recipes]))
    folder = Path(args.data) if args.data else None
    former = [row for file in args.read for row in json.loads(Path(file).read_text())]
    new = []
    kept = contextlib.nullcontext(args.memory)
    with kept if args.memory else tempfile.TemporaryDirectory() as memory:
        for name in args.sets:
            new += run(name, folder, recipes, args.rows, args.folds, memory)
            if args.json:
                Path(args.json).write_text(json.dumps(new, indent=1))
    records = former + new
    if args.rst:
        Path(args.rst).write_text(page(records))
    for measure, digits in (("accuracy", 2), ("log_loss", 3)):
        print(measure, table(records, measure, digits).to_string(), sep="\n")


if __name__ == "__main__":
    main()
