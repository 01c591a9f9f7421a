"""Gradient blending: weights by hand, gradients, and trainings that repeat."""

import pickle
from importlib import import_module

import numpy as np
import pytest
import torch

from skmultimodal import (
    FeatureFusion,
    FusionClassifier,
    FusionRegressor,
    ParallelFusion,
    TabularEncoder,
    Training,
)
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
)
from skmultimodal.encoders._modules import MLP
from skmultimodal.fusion._auto import FUSIONS
from skmultimodal.fusion.joint._blending import FLOOR, LEAST, blending_weights
from skmultimodal.fusion.joint._strategy import JointFusion
from skmultimodal.training._criterion import Criterion
from skmultimodal.training._net import seeded
from skmultimodal.training._network import FusionNetwork
from skmultimodal.training._tasks import Classification

STRATEGIES = [
    getattr(import_module(f"skmultimodal.fusion.{module}"), name)
    for module, name in FUSIONS.values()
]
JOINT = [cls for cls in STRATEGIES if issubclass(cls, JointFusion)]
every_strategy = pytest.mark.parametrize("fusion", JOINT)


def test_weights_by_hand():
    # gains 0.4, 0.6, 0.2; gaps grow by 0.1, 0.3 - 0.1, 0.1 - 0; G / O^2 = 40, 15, 20
    train = [[1.0, 9.0, 0.5], [1.0, 9.0, 0.2], [1.0, 9.0, 0.7]]
    valid = [[1.0, 9.0, 0.6], [1.1, 9.0, 0.5], [1.0, 9.0, 0.8]]
    found = blending_weights(train, valid)
    np.testing.assert_allclose(found, np.array([40, 15, 20]) / 75)


def test_weights_where_little_is_known():
    # the second overfits nothing, the third gains nothing
    train = [[1.0, 0.1], [1.0, 0.4], [1.0, 0.5]]
    valid = [[1.0, 0.5], [1.0, 0.4], [1.0, 1.2]]
    raw = np.array([0.5 / 0.4**2, 0.6 / (FLOOR * 0.6) ** 2, 0.0])
    shares = np.maximum(raw / raw.sum(), LEAST)
    np.testing.assert_allclose(blending_weights(train, valid), shares / shares.sum())
    worse = [[1.0, 1.1], [1.0, 1.2], [1.0, 1.3]]
    np.testing.assert_allclose(blending_weights(worse, worse), np.full(3, 1 / 3))


@every_strategy
def test_gradient_is_the_blend_of_those_of_the_heads(fusion):
    task = Classification(np.arange(2))
    spec = fusion()
    for name in ("dropout", "entropy_weight", "beta"):  # terms of no head
        if name in spec.get_params():
            spec.set_params(**{name: 0.0})
    with seeded(0):
        encoders = {name: lambda: MLP(3, 4) for name in "ab"}
        net = FusionNetwork(encoders, lambda widths: spec.build_for(task, widths))
        inputs = {name: {"input": torch.randn(8, 3)} for name in "ab"}
    target = torch.arange(8) % 2

    def gradients(blend):
        net.fusion.blend = blend
        net.zero_grad()
        with seeded(1):
            net.loss(net(inputs), target, Criterion(task)).mean().backward()
        return {
            name: torch.zeros_like(p) if p.grad is None else p.grad.clone()
            for name, p in net.named_parameters()
        }

    parts = [gradients(tuple(row)) for row in np.eye(3)]
    blended = gradients((0.5, 0.2, 0.3))
    for name, gradient in blended.items():
        expected = sum(
            share * part[name]
            for share, part in zip((0.5, 0.2, 0.3), parts, strict=True)
        )
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)
    own = [name for name in blended if name.startswith("encoders.modality_b")]
    assert all(not parts[0][name].any() for name in own)
    assert any(parts[1][name].any() for name in own)


@every_strategy
def test_repeats_under_the_seed(fusion):
    X, y = make_multimodal_classification(80, random_state=0)
    X = {name: X[name] for name in ("m0", "m1")}
    encoders = [(name, TabularEncoder((), 4)) for name in X]
    fitted = [
        FusionClassifier(
            encoders,
            fusion(),
            random_state=0,
            training=Training(max_epochs=2, balance="gradient_blending"),
        ).fit(X, y)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*(clf.predict_proba(X) for clf in fitted))
    blend = fitted[0].history_[["blend_m0", "blend_m1", "blend"]]
    np.testing.assert_allclose(blend.sum(axis=1), 1)
    assert (blend > 0).all(axis=None)
    assert (blend.nunique() == 1).all()


def test_an_overfitting_modality_counts_less():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    X = {
        "signal": 2.0 * y[:, None] + rng.normal(size=(200, 3)),
        "noise": rng.normal(size=(200, 300)),
    }
    encoders = [(name, TabularEncoder((32,), 16)) for name in X]
    for training in ("joint", "staged"):
        clf = FusionClassifier(
            encoders,
            ParallelFusion(),
            random_state=0,
            training=Training(training, lr=0.01, balance="gradient_blending"),
        ).fit(X, y)
        first = clf.history_.iloc[0]
        assert first["blend_signal"] > 10 * first["blend_noise"]


def test_branches_are_judged_without_the_agreement_of_others():
    X, y = make_multimodal_classification(120, class_sep=[2, 1.5, 1], random_state=0)
    encoders = [(name, TabularEncoder((16,), 8)) for name in X]
    ratios = []
    for weight in (0.0, 5.0):
        training = Training(
            max_epochs=20,
            lr=0.01,
            balance="gradient_blending",
            agreement_weight=weight,
        )
        clf = FusionClassifier(encoders, ParallelFusion(), training, random_state=0)
        blend = clf.fit(X, y).history_.iloc[0]
        ratios.append(blend["blend_m0"] / blend["blend_m1"])
    assert ratios[0] == pytest.approx(ratios[1])
    assert ratios[0] != pytest.approx(1, rel=0.05)


def test_regression_weights_and_missing():
    X, y = make_multimodal_regression(120, random_state=0)
    X = {name: np.array(block) for name, block in X.items()}
    X["m0"][::3] = np.nan
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    reg = FusionRegressor(
        fusion=FeatureFusion(),
        random_state=0,
        training=Training(
            max_epochs=4, early_stopping=True, balance="gradient_blending"
        ),
    ).fit(X, y, sample_weight=weight)
    assert reg.history_.filter(like="blend").notna().all(axis=None)
    assert np.isfinite(reg.predict(X)).all()
    again = pickle.loads(pickle.dumps(reg))
    np.testing.assert_array_equal(again.predict(X), reg.predict(X))


def test_one_modality_is_not_blended():
    X, y = make_multimodal_classification(60, random_state=0)
    clf = FusionClassifier(
        [("m0", TabularEncoder((), 4))],
        ParallelFusion(),
        training=Training(max_epochs=2, balance="gradient_blending"),
    ).fit({"m0": X["m0"]}, y)
    assert "blend" not in clf.history_
