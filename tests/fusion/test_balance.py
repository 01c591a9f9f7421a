"""Gradient modulation by formula, and how single modalities fare in the history."""

import pickle

import numpy as np
import pytest
import torch

from skmultimodal import (
    FeatureFusion,
    FusionClassifier,
    FusionRegressor,
    ParallelFusion,
    TabularEncoder,
)
from skmultimodal._network import FusionNetwork
from skmultimodal._tasks import Classification
from skmultimodal._training import Criterion, seeded
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
)
from skmultimodal.encoders._modules import MLP
from skmultimodal.fusion._balance import GradientModulation

TASK = Classification(np.arange(2))


def test_factors_by_hand():
    # mean truth .8, .2 and, over its one present row, .5; ratios .8/.35, .2/.65, 1
    truth = torch.tensor([[0.9, 0.1, 0.5], [0.7, 0.3, 0.9]])
    mask = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])
    balance = GradientModulation(0.5)
    balance.update(-truth.log(), mask)
    expected = [1 - np.tanh(0.5 * 0.8 / 0.35), 1.0, 1.0]
    np.testing.assert_allclose(balance.factors, expected, rtol=1e-6)


def test_noise_has_the_spread_of_the_gradient():
    balance = GradientModulation(0.5)
    balance.factors = torch.tensor([0.25, 1.0])
    gradient = 3 * torch.randn(20000, generator=torch.Generator().manual_seed(0))
    with seeded(0):
        noise = balance.adjust(0, gradient) - 0.25 * gradient
    assert noise.std().item() == pytest.approx(gradient.std().item(), rel=0.03)
    assert balance.adjust(0, torch.tensor([2.0])).item() == 0.5


def network(balance):
    spec = ParallelFusion(balance=balance, modality_dropout=0)
    encoders = {name: lambda: MLP(3, 4) for name in "ab"}
    with seeded(0):
        return FusionNetwork(encoders, lambda widths: spec.build_for(TASK, widths))


def gradients(net):
    generator = torch.Generator().manual_seed(0)
    inputs = {
        name: {"input": torch.randn(8, 3, generator=generator)} for name in ("a", "b")
    }
    target = torch.arange(8) % 2
    net.on_epoch(1)
    net.on_epoch(2)  # the hooks are set once
    loss = net.loss(net(inputs), target, Criterion(TASK)).mean()
    with seeded(1):
        loss.backward()
    return {name: p.grad.clone() for name, p in net.named_parameters()}


@pytest.mark.parametrize("unpickled", [False, True])
def test_gradients_of_encoders_are_changed_and_no_others(unpickled, monkeypatch):
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)  # no noise
    plain, balanced = network(None), network("ogm_ge")
    if unpickled:
        balanced = pickle.loads(pickle.dumps(balanced))
    before, after = gradients(plain), gradients(balanced)
    factors = dict(zip("ab", balanced.fusion.balance.factors, strict=True))
    assert min(factors.values()) < 1
    assert max(factors.values()) == 1
    for name, gradient in before.items():
        factor = 1.0
        if name.startswith("encoders"):
            factor = factors[name.split(".")[1].removeprefix("modality_")]
        torch.testing.assert_close(after[name], factor * gradient)


@pytest.mark.parametrize("fusion", [ParallelFusion, FeatureFusion])
def test_history_shows_the_lazy_modality(fusion):
    X, y = make_multimodal_classification(
        200, class_sep=[0.0, 0.5, 3.0], random_state=0
    )
    encoders = [(name, TabularEncoder((8,), 8)) for name in X]
    clf = FusionClassifier(
        encoders, fusion(balance="ogm_ge"), lr=0.01, max_epochs=20, random_state=0
    ).fit(X, y)
    last = clf.history_.iloc[-1]
    assert last["alone_m0"] < last["alone_m1"] < last["alone_m2"] < 1
    again = FusionClassifier(
        encoders, fusion(balance="ogm_ge"), lr=0.01, max_epochs=20, random_state=0
    ).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    assert pickle.loads(pickle.dumps(clf)).fusion_.net.module_.fusion.tracked == []
    assert clf.score(X, y) > 0.9


def test_history_of_other_tasks():
    X, y = make_multimodal_regression(100, random_state=0)
    reg = FusionRegressor(fusion="parallel", max_epochs=3, random_state=0).fit(X, y)
    assert {f"alone_{name}" for name in X} <= set(reg.history_)
    clf = FusionClassifier(fusion="evidential", max_epochs=3).fit(X, y > 0)
    assert clf.history_["alone_m0"].between(0, 1).all()


@pytest.mark.parametrize("fusion", [ParallelFusion, FeatureFusion])
def test_refused(fusion):
    widths = {"a": 3, "b": 4}
    with pytest.raises(ValueError, match=rf"'balance' parameter of {fusion.__name__}"):
        fusion(balance="ogm").build(widths, 2)
    with pytest.raises(ValueError, match=r"Set 'aux_weight' above 0"):
        fusion(balance="ogm_ge", aux_weight=0).build(widths, 2)
    assert fusion(balance="ogm_ge").build({"a": 3}, 2).balance is None
