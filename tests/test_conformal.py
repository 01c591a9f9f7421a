"""Conformal sets and intervals: their arithmetic, their coverage, what they refuse."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GroupKFold,
    ShuffleSplit,
    TunedThresholdClassifierCV,
)
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmultimodal import (
    ConformalFusionClassifier,
    ConformalFusionRegressor,
    DecisionFusion,
    FusionClassifier,
    FusionRegressor,
    MultimodalData,
    Training,
    load,
)
from skmultimodal.estimators.conformal._scores import Calibration, label_scores
from skmultimodal.fusion.apart._folds import folds_of
from skmultimodal.inspection import CoverageDisplay

N_SETS, N_CALIBRATION, N_TEST = 20, 500, 400


def labels(n, seed):
    """Four classes, told by `a` and hardly by `b`, either of which may be absent."""
    rng = np.random.default_rng(seed)
    y = rng.integers(4, size=n)
    a = 2 * np.eye(4)[y] + rng.normal(scale=0.5, size=(n, 4))
    b = np.eye(4)[y] + rng.normal(scale=1.2, size=(n, 4))
    return without_some(a, b, rng), y


def values(n, seed):
    """A value, told by `a` and hardly by `b`, either of which may be absent."""
    rng = np.random.default_rng(seed)
    y = 2 * rng.normal(size=n)
    a = y + rng.normal(scale=0.3, size=n)
    b = y + rng.normal(scale=2.0, size=n)
    return without_some(a[:, None], b[:, None], rng), y


def without_some(a, b, rng):
    lost = rng.random(len(a))
    a[lost < 0.25], b[lost > 0.75] = np.nan, np.nan
    return MultimodalData({"a": a, "b": b})


def of_linear(cls, model, **kwargs):
    return cls([("a", model), ("b", model)], "decision", **kwargs)


CLASSIFIER = of_linear(FusionClassifier, LogisticRegression())
REGRESSOR = of_linear(FusionRegressor, Ridge())


@pytest.fixture(scope="module")
def fitted():
    """Both estimators, fitted, with which to calibrate again and again."""
    return {
        "labels": FrozenEstimator(clone(CLASSIFIER).fit(*labels(600, 1000))),
        "values": FrozenEstimator(clone(REGRESSOR).fit(*values(600, 1000))),
    }


def hits(conformal, X, y):
    if hasattr(conformal, "predict_set"):
        return conformal.predict_set(X)[np.arange(len(y)), y]
    low, high = conformal.predict_interval(X).T
    return (low <= y) & (y <= high)


def errors_by_pattern(conformal, make, n_rows=N_CALIBRATION, n_new=N_TEST):
    """Return, by pattern, coverage less the nominal in binomial standard errors."""
    found = []
    for seed in range(N_SETS):
        conformal.fit(*make(n_rows, seed))
        X, y = make(n_new, 500 + seed)
        present = conformal.estimator_.reader_.read(X).present
        part = pd.DataFrame(present, columns=["a", "b"])
        found.append(part.assign(hit=hits(conformal, X, y)))
    by_pattern = pd.concat(found).groupby(["a", "b"])["hit"]
    level = conformal.confidence_level
    error = np.sqrt(level * (1 - level) / by_pattern.size())
    return (by_pattern.mean() - level) / error


# -- coverage ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cls", "make", "score"),
    [
        (ConformalFusionClassifier, labels, "aps"),
        (ConformalFusionClassifier, labels, "raps"),
        (ConformalFusionClassifier, labels, "lac"),
        (ConformalFusionRegressor, values, "residual"),
        (ConformalFusionRegressor, values, "normalised"),
    ],
)
def test_every_pattern_is_covered_as_promised(fitted, cls, make, score):
    conformal = cls(fitted[make.__name__], conformity_score=score)
    assert errors_by_pattern(conformal, make).abs().max() < 3


@pytest.mark.parametrize(
    ("cls", "make", "score"),
    [
        (ConformalFusionClassifier, labels, "lac"),
        (ConformalFusionRegressor, values, "residual"),
    ],
)
def test_one_threshold_for_all_patterns_fails_the_same(fitted, cls, make, score):
    conformal = cls(fitted[make.__name__], conformity_score=score, by=None)
    assert errors_by_pattern(conformal, make).min() < -10


@pytest.mark.slow
@pytest.mark.parametrize("method", ["split", "cv+"])
@pytest.mark.parametrize(
    ("cls", "given", "make"),
    [
        (ConformalFusionClassifier, CLASSIFIER, labels),
        (ConformalFusionRegressor, REGRESSOR, values),
    ],
)
def test_coverage_of_whole_fits(cls, given, make, method):
    conformal = cls(given, method=method, cv=2 if method == "split" else None)
    errors = errors_by_pattern(conformal, make, n_rows=1200, n_new=100)
    assert errors.abs().max() < 3


def test_halves_by_conflict_are_covered(fitted):
    conformal = ConformalFusionRegressor(fitted["values"], by="conflict")
    assert errors_by_pattern(conformal, values).abs().max() < 3
    report = conformal.calibration_report_
    assert {"low", "high", "any"} == set(report.index.get_level_values("conflict"))


def test_levels_nest(fitted):
    X, y = labels(300, 0)
    clf = ConformalFusionClassifier(fitted["labels"]).fit(X, y)
    sets = clf.predict_set(X, [0.5, 0.9, 0.99])
    assert sets.shape == (300, 4, 3)
    assert (sets[..., 0] <= sets[..., 1]).all()
    assert (sets[..., 1] <= sets[..., 2]).all()
    np.testing.assert_array_equal(sets[..., 1], clf.predict_set(X))
    X, y = values(300, 0)
    reg = ConformalFusionRegressor(fitted["values"]).fit(X, y)
    ends = reg.predict_interval(X, [0.5, 0.9])
    assert (np.diff(ends[:, :, 0]) <= np.diff(ends[:, :, 1])).all()
    with pytest.raises(ValueError, match=r"numbers in \(0, 1\). Got 90"):
        reg.predict_interval(X, 90)


# -- arithmetic -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lac", "aps", "raps"])
def test_label_scores_are_those_of_the_papers(kind):
    rng = np.random.default_rng(0)
    proba, u = rng.dirichlet(np.ones(5), size=20), rng.random(20)
    found = label_scores(proba, kind, u, penalty=0.1, n_free=2)
    for row in range(20):
        for label in range(5):
            p = proba[row, label]
            before = proba[row][proba[row] > p]
            expected = 1 - p
            if kind != "lac":
                expected = before.sum() + p - u[row] * p
            if kind == "raps":
                expected += 0.1 * max(len(before) + 1 - 2, 0)
            assert found[row, label] == pytest.approx(expected)


def test_p_values_and_intervals_are_those_of_loops():
    rng = np.random.default_rng(0)
    scores, model = rng.random(30), rng.integers(3, size=30)
    weight = rng.integers(1, 3, size=30).astype(float)
    calibration = Calibration(scores, model, weight)
    new = rng.random((3, 4, 2))
    p = calibration.p_values(new)
    for row, label in np.ndindex(4, 2):
        no_more = scores >= new[model, row, label]
        assert p[row, label] == pytest.approx(
            (1 + weight[no_more].sum()) / (1 + weight.sum())
        )
    centre, scale = rng.normal(size=(3, 4)), rng.random((3, 4))
    ends = calibration.interval(centre, scale, 0.8)
    for row in range(4):
        high = np.repeat(
            centre[model, row] + scores * scale[model, row], weight.astype(int)
        )
        low = np.repeat(
            centre[model, row] - scores * scale[model, row], weight.astype(int)
        )
        k = int(np.ceil(0.8 * (len(high) + 1)))  # jackknife+
        assert ends[row, 1] == pytest.approx(np.sort(high)[k - 1])
        assert ends[row, 0] == pytest.approx(-np.sort(-low)[k - 1])


@pytest.mark.parametrize("n_models", [1, 3])
def test_ends_at_a_value_that_occurs_often_hold_it(n_models):
    rng = np.random.default_rng(0)
    model = np.arange(30) % n_models
    for y in rng.integers(0, 50, size=100) / 10:
        centre, scale = rng.uniform(0, 5, size=(2, n_models, 1))
        scores = np.abs(y - centre[model, 0]) / scale[model, 0]
        low, high = Calibration(scores, model, np.ones(30)).interval(
            centre, scale, 0.9
        )[0]
        assert low <= y <= high


def test_a_level_beyond_the_rows_promises_everything():
    nine = Calibration(np.arange(9.0), np.zeros(9, int), np.ones(9))
    assert nine.threshold(0.9) == 8.0
    assert nine.threshold(0.91) == np.inf
    ends = nine.interval(np.zeros((1, 2)), np.array([[0.0, 1.0]]), 0.91)
    assert np.isinf(ends).all()


# -- which rows calibrate ---------------------------------------------------------


def test_what_is_drawn_for_a_row_does_not_tell_its_fold(fitted):
    X, y = labels(300, 0)
    clf = ConformalFusionClassifier(fitted["labels"]).fit(X, y)
    cells, present = clf.estimator_.reader_.read(X)
    model = clf.estimator_.fusion_
    left_out = 1 - clf._all_scores(model, cells, present) / label_scores(
        model.response(cells, present), "aps"
    )
    u = left_out.max(axis=1)  # of the most probable label its share is u itself
    fold = np.empty(300, dtype=int)
    problem = CLASSIFIER._problem(X, y, None, None)[1]
    for k, (_, test) in enumerate(folds_of(problem, None)):
        fold[test] = k
    for label in range(4):
        dealt = fold[y == label][np.argsort(u[y == label])]
        assert np.mean(np.diff(dealt) % 5 == 1) < 0.5


def test_rare_patterns_share_a_threshold_and_new_ones_promise_nothing(fitted):
    X, y = labels(300, 0)
    rare = np.flatnonzero(~np.isnan(X["b"]).all(axis=1))[:260]
    a = X["a"].copy()
    a[:] = np.where(np.isin(np.arange(300), rare[:20])[:, None], np.nan, 1.0)
    X = MultimodalData({"a": a, "b": X["b"]})
    clf = ConformalFusionClassifier(fitted["labels"]).fit(X, y)
    report = clf.calibration_report_
    assert report.loc[(False, True), "pooled"]
    assert not report.loc[(True, True), "pooled"]
    nothing = MultimodalData({"a": np.full((2, 4), np.nan), "b": np.ones((2, 4))})
    alone = ConformalFusionClassifier(fitted["labels"], min_rows=2)
    complete = np.isfinite(X["a"]).all(axis=1) & np.isfinite(X["b"]).all(axis=1)
    alone.fit(X[complete], y[complete])
    assert alone.predict_set(nothing).all()


@pytest.mark.parametrize("n_modalities", [1, 2])
def test_models_of_folds_have_not_seen_what_they_calibrate(n_modalities):
    """A model that repeats its own rows would have no residuals at all."""
    X, y = values(120, 0)
    X = MultimodalData(
        {name: np.nan_to_num(X[name]) for name in list(X)[:n_modalities]}
    )
    models = [(name, KNeighborsRegressor(1)) for name in X]
    fusion = DecisionFusion(rule="mean", weights="uniform")
    reg = ConformalFusionRegressor(FusionRegressor(models, fusion), method="cv+")
    reg.fit(X, y)
    assert np.median(reg.calibrations_[0].scores) > 0.1
    assert len(reg.calibrations_[0].scores) == 120
    np.testing.assert_array_equal(reg.predict(X), reg.estimator_.predict(X))


def test_folds_of_decision_fusion_are_fits_to_the_other_rows():
    X, y = values(100, 0)
    fusion = DecisionFusion(rule="mean", weights="uniform")
    given = of_linear(FusionRegressor, Ridge()).set_params(fusion=fusion)
    reg = ConformalFusionRegressor(given, method="cv+").fit(X, y)
    assert len(reg.models_) == 5
    strategy, problem, _ = clone(given)._problem(X, y, None, None)
    _, of_folds = strategy.fit_folds(problem)
    for model, test in of_folds:
        train = np.setdiff1d(np.arange(100), test)
        alone = clone(given).fit(X[train], y[train])
        np.testing.assert_allclose(
            model.response(*alone.reader_.read(X[test]))[:, 0], alone.predict(X[test])
        )


@pytest.mark.parametrize("method", ["split", "cv+"])
def test_groups_are_not_split(method):
    """Rows of a group are equal but for noise; a model that saw one knows the rest."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 4)
    y = rng.normal(size=30)[groups]
    X = MultimodalData({"a": rng.normal(size=(30, 5))[groups]})
    given = FusionRegressor([("a", KNeighborsRegressor(1))], "decision")
    X = MultimodalData({"a": X["a"] + 1e-6 * rng.normal(size=(120, 5))})
    reg = ConformalFusionRegressor(given, method=method, min_rows=2)
    apart = reg.fit(X, y, groups=groups).calibrations_[0].scores
    assert (apart > 1e-9).all()
    assert np.median(reg.fit(X, y).calibrations_[0].scores) < 1e-9
    reg.set_params(cv=GroupKFold(3)).fit(X, y, groups=groups)
    assert (reg.calibrations_[0].scores > 1e-9).all()


def test_weights_are_relative_and_zero_ones_are_left_out(fitted):
    X, y = values(200, 0)
    weight = np.random.default_rng(0).integers(0, 3, size=200).astype(float)
    kept = weight > 0
    reg = ConformalFusionRegressor(fitted["values"])
    ends = [
        clone(reg).fit(*rows).predict_interval(X)
        for rows in [
            (X, y, weight),
            (X, y, 1e-3 * weight),
            (X[kept], y[kept], weight[kept]),
        ]
    ]
    np.testing.assert_array_equal(ends[0], ends[2])
    np.testing.assert_allclose(ends[0], ends[1])
    heavy = clone(reg).fit(X, y, np.where(np.abs(y) > 2, 5.0, 1.0))
    assert not np.array_equal(
        heavy.predict_interval(X), reg.fit(X, y).predict_interval(X)
    )


def test_conformalize_takes_a_fitted_estimator(fitted):
    X, y = values(200, 0)
    inner = fitted["values"].estimator
    bare = ConformalFusionRegressor(inner).conformalize(X, y)
    frozen = ConformalFusionRegressor(fitted["values"]).fit(X, y)
    np.testing.assert_array_equal(bare.predict_interval(X), frozen.predict_interval(X))
    with pytest.raises(NotFittedError, match="expected a fitted estimator"):
        ConformalFusionRegressor(REGRESSOR).conformalize(X, y)


# -- what is refused --------------------------------------------------------------


def refused(kwargs, fit, match, kind=ValueError, cls=ConformalFusionRegressor):
    X, y = values(60, 0)
    with pytest.raises(kind, match=match):
        cls(**{"estimator": REGRESSOR, **kwargs}).fit(X, y, **fit)


def test_what_is_refused(fitted):
    refused({"estimator": make_pipeline(REGRESSOR)}, {}, "Got Pipeline", TypeError)
    refused({"estimator": CLASSIFIER}, {}, "must be a FusionRegressor", TypeError)
    frozen = {"estimator": fitted["values"]}
    refused(frozen, {"groups": np.zeros(60)}, "'groups' would have no effect")
    refused({"by": "modality"}, {}, "The 'by' parameter")
    refused({"confidence_level": 95}, {}, "'confidence_level' parameter")
    overlap = {"cv": ShuffleSplit(2, random_state=0), "method": "cv+"}
    refused(overlap, {}, "must hold each row out at most once")
    network = FusionRegressor(
        fusion="parallel", training=Training(max_epochs=1), random_state=0
    )
    refused({"estimator": network, "by": "conflict"}, {}, "how far modalities disagree")
    network = {"estimator": network, "conformity_score": "normalised"}
    refused(network, {}, "how far off it may be")
    X, y = values(60, 0)
    with pytest.raises(ValueError, match="wrong together more often"):
        ConformalFusionRegressor(REGRESSOR).fit(X, np.column_stack([y, y]))


def test_a_failed_fit_changes_nothing(fitted):
    X, y = values(100, 0)
    reg = ConformalFusionRegressor(REGRESSOR).fit(X, y)
    before = reg.predict_interval(X)
    with pytest.raises(ValueError, match="NaN"):
        reg.fit(X, np.full(100, np.nan))
    np.testing.assert_array_equal(reg.predict_interval(X), before)


# -- elsewhere in the library -----------------------------------------------------


@pytest.mark.parametrize("method", ["split", "cv+"])
def test_saved_and_loaded_sets_are_the_same(method, tmp_path):
    X, y = labels(200, 0)
    clf = ConformalFusionClassifier(CLASSIFIER, method=method, by="conflict")
    clf.fit(X, y).save(tmp_path / "file.skmm")
    loaded = load(tmp_path / "file.skmm")
    np.testing.assert_array_equal(loaded.predict_p(X), clf.predict_p(X))
    pd.testing.assert_frame_equal(loaded.calibration_report_, clf.calibration_report_)


@pytest.mark.parametrize("make", [labels, values])
def test_the_display_shows_coverage_and_size_by_pattern_and_rate(fitted, make):
    sets = make is labels
    cls = ConformalFusionClassifier if sets else ConformalFusionRegressor
    conformal = cls(fitted[make.__name__]).fit(*make(300, 0))
    X, y = make(300, 1)
    display = CoverageDisplay.from_estimator(conformal, X, y)
    only_b = np.isnan(X["a"]).any(axis=1)
    assert display.table.loc["b", "count"] == only_b.sum()
    assert display.table.loc["b", "coverage"] == hits(conformal, X, y)[only_b].mean()
    shown = [bar.get_width() for bar in display.size_ax_.patches]
    assert shown == pytest.approx(display.table["size"][::-1].tolist())
    rates = CoverageDisplay.from_estimator(
        conformal, X, y, rates=[0.0, 0.5], random_state=0
    ).table
    assert rates["size"].tolist() == sorted(rates["size"])
    assert rates.loc[0.0, "coverage"] == hits(conformal, X, y).mean()
    column = CoverageDisplay.from_estimator(conformal, X, y[:, None]).table
    pd.testing.assert_frame_equal(column, display.table)
    with pytest.raises(ValueError, match="X has 300, y has 3"):
        CoverageDisplay.from_estimator(conformal, X, y[:3])
    with pytest.raises(ValueError, match="shows one 'confidence_level'"):
        CoverageDisplay.from_estimator(conformal, X, y, confidence_level=[0.5, 0.9])


@pytest.fixture(scope="module")
def frame():
    """Rows of a text and numbers in a frame, of two classes."""
    rng = np.random.default_rng(0)
    y = np.array(["bad", "good"])[rng.integers(2, size=80)]
    words = [f"a {word} thing" if rng.random() < 0.8 else "a thing" for word in y]
    return pd.DataFrame({"text": words, "number": rng.normal(size=80)}), y


def of_a_text():
    text = make_pipeline(TfidfVectorizer(), LogisticRegression())
    return [("text", text), ("number", LogisticRegression())]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda clf: CalibratedClassifierCV(clf, cv=2),
        lambda clf: TunedThresholdClassifierCV(clf, cv=2),
        lambda clf: FixedThresholdClassifier(clf, threshold=0.6),
        lambda clf: ConformalFusionClassifier(clf),
        lambda clf: ConformalFusionClassifier(clf, method="cv+", cv=2),
    ],
)
def test_wrappers_take_frames(frame, wrap):
    X, y = frame
    clf = wrap(FusionClassifier(of_a_text(), "decision")).fit(X, y)
    assert (clf.predict(X) == y).mean() > 0.7
    assert clf.predict_proba(X).shape == (80, 2)
    assert list(clf.classes_) == ["bad", "good"]


def test_mapie_takes_a_fitted_classifier(frame):
    mapie = pytest.importorskip("mapie.classification")
    X, y = frame
    clf = FusionClassifier(of_a_text(), "decision").fit(X[:40], y[:40])
    del clf.n_features_in_
    conformal = mapie.SplitConformalClassifier(clf, confidence_level=0.9, prefit=True)
    conformal.conformalize(X[40:60], y[40:60])
    assert conformal.predict_set(X[60:])[1].shape == (20, 2, 1)


@pytest.mark.slow
@parametrize_with_checks(
    [
        ConformalFusionClassifier(),
        ConformalFusionRegressor(),
        ConformalFusionClassifier(method="cv+", cv=2),
        ConformalFusionRegressor(method="cv+", cv=2),
    ]
)
def test_scikit_learn_check(estimator, check):
    check(estimator)
