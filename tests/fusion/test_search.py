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
from skmultimodal.fusion import BaseFusion, FusionModel
from skmultimodal.fusion.apart._selection import EnsembleModel, greedy_shares

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
    training = Training(max_epochs=epochs, shrinkage=False)
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
    # fits, 2 candidates on 2 folds and the winner, those of the second candidate hit;
    # a model that is staged looks for its features first
    assert info.misses == 3 * 2 * 12
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


class Fixed(BaseFusion):
    """Answers by one column of the first modality, whatever it is fitted to."""

    def __init__(self, column=0, weights=None):
        self.column = column
        self.weights = weights

    def fit_model(self, problem):
        return FixedModel(problem, self.column)


class FixedModel(FusionModel):
    n_features = 1

    def __init__(self, problem, column):
        self.task, self.names, self.column = problem.task, problem.names, column
        self.encoders = dict(problem.encoders)
        self.weights = dict.fromkeys(self.names, 1.0)
        self.prior = problem.task.prior(problem.target, None)

    def response(self, cells, present):
        values = np.asarray(cells[self.names[0]])[:, self.column].astype(float)
        answers = np.column_stack([1 - values, values])
        return np.where(present[:, :1], answers, self.prior)

    def scores(self, cells, present):
        return self.task.scores(self.response(cells, present))

    def embedding(self, cells, present):
        return self.response(cells, present)[:, -1:]


@pytest.fixture(scope="module")
def noisy():
    """Labels, and their probabilities by two views, and by one of no worth."""
    rng = np.random.default_rng(3)
    y = np.arange(200) % 2
    scores = np.where(y, 1.5, -1.5)[:, None] + 2 * rng.normal(size=(200, 3))
    scores *= 0.75  # of these means and deviations, the log odds
    scores[:, 2] = rng.normal(size=200)
    return {"a": 1 / (1 + np.exp(-scores)), "b": rng.normal(size=(200, 1))}, y


def ensemble(columns, **params):
    search = AutoFusion([Fixed(k) for k in columns], cv=4, ensemble=True, **params)
    return FusionClassifier(fusion=search, random_state=0)


def test_greedy_selection_by_trying_all():
    """Shares against the best of all multisets that the steps could have made."""
    rng = np.random.default_rng(0)
    y, responses = rng.normal(size=(50, 1)), rng.normal(size=(3, 50, 1))
    responses += [[[0.5]], [[0.0]], [[-0.7]]] + 0.8 * y

    def score(found):
        return -float(np.square(found - y).mean())

    counts, best, kept = np.zeros(3), -np.inf, None
    for step in range(1, 26):
        tried = []
        for k in range(3):
            more = counts + np.eye(3)[k]
            tried.append(score(np.einsum("k,kno->no", more / step, responses)))
        counts = counts + np.eye(3)[np.argmax(tried)]
        if max(tried) > best:
            best, kept = max(tried), counts / step
    shares = greedy_shares(responses, score)
    np.testing.assert_allclose(shares, kept)
    assert (shares > 0).all()
    grid = [
        score(np.einsum("k,kno->no", np.array([i, j, 20 - i - j]) / 20, responses))
        for i in range(21)
        for j in range(21 - i)
    ]
    assert best > max(grid) - 0.005
    assert greedy_shares(responses, lambda found: 0.0).max() == 1  # nothing to gain


def test_an_ensemble_wins_where_errors_are_apart(noisy):
    X, y = noisy
    clf = ensemble([0, 1, 2]).fit(X, y)
    report = clf.fusion_report_
    assert list(report.columns) == [*COLUMNS, "share", "gain"]
    assert list(report["chosen"]) == [False, False, False, True]
    assert report["share"][:3].sum() == pytest.approx(1)
    assert np.isnan(report.loc[3, "share"])
    assert report.loc[3, "fits"] == 0
    assert isinstance(clf.strategy_, AutoFusion)
    # the mean by shares; what each adds is what is lost without it
    shares, each = report["share"][:3].to_numpy(), X["a"]

    def loss(shares):
        p = each @ (shares / shares.sum())
        return -np.log(np.where(y == 1, p, 1 - p)).mean()

    np.testing.assert_allclose(clf.predict_proba(X)[:, 1], each @ shares, rtol=1e-6)
    for k in np.flatnonzero(shares):
        without = np.where(np.arange(3) == k, 0.0, shares)
        expected = loss(without) - loss(shares)
        assert report.loc[k, "gain"] == pytest.approx(expected, rel=1e-5)
    assert (report["gain"].isna()[:3] == (shares == 0)).all()
    assert report.loc[3, "score"] > report["score"][:3].max()


def test_the_score_of_an_ensemble_is_of_shares_selected_on_other_folds(noisy):
    X, y = noisy
    rows = np.arange(200)
    folds = [(np.delete(rows, part), part) for part in np.split(rows, 4)]
    report = ensemble([0, 1]).set_params(fusion__cv=folds).fit(X, y).fusion_report_
    each, losses = X["a"].T[:2], []

    def score(rows):
        def of(found):
            return -log_loss(y[rows], found[:, 0])

        return of

    for train, test in folds:
        shares = greedy_shares(each[:, train, None], score(train))
        losses.append(-score(test)((shares @ each[:, test])[:, None]))
    assert report.loc[2, "score"] == pytest.approx(-np.mean(losses), rel=1e-6)


def test_a_candidate_is_preferred_where_an_ensemble_adds_nothing(noisy):
    X, y = noisy
    report = ensemble([0, 2]).fit(X, y).fusion_report_
    assert list(report["chosen"][:2]) == [True, False]
    assert report.loc[0, "share"] > 0.8
    one = ensemble([0]).fit(X, y).fusion_report_
    assert one["share"].isna().all()
    plain = ensemble([0, 1]).set_params(fusion__ensemble=False).fit(X, y)
    assert list(plain.fusion_report_.columns) == COLUMNS


@pytest.mark.filterwarnings("ignore:X has rows whose present")
def test_an_ensemble_is_the_mean_of_its_members(two, tmp_path):
    X, y = two
    shares = {"feature": 0.25, "parallel": 0.75}
    training = Training(max_epochs=1)
    fitted = {
        name: FusionClassifier(fusion=name, training=training, random_state=0).fit(X, y)
        for name in shares
    }
    clf = clone(fitted["feature"]).fit(X, y)
    members = {name: each.fusion_ for name, each in fitted.items()}
    clf.fusion_ = EnsembleModel(clf.task_, clf.modalities_, members, shares)

    def mean(answer):
        return sum(share * answer(fitted[name]) for name, share in shares.items())

    gone = {name: X[name].copy() for name in X}
    gone["m0"][:10] = np.nan
    for rows in (X, gone):
        expected = mean(lambda each, rows=rows: each.predict_proba(rows))
        np.testing.assert_allclose(clf.predict_proba(rows), expected, rtol=1e-6)
    alone = clf.predict_proba_per_modality(X)["m0"]
    expected = mean(lambda each: each.predict_proba_per_modality(X)["m0"])
    np.testing.assert_allclose(alone, expected, rtol=1e-6)
    widths = [each.transform(X).shape[1] for each in fitted.values()]
    assert clf.transform(X).shape == (160, sum(widths))
    cells, present = clf.reader_.read(X)
    hidden = present & [True, False]
    several = clf.fusion_.responses(cells, [present, hidden])
    for found, here in zip(several, (present, hidden), strict=True):
        np.testing.assert_allclose(found, clf.fusion_.response(cells, here))
    clf.save(tmp_path / "model")
    again = load(tmp_path / "model").predict_proba(X)
    np.testing.assert_array_equal(again, clf.predict_proba(X))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"ensemble": "yes"}, "'ensemble' parameter of AutoFusion must be a bool"),
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


@pytest.mark.long
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
