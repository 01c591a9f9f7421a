"""The strategy that chooses among strategies."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmultimodal import (
    AutoFusion,
    DecisionFusion,
    FeatureFusion,
    FusionClassifier,
    FusionRegressor,
    FusionTransformer,
    Training,
    load,
)
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
    make_multimodal_xor,
)
from skmultimodal.fusion import BaseFusion

COLUMNS = ["candidate", "score", "sd", "nested_score", "fits", "seconds"]
COLUMNS += ["chosen", "reason"]


class Unsuited(BaseFusion):
    """Refuses everything."""

    def __init__(self, weights=None):
        self.weights = weights

    def fit_model(self, problem):
        raise ValueError("not for such data")


def of(candidates, fusion_class=FusionClassifier, epochs=2, **params):
    search = AutoFusion(candidates, **{"cv": 2} | params)
    training = Training(max_epochs=epochs)
    return fusion_class(fusion=search, training=training, random_state=0)


@pytest.fixture(scope="module")
def two():
    return make_multimodal_classification(160, n_modalities=2, random_state=0)


@pytest.fixture(scope="module")
def xor():
    """Labels that neither modality tells alone."""
    return make_multimodal_xor(300, random_state=0)


def test_feature_fusion_wins_where_modalities_interact(xor):
    clf = of(["decision", "feature"], epochs=15).fit(*xor)
    report = clf.fusion_report_.set_index("candidate")
    assert report.loc["feature", "chosen"]
    assert report.loc["decision", "score"] == pytest.approx(-np.log(2), abs=0.05)
    assert report.loc["feature", "reason"] == "best score"
    assert report.loc["decision", "reason"].endswith("worse than feature")
    assert isinstance(clf.strategy_, FeatureFusion)
    assert clf.score(*xor) > 0.9


def test_the_model_is_the_candidates_own(two):
    """After the search the winner is fitted as if it alone had been asked for."""
    X, y = two
    clf = of(["feature", Unsuited()]).fit(X, y)
    alone = clone(clf).set_params(fusion="feature").fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), alone.predict_proba(X))


def test_scores_are_those_of_rows_left_out(two):
    """Against cross-validation by hand, on the same folds."""
    X, y = two
    folds = [(np.arange(80), np.arange(80, 160)), (np.arange(80, 160), np.arange(80))]
    models = [(name, LogisticRegression()) for name in X]
    rules = [DecisionFusion("mean", weights="uniform"), DecisionFusion("product")]
    clf = FusionClassifier(models, AutoFusion(rules, cv=folds), random_state=0)
    report = clf.fit(X, y).fusion_report_
    assert list(report.columns) == COLUMNS
    for row, rule in enumerate(rules):
        by_hand = []
        for train, test in folds:
            part = {name: X[name][train] for name in X}
            fitted = FusionClassifier(models, rule, random_state=0).fit(part, y[train])
            proba = fitted.predict_proba({name: X[name][test] for name in X})
            by_hand.append(-log_loss(y[test], proba))
        assert report.loc[row, "score"] == pytest.approx(np.mean(by_hand), rel=1e-6)
        assert report.loc[row, "sd"] == pytest.approx(np.std(by_hand, ddof=1), rel=1e-4)


@pytest.mark.parametrize(
    ("tolerance", "winner"), [(0.0, "feature"), (10.0, "decision")]
)
def test_the_first_within_the_tolerance_is_preferred(tolerance, winner, xor):
    clf = of(["decision", "feature"], epochs=8, tolerance=tolerance).fit(*xor)
    report = clf.fusion_report_.set_index("candidate")
    assert report["chosen"].idxmax() == winner
    if tolerance:
        assert report.loc["feature", "reason"] == "best score; decision is preferred"
        assert "within the tolerance of 10" in report.loc["decision", "reason"]


def test_one_standard_error():
    scores = np.array([[0.9, 0.7, 0.8], [1.0, 1.0, 1.0]])
    best, gaps, slacks = AutoFusion()._compared(scores)
    assert best == 1
    assert gaps == pytest.approx([0.2, 0])
    assert slacks == pytest.approx([0.1 / np.sqrt(3), 0])


def test_budget_of_fits(two):
    clf = of(["parallel", "feature", "decision"], max_fits=5).fit(*two)
    report = clf.fusion_report_
    assert list(report["fits"]) == [2, 2, 0]
    assert report.loc[2, "reason"] == "not tried: max_fits=5"
    assert np.isnan(report.loc[2, "score"])
    none = of(["parallel", "feature"], max_fits=1).fit(*two).fusion_report_
    assert list(none["chosen"]) == [True, False]
    assert list(none["fits"]) == [0, 0]


def test_budget_of_seconds(two):
    report = of(["decision", "feature"], max_seconds=0.0).fit(*two).fusion_report_
    assert list(report["fits"]) == [2, 0]
    assert report.loc[1, "reason"] == "not tried: max_seconds=0.0"


def test_results_repeat(two):
    X, y = two
    first, again = (of(["parallel", "feature"]).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    reports = [clf.fusion_report_.drop(columns="seconds") for clf in (first, again)]
    pd.testing.assert_frame_equal(*reports)


def test_refusal_is_reported(two):
    X, y = two
    models = [(name, LogisticRegression()) for name in X]
    search = AutoFusion([Unsuited(), "decision", "feature"], cv=2)
    report = FusionClassifier(models, search).fit(X, y).fusion_report_
    assert report.loc[0, "reason"] == "refused: not for such data"
    assert report.loc[1, "chosen"]
    assert report.loc[2, "reason"].startswith("refused: ")
    with pytest.raises(ValueError, match="not for such data"):
        of([Unsuited(), Unsuited()]).fit(X, y)


def test_one_modality_is_not_searched(two):
    X, y = two
    report = of(["decision", "feature"]).fit(X["m0"], y).fusion_report_
    assert list(report["fits"]) == [0, 0]
    assert report.loc[0, "reason"] == "a single modality: nothing to choose"


def test_scoring_by_name_and_regression():
    X, y = make_multimodal_regression(160, n_modalities=2, random_state=0)
    reg = of(["decision", "parallel"], FusionRegressor, scoring="r2").fit(X, y)
    assert reg.fusion_report_["score"].max() <= 1
    assert reg.predict(X).shape == (160,)
    y = (y > np.median(y)).astype(int)
    weight = np.arange(160) % 3
    clf = of(["feature", "parallel"], scoring="accuracy")
    report = clf.fit(X, y, sample_weight=weight).fusion_report_
    assert report["score"].between(0, 1).all()
    with pytest.raises(ValueError, match="accurcy"):
        of(["decision", "parallel"], scoring="accurcy").fit(X, y)


def test_real_modalities_get_encoders_that_suit_each_candidate(emoji_small, tmp_path):
    """Decision fusion has kernel machines, feature fusion networks; both are saved."""
    X, y = emoji_small
    clf = of(["decision", "feature"], scoring="accuracy", epochs=1).fit(X, y)
    assert isinstance(clf.strategy_, DecisionFusion)
    assert not clf.fusion_report_["score"].isna().any()
    alone = clone(clf).set_params(fusion="decision").fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), alone.predict_proba(X))
    clf.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.fusion_report_, clf.fusion_report_)
    assert list(loaded.predict(X)) == list(clf.predict(X))


def test_staged_candidates_share_encoders(two, tmp_path):
    clf = of(["feature", "parallel"]).set_params(training__mode="staged")
    X, y = two
    info = clf.set_params(memory=str(tmp_path)).fit(X, y).cache_info()
    # a fit stages 2 encoders on all rows and on each of 5 folds: 12 models; of the 5
    # fits, 2 candidates on 2 folds and the winner, those of the second candidate hit
    assert info.misses == 3 * 12
    assert info.hits == 2 * 12


def test_lambdas_need_no_cache(two):
    X, y = two
    model = make_pipeline(FunctionTransformer(lambda x: x), LogisticRegression())
    models = [(name, model) for name in X]
    search = AutoFusion([DecisionFusion("mean"), DecisionFusion("product")], cv=2)
    report = FusionClassifier(models, search).fit(X, y).fusion_report_
    assert report["score"].notna().all()


def test_in_a_grid_and_as_transformer(two):
    X, y = two
    X = pd.DataFrame({name: list(rows) for name, rows in X.items()})
    clf = of([DecisionFusion("mean"), "decision"])
    clf.set_params(encoders=[(name, LogisticRegression()) for name in X])
    found = GridSearchCV(clf, {"fusion__max_fits": [1, 4]}, cv=2).fit(X, y)
    assert list(found.best_estimator_.fusion_report_["fits"]) in ([0, 0], [2, 2])
    embedded = of(["feature", "parallel"], FusionTransformer, epochs=1).fit(X, y)
    assert len(embedded.transform(X)) == len(y)
    alias = FusionClassifier(fusion="search").set_params(fusion__max_fits=3)
    assert alias.fusion.max_fits == 3


def test_fitted_attribute_is_only_there_after_a_search(two):
    clf = FusionClassifier(fusion="parallel", training=Training(max_epochs=1)).fit(*two)
    assert not hasattr(clf, "fusion_report_")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"max_fits": 0}, "'max_fits' parameter of AutoFusion must be an int >= 1"),
        ({"tolerance": "2se"}, "'tolerance' parameter of AutoFusion must be '1se'"),
        ({"candidates": []}, "a list of one strategy or more"),
        ({"candidates": "decision"}, "a list of one strategy or more"),
        ({"candidates": ["decison"]}, "Did you mean 'decision'"),
        ({"weights": "cv"}, "set those of a candidate"),
    ],
)
def test_bad_parameters(params, message, two):
    with pytest.raises(ValueError, match=message):
        FusionClassifier(fusion=AutoFusion(**params)).fit(*two)


@pytest.mark.slow
@parametrize_with_checks(
    [FusionClassifier(fusion="search"), FusionRegressor(fusion="search")]
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_never_worse_than_the_best_candidate_by_more_than_noise(seed):
    names = ["decision", "feature", "parallel"]
    for X, y in (
        make_multimodal_xor(900, random_state=seed),
        make_multimodal_classification(900, n_modalities=2, random_state=seed),
    ):
        train = {name: X[name][:400] for name in X}
        test = {name: X[name][400:] for name in X}
        scores = {}
        for fusion in [*names, AutoFusion(names, cv=3)]:
            clf = FusionClassifier(
                fusion=fusion, random_state=0, training=Training(max_epochs=15)
            )
            scores[str(fusion).partition("(")[0]] = clf.fit(train, y[:400]).score(
                test, y[400:]
            )
        best = max(scores[name] for name in names)
        assert scores["AutoFusion"] > best - 2 * np.sqrt(best * (1 - best) / 500) - 1e-9


def test_the_score_of_a_winner_is_optimistic_and_the_nested_one_is_not():
    """Candidates that are all worth nothing: what wins does so by luck."""
    rng, search = np.random.default_rng(0), AutoFusion(tolerance=0)
    won, nested = [], []
    for _ in range(400):
        scores = rng.normal(size=(6, 5))
        won.append(scores.mean(axis=1).max())
        nested.append(search._nested(scores))
    error = np.std(nested, ddof=1) / np.sqrt(len(nested))
    assert np.mean(won) > 0.4
    assert abs(np.mean(nested)) < 3 * error


def test_the_chosen_strategy_has_a_nested_score():
    rng = np.random.default_rng(0)
    X, y = {name: rng.normal(size=(60, 3)) for name in "ab"}, np.arange(60) % 2
    search = AutoFusion([DecisionFusion("mean"), DecisionFusion("product")], cv=3)
    clf = FusionClassifier([(name, LogisticRegression()) for name in X], search)
    report = clf.fit(X, y).fusion_report_
    assert report["nested_score"].notna().tolist() == report["chosen"].tolist()
    won = report.loc[report["chosen"]].iloc[0]
    assert won["nested_score"] <= report["score"].max()


def test_the_nested_score_by_hand():
    """Of two folds each scores what wins in the other; the first wins a tie."""
    scores = np.array([[0.9, 0.6], [0.7, 0.8]])
    assert AutoFusion(tolerance=0)._nested(scores) == pytest.approx((0.7 + 0.6) / 2)
    assert AutoFusion(tolerance=1.0)._nested(scores) == pytest.approx((0.9 + 0.6) / 2)
