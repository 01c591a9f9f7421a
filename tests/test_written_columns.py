"""Columns as people have them: numbers, dates and truth values written as texts."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from skmultimodal import (
    ConformalFusionRegressor,
    DecisionFusion,
    FusionClassifier,
    FusionRegressor,
    TabularEncoder,
)
from skmultimodal.data._table import DECIMALS, settle_columns
from skmultimodal.data._words import number_in, written_kind
from skmultimodal.encoders import TableFeatures

N = 160
rng = np.random.default_rng(0)
TRUTH = rng.integers(0, 2, N)
AMOUNT = np.round(rng.uniform(1, 40, N) + 1000 * TRUTH, 2)
DAYS = pd.Timestamp("2024-01-01") + pd.to_timedelta(AMOUNT // 1, unit="D")

WRITTEN = {
    "comma": [f"{v:.2f}".replace(".", ",") for v in AMOUNT],
    "euro": [f"€ {v:.2f}" for v in AMOUNT],
    "thousands": [f"{v:,.2f}".replace(",", " ") for v in AMOUNT],
    "german": [
        f"{v:,.2f}".translate(str.maketrans(",.", ".,")) + " EUR" for v in AMOUNT
    ],
    "gaps": [f"{v}" if i % 9 else "n/a" for i, v in enumerate(AMOUNT)],
}


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["12,50", "3,20"], "comma number"),
        (["1,200", "3,500"], "point number"),
        (["0,125", "1,250"], "comma number"),  # no thousands begin with a zero
        (["€ 3.50", "4 €", "USD 1,200.00"], "point number"),
        (["1 200", "15\u00a0000", "-3"], "point number"),
        (["1.200.000", "35"], "comma number"),
        (["1'200.50", "12%", "\u22123"], "point number"),
        (["1e-3", "2.5E+4", "", "n/a"], "point number"),
        (["2024-01-31", "2024-02-01T10:30:00Z"], "date"),
        (["2024-13-31", "2024-02-01"], "category"),
        (["yes", "No", "-"], "boolean"),
        (["TRUE", "false"], "boolean"),
        (["yes", "false"], "category"),
        (["01234", "99999"], "category"),
        (["+49 171 1234567", "12"], "category"),
        (["a", "b"], "category"),
        (["12 cm", "13 cm"], "category"),
        (["1-2", "3-4"], "category"),
        (["", "-"], "category"),
    ],
)
def test_kind_of_texts(texts, kind):
    assert written_kind(texts) == (kind, None)


@pytest.mark.parametrize(
    ("n_odd", "first"), [(1, 3), (4, 3), (5, None)], ids=["one", "a tenth", "more"]
)
def test_the_first_odd_text_is_told_where_they_are_a_tenth(n_odd, first):
    texts = [str(i) for i in range(40)]
    texts[3 : 3 + n_odd] = ["on request"] * n_odd
    assert written_kind(texts) == ("category", first)


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("12,50", ",", 12.5),
        ("€ 3.50", ".", 3.5),
        ("1 200", ".", 1200),
        ("-1.234,5 EUR", ",", -1234.5),
        ("$ -5", ".", -5),
        ("\u22123", ".", -3),
        ("12%", ".", 12),
        (".5", ".", 0.5),
        ("0,125", ",", 0.125),
        ("1'200'000.25", ".", 1200000.25),
    ],
)
def test_value_of_texts(text, decimal, value):
    assert number_in(text, decimal) == value
    assert np.isnan(number_in(" - ", decimal))


@pytest.mark.parametrize("name", WRITTEN)
def test_both_readers_of_tables_see_the_numbers(name):
    X = pd.DataFrame({name: WRITTEN[name]})
    expected = np.where([text == "n/a" for text in WRITTEN[name]], np.nan, AMOUNT)
    found = TableFeatures().fit(X).transform(X)[name]
    np.testing.assert_allclose(found, expected)
    encoder = TabularEncoder().fit(X)
    prepared = encoder.transform(X)["numbers"][:, 0]
    standard = (expected - np.nanmean(expected)) / np.nanstd(expected)
    np.testing.assert_allclose(prepared, np.nan_to_num(standard), atol=1e-6)
    # one row alone is read as in the column
    np.testing.assert_allclose(encoder.transform(X[3:4])["numbers"][0, 0], prepared[3])


@pytest.mark.parametrize("name", ["comma", "euro", "date", "word", "thousands"])
def test_a_task_that_is_written_is_solved(name):
    words = np.where(TRUTH, "yes", "no")
    written = {**WRITTEN, "date": DAYS.strftime("%Y-%m-%dT%H:%M"), "word": words}
    X = pd.DataFrame({name: written[name]})
    clf = FusionClassifier(fusion=DecisionFusion(weights="uniform")).fit(
        X[::2], TRUTH[::2]
    )
    assert clf.modalities_ == ["table"]
    assert clf.score(X[1::2], TRUTH[1::2]) == 1.0


def test_a_category_that_looks_like_a_number_is_overridden_in_one_place():
    X = pd.DataFrame({"code": list("123") * 20, "name": ["a b", "c d", "e f"] * 20})
    codes = {"code": "category", "name": "category"}
    clf = FusionClassifier(codes, DecisionFusion(weights="uniform"))
    clf.fit(X, [0, 1, 0] * 20)
    assert clf.columns_ == {"table": ["code", "name"]}
    features = clf.encoders_["table"].named_steps["tablefeatures"]
    assert features.kinds_ == codes
    assert list(clf.predict(X[:3].assign(code=[1, 2, 3]))) == [0, 1, 0]
    typed = X.astype("category")
    assert TabularEncoder().fit(typed).kinds_ == codes


def test_a_kind_that_is_asked_for_names_the_row_that_is_not_it():
    X = pd.DataFrame({"price": ["1,5", "2,5", "on request"] * 8})
    clf = FusionClassifier({"price": "comma number"})
    with pytest.raises(ValueError, match=r"row 2: column 'price' .*'on request'"):
        clf.fit(X, [0, 1, 0] * 8)


def test_one_text_among_numbers_is_told_of():
    X = pd.DataFrame({"price": [f"{v}" for v in AMOUNT[:-1]] + ["on request"]})
    clf = FusionClassifier(fusion=DecisionFusion(weights="uniform"))
    with pytest.warns(
        UserWarning, match=r"'on request' in row 159: taken as categories"
    ):
        clf.fit(X, TRUTH)


def test_other_words_at_predict_are_named():
    X = pd.DataFrame({"paid": ["yes", "no"] * 10, "sum": ["1,5", "2,5"] * 10})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        features = TableFeatures().fit(X)
    with pytest.raises(
        ValueError, match="row 0: column 'paid' was truth values in fit"
    ):
        features.transform(X[:1].assign(paid="perhaps"))
    with pytest.raises(ValueError, match="row 0: column 'sum' was numbers in fit"):
        features.transform(X[:1].assign(sum="1,2,3"))


@pytest.mark.parametrize(
    "texts",
    [
        ["1,250", "€ 2,5", "35", "-1.234,125 EUR", "3.000", "1,5e-3", "n/a", "0,07%"],
        ["1,250", "$ 2.5", "35", "-1,234.125", "3.000", "1,250,000", " - ", "1e-3"],
    ],
)
@pytest.mark.parametrize("dtype", ["object", "str"])
def test_each_text_of_a_settled_column_tells_its_kind_alone(texts, dtype):
    kind = written_kind(texts)[0]
    given = pd.DataFrame({"price": pd.Series(texts, dtype=dtype)})
    given.loc[len(texts)] = None
    column = settle_columns(given)["price"]
    assert column.dtype == dtype
    assert column.isna().tolist() == given["price"].isna().tolist()
    for text, told in zip(texts, column, strict=False):
        expected = number_in(text, DECIMALS[kind])
        if not np.isnan(expected):
            assert written_kind([told]) == (kind, None)
        np.testing.assert_equal(number_in(told, DECIMALS[kind]), expected)
    assert list(given["price"][:-1]) == texts  # which are those of the user


def test_folds_read_numbers_as_the_whole_column():
    price = AMOUNT.round(1) % 1000 + 1.125
    written = [f"{v:.3f}".replace(".", ",") for v in price]
    written[7], price[7] = "2,5", 2.5  # the one that tells
    model = make_pipeline(TableFeatures(), LinearRegression())
    conformal = ConformalFusionRegressor(
        FusionRegressor([("table", model)], "decision", columns={"table": ["price"]}),
        method="cv+",
        cv=3,
    )
    ends = []
    for column in (written, price):
        X = pd.DataFrame({"price": column})
        ends.append(conformal.fit(X, price + TRUTH).predict_interval(X))
    np.testing.assert_allclose(*ends, rtol=1e-6)
