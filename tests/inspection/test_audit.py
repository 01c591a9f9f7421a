"""The audit of a fitted estimator: known slices, paired tests, pages."""

import time
from dataclasses import replace
from html import escape
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV

from skmultimodal import (
    ConformalFusionClassifier,
    ConformalFusionRegressor,
    DecisionFusion,
    FusionClassifier,
    FusionRegressor,
    GatedFusion,
    MultimodalData,
    Training,
)
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
)
from skmultimodal.inspection import (
    FusionWeightsDisplay,
    ReliabilityDisplay,
    RowDisplay,
    accuracy_cost_curve,
    missing_modality_curve,
    modality_importance,
    modality_report,
)


@pytest.fixture(scope="module")
def audited():
    """A report on 200 rows of 3 modalities, of which some are absent."""
    X, y = make_multimodal_classification(400, missing_rate=0.2, random_state=0)
    test = {name: X[name][200:] for name in X}
    clf = FusionClassifier(random_state=0)
    clf.fit({name: X[name][:200] for name in X}, y[:200])
    group = pd.Series(np.where(np.arange(200) < 50, "few", "many"), name="<b>who|</b>")
    report = modality_report(clf, test, y[200:], groups=group)
    return report, clf, test, y[200:], group


def test_slices_are_what_they_are_computed_by_hand(audited):
    report, clf, X, y, _ = audited
    right = clf.predict(X) == y
    assert report.overall_["score"] == accuracy_score(y, clf.predict(X))
    present = np.column_stack([~np.isnan(X[n]).any(axis=1) for n in X])
    assert report.patterns_["rows"].sum() == len(y)
    both = (present == [True, True, False]).all(axis=1)
    line = report.patterns_.loc["m0 + m1"]
    assert (line["rows"], line["score"]) == (both.sum(), right[both].mean())
    assert report.classes_.loc[1, "score"] == right[y == 1].mean()
    few = report.groups_.loc["<b>who|</b> = few"]
    assert (few["rows"], few["score"]) == (50, right[:50].mean())
    counts = report.groups_["rows"].to_dict()
    assert sum(counts.values()) == len(y)


def test_fusing_is_compared_with_each_modality_by_rows(audited):
    report, clf, X, y, _ = audited
    alone = clf.predict_proba_per_modality(X)["m1"]
    here = np.isfinite(alone).all(axis=1)
    own = clf.classes_[alone[here].argmax(axis=1)] == y[here]
    fused = clf.predict(X)[here] == y[here]
    line = report.modalities_.loc["m1"]
    assert line["rows"] == here.sum()
    assert line["score"] == own.mean()
    assert line["gain"] == pytest.approx(fused.mean() - own.mean())
    wins, losses = (fused & ~own).sum(), (own & ~fused).sum()
    assert line["p"] == pytest.approx(binomtest(wins, wins + losses).pvalue)
    means = clf.modality_weights(X).mean()
    pd.testing.assert_series_equal(report.weights_, means)


def test_a_fusion_that_loses_is_found(audited):
    _, _, X, y, _ = audited
    rng = np.random.default_rng(0)
    X = {"good": y[:, None] + 0.1 * rng.normal(size=(200, 1)), "bad": X["m0"] * 0}
    X["bad"] = rng.normal(size=(200, 2))
    fusion = DecisionFusion("mean", weights={"good": 0.02, "bad": 0.98})
    clf = FusionClassifier(fusion=fusion, random_state=0)
    clf.fit({n: X[n][:100] for n in X}, y[:100])
    report = modality_report(clf, {n: X[n][100:] for n in X}, y[100:])
    losses = report.losses()
    assert losses.iloc[0]["sure"]
    assert losses.iloc[0]["best"] == "good"
    assert (losses["gain"] < 0).all()
    assert losses["p"].is_monotonic_increasing
    assert "worse than good alone" in report.to_html()
    # who was right where they contradict each other
    rights = report.conflicts_["right"]
    assert rights.str.contains("good").all()
    assert not rights.str.contains("bad").all()


def test_contradictions_are_sorted_and_say_who_was_right(audited):
    report, clf, X, y, _ = audited
    table = report.conflicts_
    assert len(table) == 10
    assert table["conflict"].is_monotonic_decreasing
    conflict = clf.uncertainty(X).conflict
    assert table["conflict"].iloc[0] == pytest.approx(conflict.max())
    for row, line in table.iterrows():
        assert line["truth"] == str(y[row])
        assert line["fused"] == str(clf.predict({n: X[n][[row]] for n in X})[0])
        said = [name for name in [*X, "fused"] if line[name] == line["truth"]]
        assert line["right"] == (", ".join(said) or "none")


def test_values_have_r2_and_errors_that_are_paired():
    X, y = make_multimodal_regression(120, random_state=0)
    models = [(name, LinearRegression()) for name in X]
    reg = FusionRegressor(models, "decision").fit(X, y)
    report = modality_report(reg, X, y)
    assert report.overall_["score"] == pytest.approx(r2_score(y, reg.predict(X)))
    assert len(report.classes_) == 0
    assert report.calibration_ is None
    assert (report.modalities_["p"] <= 1).all()
    assert "better than" in report.to_markdown()


def test_a_strategy_without_predictions_of_single_modalities(audited):
    X, y = make_multimodal_classification(60, random_state=0)
    alone = Training(max_epochs=2, aux_weight=0, backbone=False)
    clf = FusionClassifier(fusion=GatedFusion(), training=alone, random_state=0)
    report = modality_report(clf.fit(X, y), X, y)
    assert not hasattr(clf, "predict_proba_per_modality")
    assert len(report.modalities_) == len(report.conflicts_) == 0
    assert len(report.losses()) == 0
    assert list(report.losses()) == list(audited[0].losses())
    assert "<h2>Absent modalities</h2>" in report.to_html()


def test_sets_have_a_size_and_a_coverage_by_slice(audited):
    _, clf, X, y, _ = audited
    part = MultimodalData({name: X[name][:120] for name in X})
    conformal = ConformalFusionClassifier(FrozenEstimator(clf), min_rows=10)
    calibrating = y[:120]
    conformal.fit(part, calibrating)
    X, y = {name: X[name][120:] for name in X}, y[120:]
    sets = conformal.predict_set(X)
    held = sets[np.arange(len(y)), np.searchsorted(clf.classes_, y)]
    report = modality_report(conformal, X, y)
    search = GridSearchCV(conformal, {"min_rows": [10]}, cv=2).fit(part, calibrating)
    pd.testing.assert_frame_equal(
        modality_report(search, X, y).patterns_, report.patterns_
    )
    assert report.overall_["set_size"] == sets.sum(axis=1).mean()
    assert report.overall_["coverage"] == held.mean()
    assert report.overall_["score"] == clf.score(X, y)
    present = np.column_stack([~np.isnan(X[n]).any(axis=1) for n in X])
    for pattern, line in report.patterns_.iterrows():
        rows = [
            " + ".join(n for n, here in zip(X, row, strict=True) if here) == pattern
            for row in present
        ]
        assert line["set_size"] == sets[rows].sum(axis=1).mean()
        assert line["coverage"] == held[rows].mean()
    for text in (report.to_html(), report.to_markdown()):
        assert "set size" in text
        assert "coverage" in text


def test_intervals_have_a_width_and_a_coverage():
    X, y = make_multimodal_regression(160, random_state=0)
    models = [(name, LinearRegression()) for name in X]
    reg = ConformalFusionRegressor(FusionRegressor(models, "decision"), method="cv+")
    low, high = reg.fit(X, y).predict_interval(X).T
    report = modality_report(reg, X, y)
    assert report.overall_["width"] == pytest.approx((high - low).mean())
    assert report.overall_["coverage"] == ((low <= y) & (y <= high)).mean()


def test_a_conformal_estimator_is_looked_into(audited):
    _, clf, X, y, _ = audited
    X, y = {name: X[name][:60] for name in X}, y[:60]
    conformal = ConformalFusionClassifier(FrozenEstimator(clf)).fit(X, y)
    for function in (modality_importance, missing_modality_curve, accuracy_cost_curve):
        inside, outside = function(clf, X, y), function(conformal, X, y)
        assert str(inside) == str(outside)
        assert type(inside) is type(outside)
    for display in (ReliabilityDisplay, RowDisplay):
        rows = {"row": 0} if display is RowDisplay else {"y": y}
        ax = display.from_estimator(conformal, X, **rows)
        assert ax.figure_ is not None
    weights = FusionWeightsDisplay.from_estimator(conformal).weights
    assert np.ravel(weights) == pytest.approx(list(clf.fusion_weights_.values()))
    with pytest.raises(NotFittedError):
        modality_importance(ConformalFusionClassifier(clf), X, y)


def test_pages_show_names_as_they_are_written(audited, tmp_path):
    report, *_ = audited
    page = report.to_html(tmp_path / "report.html", title="<i>T</i>")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    assert escape("<b>who|</b> = few") in page
    assert "<b>" not in page
    assert "<i>" not in page
    assert page.count("data:image/svg+xml;base64,") == 1
    card = report.to_markdown(tmp_path / "card.md", title="a # title")
    assert (tmp_path / "card.md").read_text(encoding="utf-8") == card
    assert card.startswith("# a \\# title\n")
    assert r"\<b\>who\|\</b\> = few" in card
    lines = [line.replace("\\|", "") for line in card.splitlines()]
    for above, below in pairwise(lines):  # no cell begins a column of its own
        if above.startswith("|") and below.startswith("|"):
            assert above.count("|") == below.count("|")
    named = pd.Series({**report.overall_, "best": "<b>"})
    assert r"than \<b\> alone" in replace(report, overall_=named).to_markdown()
    for heading in ("Does fusing pay?", "Groups", "Contradictions", "Estimator"):
        assert f"## {heading}" in card
        assert heading in page


@pytest.mark.slow
def test_groups_are_columns_of_x_or_of_their_own(birdstrikes_small):
    X, y = birdstrikes_small
    clf = FusionClassifier(random_state=0).fit(X[:150], y[:150])
    report = modality_report(clf, X[150:], y[150:], groups=["sky"])
    assert report.groups_["rows"].sum() == 50
    with pytest.raises(ValueError, match=r"'groups' names \['moon'\]"):
        modality_report(clf, X[150:], y[150:], groups=["moon"])
    with pytest.raises(ValueError, match="one entry for each of the 50 rows"):
        modality_report(clf, X[150:], y[150:], groups=X["sky"])


@pytest.mark.slow
def test_a_thousand_rows_take_less_than_half_a_minute():
    from skmultimodal.datasets import load_emoji

    X, y = load_emoji(return_X_y=True)
    clf = FusionClassifier(random_state=0).fit(X[:600], y[:600])
    started = time.perf_counter()
    modality_report(clf, X[600:1600], y[600:1600]).to_html()
    assert time.perf_counter() - started < 30
