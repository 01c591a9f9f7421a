"""Grades in order: `FusionClassifier(ordinal=...)` beside plain classification.

Mean absolute error in grades, quadratic weighted kappa and accuracy on held-out rows,
means over random splits: fifths of the progression of diabetes from two blocks of
columns, and the number of birds struck from the pilot's remark and the report form.

    python benchmarks/bench_ordinal.py --repeats 3
"""

from __future__ import annotations

import numpy as np
from _common import arguments, print_table, save
from sklearn.datasets import load_diabetes
from sklearn.metrics import accuracy_score, cohen_kappa_score, mean_absolute_error
from sklearn.model_selection import train_test_split

from skmultimodal import FusionClassifier
from skmultimodal.datasets import load_birdstrikes

STRATEGIES = ("decision", "parallel", "feature")


def diabetes(rows):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    columns = {"body": list(X.columns[:4]), "serum": list(X.columns[4:])}
    return X, np.searchsorted(np.quantile(y, [0.2, 0.4, 0.6, 0.8]), y), columns


def birds_struck(rows):
    """One bird or none, up to ten, and more."""
    X, _ = load_birdstrikes(return_X_y=True)
    X = X[X["birds_struck"].notna()].sample(rows, random_state=0)
    y = np.array([0, 0, 1, 2, 2])[X["birds_struck"].cat.codes]
    X = X.drop(columns=["birds_struck", "operator"])
    return X, y, {"table": [column for column in X if column != "text"]}


def main():
    options = arguments(
        __doc__,
        repeats=(int, 3, "random splits"),
        rows=(int, 1500, "rows of bird strikes"),
    )
    figures = {}
    for load in (diabetes, birds_struck):
        X, y, columns = load(options.rows)
        for seed in range(options.repeats):
            train, test = train_test_split(
                np.arange(len(y)), test_size=0.33, random_state=seed, stratify=y
            )
            for fusion in STRATEGIES:
                for ordinal in (False, True):
                    clf = FusionClassifier(
                        dict.fromkeys(columns, "table"),
                        fusion,
                        columns=columns,
                        ordinal=ordinal,
                        random_state=0,
                    )
                    clf.fit(X.iloc[train], y[train])
                    said, true = clf.predict(X.iloc[test]), y[test]
                    found = (
                        mean_absolute_error(true, said),
                        cohen_kappa_score(true, said, weights="quadratic"),
                        accuracy_score(true, said),
                    )
                    kind = "ordinal" if ordinal else "plain"
                    key = f"{load.__name__} {fusion} {kind}"
                    figures.setdefault(key, []).append(tuple(map(float, found)))
    rows = [
        (*key.split(), *(f"{value:.3f}" for value in np.mean(found, axis=0)))
        for key, found in figures.items()
    ]
    print_table(["data", "strategy", "classes", "MAE", "kappa", "accuracy"], rows)
    save(options.json, ordinal=figures)


if __name__ == "__main__":
    main()
