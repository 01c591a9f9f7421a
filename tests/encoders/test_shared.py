"""Several columns of one kind: one encoder, shared weights, mean of present cells."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from skmultimodal import (
    AttentionFusion,
    AudioEncoder,
    FusionClassifier,
    ImageEncoder,
    TabularEncoder,
    TextEncoder,
    Training,
)
from skmultimodal.encoders._base import as_encoder
from skmultimodal.encoders._shared import SharedEncoder, shared
from skmultimodal.training._tensors import Tensors
from skmultimodal.utils.estimator_checks import check_encoder


def column(kind, n, seed):
    rng = np.random.default_rng(seed)
    if kind == "image":
        return [rng.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(n)]
    if kind == "audio":
        return [rng.normal(size=300 + 80 * i).astype(np.float32) for i in range(n)]
    words = np.array(["red", "blue", "car", "boat", "sea"])
    return [" ".join(rng.choice(words, 1 + i % 4)) for i in range(n)]


def frame(kind, n=8):
    X = pd.DataFrame({"front": column(kind, n, 0), "back": column(kind, n, 1)})
    X["side"] = column(kind, n, 2)
    X = X.astype(object)
    X.loc[[1, 3], "front"] = None
    X.loc[[3, 4], "back"] = None
    X.loc[4, "side"] = None
    X.at[4, "front"] = X.at[0, "side"]
    return X


ENCODERS = {
    "image": ImageEncoder((4, 8), 6),
    "text": TextEncoder("word", out_features=6),
    "text-lstm": TextEncoder("word", "lstm", out_features=6),
    "audio": AudioEncoder(cell="gru", out_features=6),
    "sparse": as_encoder(TfidfVectorizer()),
}
KINDS = [(name, name.partition("-")[0].replace("sparse", "text")) for name in ENCODERS]


def embedded(module, prepared, n):
    inputs = Tensors({"m": prepared}).batch(torch.arange(n))[0]["inputs"]["m"]
    with torch.no_grad():
        return module.eval()(**inputs).numpy()


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_embedding_is_the_mean_over_the_present_cells(name, kind):
    X = frame(kind)
    encoder = shared(ENCODERS[name], X).fit(X)
    module = encoder.build()
    got = embedded(module, encoder.transform(X), len(X))
    inner = encoder.encoder_
    for row in range(len(X)):
        cells = X.iloc[row].dropna()
        alone = embedded(module.module, inner.transform(cells), len(cells))
        np.testing.assert_allclose(got[row], alone.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_contract(name, kind):
    X = frame(kind)
    check_encoder(SharedEncoder(ENCODERS[name]), X)


def test_one_column_and_tables_are_not_shared():
    X = frame("text")
    assert isinstance(shared(TextEncoder(), X), SharedEncoder)
    assert isinstance(shared(TextEncoder(), X[["front"]]), TextEncoder)
    assert isinstance(shared(TextEncoder(), X["front"]), TextEncoder)
    assert isinstance(shared(TabularEncoder(), X), TabularEncoder)


def learnable(n=48):
    """Whether any of three pictures of a house is bright decides the class."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    X = pd.DataFrame(index=range(100, 100 + n))
    for name in ("front", "kitchen", "garden"):
        X[name] = [
            rng.integers(120 * label, 120 + 120 * label, (8, 8), dtype=np.uint8)
            for label in y
        ]
    X["note"] = "nothing to see"
    X.loc[100:110, "front"] = None
    X.loc[[105], ["kitchen", "garden"]] = None  # no picture at all
    return X, y


@pytest.mark.parametrize("fusion", ["parallel", "decision", AttentionFusion()])
def test_list_of_columns_in_an_estimator(fusion):
    X, y = learnable()
    clf = FusionClassifier(
        [("photo", ImageEncoder((4, 8))), ("note", TextEncoder())],
        columns={"photo": ["front", "kitchen", "garden"]},
        fusion=fusion,
        random_state=0,
        training=Training(max_epochs=12),
    ).fit(X, y)
    known = X.index != 105
    assert clf.score(X[known], y[known]) > 0.95
    alone = clf.predict_proba(X.loc[[107]])
    np.testing.assert_allclose(alone, clf.predict_proba(X)[[7]], atol=1e-5)
    again = pickle.loads(pickle.dumps(clf)).predict_proba(X)
    np.testing.assert_allclose(again, clf.predict_proba(X), atol=1e-6)


def test_order_of_the_columns_does_not_matter_and_absent_rows_do_not_count():
    X, y = learnable()
    columns = ["front", "kitchen", "garden"]
    results = []
    for order in (columns, columns[::-1]):
        clf = FusionClassifier(
            [("photo", ImageEncoder((4, 8), dropout=0)), ("note", TextEncoder())],
            columns={"photo": order},
            fusion="parallel",
            random_state=0,
            training=Training(max_epochs=3),
        ).fit(X, y)
        results.append(clf.predict_proba(X))
        per_modality = clf.predict_proba_per_modality(X)["photo"]
        assert np.isnan(per_modality[5]).all()
        assert np.isfinite(np.delete(per_modality, 5, axis=0)).all()
    np.testing.assert_allclose(results[0], results[1], atol=1e-4)


def test_blocks_of_a_container_are_columns_too():
    rng = np.random.default_rng(0)
    X = {name: rng.integers(0, 255, (20, 8, 8), dtype=np.uint8) for name in "ab"}
    clf = FusionClassifier(
        [("photo", ImageEncoder((4,)))],
        columns={"photo": ["a", "b"]},
        fusion="parallel",
        random_state=0,
        training=Training(max_epochs=1),
    ).fit(X, np.arange(20) % 2)
    assert clf.predict_proba(X).shape == (20, 2)


def test_a_bad_cell_names_its_row():
    X, y = learnable()
    X.loc[120, "kitchen"] = "absent.png"
    clf = FusionClassifier(
        [("photo", ImageEncoder((4,)))],
        columns={"photo": ["front", "kitchen"]},
        fusion="parallel",
    )
    with pytest.raises(ValueError, match=r"'photo', row 120: .*absent\.png"):
        clf.fit(X, y)
