"""Entropies of an ensemble: hand-computed values, absent members, the estimator."""

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.linear_model import LinearRegression

from skmultimodal import DecisionFusion, FusionClassifier, FusionRegressor
from skmultimodal.fusion.rules._disagreement import disagreement, spread

PRIOR = np.array([0.7, 0.3])


def test_hand_computed_values():
    one, other = np.array([0.9, 0.1]), np.array([0.3, 0.7])
    found = disagreement(np.array([[one], [other]]), np.array([3.0, 1.0]), PRIOR)
    mixture = 0.75 * one + 0.25 * other
    assert found.total == pytest.approx(entropy(mixture))
    aleatoric = 0.75 * entropy(one) + 0.25 * entropy(other)
    assert found.aleatoric == pytest.approx(aleatoric)
    assert found.epistemic == pytest.approx(entropy(mixture) - aleatoric)
    middle = (one + other) / 2
    divergence = (entropy(one, middle) + entropy(other, middle)) / 2
    assert found.conflict == pytest.approx(divergence)


def test_members_that_agree_or_are_alone_do_not_conflict():
    p = np.array([[[0.6, 0.4], [0.6, 0.4]], [[0.6, 0.4], [np.nan, np.nan]]])
    found = disagreement(p, np.ones(2), PRIOR)
    np.testing.assert_allclose(found.epistemic, 0, atol=1e-12)
    np.testing.assert_allclose(found.conflict, 0, atol=1e-12)
    np.testing.assert_allclose(found.total, entropy([0.6, 0.4]))


def test_no_member_has_the_entropy_of_the_prior():
    found = disagreement(np.full((2, 1, 2), np.nan), np.ones(2), PRIOR)
    assert found.total == pytest.approx(entropy(PRIOR))
    assert found.epistemic == pytest.approx(0)


def test_uncertainty_of_decision_fusion(emoji_small):
    X, y = emoji_small
    clf = FusionClassifier(fusion="decision", random_state=0).fit(X[:150], y[:150])
    found = clf.uncertainty(X[150:])
    np.testing.assert_allclose(found.total, found.aleatoric + found.epistemic)
    alone = clf.predict_proba_per_modality(X[150:])
    agree = alone["image"].argmax(1) == alone["text"].argmax(1)
    assert found.conflict[agree].mean() < found.conflict[~agree].mean()
    gone = X[150:].assign(text=None)
    with pytest.warns(UserWarning, match="present modalities"):
        assert not clf.uncertainty(gone).conflict.any()


def test_variances_by_hand():
    values = np.array([[[1.0], [1.0], [np.nan]], [[5.0], [np.nan], [np.nan]]])
    found = spread(
        values, np.array([3.0, 1.0]), np.array([[2.0], [4.0]]), np.array([9.0])
    )
    # mean 2; 3/4 of 1 and 1/4 of 9; 3/4 of 2 and 1/4 of 4; conflict (5 - 1)^2 / 4
    np.testing.assert_allclose(found.epistemic, [[3.0], [0.0], [0.0]])
    np.testing.assert_allclose(found.aleatoric, [[2.5], [2.0], [9.0]])
    np.testing.assert_allclose(found.total, [[5.5], [2.0], [9.0]])
    np.testing.assert_allclose(found.conflict, [[4.0], [0.0], [0.0]])


def test_negative_weights_of_values_count_as_zero():
    values, errors = np.array([[[1.0]], [[5.0]]]), np.array([[2.0], [4.0]])
    found = spread(values, np.array([1.5, -0.5]), errors, np.array([9.0]))
    assert (found.aleatoric.item(), found.epistemic.item()) == (2.0, 0.0)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_uncertainty_of_values(n_outputs):
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(600, 1))
    X = {"good": signal + 0.1 * rng.normal(size=(600, 1)), "bad": signal.copy()}
    X["bad"] += 0.5 * rng.normal(size=(600, 1))
    y = 10 * signal[:, 0] if n_outputs == 1 else signal @ [[10.0, 1.0]]
    models = [("good", LinearRegression()), ("bad", LinearRegression())]
    reg = FusionRegressor(models, "decision", random_state=0).fit(X, y)
    found = reg.uncertainty(X)
    assert found.total.shape == y.shape
    np.testing.assert_allclose(found.total, found.aleatoric + found.epistemic)
    part = {"good": X["good"][:1], "bad": np.full((1, 1), np.nan)}
    with pytest.warns(UserWarning, match="present modalities"):
        alone = np.ravel(reg.uncertainty(part).aleatoric)[0]
    assert alone == pytest.approx(100 * 0.1**2, rel=0.2)  # of the better model
    far = np.abs(X["good"] - X["bad"])[:, 0]
    conflict = found.conflict.reshape(len(far), -1)[:, 0]
    assert conflict[far > 0.5].mean() > 4 * conflict[far < 0.5].mean()


def test_no_uncertainty_of_values_without_out_of_fold_predictions():
    X = {"a": np.arange(20.0)[:, None], "b": np.arange(20.0)[::-1, None]}
    models = [("a", LinearRegression()), ("b", LinearRegression())]
    reg = FusionRegressor(models, DecisionFusion(weights="uniform"))
    assert not hasattr(reg.fit(X, np.arange(20.0)), "uncertainty")
