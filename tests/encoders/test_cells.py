"""Every kind of cell in one column; nothing learnt from held-out rows."""

import io

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.model_selection import KFold, cross_validate

from skmultimodal import (
    AudioEncoder,
    FusionClassifier,
    ImageEncoder,
    TabularEncoder,
    TextEncoder,
    Training,
)
from skmultimodal.training._tensors import Tensors

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (24, 18, 3), dtype=np.uint8)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def turned():
    picture = Image.fromarray(RGB)
    exif = picture.getexif()
    exif[0x0112] = 6
    return encoded(picture, "JPEG", exif=exif)


def pictures():
    alpha = np.dstack([RGB, np.full(RGB.shape[:2], 128, np.uint8)])
    deep = Image.fromarray(RGB[:, :, 0].astype(np.uint16) * 257)
    return [
        RGB,
        RGB[:, :, 0],
        alpha,
        RGB.astype(np.uint16) * 257,
        Image.fromarray(RGB),
        Image.fromarray(RGB).quantize(16),
        Image.fromarray(RGB).convert("1"),
        encoded(Image.fromarray(RGB), "PNG"),
        encoded(deep, "PNG"),
        encoded(Image.fromarray(alpha), "PNG"),
        turned(),
    ]


SOUNDS = [
    RNG.normal(size=8).astype(np.float32),  # 1 ms
    RNG.normal(size=4000).astype(np.float32),
    RNG.normal(size=(4000, 2)).astype(np.float32),
    (RNG.normal(size=44100).astype(np.float32), 44100),
    RNG.integers(-9000, 9000, 3000).astype(np.int16),
    np.zeros(2000, dtype=np.float32),
]
TEXTS = [
    "",
    "   ",
    "a red car",
    "汉字没有空格",
    "ภาษาไทยไม่มีช่องว่าง",
    "🚗👨‍👩‍👧",
    "cafe\u0301",
    "word " * 5000,
]
CASES = [
    (ImageEncoder(size=16), pictures()),
    (AudioEncoder(), SOUNDS),
    (AudioEncoder(cell="conv"), SOUNDS),
    (TextEncoder(), TEXTS),
    (TextEncoder("word", "lstm"), TEXTS),
    (TextEncoder("char", "conv"), TEXTS),
]


def column(cells):
    out = np.empty(len(cells), dtype=object)
    for i, cell in enumerate(cells):
        out[i] = cell
    return pd.Series(out, index=[f"r{i}" for i in range(len(cells))])


@pytest.mark.parametrize(("encoder", "cells"), CASES)
def test_one_column_of_every_kind_and_each_row_alone(encoder, cells):
    cells = column(cells)
    module = encoder.fit(cells).build().eval()

    def embedded(rows):
        tensors = Tensors({"m": encoder.transform(rows)})
        inputs = tensors.batch(torch.arange(len(rows)))[0]["inputs"]["m"]
        with torch.no_grad():
            return module(**inputs).numpy()

    together = embedded(cells)
    assert np.isfinite(together).all()
    for row in range(len(cells)):
        alone = embedded(cells.iloc[row : row + 1])
        np.testing.assert_allclose(alone[0], together[row], atol=1e-5)


def test_long_documents_are_cut_and_counted():
    encoder = TextEncoder("word", max_tokens=100).fit(TEXTS)
    assert encoder.n_truncated_ == 1
    assert encoder.transform(TEXTS)["tokens"].lengths.max() == 100


def test_composed_and_decomposed_letters_are_the_same():
    encoder = TextEncoder().fit(["caf\u00e9"])
    rows = encoder.transform(["cafe\u0301", "caf\u00e9"])["tokens"]
    np.testing.assert_array_equal(rows[0], rows[1])
    assert len(rows[0])


def test_preprocessing_learns_from_training_rows_alone():
    """Each row holds a word, a category and a number of its own."""
    n = 24
    X = pd.DataFrame({"note": [f"word{i:03d}" for i in range(n)]})
    X["operator"] = [f"operator{i}" for i in range(n)]
    X["speed"] = 2.0 ** np.arange(n)
    y = np.arange(n) % 2
    clf = FusionClassifier(
        [("note", TextEncoder("word")), ("table", TabularEncoder())],
        "parallel",
        columns={"table": ["operator", "speed"]},
        random_state=0,
        training=Training(max_epochs=1),
    )
    folds = KFold(4)
    fitted = cross_validate(clf, X, y, cv=folds, return_estimator=True)["estimator"]
    for model, (train, test) in zip(fitted, folds.split(X), strict=True):
        words = set(model.encoders_["note"].vocabulary_)
        assert words == set(X["note"].iloc[train])
        table = model.encoders_["table"]
        assert set(table.categories_["operator"]) == set(X["operator"].iloc[train])
        assert table.mean_[0] == pytest.approx(X["speed"].iloc[train].mean())
        assert not words & set(X["note"].iloc[test])


def test_absent_cells_are_no_words():
    X = pd.DataFrame({"note": ["a b", None, "c", "a"] * 5})
    clf = FusionClassifier(
        [("note", TextEncoder("word"))],
        "parallel",
        random_state=0,
        training=Training(max_epochs=1),
    ).fit(X, np.arange(20) % 2)
    assert set(clf.encoders_["note"].vocabulary_) == {"a", "b", "c"}
