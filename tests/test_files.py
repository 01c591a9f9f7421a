"""Columns of files: decoded batch by batch where they would fill the memory."""

import threading
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image

from skmultimodal import (
    AudioEncoder,
    FusionClassifier,
    ImageEncoder,
    TabularEncoder,
    Training,
)
from skmultimodal.encoders import _image
from skmultimodal.fusion.joint import _preparation
from tests.parameters import nested

N = 240


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures of noise, the brighter half of them of class 1."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for i in range(N):
        pixels = rng.integers(0, 128, (64, 64, 3), dtype=np.uint8) + 100 * (i % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
    return folder


def rows_of(folder):
    X = pd.DataFrame({"photo": [f"{i}.png" for i in range(N)], "n": np.arange(N) % 7.0})
    X.loc[5, "photo"] = None
    return X, np.arange(N) % 2


def classifier(folder, **params):
    encoders = [("photo", ImageEncoder((4,), 4, root=folder)), ("n", TabularEncoder())]
    params = {"max_epochs": 2, "random_state": 0} | params
    return FusionClassifier(
        encoders, "parallel", columns={"n": ["n"]}, **nested(params)
    )


@pytest.fixture
def lazily(monkeypatch):
    monkeypatch.setattr(_preparation, "LARGEST_DECODED", 1e5)
    monkeypatch.setattr(_image, "PROBE", 50)


def test_lazy_rows_change_nothing(folder, monkeypatch):
    X, y = rows_of(folder)
    at_once = classifier(folder).fit(X, y)
    monkeypatch.setattr(_preparation, "LARGEST_DECODED", 1e5)
    lazily = classifier(folder).fit(X, y)
    expected = at_once.predict_proba(X)
    np.testing.assert_array_equal(lazily.predict_proba(X), expected)
    pd.testing.assert_series_equal(
        lazily.history_["train_loss"], at_once.history_["train_loss"]
    )


def test_memory_does_not_hold_the_pictures(folder, lazily):
    X, y = rows_of(folder)
    X, y = pd.concat([X] * 4), np.tile(y, 4)
    decoded = len(X) * 64 * 64 * 3
    clf = classifier(folder, max_epochs=1, batch_size=16)
    clf.fit(X[:200], y[:200])  # what is imported on the way is no picture
    tracemalloc.start()
    try:
        clf.fit(X, y)
        assert tracemalloc.get_traced_memory()[1] < decoded / 2
    finally:
        tracemalloc.stop()


def test_a_broken_file_is_named(folder, lazily, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    X, y = rows_of(folder)
    X.loc[200, "photo"] = str(broken)
    n_threads = threading.active_count()
    with pytest.raises(ValueError, match=r"'photo', row 200: .*broken\.png"):
        classifier(folder).fit(X, y)
    assert threading.active_count() == n_threads


def test_sounds_are_decoded_batch_by_batch_too(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for i in range(60):
        pitch = np.sin(np.arange(1000 + 50 * i) * (0.2 + 0.5 * (i % 2)))
        noise = rng.standard_normal(len(pitch)) / 10
        soundfile.write(tmp_path / f"{i}.wav", (pitch + noise) / 2, 8000)
    X = pd.DataFrame({"sound": [f"{i}.wav" for i in range(60)]})
    encoder = AudioEncoder(cell="mean", root=tmp_path)
    clf = FusionClassifier(
        [("sound", encoder)], "feature", training=Training(max_epochs=15)
    )
    clf.set_params(random_state=0, training__lr=0.01)
    monkeypatch.setattr(_preparation, "LARGEST_DECODED", 1e4)
    y = np.arange(60) % 2
    assert clf.fit(X, y).score(X, y) == 1
    monkeypatch.undo()
    expected = clf.predict_proba(X)
    monkeypatch.setattr(_preparation, "LARGEST_DECODED", 1e4)
    np.testing.assert_allclose(clf.predict_proba(X), expected, rtol=1e-5)
