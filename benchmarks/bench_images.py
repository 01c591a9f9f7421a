"""Local patterns and colours of regions beside image features without them.

    python benchmarks/bench_images.py [--data FOLDER] [--json FILE]

Images alone under the default kernel model: five stratified folds of emoji, the given
split of the spoken digits and, with FOLDER, two draws of 700 training rows of the
digits of ``digits_trimodal``. "points" and "loss apart" are differences in accuracy and
log loss to features without regions on the same rows, with the standard error of their
mean.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from _common import arguments, print_table, save
from bench_strategies import load
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline

from skmultimodal.encoders import ImageFeatures, KernelClassifier


def rows_of(name, folder):
    """Return images, classes and folds of a set."""
    if name != "digits_trimodal":
        X, y, folds = load(name, folder)
        return np.stack([np.asarray(image) for image in X["image"]]), y, folds
    with np.load(folder / f"{name}.npz", allow_pickle=True) as file:
        images, y = file["X_image"].reshape(-1, 8, 8), file["y"]
        rows = np.random.default_rng(0).permutation(file["train_idx"])
        folds = [(rows[i : i + 700], file["test_idx"]) for i in (0, 700)]
    return images / images.max(), y, folds


def figures(name, folder):
    """Return one row of the table for each kind of features."""
    images, y, folds = rows_of(name, folder)
    found = []
    for n_regions in (0, 4):
        features = ImageFeatures(n_regions=n_regions)
        for train, test in folds:
            model = make_pipeline(features, KernelClassifier())
            proba = model.fit(images[train], y[train]).predict_proba(images[test])
            right = model.classes_[proba.argmax(axis=1)] == y[test]
            loss = log_loss(y[test], proba, labels=model.classes_)
            found.append((100 * right.mean(), loss))
    found = np.reshape(found, (2, len(folds), 2))
    apart, error = found - found[0], np.zeros((2, 2))
    if len(folds) > 1:
        error = apart.std(axis=1, ddof=1) / np.sqrt(len(folds))
    return [
        [
            name,
            n_regions,
            f"{found[k, :, 0].mean():.1f}",
            f"{found[k, :, 1].mean():.3f}",
            f"{apart[k, :, 0].mean():+.1f} ± {error[k, 0]:.1f}",
            f"{apart[k, :, 1].mean():+.3f} ± {error[k, 1]:.3f}",
        ]
        for k, n_regions in enumerate((0, 4))
    ]


def main():
    args = arguments(__doc__, data=(Path, None, "folder of digits_trimodal.npz"))
    sets = ["emoji", "spoken_digits", *(["digits_trimodal"] if args.data else [])]
    rows = [row for name in sets for row in figures(name, args.data)]
    columns = ["set", "n_regions", "accuracy", "log loss", "points", "loss apart"]
    print_table(columns, rows)
    save(args.json, columns=columns, rows=rows)


if __name__ == "__main__":
    main()
