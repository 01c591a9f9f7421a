"""Strategies on few rows, beside decision fusion and the best modality.

    python benchmarks/bench_few_rows.py [--data FOLDER] [--sets emoji,birdstrikes]
        [--rows 100] [--draws 8] [--shrinkage off] [--json FILE]

So many rows are drawn to learn from, as many of each class as there should be, and at
most 1,000 others judge. Nothing is tuned. "points" and "loss apart" are differences in
accuracy and log loss to ``fusion="decision"`` of the same draw, with the standard error
of their mean over draws.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from _common import arguments, print_table, save
from bench_strategies import JOINT, load, take
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skmultimodal import FusionClassifier, Training
from skmultimodal.datasets import make_multimodal_xor


def judged(proba, y, classes):
    """Return accuracy in percent, and log loss."""
    right = classes[proba.argmax(axis=1)] == y
    proba = np.clip(proba, 1e-7, 1)
    loss = log_loss(y, proba / proba.sum(axis=1, keepdims=True), labels=classes)
    return 100 * right.mean(), loss


def draw(X, y, n_rows, seed, training):
    """Return what each candidate reaches on one draw, by name."""
    rest = min(1000, len(y) - n_rows)
    train, test = train_test_split(
        np.arange(len(y)),
        train_size=n_rows,
        test_size=rest,
        stratify=y,
        random_state=seed,
    )
    part, held_out, found = take(X, train), take(X, test), {}
    with tempfile.TemporaryDirectory() as memory:
        for name in JOINT:
            model = FusionClassifier(fusion=name, random_state=0, memory=memory)
            if name != "decision":
                model.set_params(training=training)
            model.fit(part, y[train])
            proba = model.predict_proba(held_out)
            found[name] = judged(proba, y[test], model.classes_)
            if name != "decision":
                continue
            alone = model.predict_proba_per_modality(held_out)
            for modality, said in alone.items():
                said = np.where(np.isfinite(said), said, model.fusion_.prior)
                found[f"{modality} alone"] = judged(said, y[test], model.classes_)
    return found


def figures(name, folder, n_rows, n_draws, training):
    """Return one row of the table for each candidate."""
    if name == "xor":  # made: only both modalities together tell the class
        X, y = make_multimodal_xor(n_rows + 1000, random_state=0)
    else:
        X, y, _ = load(name, folder)
    draws = [draw(X, y, n_rows, seed, training) for seed in range(n_draws)]
    base, rows = np.array([found["decision"] for found in draws]), []
    for candidate in draws[0]:
        found = np.array([one[candidate] for one in draws])
        apart = (found - base).mean(axis=0)
        error = (found - base).std(axis=0, ddof=1) / np.sqrt(n_draws)
        points, loss = found.mean(axis=0)
        rows.append(
            [
                name,
                n_rows,
                candidate,
                f"{points:.1f}",
                f"{loss:.3f}",
                f"{apart[0]:+.1f} ± {error[0]:.1f}",
                f"{apart[1]:+.3f} ± {error[1]:.3f}",
            ]
        )
    return rows


def main():
    args = arguments(
        __doc__,
        data=(Path, None, "folder of the sets that are not bundled"),
        sets=(str, "emoji,birdstrikes", "names with commas between, xor is made"),
        rows=(int, 100, "rows to learn from"),
        draws=(int, 8, "repetitions"),
        shrinkage=(str, "auto", "of what networks learn: auto, or off"),
    )
    training, rows = Training(shrinkage=args.shrinkage != "off" and "auto"), []
    for name in args.sets.split(","):
        rows += figures(name, args.data, args.rows, args.draws, training)
    columns = [
        "set",
        "rows",
        "candidate",
        "accuracy",
        "log loss",
        "points",
        "loss apart",
    ]
    print_table(columns, rows)
    save(args.json, columns=columns, rows=rows)


if __name__ == "__main__":
    main()
