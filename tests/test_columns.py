"""Which columns a modality takes, and which are left to nobody."""

import numpy as np
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
    FusionClassifier,
    ImageEncoder,
    MultimodalData,
    TabularEncoder,
    TextEncoder,
)
from skmultimodal.encoders import ImageFeatures

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
    ids=str,
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
                max_epochs=1,
                random_state=0,
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
