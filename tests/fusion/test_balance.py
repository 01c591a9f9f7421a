"""Gradient modulation by formula, and how single modalities fare in the history."""

import pickle
from importlib import import_module

import numpy as np
import pytest
import torch
from sklearn.base import clone

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
    load,
)
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
)
from skmultimodal.encoders._modules import MLP
from skmultimodal.fusion._auto import FUSIONS
from skmultimodal.fusion.joint._strategy import JointFusion
from skmultimodal.training._balance import BALANCERS, GradientModulation, pareto_factors
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


def network(balance, spec=None):
    spec = spec or ParallelFusion()
    how = joint(spec, balance=balance)
    encoders = {name: lambda: MLP(3, 4) for name in "ab"}
    with seeded(0):
        return FusionNetwork(encoders, lambda w: spec.build_for(TASK, w, how))


@pytest.mark.parametrize("seed", range(6))
def test_pareto_direction_by_search(seed):
    """It is the shortest point between the gradients, as long as their sum, or that."""
    rng = np.random.default_rng(seed)
    g = rng.normal(size=5)
    u = rng.normal(size=5) - (seed % 2) * 3 * g / (g @ g)
    a, b = pareto_factors(torch.tensor(g), torch.tensor(u), 0.5)
    found = a.item() * g + b.item() * u
    assert np.linalg.norm(found) == pytest.approx(1.5 * np.linalg.norm(g + u))
    if g @ u >= 0:
        np.testing.assert_allclose(found, 1.5 * (g + u))
        return
    shares = np.linspace(0, 1, 100001)[:, None]
    points = shares * g + (1 - shares) * u
    shortest = points[np.linalg.norm(points, axis=1).argmin()]
    cosine = found @ shortest / np.linalg.norm(found) / np.linalg.norm(shortest)
    assert cosine == pytest.approx(1, abs=1e-6)
    assert found @ g > 0  # a step against it lowers both losses
    assert found @ u > 0


def test_opposite_gradients_and_none_take_no_step():
    g = torch.tensor([1.0, -2.0])
    for fused, own in ((g, -2 * g), (0 * g, 0 * g)):
        a, b = pareto_factors(fused, own, 0.5)
        torch.testing.assert_close(a * fused + b * own, torch.zeros(2))


def apart(net, inputs, present, target, weight):
    """Return the gradients by name of the fused loss, and of each modality's own."""
    criterion, output = Criterion(TASK), net(inputs, present)
    scores = [output.scores, *output.branch_scores.unbind(1)]
    heard = [torch.ones(len(target)), *present.T]
    for score, here in zip(scores, heard, strict=True):
        loss = (weight * here * criterion(score, target)).mean()
        found = torch.autograd.grad(
            loss,
            list(net.parameters()),
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        names = (name for name, _ in net.named_parameters())
        yield {name: g.numpy() for name, g in zip(names, found, strict=True)}


def test_encoders_follow_the_pareto_direction():
    """Gradients against those of each loss, some rows of a modality gone."""
    conflicts = []
    for seed in range(4):
        net = network("mmpareto", FeatureFusion(dropout=0.0)).double()
        net.modality_dropout = 0.0
        net.on_epoch(1)
        generator = torch.Generator().manual_seed(seed)
        inputs = {
            m: {"input": torch.randn(6, 3, generator=generator).double()} for m in "ab"
        }
        target = torch.arange(6) % 2
        present = torch.tensor([[True, True]] * 4 + [[True, False]] * 2)
        weight = torch.tensor([2.0, 1.0, 1.0, 0.5, 1.0, 3.0])
        each = list(apart(net, inputs, present, target, weight))
        rows = net.loss(net(inputs, present), target, Criterion(TASK), weight)
        loss = (weight * rows).mean()
        net.settle(loss, lambda losses, weight=weight: (weight * losses).mean())
        loss.backward()
        grads = {name: p.grad.numpy() for name, p in net.named_parameters()}
        for m, name in enumerate("ab"):
            own = [n for n in grads if n.startswith(f"encoders.modality_{name}.")]
            g, u, found = (
                np.concatenate([one[n].ravel() for n in own])
                for one in (each[0], each[m + 1], grads)
            )
            h = 1.5 * (g + u)
            conflicts.append(g @ u < 0)
            if conflicts[-1]:
                share = (u - g) @ u / ((g - u) @ (g - u))
                h = share * g + (1 - share) * u
                h *= 1.5 * np.linalg.norm(g + u) / np.linalg.norm(h)
            np.testing.assert_allclose(found, h, rtol=1e-9, atol=1e-12)
        for n, grad in grads.items():  # heads get the plain sum
            if not n.startswith("encoders."):
                total = sum(one[n] for one in each)
                np.testing.assert_allclose(grad, total, rtol=1e-9, atol=1e-12)
        net.fusion.report()
        assert net.fusion.balance.gradients == []
    assert {True, False} == {bool(each) for each in conflicts}


def test_pareto_trains_again_to_the_same_weights(tmp_path):
    X, y = make_multimodal_classification(100, missing_rate=0.2, random_state=0)
    training = Training(max_epochs=3, balance="mmpareto", optimizer="sgd", lr=0.1)
    clf = FusionClassifier(fusion="feature", training=training, random_state=0)
    proba = clf.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(clone(clf).fit(X, y).predict_proba(X), proba)
    again = load(clf.save(tmp_path / "model") and tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(X), proba)
    plain = clone(clf).set_params(training__balance=None).fit(X, y)
    assert np.abs(plain.predict_proba(X) - proba).max() > 1e-4


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
        training=Training(lr=0.01, max_epochs=15, balance="ogm_ge"),
    ).fit(X, y)
    last = clf.history_.iloc[-1]
    assert last["alone_m0"] < last["alone_m1"] < last["alone_m2"] < 1
    again = FusionClassifier(
        encoders,
        fusion(),
        random_state=0,
        training=Training(lr=0.01, max_epochs=15, balance="ogm_ge"),
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


@pytest.mark.parametrize("balance", BALANCERS)
@every_strategy
def test_modulation_is_set_or_refused(fusion, balance):
    if fusion is SequentialFusion:
        return
    how = joint(fusion(), balance=balance, balance_strength=0.2)
    assert fusion().build_for(TASK, {"a": 3, "b": 4}, how).balance.strength == 0.2
    assert fusion().build_for(TASK, {"a": 3}, how).balance is None
    X, y = make_multimodal_classification(20, random_state=0)
    for option in ({"balance": balance}, {"agreement_weight": 0.1}):
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
        (("mmpareto", "state"), "not defined for SequentialFusion: the scores"),
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


@pytest.mark.parametrize("balance", BALANCERS)
def test_encoders_trained_before_are_not_modulated(balance):
    X, y = make_multimodal_classification(60, random_state=0)
    clf = FusionClassifier(
        fusion=FeatureFusion(),
        training=Training("staged", max_epochs=1, balance=balance),
    )
    with pytest.raises(ValueError, match="'staged' of Training has trained before"):
        clf.fit(X, y)
