"""Regression: rules and strategies on features beside what one builds by hand.

R2 on held-out rows, the mean over random splits: with every modality, and with three
in ten of them absent (each row keeps one). Beside the rules of decision fusion, the
strategies trained as one network and those on fixed features stand the best modality
(chosen on the test rows), a ridge regression on the joined features and a stack of one
ridge regression a modality; absent blocks of numbers are replaced by means for the last
two.

    python benchmarks/bench_regression.py --repeats 10
"""

from __future__ import annotations

import tempfile
import warnings
from statistics import mean

import numpy as np
from _common import arguments, print_table, save
from sklearn.datasets import load_diabetes
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmultimodal import DecisionFusion, FusionRegressor, MultimodalData
from skmultimodal.datasets import (
    drop_modalities,
    load_birdstrikes,
    make_multimodal_regression,
)
from skmultimodal.model_selection._handmade import (
    handmade_concatenation,
    handmade_stack,
)

RULES = ["auto", "nnls", "weighted_mean", "mean", "gls", "stacking"]
JOINT = ["parallel", "sequential", "feature", "gated", "attention"]
FIXED = ["canonical", "cooperative", "kernel"]  # strategies on fixed features


def diabetes(seed):
    X, y = load_diabetes(return_X_y=True)
    return MultimodalData({"body": X[:, :4], "serum": X[:, 4:]}), y


def additive(seed):
    """Each modality explains a part of y."""
    return make_multimodal_regression(400, noise=0.5, random_state=seed)


def redundant(seed):
    """All modalities are noisy views of the same."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(400, 8))
    y = z @ rng.normal(size=8) / np.sqrt(8) + 0.2 * rng.normal(size=400)
    views = {f"m{m}": z + rng.normal(size=z.shape) for m in range(4)}
    return MultimodalData(views), y


def birdstrikes(seed):
    """The speed of the aircraft, from the remarks and the other columns."""
    X, _ = load_birdstrikes(return_X_y=True)
    X = X[X["speed"].notna()].sample(1200, random_state=seed).reset_index(drop=True)
    return X.drop(columns="speed"), X["speed"].to_numpy()


DATA = {f.__name__: f for f in (diabetes, additive, redundant, birdstrikes)}


def by_hand(X):
    """Return {name: unfitted model}."""
    if hasattr(X, "columns"):
        union = handmade_concatenation(X)[0]
        return {
            "ridge": make_pipeline(union, RidgeCV(np.logspace(-2, 4, 7))),
            "stack": handmade_stack(X, regression=True),
        }
    joined = FunctionTransformer(lambda X: np.hstack([X[name] for name in X]))
    ridge = RidgeCV(np.logspace(-3, 4, 15))
    return {
        "ridge": make_pipeline(joined, SimpleImputer(), StandardScaler(), ridge),
        "stack": handmade_stack(X, regression=True),
    }


def filled(X, train):
    """Return X with the means of `train` in absent blocks; frames as they are."""
    if hasattr(X, "columns"):
        return X
    return MultimodalData(
        {
            name: np.where(np.isnan(X[name]), np.nanmean(train[name], axis=0), X[name])
            for name in X
        }
    )


def measure(load, seed):
    """Return {model: (R2 with all modalities, R2 with some absent)} of one split."""
    X, y = load(seed)
    rows = train_test_split(np.arange(len(y)), test_size=0.25, random_state=seed)
    take = X.iloc.__getitem__ if hasattr(X, "iloc") else X.__getitem__
    train, test = (take(part) for part in rows)
    y_train, y_test = (y[part] for part in rows)
    holes = drop_modalities(test, 0.3, random_state=seed)
    found = {}

    def score(name, predict):
        found[name] = tuple(r2_score(y_test, predict(part)) for part in (test, holes))

    with tempfile.TemporaryDirectory() as memory:
        for rule in RULES:
            reg = FusionRegressor(
                fusion=DecisionFusion(rule), memory=memory, random_state=seed
            ).fit(train, y_train)
            score(rule, reg.predict)
        for name in JOINT:
            strategy = FusionRegressor(fusion=name, memory=memory, random_state=seed)
            score(name, strategy.fit(train, y_train).predict)
    if not hasattr(X, "columns"):  # of texts they have hundreds of features
        for name in FIXED:
            strategy = FusionRegressor(fusion=name, random_state=seed)
            score(name, strategy.fit(train, y_train).predict)
    alone = reg.predict_per_modality(test)
    best = max(r2_score(y_test, values) for values in alone.values())
    found["best modality"] = (best, float("nan"))
    for name, model in by_hand(train).items():
        model.fit(train, y_train)
        if hasattr(X, "columns"):  # what is by hand takes no absent text
            found[name] = (r2_score(y_test, model.predict(test)), float("nan"))
        else:
            score(name, lambda part, model=model: model.predict(filled(part, train)))
    return found


def main():
    args = arguments(
        __doc__,
        repeats=(int, 5, "random splits"),
        data=(str, ",".join(DATA), "data sets"),
    )
    warnings.simplefilter("ignore", UserWarning)  # patterns unseen in training
    table, figures = [], {}
    for data in args.data.split(","):
        runs = [measure(DATA[data], seed) for seed in range(args.repeats)]
        figures[data] = runs
        for name in runs[0]:
            complete, absent = (mean(run[name][i] for run in runs) for i in (0, 1))
            table.append([data, name, complete, absent])
    print_table(["data", "model", "complete", "absent"], table, "R2 on held-out rows")
    save(args.json, figures=figures)


if __name__ == "__main__":
    main()
