"""The reader alone: from X to cells and presence, without an estimator."""

import pickle

import numpy as np
import pandas as pd
import pytest

from skmultimodal import DecisionFusion, ParallelFusion, TabularEncoder, TextEncoder
from skmultimodal.estimators._reader import Reader
from skmultimodal.estimators._rows import count_patterns

X = pd.DataFrame(
    {
        "note": ["very good food", None, "bad and far too salty", "unknown"],
        "price": [9.5, 20.0, 3.0, 4.0],
        "stars": [5.0, np.nan, 1.0, np.nan],
    }
)


def fitted(**params):
    reader = Reader("Owner", **params)
    rows = reader.fit(reader.check(X), ParallelFusion())
    report = count_patterns(list(rows.cells), rows.present)
    reader.settle(list(rows.cells), reader.encoders_, report)
    return reader, rows


def test_modalities_are_inferred_and_absence_is_known():
    reader, rows = fitted()
    assert reader.columns_ == {"note": "note", "table": ["price", "stars"]}
    assert [e.kind for e in reader.encoders_.values()] == ["text", "table"]
    np.testing.assert_array_equal(rows.present[:, 0], [True, False, True, True])
    assert rows.present[:, 1].all()
    assert list(reader.feature_names_in_) == list(X.columns)


def test_encoders_suit_the_strategy():
    reader = Reader("Owner")
    reader.fit(X, DecisionFusion())
    assert all(hasattr(model, "predict") for model in reader.encoders_.values())


def test_given_encoders_columns_and_drop():
    encoders = [("words", TextEncoder()), ("number", TabularEncoder()), ("x", "drop")]
    columns = {"words": "note", "number": ["price"], "x": "stars"}
    reader, rows = fitted(encoders=encoders, columns=columns)
    assert reader.dropped_ == ("x",)
    assert list(rows.cells) == ["words", "number"]


def test_further_rows_are_read_in_the_order_of_the_model():
    reader, rows = fitted()
    reader.settle(
        ["table", "note"],
        reader.encoders_,
        count_patterns(list(rows.cells), rows.present),
    )
    more = reader.read(X.iloc[[1, 2]])
    assert list(more.cells) == ["table", "note"]
    np.testing.assert_array_equal(more.present, [[True, False], [True, True]])
    with pytest.warns(UserWarning, match=r"no column for \['note'\]"):
        lost = reader.read(X[["price", "stars"]])
    assert lost.cells["note"] is None
    assert not lost.present[:, 1].any()


def test_settings_follow_the_estimator_that_asks():
    reader, _ = fitted()

    class Estimator:
        missing, missing_values = "raise", "unknown"
        on_empty, on_error = "prior", "raise"

    with pytest.raises(ValueError, match=r"'note' is absent from row 1 .2 absent"):
        reader.under(Estimator).read(X)
    assert reader.read(X).present[:, 0].sum() == 3


def test_errors_name_the_owner():
    with pytest.raises(TypeError, match=r"^Owner expected a DataFrame"):
        Reader("Owner").check(3)
    reader = Reader("Owner")
    reader.fit(reader.check(np.eye(3)), ParallelFusion())
    reader.settle(
        ["table"], reader.encoders_, count_patterns(["table"], np.ones((3, 1), bool))
    )
    with pytest.raises(ValueError, match=r"X has 2 features, but Owner is expecting 3"):
        reader.read(np.eye(2))


def test_a_reader_pickles():
    reader, _ = fitted()
    again = pickle.loads(pickle.dumps(reader)).read(X)
    np.testing.assert_array_equal(again.present, reader.read(X).present)
