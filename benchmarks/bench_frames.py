"""Mean and attention over several images of a cell, where one of them matters.

    python benchmarks/bench_frames.py [--rows 300] [--seeds 3] [--json FILE]

A cell holds three to six handwritten digits of scikit-learn, of which one is twice as
bright as the others: is it below five? As many rows again are predicted, mean and
standard error over seeds of the bags and of the fit. "Frozen" is a head over fixed
features of each image, here its pixels, as over a pretrained model.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from _common import arguments, print_table, save
from sklearn.datasets import load_digits

from skmultimodal import FusionClassifier, ImageEncoder, Training
from skmultimodal.data import stack_images
from skmultimodal.encoders import BaseEncoder
from skmultimodal.encoders.pretrained._models import FrozenHead


class Frozen(BaseEncoder):
    """The trained part of a frozen model of images, over their pixels."""

    reads = "image"

    def __init__(self, frames="mean"):
        self.frames = frames

    def transform(self, cells):
        """Return the pixels as features."""
        return {"features": stack_images(cells, 8, 1).reshape(len(cells), -1)}

    def build(self):
        """Return the head."""
        return FrozenHead(64, (), 64, 0.0)


def bags(n, seed):
    """Return cells of several digits, and whether the bright one is below five."""
    rng, digits = np.random.default_rng(seed), load_digits()
    images, cells, y = (digits.images * 15).astype(np.uint8), [], []
    for size in rng.integers(3, 7, n):
        rows = rng.integers(0, len(images), size)
        cell, bright = images[rows] // 2, rng.integers(size)
        cell[bright] = images[rows[bright]]
        cells.append(cell[..., None])
        y.append(digits.target[rows[bright]] < 5)
    return pd.DataFrame({"digits": cells}), np.array(y)


def accuracy(encoder, n, seed, training):
    """Return the accuracy on as many other rows."""
    X, y = bags(2 * n, seed)
    clf = FusionClassifier({"digits": encoder}, "feature", training, random_state=seed)
    return clf.fit(X[:n], y[:n]).score(X[n:], y[n:])


def main():
    """Print the table."""
    args = arguments(
        __doc__,
        rows=(int, 300, "rows to learn from, once all and once half of them"),
        seeds=(int, 3, "repetitions"),
    )
    encoders = {
        "ImageEncoder": (ImageEncoder(), Training()),
        "frozen": (Frozen(), Training(lr=0.01)),
    }
    rows = []
    for name, (encoder, training) in encoders.items():
        for n in (args.rows // 2, args.rows):
            row = [name, n]
            for frames in ("mean", "attention"):
                encoder.set_params(frames=frames)
                found = [accuracy(encoder, n, s, training) for s in range(args.seeds)]
                error = np.std(found, ddof=1) / np.sqrt(len(found))
                row.append(f"{np.mean(found):.3f} ± {error:.3f}")
            rows.append(row)
    columns = ["encoder", "rows", "mean", "attention"]
    print_table(columns, rows)
    save(args.json, columns=columns, rows=rows)


if __name__ == "__main__":
    main()
