"""What was understood of X is told before and after a fit."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

from skmultimodal import DecisionFusion, FusionClassifier, describe

UNIFORM = DecisionFusion(weights="uniform")


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    n, rng = 40, np.random.default_rng(0)
    photos = []
    for i in range(n):
        pixels = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.jpg")
        photos.append(str(folder / f"{i}.jpg"))
    photos[4] = None
    return pd.DataFrame(
        {
            "photo": photos,
            "review": [f"number {i} is very good" for i in range(n)],
            "price": [f"{i},50" for i in range(n)],
            "brand": list("abcd") * (n // 4),
        }
    ), np.arange(n) % 2


def test_each_modality_is_told_with_kind_reason_encoder_and_examples(rows):
    X, _ = rows
    found = describe(X)
    table = found.table_
    assert list(table.index) == ["photo", "review", "table"]
    assert list(table["kind"]) == ["image", "text", "table"]
    assert list(table["absent"]) == [1, 0, 0]
    assert table.loc["photo", "why"] == "paths that end in .jpg"
    assert "5.0 words on average" in table.loc["review", "why"]
    assert table.loc["table", "columns"] == (
        "columns price (comma number), brand (category)"
    )
    assert table.loc["photo", "encoder"].startswith("ImageFeatures, Kernel")
    assert "'number 0 is very good'" in table.loc["review", "examples"]
    two = X.assign(photo=X["photo"].str.replace("1.jpg", "1.PNG")).iloc[:5]
    assert describe(two).table_.loc["photo", "why"] == (
        "paths that end in .jpg or .png"
    )
    for text in (*table["columns"], *table["why"], "1 of 40 rows"):
        assert text in repr(found)


def test_parameters_and_fitted_encoders_are_told(rows):
    X, y = rows
    clf = FusionClassifier(
        {"photo": "drop", "review": "table", "brand": LogisticRegression()}, UNIFORM
    ).set_params(brand="drop")
    table = describe(X, clf).table_
    assert list(table.index) == ["review", "table"]
    assert table.loc["review", "why"].startswith("asked for as 'table'")
    fitted = describe(X[:5], clf.fit(X, y)).table_
    assert list(fitted["rows"]) == [5, 5]
    assert list(fitted["encoder"]) == list(table["encoder"])
    given = describe(X[["price"]], FusionClassifier({"price": LogisticRegression()}))
    assert given.table_.loc["price", "why"] == "its encoder is given"


def test_blocks_and_several_images():
    blocks = {"scan": np.zeros((6, 9, 9)), "vector": np.ones((6, 3))}
    table = describe(blocks).table_
    assert list(table["kind"]) == ["image", "embedding"]
    assert table.loc["scan", "why"] == "a block of numbers of shape (9, 9) in each row"
    albums = pd.DataFrame({"album": [[Image.new("L", (9, 9))] * 2] * 6})
    assert "several images in a cell" in describe(albums).table_.loc["album", "why"]
    assert describe(np.ones((5, 2))).table_.loc["table", "columns"] == "all columns"


def test_verbose_tells_the_same_at_first(rows, capsys):
    X, y = rows
    X = X[["review", "price"]]
    clf = FusionClassifier(fusion=UNIFORM, verbose=1).fit(X, y)
    told = capsys.readouterr().out
    assert told.startswith(repr(describe(X)))
    clf.set_params(verbose=0).fit(X, y)
    assert capsys.readouterr().out == ""


def test_y_is_no_estimator(rows):
    with pytest.raises(TypeError, match="Got ndarray as 'estimator'; y is not needed"):
        describe(*rows)


def test_what_is_wrong_is_told_with_its_remedy(rows):
    X, y = rows
    with pytest.raises(ValueError, match=r"Give an instance: DecisionFusion\(\)"):
        FusionClassifier(fusion=DecisionFusion).fit(X, y)
    clips = X.assign(photo=["clip.mp4" if i == 7 else "a.jpg" for i in range(len(X))])
    clips.loc[::2, "photo"] = "b.pdf"
    with pytest.raises(ValueError, match=r"of \.jpg, \.mp4, \.pdf files, .* 'b\.pdf'"):
        describe(clips[["photo"]][::-1])
