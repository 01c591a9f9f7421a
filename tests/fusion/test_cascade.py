"""Early exit: what is not needed is not looked at, and what that costs."""

import pickle
import signal

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from skorch.callbacks import Callback

from skmultimodal import (
    AutoFusion,
    FusionClassifier,
    FusionRegressor,
    ParallelFusion,
    SequentialFusion,
    TabularEncoder,
    Training,
    load,
)
from skmultimodal.datasets import make_multimodal_classification
from skmultimodal.fusion.apart._cascade import certainty
from skmultimodal.inspection import AccuracyCostDisplay, accuracy_cost_curve
from skmultimodal.training._tasks import Multilabel

COST = {"m0": 1.0, "m1": 5.0, "m2": 20.0}
EXACT = {"rtol": 1e-5, "atol": 1e-6}  # batches of other sizes round differently


class Watched(TabularEncoder):
    """Refuses cells of rows that are beyond its limit."""

    refuses = False

    def transform(self, cells):
        if Watched.refuses:
            raise OSError("unreadable")
        return super().transform(cells)


@pytest.fixture(scope="module")
def rows():
    X, y = make_multimodal_classification(
        300, n_classes=3, class_sep=[1.0, 1.5, 2.0], random_state=0
    )
    X = {name: block.copy() for name, block in X.items()}
    X["m0"][::7] = np.nan  # absent
    X["m2"][::5] = np.nan
    X["m1"][[0, 35]] = np.nan  # rows without anything
    return X, y


def classifier(training="joint", **params):
    fusion = SequentialFusion(**{"cost": COST} | params)
    return FusionClassifier(
        fusion=fusion,
        random_state=0,
        training=Training(training, max_epochs=4, shrinkage=False),
    )


KINDS = pytest.mark.parametrize(
    "kind",
    [{}, {"mode": "residual"}, {"training": "staged"}],
    ids=["state", "residual", "staged"],
)


@KINDS
def test_never_sure_is_the_whole_model(kind, rows):
    X, y = rows
    whole = classifier(**kind).fit(X, y)
    never = classifier(exit_threshold=1.01, **kind).fit(X, y)
    for method in ("predict_proba", "decision_function", "transform"):
        expected = getattr(whole, method)(X)
        np.testing.assert_array_equal(getattr(never, method)(X), expected)
    assert not hasattr(whole, "predict_with_cost")
    present = np.column_stack(
        [~np.isnan(X[name][:, 0]) for name in never.fusion_.names]
    )
    found = never.predict_with_cost(X)
    np.testing.assert_array_equal(found.seen.to_numpy(), present)


@KINDS
def test_every_row_exits_where_it_is_first_sure(kind, rows):
    """Against a loop over rows and prefixes of their modalities."""
    X, y = rows
    whole = classifier(**kind).set_params(training__max_epochs=15).fit(X, y)
    clf = clone(whole).set_params(fusion__exit_threshold=0.6).fit(X, y)
    found = clf.predict_with_cost(X)
    cells, present = whole.reader_.read(X)
    prefixes = [present & first for first in np.tri(3, dtype=bool)]
    by_prefix = [whole.fusion_.response(cells, prefix) for prefix in prefixes]
    prices = [COST[name] for name in whole.fusion_.names]
    stops = set()
    for i in range(len(y)):
        stop = next(
            (k for k in range(3) if present[i, k] and by_prefix[k][i].max() >= 0.6), 2
        )
        seen = prefixes[stop][i]
        stops.add(stop)
        np.testing.assert_allclose(found.probability[i], by_prefix[stop][i], **EXACT)
        assert found.cost[i] == np.dot(seen, prices)
        assert found.n_modalities[i] == seen.sum()
    assert stops == {0, 1, 2}
    np.testing.assert_array_equal(found.prediction, clf.predict(X))
    np.testing.assert_allclose(found.probability.sum(axis=1), 1, rtol=1e-5)


def test_later_modalities_are_not_touched():
    X, y = make_multimodal_classification(120, n_modalities=2, random_state=0)
    encoders = [("m0", TabularEncoder()), ("m1", Watched())]
    fusion = SequentialFusion(exit_threshold=0.0)
    clf = FusionClassifier(
        encoders, fusion, random_state=0, training=Training(max_epochs=2)
    ).fit(X, y)
    Watched.refuses = True
    try:
        found = clf.predict_with_cost(X)
        clf.set_params(fusion__exit_threshold=0.9)
        with pytest.raises(ValueError, match="unreadable"):
            clone(clf).fit(X, y).predict(X)
    finally:
        Watched.refuses = False
    assert (found.n_modalities == 1).all()
    assert (found.cost == 1).all()
    assert list(found.seen.any()) == [True, False]


def test_sure_of_several_labels_is_sure_of_each():
    task = Multilabel(np.array([[0, 1], [1, 0]]))
    response = np.array([[0.9, 0.2], [0.5, 0.99]])
    np.testing.assert_allclose(certainty(task, response), [0.8, 0.5])


@pytest.mark.slow
def test_auto_order_weighs_cost(rows):
    """The later modalities tell more; at a hundred times the price they come last."""
    X, y = rows
    gains = classifier(order="auto", cost=None).fit(X, y).fusion_.names
    assert gains == classifier(order="best_first").fit(X, y).fusion_.names
    assert gains[0] == "m2"
    dear = {"m0": 1, "m1": 1, "m2": 100}
    assert classifier(order="auto", cost=dear).fit(X, y).fusion_.names[-1] == "m2"


def test_saved_pickled_and_trained_on(rows, tmp_path):
    X, y = rows
    clf = classifier(exit_threshold=0.7).fit(X, y)
    expected = clf.predict_proba(X)
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(X), expected)
    clf.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_with_cost(X).probability, expected)
    more = clone(clf).set_params(warm_start=True).fit(X, y).fit(X, y)
    assert more.n_iter_ == 8
    assert more.predict_with_cost(X).cost.mean() < sum(COST.values())


class CtrlC(Callback):
    """Sends Ctrl-C after the second epoch."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            signal.raise_signal(signal.SIGINT)


def test_interrupted_cascade_is_kept(rows):
    X, y = rows
    clf = classifier(exit_threshold=0.6).set_params(training__callbacks=[CtrlC()])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, y)
    assert clf.n_iter_ == 2
    assert clf.predict_with_cost(X).cost.shape == (300,)


def test_interrupted_choice_is_kept_with_its_report(rows):
    X, y = rows
    encoders = [(name, TabularEncoder()) for name in X]
    clf = FusionClassifier(
        encoders, AutoFusion(["parallel"]), training=Training(callbacks=[CtrlC()])
    )
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, y)
    assert clf.n_iter_ == 2
    assert clf.fusion_report_["chosen"].tolist() == [True]


def test_interrupted_chunk_leaves_the_estimator_as_it_was(rows):
    X, y = rows

    class AtOnce(CtrlC):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 3:
                signal.raise_signal(signal.SIGINT)

    clf = classifier().set_params(training__callbacks=[AtOnce()])
    clf.partial_fit(X, y).partial_fit(X, y)
    expected = clf.predict_proba(X)
    with pytest.raises(KeyboardInterrupt):
        clf.partial_fit(X, y)
    assert clf.n_iter_ == 2
    np.testing.assert_array_equal(clf.predict_proba(X), expected)


@pytest.mark.parametrize(
    ("fusion", "training"),
    [
        ("decision", "joint"),
        (SequentialFusion(mode="residual"), "joint"),
        ("parallel", "staged"),
        (ParallelFusion("cv"), "joint"),
        (AutoFusion(["parallel", "feature"], cv=2), "joint"),
    ],
    ids=str,
)
def test_an_interrupted_part_is_not_taken_for_the_whole(fusion, training, rows):
    X, y = rows
    encoders = [(name, TabularEncoder()) for name in X]
    clf = FusionClassifier(
        encoders, fusion, training=Training(training, callbacks=[CtrlC()])
    )
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, y)
    assert not hasattr(clf, "fusion_")


def test_curve_by_hand(rows):
    """Four rows, two modalities, worked out on paper."""
    proba = np.array(
        [
            [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.5, 0.5]],
            [[0.9, 0.1], [0.1, 0.9], [0.1, 0.9], [0.7, 0.3]],
        ]
    )

    class Model:
        names = ("m0", "m1")

        def responses(self, cells, presences):
            assert [p.tolist()[0] for p in presences] == [[True, False], [True, True]]
            return list(proba)

    class Reading:
        def under(self, estimator):
            return self

        def read(self, X):
            return None, np.ones((4, 2), dtype=bool)

    X, y = make_multimodal_classification(20, n_modalities=2, random_state=0)
    clf = FusionClassifier().fit(X, y)
    clf.fusion_ = Model()
    clf._reader = Reading()
    curve = accuracy_cost_curve(
        clf,
        None,
        [0, 1, 1, 1],
        thresholds=[0, 0.6, 0.85, 1.01],
        cost={"m0": 1, "m1": 4},
    )
    np.testing.assert_allclose(curve["cost"], [1, 2, 4, 5])
    np.testing.assert_allclose(curve["score"], [0.5, 0.5, 0.75, 0.75])
    np.testing.assert_allclose(curve["n_modalities"], [1, 1.25, 1.75, 2])


def test_curve_agrees_with_the_cascade(rows):
    X, y = rows
    curve = accuracy_cost_curve(classifier().fit(X, y), X, y, thresholds=[0.0, 0.6, 2])
    for threshold, cost, score, _ in curve.itertuples(index=False):
        clf = classifier(exit_threshold=threshold).fit(X, y)
        assert clf.predict_with_cost(X).cost.mean() == pytest.approx(cost)
        assert clf.score(X, y) == pytest.approx(score)
    pd.testing.assert_frame_equal(
        accuracy_cost_curve(clf, X, y, thresholds=[0.0, 0.6, 2]), curve
    )


def test_display(rows):
    X, y = rows
    parallel = FusionClassifier(
        fusion=ParallelFusion(), training=Training(max_epochs=2, shrinkage=False)
    ).fit(X, y)
    display = AccuracyCostDisplay.from_estimator(parallel, X, y, cost=COST)
    assert display.ax_.get_ylabel().startswith("accuracy")
    assert display.curve["cost"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"exit_threshold": "high"}, ValueError, "must be None or a number >= 0"),
        ({"exit_threshold": -1}, ValueError, "must be None or a number >= 0"),
        ({"cost": {"m0": 1}}, ValueError, "one price for each modality"),
        ({"cost": {**COST, "m3": 1}}, ValueError, "one price for each modality"),
        ({"cost": {**COST, "m0": -1}}, ValueError, "for modality 'm0'"),
        ({"cost": [1, 2, 3]}, TypeError, "a dict"),
        ({"order": "cheap"}, ValueError, "'given', 'auto', 'best_first'"),
    ],
)
def test_bad_parameters(params, error, message, rows):
    with pytest.raises(error, match=message):
        classifier(**params).fit(*rows)


def test_values_have_no_certainty(rows):
    X, y = rows
    reg = FusionRegressor(
        fusion=SequentialFusion(exit_threshold=0.9), training=Training(max_epochs=1)
    )
    with pytest.raises(ValueError, match="is for labels"):
        reg.fit(X, y)
    reg.set_params(fusion__exit_threshold=None).fit(X, y)
    with pytest.raises(ValueError, match="is for labels"):
        accuracy_cost_curve(reg, X, y)
