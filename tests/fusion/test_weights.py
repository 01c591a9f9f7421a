"""Weight fitting against references, finite differences and brute force."""

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize
from sklearn.covariance import ledoit_wolf

from skmultimodal.fusion.rules import _weights
from skmultimodal.fusion.rules._pool import linear_pool, log_pool, log_ratios
from skmultimodal.model_selection import weight_grid
from skmultimodal.training._tasks import Answer, Classification

N_MODALITIES, N_CLASSES = 3, 4


@pytest.fixture
def data():
    """Probabilities of falling quality, classes, a mask and a prior."""
    rng = np.random.default_rng(0)
    n = 120
    y = rng.choice(N_CLASSES, size=n, p=[0.4, 0.3, 0.2, 0.1])
    quality = np.array([2.0, 1.0, 0.0])[:, None, None]
    scores = rng.normal(size=(N_MODALITIES, n, N_CLASSES))
    proba = np.exp(scores + quality * np.eye(N_CLASSES)[y])
    proba /= proba.sum(axis=2, keepdims=True)
    present = rng.random((N_MODALITIES, n)) > 0.2
    present[0, ~present.any(axis=0)] = True
    return proba, y, present, np.bincount(y) / n


@pytest.mark.parametrize("n_bias", [0, N_CLASSES])
def test_log_pool_gradient_and_hessian(data, n_bias):
    proba, y, present, prior = data
    ratios = log_ratios(proba, present, prior)
    share = np.full(len(y), 1 / len(y))
    target = np.r_[np.full(N_MODALITIES, 1 / 3), np.zeros(n_bias)]
    theta = np.random.default_rng(1).uniform(0.1, 1, size=len(target))
    args = (ratios, y, np.log(prior), share, 0.05, target)

    def part(k):
        return lambda t: _weights.log_pool_loss(t, *args)[k]

    assert check_grad(part(0), part(1), theta) < 1e-6
    for i in range(len(theta)):
        error = check_grad(
            lambda t, i=i: part(1)(t)[i], lambda t, i=i: part(2)(t)[i], theta
        )
        assert error < 1e-6


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shrinkage", [0.0, 0.01])
def test_log_pool_is_the_constrained_optimum(data, bias, shrinkage):
    proba, y, present, prior = data
    proba = np.concatenate([proba, 1 - proba[:1]])  # a harmful one: weight zero
    proba /= proba.sum(axis=2, keepdims=True)
    present = np.concatenate([present, present[:1]])
    ratios = log_ratios(proba, present, prior)
    weights, shift = _weights.fit_log_pool(
        ratios, y, np.log(prior), shrinkage=shrinkage, bias=bias
    )
    theta = np.r_[weights, shift] if bias else weights
    target = np.r_[np.full(4, 1 / 4), np.zeros(len(theta) - 4)]
    share = np.full(len(y), 1 / len(y))
    args = (ratios, y, np.log(prior), share, shrinkage, target)
    loss, gradient, _ = _weights.log_pool_loss(theta, *args)
    assert weights[3] == 0
    at_bound = theta == 0
    np.testing.assert_allclose(gradient[~at_bound], 0, atol=1e-12)
    assert gradient[at_bound].min() >= 0
    reference = minimize(
        lambda t: _weights.log_pool_loss(t, *args)[:2],
        target,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * 4 + [(None, None)] * (len(theta) - 4),
    )
    assert loss <= reference.fun + 1e-10


def test_log_pool_shrinks_to_equal_weights(data):
    proba, y, present, prior = data
    ratios = log_ratios(proba, present, prior)
    weights, _ = _weights.fit_log_pool(ratios, y, np.log(prior), shrinkage=1e6)
    np.testing.assert_allclose(weights, 1 / 3, atol=1e-6)


def test_log_pool_stays_finite_on_separable_data():
    y = np.array([0, 1] * 10)
    proba = np.where(np.eye(2)[y] > 0, 0.99, 0.01)[None].repeat(2, axis=0)
    present = np.ones((2, 20), bool)
    weights, _ = _weights.fit_log_pool(
        log_ratios(proba, present), y, np.zeros(2), shrinkage=0.0
    )
    assert np.isfinite(weights).all()
    pooled = log_pool(log_ratios(proba, present), weights, np.zeros(2))
    assert pooled[np.arange(20), y].min() > 0.999


@pytest.mark.parametrize("shrinkage", [0.0, 0.2])
@pytest.mark.parametrize("masked", [False, True])
def test_em_never_lowers_the_likelihood(data, shrinkage, masked):
    proba, y, present, _ = data
    present = present if masked else np.ones_like(present)
    likelihood = proba[:, np.arange(len(y)), y]
    share = np.random.default_rng(2).dirichlet(np.ones(len(y)))

    def objective(w):
        pooled = linear_pool(likelihood[:, :, None], w, present)[:, 0]
        return share @ np.log(pooled) + shrinkage / 3 * np.log(w).sum()

    weights, values = np.array([0.1, 0.2, 0.7]), []
    for _ in range(50):
        values.append(objective(weights))
        weights = _weights.linear_pool_em_step(
            weights, likelihood, present, share, shrinkage
        )
    assert np.diff(values).min() >= -1e-13
    assert values[-1] > values[0] + 1e-3
    assert weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("masked", [False, True])
def test_em_finds_the_optimum_of_the_masked_likelihood(data, masked):
    proba, y, present, _ = data
    present = present if masked else np.ones_like(present)
    weights = _weights.fit_linear_pool(proba, y, present, shrinkage=0.1)

    def objective(w):
        pooled = linear_pool(proba, w, present)[np.arange(len(y)), y]
        return np.mean(np.log(pooled)) + 0.1 / 3 * np.log(w).sum()

    for i in range(3):
        for j in range(3):
            moved = weights.copy()
            moved[i] -= 1e-3
            moved[j] += 1e-3
            assert objective(moved) <= objective(weights) + 1e-12


def test_brier_weights_beat_a_fine_grid(data):
    proba, y, _, _ = data
    present = np.ones(proba.shape[:2], bool)
    weights = _weights.fit_linear_pool(
        proba, y, present, objective="brier", shrinkage=0.0
    )

    def brier(w):
        gaps = np.tensordot(w, proba, axes=1) - np.eye(N_CLASSES)[y]
        return np.square(gaps).sum()

    grid = [np.array(list(w.values())) for w in weight_grid(list("abc"), 0.02)]
    assert brier(weights) <= min(map(brier, grid))


@pytest.mark.parametrize(
    "objective", ["accuracy", "f1_macro", "roc_auc_ovr", "neg_log_loss"]
)
def test_search_never_scores_below_equal_weights(data, objective):
    from sklearn.metrics import get_scorer

    proba, y, present, _ = data
    weights = _weights.fit_linear_pool(proba, y, present, objective=objective)
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    task = Classification(np.arange(N_CLASSES))
    pools = [linear_pool(proba, w, present) for w in (weights, np.full(3, 1 / 3))]
    scores = [get_scorer(objective)(Answer(task, pool), None, y) for pool in pools]
    assert scores[0] > scores[1]


def test_search_takes_a_callable_scorer(data):
    proba, y, present, _ = data

    def score(estimator, X, y):
        return np.mean(estimator.predict(X) == y)

    named = _weights.fit_linear_pool(proba, y, present, objective="accuracy")
    given = _weights.fit_linear_pool(proba, y, present, objective=score)
    np.testing.assert_array_equal(named, given)


def test_one_standard_error_rule_by_hand():
    fitted, equal = np.array([0.9, 0.1]), np.array([0.5, 0.5])
    losses = np.zeros(4)
    # gains 1, 1, 1, -1: mean 0.5, standard deviation 1, standard error 0.5
    kept = _weights.equal_weights_if_no_gain(fitted, equal, losses, [1, 1, 1, -1.0])
    assert kept is equal
    kept = _weights.equal_weights_if_no_gain(
        fitted, equal, losses, np.array([1, 1, 1, -0.9])
    )
    assert kept is fitted
    kept = _weights.equal_weights_if_no_gain(fitted, equal, losses[:1], losses[:1] + 1)
    assert kept is equal  # one row has no standard error


@pytest.mark.parametrize("seed", range(5))
def test_simplex_minimum_agrees_with_a_solver(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(6, 4)) + rng.normal(size=(6, 1))
    moments = root.T @ root
    weights = _weights.simplex_minimum(moments)
    reference = minimize(
        lambda w: w @ moments @ w,
        np.full(4, 0.25),
        jac=lambda w: 2 * moments @ w,
        bounds=[(0, 1)] * 4,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-14},
    )
    np.testing.assert_allclose(weights, reference.x, atol=1e-5)
    assert weights @ moments @ weights <= reference.fun + 1e-9


def test_simplex_minimum_of_nothing_is_equal():
    np.testing.assert_allclose(_weights.simplex_minimum(np.zeros((3, 3))), 1 / 3)


def test_error_moments_use_the_rows_where_both_are_present():
    values = np.array([[[1.0], [2.0], [np.nan]], [[2.0], [np.nan], [5.0]]])
    present = np.isfinite(values[..., 0])
    moments = _weights.error_moments(values, np.zeros((3, 1)), present)
    np.testing.assert_allclose(moments, [[(1 + 4) / 2, 2], [2, (4 + 25) / 2]])


def test_inverse_variance_by_hand():
    weights = _weights.inverse_variance_weights(np.diag([1.0, 4.0]))
    np.testing.assert_allclose(weights, [0.8, 0.2])
    perfect = _weights.inverse_variance_weights(np.diag([0.0, 4.0]))
    np.testing.assert_allclose(perfect, [1, 0], atol=1e-11)


def test_gls_by_hand_may_be_negative():
    # Bates and Granger: (s2^2 - r s1 s2) / (s1^2 + s2^2 - 2 r s1 s2)
    covariance = np.array([[1.0, 1.6], [1.6, 4.0]])
    expected = (4 - 1.6) / (1 + 4 - 3.2)
    np.testing.assert_allclose(
        _weights.gls_weights(covariance), [expected, 1 - expected]
    )


def test_shrunk_covariance_is_that_of_scikit_learn():
    errors = np.random.default_rng(0).normal(size=(30, 4)) * [1, 2, 3, 4]
    expected, _ = ledoit_wolf(errors, assume_centered=True)
    np.testing.assert_allclose(_weights.shrunk_covariance(errors), expected)
    repeated = np.r_[errors, errors[:10]]
    counted = _weights.shrunk_covariance(errors, np.r_[np.full(10, 2.0), np.ones(20)])
    np.testing.assert_allclose(counted, ledoit_wolf(repeated, assume_centered=True)[0])


def test_nonnegative_least_squares_by_normal_equations():
    rng = np.random.default_rng(0)
    deviations = rng.normal(size=(2, 50, 1))
    target = np.array([0.7, 1.5]) @ deviations[:, :, 0] + rng.normal(size=50) / 10
    design = deviations[:, :, 0].T
    lhs = design.T @ design / 50 + 0.01 * np.eye(2)
    rhs = design.T @ target / 50 + 0.01 * 0.5
    everywhere = np.ones((2, 50), dtype=bool)
    moments = _weights.deviation_moments(deviations, target[:, None], everywhere)
    found = _weights.nonnegative_minimum(*moments, shrinkage=0.01)
    np.testing.assert_allclose(found, np.linalg.solve(lhs, rhs))
    pairs, own = moments
    harmful = _weights.nonnegative_minimum(pairs, -own, shrinkage=0.0)
    np.testing.assert_array_equal(harmful, 0)


def test_deviation_moments_by_hand():
    deviations = np.array([[[2.0], [4.0], [np.nan]], [[1.0], [np.nan], [3.0]]])
    present = np.isfinite(deviations[:, :, 0])
    target = np.array([[1.0], [2.0], [3.0]])
    weight = np.array([1.0, 1.0, 2.0])
    pairs, own = _weights.deviation_moments(deviations, target, present, weight)
    np.testing.assert_allclose(pairs, [[(4 + 16) / 2, 2], [2, (1 + 2 * 9) / 3]])
    np.testing.assert_allclose(own, [(2 + 8) / 2, (1 + 2 * 9) / 3])


def test_accuracies_by_hand():
    proba = np.array([[[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]], [[0.1, 0.9]] * 3])
    present = np.array([[True, True, True], [True, False, False]])
    right = _weights.accuracies(proba, np.array([0, 1, 1]), present)
    np.testing.assert_allclose(right, [(2 + 1) / (3 + 2), (0 + 1) / (1 + 2)])
