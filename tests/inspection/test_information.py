"""Partial information decomposition: known answers and identities."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from sklearn.metrics import mutual_info_score

from skmultimodal.inspection import partial_information
from skmultimodal.inspection._information import decompose

BITS = np.array(list(itertools.product([0, 1], repeat=2)))


def atoms(found):
    return [found.redundant, found.unique_1, found.unique_2, found.synergistic]


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (BITS[:, 0] ^ BITS[:, 1], [0, 0, 0, 1]),
        (BITS[:, 0] & BITS[:, 1], [0.311278, 0, 0, 0.5]),
        (BITS[:, 0] | BITS[:, 1], [0.311278, 0, 0, 0.5]),
        (2 * BITS[:, 0] + BITS[:, 1], [0, 1, 1, 0]),  # two-bit copy
        (BITS[:, 0], [0, 1, 0, 0]),
        (BITS[:, 1], [0, 0, 1, 0]),
    ],
)
def test_known_answers(y, expected):
    found = partial_information(BITS[:, 0], BITS[:, 1], y)
    np.testing.assert_allclose(atoms(found), expected, atol=1e-5)
    assert found.total == pytest.approx(sum(expected), abs=1e-5)


def test_the_known_answers_are_met_to_what_the_docstring_says():
    """And of unequal bits: redundant is the information of one, synergy the rest."""
    joint = np.zeros((2, 2, 2))
    for a, b in BITS:  # P(b = 1) = P(a = 1) = .3
        joint[a, b, a & b] = (0.3 if a else 0.7) * (0.3 if b else 0.7)
    redundant, first, second, synergistic = decompose(joint)
    y, both = joint.sum(axis=(0, 1)), joint.reshape(4, 2)
    total = -(y * np.log2(y)).sum()  # y is a function of both
    one = joint.sum(axis=1)
    here = one > 0
    expected = one.sum(axis=1, keepdims=True) * y
    own = (one[here] * np.log2(one[here] / expected[here])).sum()
    assert both.sum() == pytest.approx(1)
    tolerance = 1e-5 / np.log(2)
    assert abs(first) < tolerance
    assert abs(second) < tolerance
    assert redundant == pytest.approx(own, abs=tolerance)
    assert synergistic == pytest.approx(total - own, abs=tolerance)


def test_redundant_copy():
    found = partial_information(["a", "b"], ["c", "d"], ["cat", "dog"])
    np.testing.assert_allclose(atoms(found), [1, 0, 0, 0], atol=1e-6)
    assert found.n_bins == (2, 2, 2)


def test_two_binary_sources_by_a_search():
    joint = np.random.default_rng(0).dirichlet(np.ones(8)).reshape(2, 2, 2)
    # with y binary, each y leaves one free number: search the two of them in turn
    move = np.array([[1, -1], [-1, 1]])
    least = joint.copy()

    def told(q):
        both = q.sum(axis=2, keepdims=True)
        here = q > 0
        return (q[here] * np.log2((q / both)[here])).sum()

    for _ in range(200):
        for y in (0, 1):
            low = -min(least[0, 0, y], least[1, 1, y])
            high = min(least[0, 1, y], least[1, 0, y])

            def moved(t, y=y, now=least):
                q = now.copy()
                q[:, :, y] += t * move
                return q

            best = minimize_scalar(
                lambda t, moved=moved: told(moved(t)),
                bounds=(low, high),
                method="bounded",
                options={"xatol": 1e-10},
            )
            least = moved(best.x)
    synergy = told(joint) - told(least)
    assert decompose(joint)[3] == pytest.approx(synergy, abs=1e-5)


def test_sums_are_mutual_informations():
    rng = np.random.default_rng(0)
    x1, x2 = rng.integers(0, 4, 300), rng.integers(0, 3, 300)
    y = (x1 + x2 + rng.integers(0, 2, 300)) % 3
    found = partial_information(x1, x2, y)
    first = mutual_info_score(x1, y) / np.log(2)
    second = mutual_info_score(x2, y) / np.log(2)
    both = mutual_info_score(10 * x1 + x2, y) / np.log(2)
    assert found.redundant + found.unique_1 == pytest.approx(first, abs=1e-6)
    assert found.redundant + found.unique_2 == pytest.approx(second, abs=1e-6)
    assert found.total == pytest.approx(both, abs=1e-6)
    swapped = partial_information(x2, x1, y)
    assert swapped.unique_1 == pytest.approx(found.unique_2, abs=1e-6)


def test_numbers_blocks_and_values():
    rng = np.random.default_rng(0)
    sign = rng.choice([-1, 1], (400, 2))
    block = 3 * sign[:, :1] + 0.1 * rng.normal(size=(400, 5))
    number = pd.DataFrame({"x": 3 * sign[:, 1] + 0.1 * rng.normal(size=400)})
    value = sign.prod(axis=1) + 0.01 * rng.normal(size=400)
    found = partial_information(block, number, value, n_bins=2, random_state=0)
    assert found.n_bins == (2, 2, 2)
    assert found.synergistic > 0.65
    assert found.redundant + found.unique_1 + found.unique_2 < 0.1


def test_null_shows_the_bias():
    rng = np.random.default_rng(0)
    x1, x2, y = rng.integers(0, 6, (3, 100))
    found = partial_information(x1, x2, y, n_permutations=10, random_state=0)
    assert list(found.null_.columns) == [
        "redundant",
        "unique_1",
        "unique_2",
        "synergistic",
    ]
    # nothing is told, but few rows seem to tell: as much as shuffled ones
    assert found.synergistic > 0.2
    assert found.null_.synergistic.mean() == pytest.approx(found.synergistic, rel=0.3)
    again = partial_information(x1, x2, y, n_permutations=10, random_state=0)
    pd.testing.assert_frame_equal(found.null_, again.null_)


@pytest.mark.parametrize(
    ("X1", "y", "params", "message"),
    [
        ([0.0, np.nan], [0, 1], {}, "X1 has missing values"),
        ([0, 1], [0, 1, 1], {}, "inconsistent numbers of samples"),
        ([0, 1], [0, 1], {"n_bins": 1}, "'n_bins' must be at least 2"),
    ],
)
def test_refuses(X1, y, params, message):
    with pytest.raises(ValueError, match=message):
        partial_information(X1, [0, 1], y, **params)
