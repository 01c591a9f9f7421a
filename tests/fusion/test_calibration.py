"""Calibration of one modality."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from skmultimodal.fusion.rules._calibration import CALIBRATORS, Sigmoid, Temperature


@pytest.fixture
def over_confident():
    """Probabilities whose logarithms are three times too large, and classes."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(3000, 3)) * 1.5
    cumulated = softmax(scores, axis=1).cumsum(axis=1)
    y = (rng.random(3000)[:, None] > cumulated).sum(axis=1).clip(max=2)
    return softmax(3 * scores, axis=1), y


def _log_loss(proba, y):
    return -np.mean(np.log(np.clip(proba[np.arange(len(y)), y], 1e-15, 1)))


def test_temperature_is_recovered_and_optimal(over_confident):
    proba, y = over_confident
    fitted = Temperature().fit(proba, y)
    assert fitted.temperature_ == pytest.approx(3, rel=0.1)
    logs = np.log(np.clip(proba, 1e-7, 1))
    best = minimize_scalar(
        lambda t: _log_loss(softmax(logs / t, axis=1), y), bounds=(0.5, 9)
    )
    assert fitted.temperature_ == pytest.approx(best.x, rel=1e-2)


@pytest.mark.parametrize("name", CALIBRATORS)
def test_calibration_lowers_the_log_loss(name, over_confident):
    proba, y = over_confident
    calibrator = CALIBRATORS[name]().fit(proba[:2000], y[:2000])
    calibrated = calibrator.predict(proba[2000:])
    assert _log_loss(calibrated, y[2000:]) < 0.8 * _log_loss(proba[2000:], y[2000:])
    np.testing.assert_allclose(calibrated.sum(axis=1), 1)
    assert calibrated.min() > 0


def test_sigmoid_slope_of_binary_log_odds():
    rng = np.random.default_rng(0)
    odds = rng.normal(size=4000) * 2
    y = (rng.random(4000) < 1 / (1 + np.exp(-odds))).astype(int)
    wrong = 1 / (1 + np.exp(-(2 * odds + 1)))
    fitted = Sigmoid().fit(np.stack([1 - wrong, wrong], axis=1), y)
    assert fitted.slopes_[1] == pytest.approx(0.5, abs=0.05)
    assert fitted.intercepts_[1] == pytest.approx(-0.5, abs=0.1)
    np.testing.assert_allclose(fitted.slopes_[0], fitted.slopes_[1], rtol=1e-6)


@pytest.mark.parametrize("name", CALIBRATORS)
def test_weights_count_rows(name, over_confident):
    proba, y = over_confident[0][:200], over_confident[1][:200]
    weight = np.arange(200) % 4.0
    repeats = weight.astype(int)
    counted = CALIBRATORS[name]().fit(proba, y, sample_weight=weight)
    repeated = CALIBRATORS[name]().fit(proba.repeat(repeats, 0), y.repeat(repeats))
    np.testing.assert_allclose(
        counted.predict(proba), repeated.predict(proba), atol=1e-8
    )


@pytest.mark.parametrize("name", CALIBRATORS)
def test_absent_rows_stay_nan_and_certain_data_finite(name):
    y = np.array([0, 1] * 10)
    proba = np.eye(2)[y]
    fitted = CALIBRATORS[name]().fit(proba, y)
    calibrated = fitted.predict(np.r_[proba, [[np.nan, np.nan]]])
    assert np.isnan(calibrated[-1]).all()
    assert np.isfinite(calibrated[:-1]).all()
    assert (calibrated[:-1].argmax(axis=1) == y).all()


@pytest.mark.parametrize("name", CALIBRATORS)
def test_nothing_changes_without_rows(name):
    proba = np.array([[0.3, 0.7]])
    fitted = CALIBRATORS[name]().fit(np.empty((0, 2)), np.empty(0, dtype=int))
    np.testing.assert_array_equal(fitted.predict(proba), proba)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"Temperature expects proba of shape"):
        Temperature().fit(np.ones((3, 2)), [0, 1])
