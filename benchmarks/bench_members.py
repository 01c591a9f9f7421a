"""Members of one network: with weights of their own, and with shared weights.

    python benchmarks/bench_members.py [--data FOLDER] [--sets emoji ...]
        [--strategies parallel ...] [--forms FORM ...] [--members 8] [--epochs 30]
        [--no-backbone] [--memory FOLDER] [--json FILE]

Three stratified folds; features and models are fitted once a fold, then each form is
trained on the same rows, in turn. Cost is CPU time of the training alone, as a ratio to
one network in the same fold (median); accuracy and log loss stand as differences to one
network, with the standard error of their mean over the folds.

own
    Networks of eight seeds, side by side: what ``Training(n_members=8)`` trains where
    networks start from nothing.
shared
    One network whose members have vectors of their own: what it trains where they start
    from models.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import tempfile
import warnings
from pathlib import Path
from time import process_time
from types import SimpleNamespace
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import torch
from bench_strategies import load, take
from sklearn.metrics import log_loss

from skmultimodal import FusionClassifier, Training
from skmultimodal.fusion.joint import _model
from skmultimodal.fusion.joint._seeds import member_seeds
from skmultimodal.training._members import train_apart, train_members
from skmultimodal.training._outputs import predict_outputs
from skmultimodal.training._shared import train_shared

STRATEGIES = ("parallel", "feature", "sequential")
FORMS = {  # form, and how many times the epochs
    "one": ("one", 1),
    "one, half the epochs": ("one", 0.5),
    "own": ("own", 1),
    "own, half the epochs": ("own", 0.5),
    "shared": ("shared", 1),
    "shared, half the epochs": ("shared", 0.5),
}
TRAIN = {"one": train_apart, "own": train_apart, "shared": train_shared}


def train(form, parts, n_members, epochs):
    """Return CPU seconds of the training, and the scores of each member."""
    settings = parts.settings.replace(max_epochs=epochs, lr="auto")
    settings = settings.with_rate(settings.backbone == "auto", len(parts.rows[0]))
    seeds = member_seeds(parts.seed, 1 if form == "one" else n_members)
    what = parts.make, parts.task, *parts.rows, settings
    start = process_time()
    nets, _ = TRAIN[form](*what, seeds, [None] * len(seeds))
    seconds = process_time() - start
    return seconds, [_scores(net, parts.test) for net in nets]


def _scores(net, tensors):
    return predict_outputs(net, tensors, ["scores"])["scores"]


def prepared(strategy, X, y, train, test, backbone, memory):
    """Return what a fit trains a network with, and the inputs of held-out rows."""
    training = Training(max_epochs=1, backbone=backbone, shrinkage=False)
    model = FusionClassifier(
        fusion=strategy, training=training, random_state=0, memory=memory
    )
    spy = mock.patch.object(_model, "train_members", wraps=train_members)
    with spy as called, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(take(X, train), y[train])
    make, task, data, valid, settings, seeds, _ = called.call_args.args
    return SimpleNamespace(
        make=make,
        task=task,
        rows=(data, valid),
        settings=settings,
        seed=seeds[0],
        test=model.fusion_.prepared(*model.reader_.read(take(X, test))),
        target=np.searchsorted(model.classes_, y[test]),
    )


def run(name, args, memory):
    """Return a record a strategy, fold and form of one set."""
    X, y, folds = load(name, args.data and Path(args.data), 3)
    records = []
    for strategy in args.strategies:
        for fold, (rows, test) in enumerate(folds[:3]):
            parts = prepared(strategy, X, y, rows, test, args.backbone, memory)
            train("own", parts, args.members, 1)  # warm up
            for label in args.forms:
                form, times = FORMS[label]
                epochs = max(round(args.epochs * times), 1)
                seconds, scores = train(form, parts, args.members, epochs)
                proba = parts.task.response(np.mean(scores, axis=0))
                proba = np.clip(proba, 1e-7, 1).astype(float)
                proba /= proba.sum(axis=1, keepdims=True)
                classes = np.arange(proba.shape[1])
                records.append(
                    {
                        "set": name,
                        "strategy": strategy,
                        "fold": fold,
                        "form": label,
                        "seconds": seconds,
                        "accuracy": float((proba.argmax(1) == parts.target).mean()),
                        "log_loss": log_loss(parts.target, proba, labels=classes),
                    }
                )
    return records


def table(records):
    """Return a row a set, strategy and form."""
    frame = pd.DataFrame(records)
    one = frame[frame["form"] == "one"].drop(columns="form")
    rows = frame.merge(one, on=["set", "strategy", "fold"], suffixes=("", "_one"))
    rows["cost"] = rows["seconds"] / rows["seconds_one"]
    rows["points"] = 100 * (rows["accuracy"] - rows["accuracy_one"])
    rows["loss_apart"] = rows["log_loss"] - rows["log_loss_one"]
    groups = rows.groupby(["set", "strategy", "form"], sort=False)

    def apart(key, digits):
        mean, error = groups[key].mean(), groups[key].sem()
        return [
            f"{m:+.{digits}f} ± {e:.{digits}f}"
            for m, e in zip(mean, error, strict=True)
        ]

    shown = groups[["accuracy", "log_loss"]].mean().round(3)
    shown["points"], shown["loss apart"] = apart("points", 1), apart("loss_apart", 3)
    shown["cost"] = groups["cost"].median().round(2)
    return shown.reset_index()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("SKMULTIMODAL_BENCH_DATA"))
    parser.add_argument("--sets", nargs="+", default=["emoji"])
    parser.add_argument("--strategies", nargs="+", default=STRATEGIES)
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument(
        "--no-backbone",
        dest="backbone",
        action="store_const",
        const=False,
        default="auto",
        help="start from nothing, not from the models",
    )
    parser.add_argument("--memory", help="keep the fitted base models in this folder")
    parser.add_argument("--json")
    args = parser.parse_args()
    args.forms = list(dict.fromkeys(["one", *args.forms]))
    torch.set_num_threads(1)
    records = []
    kept = contextlib.nullcontext(args.memory)
    with kept if args.memory else tempfile.TemporaryDirectory() as memory:
        for name in args.sets:
            records += run(name, args, memory)
            if args.json:
                Path(args.json).write_text(json.dumps(records, indent=1))
            print(table(records).to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
