"""Cost of exact Shapley values over the predictions that they are made of.

    python benchmarks/bench_inspection.py [--json FILE]

2,000 rows of four modalities, each 64 numbers. The base is the 16 predictions on
embeddings that are encoded once. Beside it the fusion and the link alone, on embeddings
made before the clock starts, which is the least work there can be, and 16 predictions
that encode anew.
"""

from __future__ import annotations

import numpy as np
import torch
from _common import alternate, arguments, bar_row, print_table, ratio, save

from skmultimodal import FusionClassifier, TabularEncoder, Training
from skmultimodal.datasets import make_multimodal_classification
from skmultimodal.inspection import modality_importance
from skmultimodal.inspection._coalitions import all_subsets

BAR = 1.5
ALIASES = ("parallel", "gated", "feature", "attention")
BATCH = 512


def fitted(alias, n_rows):
    """Return a fitted model of four modalities, its rows and labels."""
    X, y = make_multimodal_classification(
        n_rows, n_modalities=4, n_features=64, n_classes=5, random_state=0
    )
    encoders = [(name, TabularEncoder(out_features=64)) for name in X]
    clf = FusionClassifier(
        encoders, alias, random_state=0, training=Training(max_epochs=2)
    )
    return clf.fit(X, y), X, y


def on_cached_embeddings(clf, X):
    """Return a function that predicts for all sets, its embeddings made before."""
    model = clf.fusion_
    cells, present = clf.reader_.read(X)
    presences = [present & subset for subset in all_subsets(clf)]
    inputs = model.preparation.tensors((cells, present))
    module = model.net.module_.eval()
    batches = torch.arange(len(present)).split(BATCH)
    with torch.inference_mode():
        cached = [
            {
                name: module.encode(name, inputs.batch(rows)[0]["inputs"][name])
                for name in module.names
            }
            for rows in batches
        ]

    def predict():
        with torch.inference_mode():
            for presence in presences:
                mask = torch.from_numpy(presence)
                scores = [
                    module.complete_and_fuse(
                        embeddings, None if presence.all() else mask[rows]
                    ).scores.numpy()
                    for rows, embeddings in zip(batches, cached, strict=True)
                ]
                model.task.response(np.concatenate(scores))

    return predict


def predictions(clf, X):
    """Return functions that predict for all sets: encoding once, and encoding anew."""
    cells, present = clf.reader_.read(X)
    presences = [present & subset for subset in all_subsets(clf)]
    return {
        "base": lambda: clf.fusion_.responses(cells, presences),
        "anew": lambda: [clf.fusion_.response(cells, p) for p in presences],
    }


def main():
    """Measure every strategy and print the ratios."""
    args = arguments(
        __doc__,
        repeats=(int, 15, "rounds"),
        rows=(int, 2000, "rows of the data"),
    )
    rows, figures, bars = [], {}, []
    for alias in ALIASES:
        clf, X, y = fitted(alias, args.rows)
        functions = {
            **predictions(clf, X),
            "fusion": on_cached_embeddings(clf, X),
            "shapley": lambda clf=clf, X=X, y=y: modality_importance(clf, X, y),
        }
        seconds = alternate(functions, args.repeats)
        figures[alias] = {
            "shapley": ratio(seconds, "shapley", "base"),
            "shapley_over_fusion_alone": ratio(seconds, "shapley", "fusion"),
            "anew": ratio(seconds, "anew", "base"),
        }
        base = 1e3 * float(np.median(seconds["base"]))
        rows.append([alias, base, *figures[alias].values()])
        bars.append(bar_row(f"Shapley, {alias}", figures[alias]["shapley"], BAR))
    columns = ["base, ms", "Shapley / base", "Shapley / fusion", "16 anew / base"]
    print_table(["strategy", *columns], rows)
    print_table(["bar", "measured", "wanted", "met"], bars)
    save(args.json, ratios=figures)


if __name__ == "__main__":
    main()
