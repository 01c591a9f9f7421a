"""Entropies of an ensemble: hand-computed values, absent members, the estimator."""

import numpy as np
import pytest
from scipy.stats import entropy

from skmultimodal import FusionClassifier, FusionRegressor
from skmultimodal.fusion._disagreement import disagreement

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


def test_values_have_no_entropy():
    X = {"a": np.arange(20.0)[:, None], "b": ["x", "y"] * 10}
    reg = FusionRegressor(fusion="decision").fit(X, np.arange(20.0))
    assert not hasattr(reg, "uncertainty")
