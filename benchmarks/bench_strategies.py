"""Accuracy of the default, of every decision rule and of what one builds by hand.

    python benchmarks/bench_strategies.py [--data FOLDER] [--sets emoji birdstrikes ...]
        [--joint] [--only CANDIDATE ...] [--rows N] [--memory FOLDER] [--json FILE]
        [--rst FILE]

Five stratified folds, shuffled with seed 0; the spoken digits on their given split.
With ``--joint`` strategies trained as one network instead of rules, in three folds,
dealt three times below 1,000 rows, beside a stack of the very models that they start
from. Nothing is tuned. ``--only`` names the candidates, as in the table, that run
beside the default, ``--rows`` is the most rows of a set, drawn at random.

FOLDER, or the environment variable SKMULTIMODAL_BENCH_DATA, holds the sets that are not
part of the package, as ``.npz`` files with ``y`` and one array ``X_<modality>`` a
modality, and ``womens_ecommerce.parquet``; without it only the bundled sets run. Base
models are fitted once a fold and cached for all candidates; with ``--memory`` further
runs find them there.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import tempfile
import warnings
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from time import process_time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmultimodal import DecisionFusion, FusionClassifier, MultimodalData, datasets
from skmultimodal.encoders._auto import infer_columns
from skmultimodal.encoders.features._classical import default_model
from skmultimodal.fusion.rules._classification import RULES
from skmultimodal.model_selection._handmade import (
    _filled,
    _select,
    handmade_concatenation,
    handmade_models,
    handmade_stack,
)

BUNDLED = ("emoji", "birdstrikes", "spoken_digits")
BENCH = ("scene15_3v", "leaves100_3v", "cub10_img_text", "handwritten6_tmc")
JOINT = (
    "parallel",
    "sequential",
    "feature",
    "decision",
    "gated",
    "attention",
    "low_rank",
)
SAME = "stack of the same models"
FEW_ROWS = 1000
BY_HAND = ("hand-made concatenation", "hand-made voting", "hand-made stacking")


def load(name, folder, n_folds=5, n_rows=None):
    """Return X, y and the folds of one data set; three folds of few rows thrice."""
    if name == "spoken_digits":
        bunch = datasets.load_spoken_digits()
        split = (np.asarray(bunch.train_idx), np.asarray(bunch.test_idx))
        return bunch.data, np.asarray(bunch.target), [split]
    if name in BUNDLED:
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    elif name == "womens_ecommerce":
        X = pd.read_parquet(folder / f"{name}.parquet")
        y = X.pop("recommended_ind")
    else:
        with np.load(folder / f"{name}.npz", allow_pickle=True) as file:
            y = file["y"]
            blocks = {
                key[2:]: file[key].astype(float) for key in file if key[:2] == "X_"
            }
        X = MultimodalData(blocks)
    y = np.asarray(y)
    if n_rows is not None and len(y) > n_rows:
        rows = np.random.default_rng(0).permutation(len(y))[:n_rows]
        X, y = take(X, rows), y[rows]
    folds = []
    for seed in range(3 if n_folds == 3 and len(y) < FEW_ROWS else 1):
        splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
        folds += splitter.split(y, y)
    return X, y, folds


def candidates(X, y, memory, joint, rules):
    """Return the estimators to compare by name, with strategies, rules or both."""
    names = list(infer_columns(X))
    models = handmade_models(X)
    rows = {
        "hand-made concatenation": handmade_concatenation(X),
        "hand-made voting": VotingClassifier(models, voting="soft"),
        "hand-made stacking": handmade_stack(X),
        "FusionClassifier()": FusionClassifier(random_state=0, memory=memory),
    }
    if joint:
        rows[SAME] = same_stack(X, len(np.unique(y)))
        for strategy in JOINT:
            rows[strategy] = FusionClassifier(
                fusion=strategy, random_state=0, memory=memory
            )
    for rule in RULES if rules else ():
        if rule != "weighted_mean":  # another name of the fitted mean
            rows[f"rule {rule}"] = FusionClassifier(
                fusion=DecisionFusion(rule), random_state=0, memory=memory
            )
    return names, rows


def same_stack(X, n_classes):
    """Return a stack, by scikit-learn, of the default model of each modality."""
    models = []
    for name, (kind, columns) in infer_columns(X).items():
        where = {"name": name, "columns": columns}
        steps = [FunctionTransformer(_select, kw_args=where, validate=False)]
        if kind == "text":
            steps.append(FunctionTransformer(_filled, validate=False))
        model = default_model(kind, n_classes=n_classes)
        models.append((name, make_pipeline(*steps, model)))
    return StackingClassifier(models, LogisticRegression(max_iter=1000))


def take(X, rows):
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def run(name, folder, joint, only=None, n_rows=None, memory=None):
    """Return one record a candidate: accuracy, standard error, log loss, seconds."""
    X, y, folds = load(name, folder, 3 if joint else 5, n_rows)
    figures = {}
    kept = nullcontext(memory) if memory else tempfile.TemporaryDirectory()
    with kept as memory:
        rules = not joint or only is not None
        names, rows = candidates(X, y, memory, joint, rules)
        if only is not None:
            rows = {c: rows[c] for c in dict.fromkeys(["FusionClassifier()", *only])}
        for train, test in folds:
            part, held_out = take(X, train), take(X, test)
            for label, model in rows.items():
                start = process_time()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # convergence of the baselines
                    model.fit(part, y[train])
                seconds = process_time() - start
                proba = model.predict_proba(held_out)
                record(figures, label, proba, y[test], model.classes_, seconds)
                if label == "FusionClassifier()":
                    alone = model.predict_proba_per_modality(held_out)
                    for modality in names:
                        filled = np.where(
                            np.isfinite(alone[modality]),
                            alone[modality],
                            model.fusion_.prior,
                        )
                        record(
                            figures,
                            f"{modality} alone",
                            filled,
                            y[test],
                            model.classes_,
                            np.nan,
                        )
    return [summary(name, label, rows) for label, rows in figures.items()]


def record(figures, label, proba, y, classes, seconds):
    """Append accuracy, log loss, seconds and rows of one fold."""
    right = classes[proba.argmax(axis=1)] == y
    proba = np.clip(proba, 1e-7, 1)
    loss = log_loss(y, proba / proba.sum(1, keepdims=True), labels=classes)
    figures.setdefault(label, []).append((right.mean(), loss, seconds, len(y)))


def summary(name, label, rows):
    """Return the mean over folds; on one split the error is binomial.

    Folds that are dealt anew hold no further rows: they do not make the error smaller.
    """
    accuracy, loss, seconds, n = map(np.array, zip(*rows, strict=True))
    mean = accuracy.mean()
    if len(rows) > 1:
        apart = 3 if len(rows) == 9 else len(rows)
        error = accuracy.std(ddof=1) / np.sqrt(apart)
    else:
        error = np.sqrt(mean * (1 - mean) / n[0])
    return {
        "set": name,
        "candidate": label,
        "accuracy": round(float(mean), 4),
        "standard_error": round(float(error), 4),
        "log_loss": round(float(loss.mean()), 4),
        "fit_cpu_seconds": None if np.isnan(seconds[0]) else round(seconds.mean(), 2),
    }


NAMES = {"FusionClassifier()": "the default"}
STACKING = "rule stacking"  # the one rule that often beats the default


def verdicts(records):
    """Return per set how the default stands to its best rival, and to stacking."""
    lines = []
    for name in dict.fromkeys(r["set"] for r in records):
        rows = {r["candidate"]: r for r in records if r["set"] == name}
        if SAME in rows:
            lines += _of_strategies(name, rows)
            continue
        default = rows["FusionClassifier()"]
        rivals = [
            r
            for label, r in rows.items()
            if label in BY_HAND or label.endswith(" alone")
        ]
        best = max(rivals, key=lambda r: r["accuracy"])
        line = f"{name}: {_compared(default, best)}"
        if STACKING in rows:
            line += f"; {_compared(default, rows[STACKING])}"
        lines.append(line)
    return lines


def _of_strategies(name, rows):
    """Return how each strategy stands to the best modality and the same stack."""
    alone = [r for label, r in rows.items() if label.endswith(" alone")]
    rivals = [max(alone, key=lambda r: r["accuracy"]), rows[SAME]]
    return [
        f"{name}: " + "; ".join(_compared(rows[strategy], rival) for rival in rivals)
        for strategy in JOINT
        if strategy in rows
    ]


def _compared(default, rival):
    """Return how the default stands to a rival; within a standard error is a tie."""
    gap = default["accuracy"] - rival["accuracy"]
    stands, who = "above" if gap > 0 else "below", default["candidate"]
    if abs(gap) <= max(default["standard_error"], rival["standard_error"]):
        stands = "tied with"
    return (
        f"{NAMES.get(who, who)} {default['accuracy']:.3f} is {stands} "
        f"{rival['candidate']} {rival['accuracy']:.3f} ({gap:+.3f})"
    )


def page(records):
    """Return the table as reStructuredText: accuracy, candidates by sets."""
    frame = pd.DataFrame(records)
    sets = list(dict.fromkeys(frame["set"]))
    labels = [c for c in dict.fromkeys(frame["candidate"]) if not c.endswith(" alone")]
    alone = frame[frame["candidate"].str.endswith(" alone")]
    best = alone.groupby("set")["accuracy"].max()
    rows = [["best single modality", *(f"{best[s]:.3f}" for s in sets)]]
    cells = frame.set_index(["candidate", "set"])
    for label in labels:
        row = [label]
        for name in sets:
            known = (label, name) in cells.index
            value = cells.loc[(label, name)] if known else None
            row.append(
                f"{value.accuracy:.3f} ± {value.standard_error:.3f}" if known else ""
            )
        rows.append(row)
    packages = ", ".join(
        f"{p} {version(p)}" for p in ("numpy", "scikit-learn", "torch")
    )
    lines = [
        f".. Written by benchmarks/bench_strategies.py on {datetime.date.today()}",
        "",
        ".. csv-table:: Accuracy and standard error, nothing tuned",
        "   :class: results-table",
        f'   :header: "candidate", {", ".join(chr(34) + s + chr(34) for s in sets)}',
        "",
        *("   " + ", ".join(f'"{cell}"' for cell in row) for row in rows),
        "",
        *(f"- {line}" for line in verdicts(records)),
        "",
        f"Made by ``benchmarks/bench_strategies.py`` with {packages}.",
        "",
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("SKMULTIMODAL_BENCH_DATA"))
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--joint", action="store_true", help="joint strategies too")
    parser.add_argument("--only", nargs="*", help="candidates beside the default")
    parser.add_argument("--rows", type=int, help="most rows of a set")
    parser.add_argument("--memory", help="keep the fitted base models in this folder")
    parser.add_argument("--json")
    parser.add_argument("--rst")
    args = parser.parse_args()
    folder = Path(args.data) if args.data else None
    if folder is None:
        print(
            "no --data FOLDER and no SKMULTIMODAL_BENCH_DATA: bundled sets only",
            file=sys.stderr,
        )
    every = [*BUNDLED, *((*BENCH, "womens_ecommerce") if folder else ())]
    records = []
    for name in args.sets or every:
        rows = run(name, folder, args.joint, args.only, args.rows, args.memory)
        records += rows
        print(pd.DataFrame(rows).to_string(index=False), flush=True)
        if args.json:
            Path(args.json).write_text(json.dumps(records, indent=1))
        if args.rst:
            Path(args.rst).write_text(page(records))
    print("\n".join(verdicts(records)))


if __name__ == "__main__":
    main()
