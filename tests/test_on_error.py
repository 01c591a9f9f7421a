"""Cells that cannot be read: an error, or an absent modality that is counted."""

import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skmultimodal import (
    AudioEncoder,
    FusionClassifier,
    FusionRegressor,
    FusionTransformer,
    ImageEncoder,
    TextEncoder,
    Training,
)
from skmultimodal.encoders import ImageFeatures
from skmultimodal.encoders._readable import without_unreadable

N = 30
NOISE = np.random.default_rng(0).normal(size=(N, 2, 900)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(N):
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
        soundfile.write(tmp_path / f"{i}.wav", NOISE[i, 0] / 10, 8000)
    (tmp_path / "4.png").write_bytes(b"no picture")
    (tmp_path / "7.png").write_bytes((tmp_path / "7.png").read_bytes()[:60])
    (tmp_path / "9.wav").unlink()
    return tmp_path


def frame():
    X = pd.DataFrame({"photo": [f"{i}.png" for i in range(N)]}, index=range(50, 50 + N))
    X["sound"] = [f"{i}.wav" for i in range(N)]
    X["note"] = [f"house number {i}" for i in range(N)]
    X.loc[52, "note"] = None
    return X, np.arange(N) % 2


def encoders(folder):
    return [
        ("photo", ImageEncoder((4,), root=folder)),
        ("sound", AudioEncoder(cell="mean", root=folder)),
        ("note", TextEncoder()),
    ]


@pytest.mark.parametrize(
    "estimator", [FusionClassifier, FusionRegressor, FusionTransformer]
)
def test_bad_cells_are_absent_and_counted_in_a_warning(folder, estimator):
    X, y = frame()
    training = Training(max_epochs=1)
    model = estimator(encoders(folder), "parallel", training=training, random_state=0)
    with pytest.raises(ValueError, match=r"Modality 'photo', row 54: .*4\.png"):
        model.fit(X, y)
    model.set_params(on_error="missing")
    with pytest.warns(UserWarning, match="cannot be read") as caught:
        model.fit(X, y)
    texts = [str(w.message) for w in caught if "cannot be read" in str(w.message)]
    assert len(texts) == 2
    assert texts[0].startswith("Modality 'photo': 2 of 30 cells cannot be read")
    assert "The first is row 54: " in texts[0]
    assert texts[1].startswith("Modality 'sound': 1 of 30 cells cannot be read")
    assert caught[0].filename == __file__


def test_they_count_as_absent_and_nothing_else(folder):
    """As if the user had put None there."""
    X, y = frame()
    clf = FusionClassifier(
        encoders(folder),
        "parallel",
        on_error="missing",
        random_state=0,
        training=Training(max_epochs=2),
    )
    clean = X.copy()
    clean.loc[[54, 57], "photo"] = None
    clean.loc[59, "sound"] = None
    before = X.copy(deep=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        got = clf.fit(X, y).predict_proba(X)
        expected = clf.fit(clean, y).predict_proba(clean)
    np.testing.assert_array_equal(got, expected)
    pd.testing.assert_frame_equal(X, before)


def test_classical_models_and_all_columns_of_a_modality(folder):
    X, y = frame()
    models = [
        ("photo", make_pipeline(ImageFeatures(root=folder), LogisticRegression())),
        ("note", TextEncoder()),
    ]
    clf = FusionClassifier(
        models, on_error="missing", random_state=0, training=Training(max_epochs=1)
    )
    with pytest.warns(UserWarning, match="'photo': 2 of 30"):
        clf.fit(X[["photo", "note"]], y)
    with pytest.warns(UserWarning, match="'photo': 2 of 30"):
        proba = clf.predict_proba_per_modality(X[["photo", "note"]])["photo"]
    assert np.flatnonzero(np.isnan(proba[:, 0])).tolist() == [4, 7]


def test_one_bad_cell_of_several_columns_leaves_the_others(folder):
    X, _ = frame()
    X["back"] = X["photo"].to_numpy()[::-1]
    cells, bad = without_unreadable(X[["photo", "back"]], ImageEncoder(root=folder))
    assert bad.count == 4
    assert bad.total == 2 * N
    assert bad.first.label == 54
    assert np.flatnonzero(cells["photo"].isna()).tolist() == [4, 7]
    assert np.flatnonzero(cells["back"].isna()).tolist() == [N - 8, N - 5]


@pytest.mark.parametrize("fusion", ["auto", "parallel"])
@pytest.mark.parametrize("rate", [1, 2**31 - 1])
def test_a_rate_that_cannot_be_is_an_unreadable_cell(rate, fusion):
    """Resampled, 200 samples at 1 Hz are 1.6 million, and 2**31 - 1 Hz ask 320 GiB."""
    X, y = frame()
    X["sound"] = [(sound, 8000) for sound in NOISE[:, 0]]
    X.at[55, "sound"] = (NOISE[5, 0, :200], rate)
    clf = FusionClassifier(
        fusion=fusion, random_state=0, training=Training(max_epochs=1)
    )
    with pytest.raises(ValueError, match=f"'sound', row 55: .*got {rate:,}"):
        clf.fit(X[["sound", "note"]], y)
    clf.set_params(on_error="missing")
    with pytest.warns(UserWarning, match=f"1 of 30 cells .* row 55: .*got {rate:,}"):
        clf.fit(X[["sound", "note"]], y)


def test_texts_that_stand_for_absence_are_not_counted(folder):
    cells = pd.Series(["n/a", "1.png", "4.png"])
    got, bad = without_unreadable(cells, ImageFeatures(root=folder), {"n/a"})
    assert bad.count == 1
    assert got.tolist() == ["n/a", "1.png", None]


def test_other_words_are_refused():
    X, y = frame()
    with pytest.raises(ValueError, match="'on_error' parameter of FusionClassifier"):
        FusionClassifier(on_error="ignore").fit(X, y)


@pytest.mark.parametrize("fusion", ["auto", "parallel"])
@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("photo", "none.png", r"'photo', row 53: .*No such file.*none\.png"),
        ("photo", "", r"'photo', row 53: expected the path of a file, got an empty"),
        ("photo", b"xx", "'photo', row 53: cannot identify image file"),
        ("note", b"bytes", r"'note', row 53: .*str, got bytes; decode it"),
        ("note", 7, "'note', row 53: expected a text as str, got int"),
    ],
)
def test_errors_name_the_modality_and_the_remedy(
    folder, fusion, column, cell, message, monkeypatch
):
    monkeypatch.chdir(folder)
    X, y = frame()
    X = X.drop(columns="sound").drop(index=[54, 57])
    y = np.arange(len(X)) % 2
    clf = FusionClassifier(
        "auto", fusion, random_state=0, training=Training(max_epochs=1)
    ).fit(X, y)
    broken = X.astype(object)
    broken.at[53, column] = cell
    with pytest.raises(ValueError, match=f"Modality {message}.*on_error='missing'"):
        clf.predict(broken)
    with pytest.raises(ValueError, match=f"Modality {message}.*on_error='missing'"):
        clf.fit(broken, y)
    with pytest.warns(UserWarning, match=f"'{column}': 1 of"):
        clf.set_params(on_error="missing").predict(broken)
