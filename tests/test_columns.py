"""Which columns a modality takes, and which are left to nobody."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfVectorizer,
)
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from skmultimodal import (
    DecisionFusion,
    FusionClassifier,
    ImageEncoder,
    MultimodalData,
    TabularEncoder,
    TextEncoder,
    Training,
)
from skmultimodal.encoders import ImageFeatures
from tests.parameters import nested

SVD = TruncatedSVD(2, random_state=0)

# -- a list of one ------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows(emoji_small):
    X, y = emoji_small
    return X[:40].assign(number=np.linspace(0, 1, 40)), y[:40].isin(y[:4])


def _flat(cells):
    return np.stack([np.ravel(cell) for cell in cells])


@pytest.mark.parametrize(
    ("column", "spec", "fusion"),
    [
        ("image", ImageEncoder((4,), 4), "parallel"),
        ("image", make_pipeline(ImageFeatures(), LogisticRegression()), "decision"),
        ("image", make_pipeline(ImageFeatures(), StandardScaler()), "parallel"),
        ("image", make_pipeline(FunctionTransformer(_flat), SVC()), "decision"),
        ("image", FunctionTransformer(_flat), "feature"),
        ("image", LogisticRegression(), "decision"),
        ("image", [LogisticRegression(), ImageEncoder((4,), 4)], "decision"),
        ("text", TextEncoder(level="word"), "parallel"),
        ("text", TfidfVectorizer(), "parallel"),
        ("text", make_union(TfidfVectorizer(), CountVectorizer()), "parallel"),
        (
            "text",
            make_pipeline(TfidfVectorizer(), TruncatedSVD(2, random_state=0)),
            "kernel",
        ),
        ("text", make_pipeline(TfidfVectorizer(), LogisticRegression()), "decision"),
        ("text", OneVsRestClassifier(make_pipeline(HashingVectorizer(), SVC())), None),
        ("number", LogisticRegression(), "decision"),
        ("number", TabularEncoder(), "parallel"),
    ],
    ids=lambda v: type(v).__name__ if hasattr(v, "fit") else str(v),
)
def test_a_list_of_one_column_is_that_column(rows, column, spec, fusion):
    frame, y = rows
    data = MultimodalData({name: frame[name] for name in frame})
    for X in (frame, data, frame.to_numpy(dtype=object)):
        where = list(frame).index(column) if isinstance(X, np.ndarray) else column
        asked = [
            FusionClassifier(
                [("it", spec)],
                fusion or "decision",
                columns={"it": here},
                random_state=0,
                training=Training(max_epochs=1),
            )
            .fit(X, y)
            .predict_proba(X)
            for here in (where, [where])
        ]
        np.testing.assert_array_equal(*asked)


def test_what_reads_tables_gets_a_list_of_one_as_a_table(rows):
    X, y = rows
    one_hot = make_column_transformer((OneHotEncoder(), ["kind"]))
    X = X.assign(kind=list("ab") * 20)
    clf = FusionClassifier(
        [("it", make_pipeline(one_hot, LogisticRegression()))],
        "decision",
        columns={"it": ["kind"]},
    )
    assert clf.fit(X, y).encoders_["it"][0].n_features_in_ == 1


# -- columns that nobody takes ------------------------------------------------------


def tables(*names, **params):
    encoders = [(name, make_pipeline(SVC(random_state=0))) for name in names]
    return FusionClassifier(
        encoders, DecisionFusion(weights="uniform"), **nested(params)
    )


@pytest.fixture(scope="module")
def numbers():
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(20, 4)), columns=list("abcd")), [0, 1] * 10


def left_out(clf, X, y):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        clf.fit(X, y).predict(X)
    return [str(w.message) for w in caught if "leaves out" in str(w.message)]


def test_columns_left_out_are_named_once(numbers):
    X, y = numbers
    data = MultimodalData({name: X[[name]].to_numpy() for name in X})
    for given in (X, data):
        (told,) = left_out(tables("a", "c"), given, y)
        assert told.startswith("FusionClassifier leaves out columns of X: ['b', 'd'].")
        assert "\n" not in told
    wide = pd.concat([X.add_prefix(f"{i}_") for i in range(5)], axis=1).join(X)
    (told,) = left_out(tables("a", "b"), wide, y)
    assert "'2_a', '2_b'] and 12 more." in told
    where = {"u": [0], "v": slice(1, 3)}
    for given in (X.to_numpy(), X.to_numpy(dtype=object)):
        (told,) = left_out(tables("u", "v", columns=where), given, y)
        assert "columns of X: [3]." in told


@pytest.mark.parametrize(
    ("columns", "taken"),
    [
        ({"u": "a", "v": ["b", "c", "d"]}, []),
        ({"u": ["a", "b"], "v": [-1]}, ["c"]),
        ({"u": slice(0, 2), "v": pd.Index(["d"])}, ["c"]),
        ({"u": ("a", "b"), "v": np.array(["c", "d"])}, []),
    ],
)
def test_columns_taken_in_every_way_are_known(numbers, columns, taken):
    told = left_out(tables("u", "v", columns=columns), *numbers)
    assert [str(taken) in text for text in told] == [True] * bool(taken)


def test_what_is_left_out_on_purpose_or_not_at_all_is_not_told_of(numbers):
    X, y = numbers
    dropped = tables("a", "b").set_params(
        encoders=[*tables("a", "b").encoders, ("c", "drop"), ("it", "drop")],
        columns={"it": ["d"]},
    )
    assert left_out(dropped, X, y) == []
    assert left_out(tables("anything"), X, y) == []  # all of X
    names = FusionClassifier(training=Training(max_epochs=1))
    assert left_out(names, X, y) == []
    names.set_params(columns={"table": ["a", "b", "c"]}, encoders="auto")
    (told,) = left_out(names, X, y)
    assert "['d']" in told


def test_a_pipeline_passes_its_columns_on(numbers):
    X, y = numbers
    scaler = StandardScaler().set_output(transform="pandas")
    inside = make_pipeline(scaler, tables("a", "b", "c"))
    (told,) = left_out(inside, X, y)
    assert "['d']" in told
    assert left_out(make_pipeline(scaler, tables(*"abcd")), X, y) == []
