"""Quantiles of a value: quantile models a modality beside one of all columns.

Coverage (the share of held-out rows that are not above the predicted quantile) and
pinball loss, means over random splits, of

- "joined": scikit-learn's gradient boosting of that quantile on all columns side by
  side, texts as 20 components of their TF-IDF;
- "mean": the same models on each modality, and the mean of what they predict;
- "fitted": the same models, combined by `NonNegativeQuantile`;
- "decision" and "parallel": `FusionRegressor(loss="quantile")` of that strategy and
  default encoders, one fit for all levels.

    python benchmarks/bench_quantiles.py --repeats 3
"""

from __future__ import annotations

from statistics import mean

import numpy as np
from _common import arguments, print_table, save
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import mean_pinball_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from skmultimodal import DecisionFusion, FusionRegressor
from skmultimodal.datasets import load_birdstrikes
from skmultimodal.fusion import NonNegativeQuantile

LEVELS = (0.1, 0.5, 0.9)


def boosting(level):
    return HistGradientBoostingRegressor(
        loss="quantile", quantile=level, categorical_features="from_dtype"
    )


def of_text():
    return make_pipeline(TfidfVectorizer(min_df=2), TruncatedSVD(20, random_state=0))


def birdstrikes(rows):
    """The speed of the aircraft from the remarks and the other columns."""
    X, _ = load_birdstrikes(return_X_y=True)
    X = X[X["speed"].notna()].sample(rows, random_state=0)
    y, X = X["speed"].to_numpy(), X.drop(columns=["speed", "operator"])
    table = [column for column in X if column != "text"]
    joined = make_column_transformer(
        (of_text(), "text"),
        (
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
            list(X[table].select_dtypes("category")),
        ),
        remainder="passthrough",
    )

    def models(level):
        text = make_pipeline(of_text(), boosting(level))
        return [("table", boosting(level)), ("text", text)]

    return X, y, {"table": table}, joined, models


def diabetes(rows):
    """The progression after a year from the body and from the serum."""
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    columns = {"body": list(X.columns[:4]), "serum": list(X.columns[4:])}

    def models(level):
        return [(name, boosting(level)) for name in columns]

    return X, y.to_numpy(), columns, None, models


def candidates(level, columns, joined, models):
    alone = boosting(level)
    found = {"joined": alone if joined is None else make_pipeline(joined, alone)}
    rules = {
        "mean": DecisionFusion("mean", "uniform"),
        "fitted": DecisionFusion(NonNegativeQuantile(level)),
    }
    for name, fusion in rules.items():
        found[name] = FusionRegressor(models(level), fusion, columns=columns)
    return found


def fused(columns):
    """Return one estimator of all levels by strategy."""
    tables = dict.fromkeys(columns, "table")
    return {
        name: FusionRegressor(
            tables,
            name,
            columns=columns,
            loss="quantile",
            quantiles=list(LEVELS),
            random_state=0,
        )
        for name in ("decision", "parallel")
    }


def main():
    options = arguments(
        __doc__,
        repeats=(int, 3, "random splits"),
        rows=(int, 2000, "rows of bird strikes"),
    )
    figures = {}
    for load in (diabetes, birdstrikes):
        X, y, *parts = load(options.rows)
        for seed in range(options.repeats):
            train, test = train_test_split(
                np.arange(len(y)), test_size=0.33, random_state=seed
            )
            answers = {}
            for name, model in fused(parts[0]).items():
                model.fit(X.iloc[train], y[train])
                for level, column in zip(
                    LEVELS, model.predict(X.iloc[test]).T, strict=True
                ):
                    answers[level, name] = column
            for level in LEVELS:
                for name, model in candidates(level, *parts).items():
                    model.fit(X.iloc[train], y[train])
                    answers[level, name] = model.predict(X.iloc[test])
            for (level, name), predicted in sorted(answers.items()):
                key = f"{load.__name__} {level} {name}"
                loss = mean_pinball_loss(y[test], predicted, alpha=level)
                covered = float((y[test] <= predicted).mean())
                figures.setdefault(key, []).append((covered, float(loss)))
    rows = [
        (*key.split(), f"{mean(c for c, _ in of):.3f}", f"{mean(p for _, p in of):.3f}")
        for key, of in figures.items()
    ]
    print_table(["data", "level", "model", "coverage", "pinball loss"], rows)
    save(options.json, quantiles=figures)


if __name__ == "__main__":
    main()
