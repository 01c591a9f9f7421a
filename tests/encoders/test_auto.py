"""Inference of modalities: one case a rule."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skmultimodal import MultimodalData
from skmultimodal.datasets import load_birdstrikes
from skmultimodal.encoders._auto import infer_columns
from skmultimodal.encoders.features._defaults import default_encoder


def kind(cells):
    """Return the kind of a column 'c' of such cells."""
    X = pd.DataFrame({"c": pd.Series(list(cells), dtype=object)})
    ((name, inferred),) = infer_columns(X).items()
    assert name == ("table" if inferred.kind == "table" else "c")
    return inferred.kind


def test_plain_matrix_is_one_table():
    inferred = infer_columns(np.zeros((3, 2)))
    assert list(inferred) == ["table"]
    assert inferred["table"].columns == slice(None)


def test_bundled_data(emoji_small, digits_small, birdstrikes_small):
    assert {n: i.kind for n, i in infer_columns(emoji_small[0]).items()} == {
        "image": "image",
        "text": "text",
    }
    assert {n: i.kind for n, i in infer_columns(digits_small[0]).items()} == {
        "image": "image",
        "audio": "audio",
        "text": "text",
    }
    inferred = infer_columns(birdstrikes_small[0])
    assert {n: i.kind for n, i in inferred.items()} == {
        "text": "text",
        "table": "table",
    }
    assert len(inferred["table"].columns) == 9


def test_inference_does_not_depend_on_which_rows_are_seen():
    X, _ = load_birdstrikes(return_X_y=True)
    for start in (0, 1000, 4000):
        assert list(infer_columns(X[start : start + 500])) == ["text", "table"]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([np.zeros((9, 9)), np.zeros((9, 9))], "image"),
        ([np.zeros((9, 12, 3)), np.zeros((20, 7, 3))], "image"),
        ([np.zeros((9, 9)), np.zeros((9, 9, 3))], "image"),
        ([np.zeros((3, 40), np.uint8), np.zeros((9, 40), np.uint8)], "image"),
        ([Image.new("L", (4, 4))], "image"),
        (["a.png", "b/c.JPG"], "image"),
        ([b"\x89PNG\r\n", b"\x89PNG\r\n"], "image"),
        ([b"RIFF1234WEBPVP8 "], "image"),
        ([np.zeros(300), np.zeros(200)], "audio"),
        ([np.zeros(9000), np.zeros(9000)], "audio"),
        ([(np.zeros(30), 8000)], "audio"),
        (["a.wav", "b.FLAC"], "audio"),
        ([b"RIFF1234WAVEfmt "], "audio"),
        ([b"OggS....", b"OggS...."], "audio"),
        ([np.zeros(30), np.ones(30)], "embedding"),
        ([[1.0, 2.0], [3.0, 4.0]], "embedding"),
        ([np.zeros((50, 9)), np.zeros((70, 9))], "sequence"),
        ([np.zeros((50, 3)), np.zeros((50, 3))], "sequence"),
        ([np.zeros((100, 12)), np.zeros((100, 12))], "sequence"),
        (["a red car", "two blue boats"], "text"),
        (
            [
                "東京は日本の首都であり世界最大の都市圏です",
                "大阪は日本の西にある大きな都市のひとつです",
            ],
            "text",
        ),
        ([f"word{i}" for i in range(40)], "text"),
        (["a red car", "a red car", "a red car"], "table"),
        (["x", "y"], "table"),
        (["red", "blue"] * 30, "table"),
        ([f"2024-01-{i:02d}" for i in range(1, 29)], "table"),
        ([1, 2, 3], "table"),
        ([True, None, False], "table"),
        ([None, None], "table"),
    ],
)
def test_kind_of_cells(cells, expected):
    assert kind(cells) == expected
    assert kind([None, *cells, None]) == expected


def test_columns_that_are_no_media_are_one_table():
    X = pd.DataFrame(
        {
            "age": [3, 4],
            "when": pd.to_datetime(["2024-01-01", None]),
            "note": ["a red car", "two blue boats"],
            "sky": pd.Categorical(["clear", "fog"]),
        }
    )
    inferred = infer_columns(X)
    assert list(inferred) == ["note", "table"]
    assert inferred["note"].columns == "note"
    assert inferred["table"].columns == ["age", "when", "sky"]


def test_media_column_named_table_keeps_its_name():
    X = pd.DataFrame({"table": ["a red car", "two blue boats"], "age": [1, 2]})
    inferred = infer_columns(X)
    assert inferred["table"].kind == "text"
    assert inferred["table_"].columns == ["age"]


def test_blocks_of_multimodal_data():
    X = MultimodalData(
        {
            "photo": np.zeros((2, 8, 8, 3), np.uint8),
            "grey": np.zeros((2, 8, 8)),
            "series": np.zeros((2, 50, 3)),
            "vector": np.zeros((2, 300)),
            "block": np.zeros((2, 9)),
            "frame": pd.DataFrame({"a": [1, 2]}),
            "age": [1, 2],
            "sex": ["f", "m"],
            "wave": [np.zeros(20), np.zeros(30)],
        }
    )
    inferred = infer_columns(X)
    assert {name: i.kind for name, i in inferred.items()} == {
        "photo": "image",
        "grey": "image",
        "series": "sequence",
        "vector": "embedding",
        "block": "embedding",
        "frame": "table",
        "wave": "audio",
        "table": "table",
    }
    assert inferred["table"].columns == ["age", "sex"]
    assert inferred["block"].columns == "block"


def test_repeated_column_name_is_an_error():
    X = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(ValueError, match="two columns named 'a'"):
        infer_columns(X)


def test_every_kind_has_an_encoder():
    for name in ("image", "text", "audio", "sequence", "embedding", "table"):
        assert hasattr(default_encoder(name), "build")
