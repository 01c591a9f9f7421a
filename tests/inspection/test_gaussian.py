"""The closed Gaussian decomposition: known answers and identities."""

import numpy as np
import pandas as pd
import pytest

from skmultimodal.inspection import gaussian_information

RNG = np.random.default_rng(0)
N = 20_000


def bits(signal, noise):
    return 0.5 * np.log2(1 + signal / noise)


def test_two_independent_halves_of_y():
    a, b, noise = RNG.normal(size=(3, N))
    found = gaussian_information({"a": a, "b": b}, a + b + noise)
    assert found.total_ == pytest.approx(bits(2, 1), abs=0.02)
    assert list(found.single_) == pytest.approx([bits(1, 2)] * 2, abs=0.02)
    parts = found.redundant_ + found.unique_.sum() + found.synergistic_
    assert parts == pytest.approx(found.total_)
    assert found.synergistic_ > 0.2  # each tells more where the other is known


def test_sources_that_share_y_alone_have_no_synergy():
    y, a, b, c = RNG.normal(size=(4, N))
    sources = {"a": y + a, "b": y + b, "c": y + 2 * c}
    found = gaussian_information(sources, y)
    assert found.synergistic_ == pytest.approx(0, abs=0.01)
    assert found.redundant_ is None
    assert found.total_ == pytest.approx(bits(1 + 1 + 1 / 4, 1), abs=0.02)
    # what only one tells is what it adds to the others
    others = bits(1 + 1 / 4, 1)
    assert found.unique_["a"] == pytest.approx(found.total_ - others, abs=0.02)
    two = gaussian_information({n: sources[n] for n in "ab"}, y)
    correlation = np.corrcoef(sources["a"], sources["b"])[0, 1]
    shared = -0.5 * np.log2(1 - correlation**2)
    assert two.redundant_ == pytest.approx(shared, abs=0.01)


def test_the_answers_do_not_change_with_units_order_or_systems():
    a, b, c, noise, other = RNG.normal(size=(5, 500))
    y = a + b * 0.5 + noise
    X = {"a": np.column_stack([a, c]), "b": b, "c": c + a + other}
    found = gaussian_information(X, y)
    turned = {n: X[n] for n in ("c", "b")} | {"a": X["a"] @ [[2.0, 1], [0.5, -3]] + 7}
    same = gaussian_information(turned, 100 * y - 3)
    assert same.total_ == pytest.approx(found.total_)
    assert same.synergistic_ == pytest.approx(found.synergistic_)
    pd.testing.assert_series_equal(same.unique_[["a", "b", "c"]], found.unique_)


def test_a_source_that_tells_nothing_and_labels():
    a, b = RNG.normal(size=(2, N))
    labels = np.where(a > 0, "yes", "no")
    found = gaussian_information({"a": a, "b": b}, labels)
    assert found.single_["b"] == pytest.approx(0, abs=1e-3)
    assert found.unique_["a"] == pytest.approx(found.total_, abs=1e-3)
    xor = gaussian_information({"a": a, "b": b}, (a * b > 0).astype(int))
    assert xor.total_ == pytest.approx(0, abs=1e-3)  # it is linear


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ({"a": [1.0, 2.0]}, [0, 1], r"two modalities or more. Got \['a'\]"),
        ({"a": [1.0, np.nan], "b": [0, 1]}, [0, 1], r"X\['a'\] has missing values"),
        ({"a": [1.0, 2.0], "b": [0, 1, 2]}, [0, 1], "must have the same rows"),
        ({"a": [1.0, 2.0], "b": [0, 1]}, [0, 1], "3 columns of X and y need more rows"),
        ({"a": [1.0, 1.0], "b": [0, 1]}, [0, 1], "same value in all rows"),
        ({"a": [1.0, -np.inf], "b": [0, 1]}, [0, 1], r"X\['a'\] has infinite .* row 1"),
    ],
)
def test_refuses(X, y, message):
    with pytest.raises(ValueError, match=message):
        gaussian_information(X, y)


def test_numbers_beside_labels_stay_numbers():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 100))
    sky = rng.choice(["clear", "cloudy"], size=100)
    mixed = gaussian_information(
        {"a": pd.DataFrame({"a": a, "sky": sky}), "b": b}, a + b
    )
    number = np.column_stack([a, sky == "clear"])
    same = gaussian_information({"a": number, "b": b}, a + b)
    assert mixed.total_ == pytest.approx(same.total_)
    assert list(mixed.unique_) == pytest.approx(list(same.unique_))
