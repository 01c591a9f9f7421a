"""Joint strategies that start from the models of their modalities."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.datasets import load_diabetes
from sklearn.metrics import log_loss

from skmultimodal import (
    DecisionFusion,
    FusionClassifier,
    FusionRegressor,
    FusionTransformer,
    ImageEncoder,
    MultimodalData,
    ParallelFusion,
    TabularEncoder,
    Training,
    load,
)
from skmultimodal.datasets import (
    load_birdstrikes,
    make_multimodal_classification,
    make_multimodal_xor,
)
from skmultimodal.encoders.features._encoder import ClassicalEncoder
from skmultimodal.fusion import LogPool
from skmultimodal.fusion.joint._preparation import Preparation

STILL = Training(max_epochs=1, lr=1e-12, shrinkage=False)  # as it starts
STRATEGIES = ["parallel", "sequential", "feature", "gated", "low_rank", "attention"]


@pytest.fixture(scope="module")
def rows():
    return make_multimodal_classification(
        n_samples=120, n_classes=3, n_modalities=2, random_state=0
    )


@pytest.fixture(scope="module")
def fitted(rows):
    """Return a fit of each strategy that its training has not moved."""
    return {
        strategy: FusionClassifier(fusion=strategy, training=STILL, random_state=0).fit(
            *rows
        )
        for strategy in STRATEGIES
    }


def pool(clf, X, weights):
    """Return the prior-corrected log pool of the models' probabilities."""
    prior = np.log(clf.fusion_.prior)
    scores = prior
    for name, weight in weights.items():
        proba = clf.encoders_[name].model_.response(X[name])
        scores = scores + weight * (np.log(np.clip(proba, 1e-7, None)) - prior)
    return softmax(scores, axis=1)


def out_of_fold_weights(clf, y):
    """Return the weights of the log pool for the scores of training rows."""
    prior, blocks = clf.fusion_.prior, clf.fusion_.preparation.cross_fitted
    logs = [block.block["model_scores"] + np.log(prior) for block in blocks.values()]
    rule = LogPool().fit(softmax(logs, axis=2), y, prior=prior)
    return dict(zip(blocks, rule.weights_, strict=True))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_starts_from_the_log_pool_of_its_models(fitted, rows, strategy):
    X, y = rows
    clf = fitted[strategy]
    weights = out_of_fold_weights(clf, y)
    assert abs(np.log(list(weights.values()))).min() > 0.1  # or the product would do
    expected = pool(clf, X, weights)
    np.testing.assert_allclose(clf.predict_proba(X), expected, atol=1e-4)


def test_a_network_of_texts_and_tables_starts_as_decision_fusion():
    X, y = load_birdstrikes(return_X_y=True)
    train, test = slice(0, 200), slice(200, 300)
    network = FusionClassifier(fusion="feature", training=STILL, random_state=0)
    decision = FusionClassifier(fusion=DecisionFusion("log_pool"), random_state=0)
    proba = [
        clf.fit(X[train], y[train]).predict_proba(X[test])
        for clf in (network, decision)
    ]
    np.testing.assert_allclose(*proba, atol=1e-4)


@pytest.mark.filterwarnings("ignore:X has rows whose present")
def test_values_start_from_the_weights_of_least_squares():
    X, y = load_diabetes(return_X_y=True)
    noise = np.random.default_rng(0).normal(size=(len(y), 5))
    X = MultimodalData({"half": X[:, :5], "rest": X[:, 5:], "noise": noise})
    train, test = slice(0, 250), slice(250, 442)
    network = FusionRegressor(fusion="gated", training=STILL, random_state=0)
    decision = FusionRegressor(fusion="decision", random_state=0)
    network.fit(X[train], y[train])
    decision.fit(X[train], y[train])
    backbone = network.net_.module_.backbone
    weights = dict(
        zip(backbone.names, backbone.pool_weights[:, 0].tolist(), strict=True)
    )
    expected = {n: max(w, 0.05) for n, w in decision.fusion_weights_.items()}
    assert weights == pytest.approx(expected, abs=1e-5)
    values = [clf.predict(X[test]) for clf in (network, decision)]
    assert np.abs(values[0] - values[1]).max() < 0.05 * y.std()
    # where one is left, it weighs what it weighs alone, or all weights together
    names = backbone.names
    for name in names:
        one = MultimodalData(
            {
                other: X[test][other] if other == name else [None] * 192
                for other in names
            }
        )
        model = network.encoders_[name].model_.response(X[test][name])[:, 0]
        total = sum(weights.values())
        weight = min(total, backbone.alone[names.index(name), 0].item())
        expected = y[train].mean() + weight * (model - y[train].mean())
        np.testing.assert_allclose(network.predict(one), expected, rtol=1e-4)


def test_each_label_of_several_has_weights_of_its_own():
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=(300, 2))
    X = pd.DataFrame(rng.normal(size=(300, 8)), columns=list("abcdefgh"))
    X[["a", "e"]] += 3 * labels[:, :1]  # and of the second they know nothing
    X = MultimodalData({"first": X[list("abcd")], "second": X[list("efgh")]})
    train, test = slice(0, 150), slice(150, 300)
    network, decision = [
        clf.fit(X[train], labels[train])
        for clf in (
            FusionClassifier(fusion="parallel", training=STILL, random_state=0),
            FusionClassifier(fusion="decision", random_state=0),
        )
    ]
    proba, expected = [
        np.asarray(clf.predict_proba(X[test])) for clf in (network, decision)
    ]
    weights = np.array([rule.weights_ for rule in decision.fusion_.rules])
    assert weights[0].min() > 0.3
    assert weights[1].max() < 0.2
    np.testing.assert_allclose(proba[:, 0], expected[:, 0], atol=1e-4)
    losses = [log_loss(labels[test, 1], p[:, 1]) for p in (proba, expected)]
    assert abs(losses[0] - losses[1]) < 0.005
    terms, scores = network.contributions(X[test]), np.log(proba / (1 - proba))
    np.testing.assert_allclose(sum(terms.values()), scores, atol=1e-3)


def test_weights_by_cross_fitting_do_not_count_copies_more_than_once():
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=240)
    block = rng.normal(size=(240, 6))
    block[np.arange(240), y] += 1.5
    X = MultimodalData({f"m{k}": block for k in range(4)})
    train, test = slice(0, 120), slice(120, 240)
    by_word = [
        FusionClassifier(
            fusion=ParallelFusion(weights=word), training=STILL, random_state=0
        ).fit(X[train], y[train])
        for word in ("cv", "uniform")
    ]
    proba = [clf.predict_proba(X[test]) for clf in by_word]
    np.testing.assert_allclose(*proba, atol=1e-4)
    assert log_loss(y[test], proba[0]) < 0.7  # 1.1 by the plain product


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_it_starts_from_the_models_of_what_a_row_has(fitted, rows, strategy):
    X, y = rows
    clf, (first, second) = fitted[strategy], list(X)
    nothing = np.full(len(X), None, dtype=object)
    only = MultimodalData({first: X[first], second: nothing})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a pattern that no training row had
        proba = clf.predict_proba(only)
    weight = {first: out_of_fold_weights(clf, y)[first]}
    np.testing.assert_allclose(proba, pool(clf, X, weight), atol=1e-4)


def test_each_branch_says_what_its_model_says(fitted, rows):
    X, _ = rows
    clf = fitted["feature"]
    for name, proba in clf.predict_proba_per_modality(X).items():
        np.testing.assert_allclose(proba, pool(clf, X, {name: 1}), atol=1e-4)


def test_contributions_are_those_of_the_modalities_and_of_the_prior(rows):
    X, y = rows
    training = Training(max_epochs=3)
    clf = FusionClassifier(fusion="parallel", training=training, random_state=0)
    terms = clf.fit(X, y).contributions(X)
    assert list(terms) == ["prior", *X]
    np.testing.assert_allclose(terms["prior"][0], np.log(clf.fusion_.prior), atol=1e-5)
    np.testing.assert_allclose(
        softmax(sum(terms.values()), axis=1), clf.predict_proba(X), atol=1e-5
    )


def test_values_are_averaged_by_given_weights(rows):
    X, _ = rows
    y = X["m0"][:, 0] + X["m1"][:, 1]
    fusion = ParallelFusion(weights={"m0": 3, "m1": 1})
    reg = FusionRegressor(fusion=fusion, training=STILL, random_state=0).fit(X, y)
    models = [reg.encoders_[name].model_.response(X[name])[:, 0] for name in X]
    expected = np.average(models, axis=0, weights=[3, 1])
    np.testing.assert_allclose(reg.predict(X), expected, atol=1e-3)


def test_the_scores_of_training_rows_are_of_models_that_have_not_seen_them():
    rng = np.random.default_rng(0)
    words = rng.choice(["red", "blue", "old", "new", "tall", "far"], size=(100, 4))
    X = pd.DataFrame({"note": [" ".join(row) for row in words]})
    y = rng.integers(2, size=100)  # there is nothing to learn
    clf = FusionClassifier(fusion="parallel", training=STILL, random_state=0).fit(X, y)
    held_out = clf.fusion_.preparation.cross_fitted["note"].block["model_scores"]
    seen = clf.encoders_["note"].transform(X["note"])["model_scores"]
    truth = np.arange(100), y
    assert softmax(held_out, 1)[truth].mean() < 0.55  # by chance, and no more
    assert softmax(seen, 1)[truth].mean() > 0.6


def test_a_modality_of_weight_zero_is_silent(rows):
    X, y = rows
    for weights in ({"m0": 1.0, "m1": 0.0}, {"m0": 0.5, "m1": 0.0}):
        clf = FusionClassifier(
            fusion=ParallelFusion(weights=weights), training=STILL, random_state=0
        ).fit(X, y)
        expected = pool(clf, X, {"m0": 1})
        np.testing.assert_allclose(clf.predict_proba(X), expected, atol=1e-4)


@pytest.mark.parametrize("strategy", ["parallel", "feature"])
def test_a_saved_one_predicts_the_same(fitted, rows, strategy, tmp_path):
    X, _ = rows
    fitted[strategy].save(tmp_path / "model.skmm")
    again = load(tmp_path / "model.skmm")
    np.testing.assert_array_equal(
        again.predict_proba(X), fitted[strategy].predict_proba(X)
    )


@pytest.mark.parametrize("forged", ["text", {"m0": None}, {"m0": [1e300]}])
def test_what_a_file_says_of_the_pool_beside_the_network_is_not_read(
    fitted, rows, forged, tmp_path, monkeypatch
):
    X, _ = rows
    clf, path = fitted["feature"], tmp_path / "model.skmm"
    plain = clf.fusion_.preparation.without_rows()
    plain.pool_weights = forged
    with monkeypatch.context() as patch:
        patch.setattr(Preparation, "without_rows", lambda self: plain)
        clf.save(path)
    np.testing.assert_array_equal(load(path).predict_proba(X), clf.predict_proba(X))


def test_given_encoders_and_the_form_of_the_paper_have_none(rows):
    X, y = rows
    training = Training(max_epochs=1, backbone=False)
    paper = FusionClassifier(fusion="gated", training=training, random_state=0)
    given = FusionClassifier(
        {name: TabularEncoder((4,), 4) for name in X},
        "gated",
        Training(max_epochs=1),
        random_state=0,
    )
    for clf in (paper, given):
        assert clf.fit(X, y).net_.module_.backbone is None


def test_it_can_be_had_with_given_encoders(rows):
    X, y = rows
    clf = FusionClassifier(
        {name: TabularEncoder((4,), 4) for name in X},
        "gated",
        Training(max_epochs=1, lr=1e-12, aux_weight=0.0, backbone=True),
        random_state=0,
    ).fit(X, y)
    expected = np.tile(clf.fusion_.prior, (len(y), 1))  # nothing is learnt yet
    np.testing.assert_allclose(clf.predict_proba(X), expected, atol=1e-5)
    assert "m0" in clf.predict_proba_per_modality(X)


@pytest.mark.parametrize("strategy", ["mixture_of_experts", "evidential", "embrace"])
def test_what_is_no_sum_has_none(rows, strategy):
    X, y = rows
    clf = FusionClassifier(
        fusion=strategy, training=Training(max_epochs=1), random_state=0
    ).fit(X, y)
    assert clf.net_.module_.backbone is None


def test_an_embedding_is_not_of_what_is_beyond_the_branches(rows):
    X, y = rows
    clf = FusionTransformer(training=Training(max_epochs=1), random_state=0)
    assert clf.fit(X, y).net_.module_.backbone is None


def test_chunks_rest_on_no_model_of_the_first(rows):
    X, y = rows
    clf = FusionClassifier(fusion="parallel", random_state=0)
    clf.partial_fit(X[:60], y[:60], classes=np.unique(y)).partial_fit(X[60:], y[60:])
    assert clf.net_.module_.backbone is None


@pytest.mark.parametrize("strategy", ["feature", "sequential", "low_rank"])
def test_an_interaction_is_still_learnt(strategy):
    X, y = make_multimodal_xor(n_samples=700, random_state=0)
    training = Training(max_epochs=15, shrinkage=False)
    clf = FusionClassifier(fusion=strategy, training=training, random_state=0)
    assert clf.fit(X[:400], y[:400]).score(X[400:], y[400:]) >= 0.95


def test_numbers_have_landmarks_beside_a_model_and_are_trained_without_one(rows):
    X, _ = rows
    block = X["m0"].copy()
    block[::7, 0] = np.nan
    inputs = ClassicalEncoder("embedding").fit(block).transform(block)
    assert list(inputs) == ["features"]
    assert inputs["features"].shape == (len(block), 120)  # all rows are landmarks
    assert np.isfinite(inputs["features"]).all()
    vectors = pd.Series(list(block))
    again = ClassicalEncoder("embedding").fit(vectors).transform(vectors)
    np.testing.assert_allclose(again["features"], inputs["features"], atol=1e-6)
    alone = ClassicalEncoder("embedding", scores=False).fit(block)
    assert list(alone.transform(block)) == ["numbers"]
    assert (ClassicalEncoder("embedding").fit(block).dropout_, alone.dropout_) == (
        0.5,
        0.3,
    )


def test_the_rate_follows_the_number_of_steps():
    training = Training(max_epochs=30, batch_size=50)
    rates = [training.settings(n).with_rate(True, n).lr for n in (100, 1000, 100_000)]
    np.testing.assert_allclose(rates, [2e-3, 0.25 / 600, 2e-4])
    assert training.settings(100).with_rate(False, 100).lr == 2e-3
    fixed = Training(lr=0.1).settings(100)
    assert fixed.with_rate(True, 100).lr == 0.1


def test_above_ten_thousand_rows_networks_learn_their_features():
    encoder = ClassicalEncoder("image")
    assert encoder.for_rows(10_000) is encoder
    assert isinstance(encoder.for_rows(10_001), ImageEncoder)
