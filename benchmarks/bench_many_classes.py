"""The models of few and of many classes beside each other, as classes grow.

    python benchmarks/bench_many_classes.py [--classes 200] [--most 2000] [--json FILE]

Made data: a text of eight words, of which some are typical of the class, and a table
of four numbers around one of two places for each class, four of noise and a category;
`--rows` rows to learn from, or three for each class if that is more. The first table
fits each model alone, up to `--classes`. The second fits the default to both modalities
of `--most` classes in a process of its own, whose peak memory it gives. The third has
the names of real emoji by subgroup, in three folds.
"""

from __future__ import annotations

import json
import resource
import sys
import warnings
from time import process_time

import numpy as np
import pandas as pd
from _common import arguments, in_child, print_table, save
from sklearn.model_selection import StratifiedKFold

from skmultimodal import FusionClassifier
from skmultimodal.datasets import load_emoji
from skmultimodal.encoders.features._classical import default_model

N_WORDS = 3000


def rows(y, seed):
    """Return texts and tables of some classes."""
    rng, of_class = np.random.default_rng(seed), np.random.default_rng(0)
    letters = list("abcdefghijklmnopqrstuvwxyz")
    words = ["".join(of_class.choice(letters, 3 + i % 6)) for i in range(N_WORDS)]
    words, n_classes = np.array(words), int(y.max()) + 1
    own = of_class.integers(300, N_WORDS, (n_classes, 5))
    places = of_class.normal(scale=3, size=(n_classes, 2, 4))
    kinds = of_class.integers(0, 20, n_classes)
    often = 1 / np.arange(1, N_WORDS + 1)
    size = (len(y), 8)
    common = rng.choice(N_WORDS, size, p=often / often.sum())
    typical = own[y[:, None], rng.integers(0, 5, size)]
    texts = words[np.where(rng.random(size) < 0.35, typical, common)]
    numbers = places[y, rng.integers(0, 2, len(y))]
    numbers = np.hstack([numbers + 0.5 * rng.normal(size=(len(y), 4)),
                         rng.normal(size=(len(y), 4))])  # fmt: skip
    X = pd.DataFrame(numbers, columns=[f"n{i}" for i in range(8)])
    other = rng.integers(0, 20, len(y))
    kind = np.where(rng.random(len(y)) < 0.7, kinds[y], other)
    X["kind"] = [f"kind {k}" for k in kind]
    X.insert(0, "text", [" ".join(row) for row in texts])
    return X


def split(n_classes, n_rows):
    """Return rows to learn from and rows to judge by."""
    y = np.arange(max(n_rows, 3 * n_classes)) % n_classes
    new = np.arange(max(1000, n_classes)) % n_classes
    return rows(y, 1), y, rows(new, 2), new


def scores(proba, truth):
    """Return accuracy and log loss."""
    right = np.clip(proba[np.arange(len(truth)), truth], 1e-7, 1)
    return float((proba.argmax(axis=1) == truth).mean()), float(-np.log(right).mean())


def alone(n_classes, n_rows, kind, many):
    """Return accuracy, log loss and CPU seconds of a fit of one model."""
    X, y, new, truth = split(n_classes, n_rows)
    part = "text" if kind == "text" else [c for c in X if c != "text"]
    model = default_model(kind, n_classes=10**6 if many else 2)
    start = process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence
        model.fit(X[part], y)
    seconds = process_time() - start
    return [*scores(model.predict_proba(new[part]), truth), seconds]


def whole(n_classes, n_rows):
    """Print figures of the default as JSON."""
    X, y, new, truth = split(n_classes, n_rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = process_time()
    clf = FusionClassifier(random_state=0).fit(X, y)
    seconds = process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    parts = clf.predict_proba_per_modality(new)
    table = [[name, *scores(proba, truth)] for name, proba in parts.items()]
    table.append(["both", *scores(clf.predict_proba(new), truth)])
    print(json.dumps([table, len(y), seconds, before / 1e6, peak / 1e6]))


def emoji_names():
    """Return figures of both models on the subgroups of emoji, by folds."""
    data = load_emoji()
    y = np.unique(data.subgroup, return_inverse=True)[1]
    keep = np.bincount(y)[y] >= 3
    texts = data.data["text"].to_numpy()[keep]
    y = np.unique(y[keep], return_inverse=True)[1]
    figures = {"few classes": [], "many classes": []}
    for train, test in StratifiedKFold(3, shuffle=True, random_state=0).split(texts, y):
        for name, n_classes in (("few classes", 2), ("many classes", 10**6)):
            model = default_model("text", n_classes=n_classes)
            start = process_time()
            model.fit(texts[train], y[train])
            seconds = process_time() - start
            proba = model.predict_proba(texts[test])
            figures[name].append([*scores(proba, y[test]), seconds])
    means = {name: np.mean(each, axis=0) for name, each in figures.items()}
    return len(np.unique(y)), means


def main():
    if sys.argv[1:2] == ["--whole"]:
        whole(*map(int, sys.argv[2:]))
        return
    args = arguments(
        __doc__,
        classes=(int, 200, "most classes of the first table"),
        most=(int, 2000, "classes of the second"),
        rows=(int, 1000, "rows to learn from"),
    )
    # first, for a process starts with the peak of the one that starts it
    outcome = in_child([__file__, "--whole", args.most, args.rows])
    records = []
    for n_classes in (10, 20, 50, 100, 200, 500):
        for kind in ("text", "table") if n_classes <= args.classes else ():
            few = alone(n_classes, args.rows, kind, many=False)
            many = alone(n_classes, args.rows, kind, many=True)
            records.append([n_classes, kind, *few, *many])
            print(*records[-1], flush=True)
    figures = ["accuracy", "log loss", "CPU s"]
    header = ["classes", "modality", *figures, *(f"{f}, many" for f in figures)]
    print_table(header, records, f"Models of few and of many classes, {args.rows} rows")
    table, n_rows, seconds, before, peak = outcome
    title = f"The default, {n_rows} rows of {args.most} classes: {seconds:.1f} CPU s, "
    title += f"peak {peak:.2f} GB, of which {before:.2f} GB libraries and data"
    print_table(["modality", "accuracy", "log loss"], table, title)
    n_classes, found = emoji_names()
    by_model = [[name, *values] for name, values in found.items()]
    title = f"Names of emoji of {n_classes} subgroups, 3 folds"
    print_table(["model of", *figures], by_model, title)
    save(args.json, columns=header, rows=records, table=table, seconds=seconds)


if __name__ == "__main__":
    main()
