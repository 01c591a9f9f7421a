"""Tables: statistics by hand, odd columns, errors."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest
import torch

from skmultimodal import TabularEncoder


def test_numbers_are_standardised_with_weights():
    X = np.array([[1.0], [3.0], [7.0]])
    encoder = TabularEncoder().fit(X, sample_weight=np.array([2.0, 1.0, 1.0]))
    assert encoder.mean_ == pytest.approx([3.0])  # (1 + 1 + 3 + 7) / 4
    assert encoder.scale_ == pytest.approx([np.sqrt(6.0)])  # (4 + 4 + 0 + 16) / 4
    numbers = encoder.transform(X)["numbers"]
    assert numbers.dtype == np.float64
    np.testing.assert_allclose(numbers[:, 0], np.array([-2, 0, 4]) / np.sqrt(6))


def test_integer_weights_equal_repeated_rows():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(30, 3)), columns=list("abc"))
    X.loc[X.index % 4 == 0, "b"] = np.nan
    X["sky"] = rng.choice(["clear", "cloud", "fog"], size=30, p=[0.7, 0.25, 0.05])
    weight = rng.integers(1, 4, size=30)
    weighted = TabularEncoder(min_frequency=5).fit(X, sample_weight=weight)
    repeated = TabularEncoder(min_frequency=5).fit(X.loc[X.index.repeat(weight)])
    np.testing.assert_allclose(weighted.mean_, repeated.mean_, rtol=1e-12)
    np.testing.assert_allclose(weighted.scale_, repeated.scale_, rtol=1e-12)
    assert list(weighted.categories_["sky"]) == list(repeated.categories_["sky"])


def test_missing_number_is_the_mean_and_sets_its_indicator():
    X = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": [1.0, 2.0, 3.0]})
    numbers = TabularEncoder().fit(X).transform(X)["numbers"]
    assert numbers.shape == (3, 3)  # no indicator for b
    np.testing.assert_allclose(numbers[1], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(numbers[:, 2], [0, 1, 0])


def test_constant_and_empty_columns_are_harmless():
    X = pd.DataFrame({"c": [5.0, 5.0], "e": [np.nan, np.nan], "n": [None, None]})
    numbers = TabularEncoder().fit(X).transform(X)["numbers"]
    np.testing.assert_array_equal(numbers[:, :3], 0)


def test_numbers_far_beyond_the_range_of_fit_are_taken_as_nearer():
    encoder = TabularEncoder().fit(np.array([[0.0, 7.0], [10.0, 7.0], [2.0, 7.0]]))
    rows = np.array([[19.0, 7.0], [21.0, 1e6], [1e9, 7.0], [-1e9, np.nan]])
    numbers = encoder.transform(rows)["numbers"] * encoder.scale_ + encoder.mean_
    expected = [[19, 7], [20, 7], [20, 7], [-10, 7]]
    np.testing.assert_allclose(numbers, expected)
    module = encoder.build()
    inputs = encoder.transform(np.array([[1e11, 7.0]]))
    reached = module(**{k: torch.tensor(v).float() for k, v in inputs.items()})
    assert reached.abs().max() < 100


def test_categories_have_codes_for_missing_and_unseen():
    X = pd.DataFrame({"sky": ["blue", None, "grey", "blue"]})
    encoder = TabularEncoder().fit(X)
    new = pd.DataFrame({"sky": ["grey", "green", None]})
    codes = encoder.transform(new)["categories"]
    np.testing.assert_array_equal(codes[:, 0], [3, 1, 0])
    assert "numbers" not in encoder.transform(new)


def test_unseen_categories_start_as_zeros():
    encoder = TabularEncoder(embedding_features=4).fit(pd.DataFrame({"c": ["x", "y"]}))
    table = encoder.build().embeddings[0].weight
    assert table.shape == (4, 4)
    assert (table[:2] == 0).all()
    assert (table[2:] != 0).all()


def test_rare_categories_are_unseen():
    X = pd.DataFrame({"c": ["a"] * 3 + ["b"]})
    encoder = TabularEncoder(min_frequency=2).fit(X)
    assert list(encoder.categories_["c"]) == ["a"]
    codes = encoder.transform(X)["categories"]
    np.testing.assert_array_equal(codes[:, 0], [2, 2, 2, 1])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.array([1, None, 3], dtype="Int64"), [-1, 0, 1]),
        (pd.array([1.0, None, 3.0], dtype="Float32"), [-1, 0, 1]),
        ([decimal.Decimal(1), None, decimal.Decimal(3)], [-1, 0, 1]),
        (pd.to_timedelta([1, None, 3], unit="h"), [-1, 0, 1]),
        (np.array([1, None, 3], dtype=object), [-1, 0, 1]),
    ],
    ids=["Int64", "Float32", "Decimal", "timedelta", "object"],
)
def test_number_columns_of_any_dtype(values, expected):
    X = pd.DataFrame({"a": values})
    numbers = TabularEncoder().fit(X).transform(X)["numbers"]
    np.testing.assert_allclose(numbers[:, 0], expected, atol=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        [True, False, True],
        pd.array([True, None, False], dtype="boolean"),
        pd.Categorical([1, 2, 1]),
        ["a", 1, None],
        np.array(["x", "y", "x"], dtype=object),
    ],
    ids=["bool", "boolean", "category", "mixed", "object"],
)
def test_category_columns_of_any_dtype(values):
    X = pd.DataFrame({"a": values})
    inputs = TabularEncoder().fit(X).transform(X)
    assert list(inputs) == ["categories"]
    assert inputs["categories"].max() == 3


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Paris"])
def test_dates_become_numbers(zone):
    texts = ["2024-01-01 06:30", None, "2024-01-03 06:30"]
    dates = pd.to_datetime(texts).tz_localize(zone)
    encoder = TabularEncoder().fit(pd.DataFrame({"d": dates}))
    parts = ("days", "year_sin", "year_cos", "week_sin", "week_cos", "hour")
    assert encoder.numbers_ == [f"d_{part}" for part in parts]
    shift = 1 if zone == "Europe/Paris" else 0
    hour = 6.5 - shift  # of UTC
    days = 19723 + 1 + hour / 24  # 1 January 2024 is day 19723
    assert encoder.mean_[0] == pytest.approx(days)
    assert encoder.mean_[5] == pytest.approx(hour)
    monday, wednesday = 0, 4 * np.pi / 7
    sines = (np.sin(monday) + np.sin(wednesday)) / 2
    assert encoder.mean_[3] == pytest.approx(sines)


def test_date_objects_are_dates():
    X = pd.DataFrame(
        {"d": [datetime.date(2024, 1, 1), None, datetime.date(2024, 1, 3)]}
    )
    encoder = TabularEncoder().fit(X)
    days = encoder.transform(X)["numbers"][:, 0]
    np.testing.assert_allclose(days, [-1, 0, 1])


def test_infinity_names_row_and_column():
    X = pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, np.inf]}, index=["p", "q"])
    with pytest.raises(ValueError, match=r"row 'q': column 'b' is infinite"):
        TabularEncoder().fit(X)


def test_lost_and_changed_columns_are_errors():
    X = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    encoder = TabularEncoder().fit(X)
    with pytest.raises(ValueError, match=r"without \['b'\]"):
        encoder.transform(X[["a"]])
    with pytest.raises(ValueError, match="row 0: column 'a' was numbers in fit"):
        encoder.transform(X.assign(a=["x", "y"]))
    with pytest.raises(ValueError, match="one column or more"):
        encoder.fit(X[[]])


def test_cell_that_is_no_scalar_is_an_error():
    X = pd.DataFrame({"a": ["x", {"y": 1}]})
    with pytest.raises(TypeError, match=r"row 1: column 'a'.*Got dict"):
        TabularEncoder().fit(X)


def test_columns_are_found_by_name():
    X = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0]})
    encoder = TabularEncoder().fit(X)
    turned = encoder.transform(X[["b", "a"]].assign(extra=0))
    np.testing.assert_array_equal(turned["numbers"], encoder.transform(X)["numbers"])


def test_vectors_in_cells_must_have_one_length():
    vectors = pd.Series([np.zeros(3), np.ones(3), np.ones(2)], index=[10, 11, 12])
    encoder = TabularEncoder().fit(vectors.iloc[:2])
    with pytest.raises(ValueError, match=r"row 12: .*\(3,\)\. Got \(2,\)"):
        encoder.transform(vectors)


def test_module_is_the_perceptron_of_its_weights():
    X = np.arange(12.0).reshape(4, 3)
    encoder = TabularEncoder((5,), 2).fit(X)
    module = encoder.build().double()
    first, second = module.mlp[0], module.mlp[2]
    hidden = np.maximum(
        encoder.transform(X)["numbers"] @ first.weight.detach().numpy().T
        + first.bias.detach().numpy(),
        0,
    )
    expected = hidden @ second.weight.detach().numpy().T + second.bias.detach().numpy()
    got = module(torch.from_numpy(encoder.transform(X)["numbers"]))
    np.testing.assert_allclose(got.detach().numpy(), np.maximum(expected, 0))
