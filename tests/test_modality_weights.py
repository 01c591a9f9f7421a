"""How much each modality counts in each row, and where no strategy says so."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LinearRegression, LogisticRegression

from skmultimodal import (
    AttentionFusion,
    DecisionFusion,
    EvidentialFusion,
    FusionClassifier,
    FusionRegressor,
    GatedFusion,
    ProductOfExpertsFusion,
    SequentialFusion,
    Training,
)
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
)
from skmultimodal.fusion._auto import FUSIONS
from skmultimodal.fusion.rules._classification import RULES
from skmultimodal.fusion.rules._regression import REGRESSION_RULES
from tests.parameters import nested

pytestmark = pytest.mark.filterwarnings("ignore:.*have no effect")

WITHOUT = {"canonical", "cooperative", "kernel"}  # no weights that vary by row
AVERAGED = {"gated", "mixture_of_experts", "product_of_experts"}


@pytest.fixture(scope="module")
def data():
    """60 rows of 3 modalities, some absent; the first row has none."""
    X, y = make_multimodal_classification(60, missing_rate=0.2, random_state=0)
    X = {name: np.array(X[name]) for name in X}
    for name in X:
        X[name][0] = np.nan
    return X, y


def fitted(fusion, X, y, **params):
    short = {"max_epochs": 2, "early_stopping": False, "shrinkage": False}
    params = nested(random_state=0, **short) | params
    return FusionClassifier(fusion=fusion, **params).fit(X, y)


def presence(X):
    return np.column_stack([~np.isnan(part).any(axis=1) for part in X.values()])


@pytest.mark.parametrize("alias", FUSIONS)
def test_every_strategy_has_weights_by_row_or_no_such_method(alias, data):
    X, y = data
    clf = fitted(alias, X, y)
    assert hasattr(clf, "modality_weights") is (alias not in WITHOUT)
    if alias in WITHOUT:
        with pytest.raises(AttributeError, match="modality_weights"):
            clf.modality_weights(X)
        return
    weights, present = clf.modality_weights(X), presence(X)
    assert list(weights.columns) == clf.modalities_
    assert (weights.to_numpy()[~present] == 0).all()
    assert (weights.to_numpy() >= 0).all()
    if alias != "decision":  # factors of terms, which need not sum to one
        np.testing.assert_allclose(weights.sum(axis=1), present.any(axis=1), atol=1e-6)
    if alias in AVERAGED:
        means = dict(weights.mean())
        assert means == pytest.approx(clf.fusion_weights_, abs=1e-6)
    alone = clf.modality_weights({name: part[7:8] for name, part in X.items()})
    np.testing.assert_allclose(alone, weights.iloc[7:8], atol=1e-6)


def test_the_frame_has_the_index_of_the_rows(birdstrikes_small):
    X, y = birdstrikes_small
    X = X[:60].set_axis(np.arange(60) + 100)
    clf = FusionClassifier(random_state=0).fit(X, y[:60])
    weights = clf.modality_weights(X[5:8])
    assert list(weights.index) == [105, 106, 107]
    assert dict(weights.iloc[0]) == clf.fusion_weights_


def test_gates_are_those_of_the_module(data):
    X, y = data
    whole = {name: part[presence(X).all(axis=1)] for name, part in X.items()}
    y = y[presence(X).all(axis=1)]
    clf = fitted(GatedFusion(gate_sharing="scalar"), whole, y)
    gate = clf.net_.module_.fusion.gate
    with torch.no_grad():
        gate.weight.copy_(
            torch.arange(gate.weight.numel()).cos().view_as(gate.weight) / 4
        )
        embedded = [clf.encode(whole, name) for name in clf.fusion_.names]
        logits = gate(torch.from_numpy(np.hstack(embedded)).to(gate.weight.dtype))
    expected = pd.DataFrame(logits.softmax(1).numpy(), columns=clf.fusion_.names)
    found = clf.modality_weights(whole)
    assert found.std().max() > 0.01  # they vary by row
    np.testing.assert_allclose(found, expected[clf.modalities_], atol=1e-6)


@pytest.mark.parametrize("pool", ["cls", "mean"])
def test_attention_that_is_even_makes_weights_even(data, pool):
    X, y = data
    clf = fitted(AttentionFusion(out_features=8, pool=pool), X, y)
    before = clf.modality_weights(X)
    for block in clf.net_.module_.fusion.blocks:
        torch.nn.init.zeros_(block.attention.in_proj_weight)
    even = presence(X) / np.maximum(presence(X).sum(axis=1, keepdims=True), 1)
    biases = dict(clf.fusion_weights_)  # learned, near even after two epochs
    assert np.ptp(list(biases.values())) < 0.02
    found = clf.modality_weights(X).to_numpy()
    np.testing.assert_allclose(found, even, atol=0.02)
    assert np.abs(before - found).to_numpy().max() > 1e-4


def test_attention_is_shared_out_among_what_is_attended_to(data):
    X, y = data
    weights = {"m0": 0.5, "m1": 0.5, "m2": 0}
    clf = fitted(AttentionFusion(weights, out_features=8, pool="cls"), X, y)
    found = clf.modality_weights(X)
    assert (found["m2"] == 0).all()
    heard = presence(X)[:, :2].any(axis=1)
    np.testing.assert_allclose(found.sum(axis=1), heard, atol=1e-6)


def test_evidence_and_precision_by_hand(data):
    X, y = data
    clf = fitted(EvidentialFusion(), X, y)
    evidence = clf.fusion_.branch_scores(*clf.reader_.read(X))
    evidence = np.expm1(evidence).sum(axis=2)
    shares = evidence / np.maximum(evidence.sum(axis=1, keepdims=True), 1e-30)
    names = clf.fusion_.names
    np.testing.assert_allclose(clf.modality_weights(X)[names], shares, atol=1e-5)
    clf = fitted(ProductOfExpertsFusion(out_features=4), X, y)
    module = clf.net_.module_.fusion
    for name, factor in zip(names, (1.0, 1.0, 2.0), strict=True):
        linear = module.experts.blocks["modality_" + name]
        torch.nn.init.zeros_(linear.weight)
        value = float(np.log(np.expm1(factor)))  # the inverse of softplus
        torch.nn.init.constant_(linear.bias, value)
    row = clf.modality_weights(X)[presence(X).all(axis=1)].iloc[0]
    assert list(row[names]) == pytest.approx([0.25, 0.25, 0.5], abs=1e-6)


def models(X, model):
    return [(name, model) for name in X]


def test_given_weights_of_a_linear_pool_are_brought_to_what_is_present(data):
    X, y = data
    fusion = DecisionFusion("mean", weights={"m0": 3, "m1": 1, "m2": 0})
    clf = fitted(fusion, X, y, encoders=models(X, LogisticRegression()))
    given = presence(X) * [3.0, 1.0, 0.0]
    expected = given / np.maximum(given.sum(axis=1, keepdims=True), 1)
    np.testing.assert_allclose(clf.modality_weights(X), expected)


@pytest.mark.parametrize("rule", [*RULES, *(f"{r}:values" for r in REGRESSION_RULES)])
def test_rules_with_weights_have_them_by_row(rule, data):
    name, _, values = rule.partition(":")
    if values:
        X, y = make_multimodal_regression(60, missing_rate=0.2, random_state=0)
        estimator, known, model = FusionRegressor, REGRESSION_RULES, LinearRegression()
    else:
        X, y = data
        estimator, known, model = FusionClassifier, RULES, LogisticRegression()
    fusion = DecisionFusion(name, cv=2)
    clf = estimator(models(X, model), fusion=fusion, random_state=0).fit(X, y)
    assert hasattr(clf, "modality_weights") is known[name].takes_weights
    if not known[name].takes_weights:
        return
    weights, present = clf.modality_weights(X)[list(X)].to_numpy(), presence(X)
    assert (weights[~present] == 0).all()
    if known[name].convex:
        np.testing.assert_allclose(weights.sum(axis=1), present.any(axis=1))
    full = present.all(axis=1)
    np.testing.assert_allclose(
        weights[full], np.tile(list(clf.fusion_weights_.values()), (full.sum(), 1))
    )
    if values:  # the weighted mean or sum of the predictions is the prediction
        alone = clf.predict_per_modality(X)
        mean = float(clf.fusion_.prior[0]) if not known[name].convex else 0.0
        parts = sum(
            np.where(present[:, m], weights[:, m] * (alone[modality].ravel() - mean), 0)
            for m, modality in enumerate(X)
        )
        heard = present.any(axis=1)
        np.testing.assert_allclose((mean + parts)[heard], clf.predict(X)[heard])


def test_cascades_weigh_what_they_looked_at(data):
    X, y = data
    fusion = SequentialFusion(exit_threshold=0.4, order=["m0", "m1", "m2"])
    clf = fitted(fusion, X, y)
    weights = clf.modality_weights(X)
    seen = clf.fusion_.seen(*clf.reader_.read(X))[1]
    assert (weights[clf.fusion_.names].to_numpy()[~seen] == 0).all()


def test_staged_strategies_pass_it_on(data):
    X, y = data
    staged = Training("staged", max_epochs=1)
    clf = FusionClassifier(fusion="gated", training=staged, random_state=0).fit(X, y)
    np.testing.assert_allclose(
        clf.modality_weights(X).sum(axis=1), presence(X).any(axis=1), atol=1e-6
    )
