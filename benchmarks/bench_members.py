"""Members of one network: with weights of their own, and with shared weights.

    python benchmarks/bench_members.py [--data FOLDER] [--sets emoji ...]
        [--strategies parallel ...] [--forms FORM ...] [--members 8] [--epochs 30]
        [--no-backbone] [--memory FOLDER] [--json FILE]

Three stratified folds; features and models are fitted once a fold, then each form is
trained on the same rows, in turn. Cost is CPU time of the training alone, as a ratio to
one network in the same fold (median); accuracy and log loss stand as differences to one
network, with the standard error of their mean over the folds.

own
    ``Training(n_members=8)``: networks of eight seeds, side by side.
split
    Shared weights as in TabM-mini (Y. Gorishniy et al., ICLR 2025): a member has a
    vector of its own, at first of +1 and -1, that multiplies the embedding of each
    modality, and heads of its own. As in BatchEnsemble (Y. Wen et al., ICLR 2020), the
    rows of a batch are dealt out among the members.
vectors
    The same with the vectors alone: heads are shared too.
every
    As split, but every member sees every row: features are embedded once, all
    after that is computed for each member.
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
from torch import nn

from skmultimodal import FusionClassifier, Training
from skmultimodal.encoders.features._encoder import SCORES, _Adapter
from skmultimodal.fusion.joint import _model
from skmultimodal.fusion.joint._layers import Heads
from skmultimodal.fusion.joint._seeds import member_seeds
from skmultimodal.training._fit import make_net
from skmultimodal.training._members import train_members
from skmultimodal.training._net import seeded
from skmultimodal.training._outputs import predict_outputs

STRATEGIES = ("parallel", "feature", "sequential")
FORMS = {  # form, and how many times the epochs
    "one": ("one", 1),
    "one, half the epochs": ("one", 0.5),
    "own": ("own", 1),
    "own, half the epochs": ("own", 0.5),
    "split": ("split", 1),
    "split, twice the epochs": ("split", 2),
    "vectors": ("vectors", 1),
    "vectors, half the epochs": ("vectors", 0.5),
    "every": ("every", 1),
}


class OwnVectors(nn.Module):
    """An adapter whose embedding each member multiplies by a vector of its own."""

    def __init__(self, adapter, dealt):
        super().__init__()
        self.adapter, self.dealt = adapter, dealt
        self.out_features, self.n_scores = adapter.out_features, adapter.n_scores
        width = adapter.module.out_features
        signs = 2.0 * torch.randint(0, 2, (dealt.n_members, width)) - 1
        self.vectors = nn.Parameter(signs)

    def forward(self, **inputs):
        scores = inputs.pop(SCORES, None)
        times = len(self.dealt.member) // len(next(iter(inputs.values())))
        embedding = self.adapter.module(**inputs).repeat(times, 1)
        own = self.adapter.dropout(embedding * self.vectors[self.dealt.member])
        return own if scores is None else torch.cat([own, scores.repeat(times, 1)], 1)


class OwnHeads(nn.Linear):
    """A linear head a member; they begin at zero."""

    def __init__(self, head, dealt):
        super().__init__(head.in_features, head.out_features * dealt.n_members)
        self.dealt = dealt
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x):
        every = super().forward(x).unflatten(1, (self.dealt.n_members, -1))
        return every[torch.arange(len(x)), self.dealt.member]


class Shared(nn.Module):
    """A network with vectors and heads of each member, trained as one network."""

    def __init__(self, network, n_members, form):
        super().__init__()
        self.network, self.fusion = network, network.fusion
        self.every = form == "every"
        self.dealt = dealt = SimpleNamespace(n_members=n_members, member=None)
        self.on_epoch, self.settle = network.on_epoch, network.settle
        for key, adapter in network.encoders.items():
            if not isinstance(adapter, _Adapter):
                raise ValueError(f"Only frozen features, not {type(adapter).__name__}.")
            network.encoders[key] = OwnVectors(adapter, dealt)
        for part in list(network.fusion.modules()) if form != "vectors" else ():
            if isinstance(part, Heads):
                for key, head in part.heads.items():
                    part.heads[key] = OwnHeads(head, dealt)
            elif isinstance(getattr(part, "out", None), nn.Linear):
                part.out = OwnHeads(part.out, dealt)

    def forward(self, inputs, present=None):
        n = len(next(iter(next(iter(inputs.values())).values())))
        k = self.dealt.n_members
        if not self.training:
            self.dealt.member = torch.full((n,), self.asked)
        elif self.every:
            self.dealt.member = torch.arange(k).repeat_interleave(n)
            present = None if present is None else present.repeat(k, 1)
        else:
            self.dealt.member = torch.arange(n) % k  # of rows in random order
        return self.network(inputs, present)

    def loss(self, output, target, criterion, weight=None):
        return self.network.loss(output, self._all(target), criterion)

    def _all(self, target):
        return target.repeat(len(self.dealt.member) // len(target))


def train(form, parts, n_members, epochs):
    """Return CPU seconds of the training, and the scores of each member."""
    settings = parts.settings.replace(max_epochs=epochs, lr="auto")
    settings = settings.with_rate(settings.backbone == "auto", len(parts.data))
    start = process_time()
    if form in ("one", "own"):
        seeds = member_seeds(parts.seed, n_members if form == "own" else 1)
        what = parts.make, parts.task, parts.data, None, settings
        nets, _ = train_members(*what, seeds, [None] * len(seeds))
        seconds = process_time() - start
        return seconds, [_scores(net, parts.test) for net in nets]
    with seeded(parts.seed):
        network = parts.make().to(torch.float32)
        module = Shared(network, n_members, form)
        net = make_net(module, parts.task, settings, early_stopping=False)
        net.run_epochs(parts.data, None, epochs)
    seconds, scores = process_time() - start, []
    for i in range(n_members):
        net.module_.asked = i
        scores.append(_scores(net, parts.test))
    return seconds, scores


def _scores(net, tensors):
    return predict_outputs(net, tensors, ["scores"])["scores"]


def prepared(strategy, X, y, train, test, backbone, memory):
    """Return what a fit trains a network with, and the inputs of held-out rows."""
    training = Training(max_epochs=1, backbone=backbone)
    model = FusionClassifier(
        fusion=strategy, training=training, random_state=0, memory=memory
    )
    spy = mock.patch.object(_model, "train_members", wraps=train_members)
    with spy as called, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(take(X, train), y[train])
    make, task, data, valid, settings, seeds, _ = called.call_args.args
    if valid is not None or data.weight is not None:
        raise ValueError("Rows without weights, none of them held out, are compared.")
    return SimpleNamespace(
        make=make,
        task=task,
        data=data,
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
