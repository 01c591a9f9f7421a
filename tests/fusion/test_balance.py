"""Gradient modulation by formula, and how single modalities fare in the history."""

import pickle
from importlib import import_module

import numpy as np
import pytest
import torch

from skmultimodal import (
    BottleneckFusion,
    CrossAttentionFusion,
    EvidentialFusion,
    FeatureFusion,
    FusionClassifier,
    FusionRegressor,
    ParallelFusion,
    SequentialFusion,
    TabularEncoder,
    Training,
)
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
)
from skmultimodal.encoders._modules import MLP
from skmultimodal.fusion._auto import FUSIONS
from skmultimodal.fusion.joint._strategy import JointFusion
from skmultimodal.training._balance import GradientModulation
from skmultimodal.training._criterion import Criterion
from skmultimodal.training._net import seeded
from skmultimodal.training._network import FusionNetwork
from skmultimodal.training._tasks import Classification
from tests.parameters import joint

TASK = Classification(np.arange(2))
STRATEGIES = [
    getattr(import_module(f"skmultimodal.fusion.{module}"), name)
    for module, name in FUSIONS.values()
]
JOINT = [cls for cls in STRATEGIES if issubclass(cls, JointFusion)]
every_strategy = pytest.mark.parametrize("fusion", JOINT)
ATTENDING = (BottleneckFusion, CrossAttentionFusion)  # the slowest


def test_factors_by_hand():
    # mean truth .8, .2 and, over its one present row, .5; ratios .8/.35, .2/.65, 1
    truth = torch.tensor([[0.9, 0.1, 0.5], [0.7, 0.3, 0.9]])
    mask = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])
    balance = GradientModulation(0.5)
    balance.update(-truth.log(), mask)
    expected = [1 - np.tanh(0.5 * 0.8 / 0.35), 1.0, 1.0]
    np.testing.assert_allclose(balance.factors, expected, rtol=1e-6)


def test_a_modality_absent_from_a_batch_slows_nobody_down():
    balance = GradientModulation(0.5)
    truth = torch.tensor([[0.9, 0.5, 0.3], [0.7, 0.5, 0.1]])
    balance.update(-truth.log(), torch.tensor([[1.0, 0.0, 1.0]] * 2))
    expected = [1 - np.tanh(0.5 * 0.8 / 0.2), 1.0, 1.0]
    np.testing.assert_allclose(balance.factors, expected, rtol=1e-6)
    balance.update(-truth.log(), torch.tensor([[1.0, 0.0, 0.0]] * 2))
    np.testing.assert_array_equal(balance.factors, 1.0)


def test_noise_has_the_spread_of_the_gradient():
    balance = GradientModulation(0.5)
    balance.factors = torch.tensor([0.25, 1.0])
    gradient = 3 * torch.randn(20000, generator=torch.Generator().manual_seed(0))
    with seeded(0):
        noise = balance.adjust(0, gradient) - 0.25 * gradient
    assert noise.std().item() == pytest.approx(gradient.std().item(), rel=0.03)
    assert balance.adjust(0, torch.tensor([2.0])).item() == 0.5


def network(balance):
    spec = ParallelFusion()
    how = joint(spec, balance=balance)
    encoders = {name: lambda: MLP(3, 4) for name in "ab"}
    with seeded(0):
        return FusionNetwork(encoders, lambda w: spec.build_for(TASK, w, how))


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


def test_hooks_of_the_user_stay(monkeypatch):
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)  # no noise
    plain, hooked = network("ogm_ge"), network("ogm_ge")
    for parameter in hooked.parameters():
        parameter.register_hook(lambda gradient: 3 * gradient)
    before, after = gradients(plain), gradients(hooked)
    for name, gradient in before.items():
        torch.testing.assert_close(after[name], 3 * gradient)


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


@pytest.mark.parametrize(
    "fusion",
    [
        pytest.param(cls, marks=[pytest.mark.slow] * (cls in ATTENDING))
        for cls in JOINT
        if cls is not SequentialFusion
    ],
)
def test_history_shows_the_lazy_modality(fusion):
    X, y = make_multimodal_classification(
        200, class_sep=[0.0, 1.0, 3.0], random_state=0
    )
    encoders = [(name, TabularEncoder((8,), 8)) for name in X]
    clf = FusionClassifier(
        encoders,
        fusion(),
        random_state=0,
        training=Training(lr=0.01, max_epochs=20, balance="ogm_ge"),
    ).fit(X, y)
    last = clf.history_.iloc[-1]
    assert last["alone_m0"] < last["alone_m1"] < last["alone_m2"] < 1
    again = FusionClassifier(
        encoders,
        fusion(),
        random_state=0,
        training=Training(lr=0.01, max_epochs=20, balance="ogm_ge"),
    ).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    assert pickle.loads(pickle.dumps(clf)).fusion_.net.module_.fusion.tracked == []
    assert clf.score(X, y) > 0.9


def test_history_of_other_tasks():
    X, y = make_multimodal_regression(100, random_state=0)
    reg = FusionRegressor(
        fusion="parallel", random_state=0, training=Training(max_epochs=3)
    ).fit(X, y)
    assert {f"alone_{name}" for name in X} <= set(reg.history_)
    clf = FusionClassifier(fusion="evidential", training=Training(max_epochs=3)).fit(
        X, y > 0
    )
    assert clf.history_["alone_m0"].between(0, 1).all()


@every_strategy
def test_options_of_all_joint_strategies(fusion):
    how = joint(fusion(), aux_weight=0.5, agreement_weight=0.25)
    module = fusion().build_for(TASK, {"a": 3, "b": 4}, how)
    assert module.agreement_weight == 0.25
    assert module.aux_weight == (1.0 if fusion is EvidentialFusion else 0.5)
    own = joint(fusion())
    assert (own.aux_weight, own.modality_dropout) == (fusion.aux_weight, 0.2)
    clf = FusionClassifier(fusion=fusion(), training=Training(balance="ogm"))
    with pytest.raises(ValueError, match=r"'balance' parameter of Training must be"):
        clf.fit(*make_multimodal_classification(20, random_state=0))


@every_strategy
def test_modulation_is_set_or_refused(fusion):
    if fusion is SequentialFusion:
        return
    how = joint(fusion(), balance="ogm_ge", balance_strength=0.2)
    assert fusion().build_for(TASK, {"a": 3, "b": 4}, how).balance.strength == 0.2
    assert fusion().build_for(TASK, {"a": 3}, how).balance is None
    X, y = make_multimodal_classification(20, random_state=0)
    for option in ({"balance": "ogm_ge"}, {"agreement_weight": 0.1}):
        training = Training(max_epochs=1, aux_weight=0, **option)
        mute = FusionClassifier(fusion=fusion(), training=training)
        if fusion.has_branches:
            mute.fit(X, y)
            continue
        (name,) = option
        with pytest.raises(ValueError, match=rf"{name}=.* {fusion.__name__} needs aux"):
            mute.fit(X, y)


@every_strategy
@pytest.mark.parametrize("aux_weight", [0.3, 0.0])
def test_history_shows_each_modality(fusion, aux_weight):
    X, y = make_multimodal_classification(60, random_state=0)
    encoders = [(name, TabularEncoder((), 4)) for name in X]
    agreement = 0.1 * (aux_weight > 0)
    training = Training(max_epochs=2, aux_weight=aux_weight, agreement_weight=agreement)
    clf = FusionClassifier(encoders, fusion(), training, random_state=0).fit(X, y)
    shown = {f"alone_{name}" for name in X} <= set(clf.history_)
    assert shown == bool(aux_weight or fusion.has_branches)
    if shown:
        columns = clf.history_.filter(like="alone_")
        assert columns.notna().all(axis=None)
        assert (columns > 0).all(axis=None)


def test_agreement_brings_branches_together():
    X, y = make_multimodal_classification(200, random_state=0)
    encoders = [(name, TabularEncoder((), 4)) for name in X]
    gaps = []
    for weight in (0.0, 1.0):
        training = Training(max_epochs=20, lr=0.01, agreement_weight=weight)
        clf = FusionClassifier(encoders, FeatureFusion(), training, random_state=0)
        parts = list(clf.fit(X, y).predict_proba_per_modality(X).values())
        gaps.append(np.abs(parts[0] - parts[1]).mean())
    assert gaps[1] < 0.6 * gaps[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("ogm_ge", "state"), "not defined for SequentialFusion: the scores"),
        (("gradient_blending", "residual"), "not defined for SequentialFusion.*resid"),
    ],
)
def test_sequential_says_what_is_not_defined(options, message):
    X, y = make_multimodal_classification(60, random_state=0)
    balance, mode = options
    clf = FusionClassifier(
        fusion=SequentialFusion(mode=mode),
        training=Training(max_epochs=1, balance=balance),
    )
    with pytest.raises(ValueError, match=message):
        clf.fit(X, y)


def test_encoders_trained_before_are_not_modulated():
    X, y = make_multimodal_classification(60, random_state=0)
    clf = FusionClassifier(
        fusion=FeatureFusion(),
        training=Training("staged", max_epochs=1, balance="ogm_ge"),
    )
    with pytest.raises(ValueError, match="'staged' of Training has trained before"):
        clf.fit(X, y)
