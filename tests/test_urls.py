"""Pictures and sounds by URL, on local and in-memory file systems."""

import io
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image

from skmultimodal import AudioEncoder, FusionClassifier, ImageEncoder, Training
from skmultimodal.data._cells import CellError, decode_audio, decode_image
from skmultimodal.data._files import is_url, join
from skmultimodal.data._hashing import row_keys

fsspec = pytest.importorskip("fsspec")
N = 16


def write(url, content):
    with fsspec.open(url, "wb") as file:
        file.write(content)


def picture(i):
    buffer, grey = io.BytesIO(), np.full((8, 8), 200 * (i % 2) + i, dtype=np.uint8)
    Image.fromarray(grey).save(buffer, format="PNG")
    return buffer.getvalue()


def sound(i):
    buffer = io.BytesIO()
    wave = np.sin(np.arange(800) * (0.1 + i % 2)).astype(np.float32)
    soundfile.write(buffer, wave, 8000, format="WAV")
    return buffer.getvalue()


@pytest.fixture(params=["memory", "file"])
def root(request, tmp_path):
    """The URL of a folder of pictures and sounds."""
    root = "memory://urls" if request.param == "memory" else tmp_path.as_uri()
    for i in range(N):
        write(f"{root}/{i}.png", picture(i))
        write(f"{root}/{i}.wav", sound(i))
    yield root
    if request.param == "memory":
        fsspec.filesystem("memory").rm("/urls", recursive=True)


def rows(root):
    names = {"image": "png", "audio": "wav"}
    return pd.DataFrame(
        {k: [f"{root}/{i}.{end}" for i in range(N)] for k, end in names.items()}
    )


def test_cells_are_those_of_the_bytes(root):
    np.testing.assert_array_equal(
        decode_image(f"{root}/3.png"), decode_image(picture(3))
    )
    np.testing.assert_array_equal(
        decode_audio("3.wav", root=root)[0], decode_audio(sound(3))[0]
    )


def test_a_fit_on_urls_is_a_fit_on_bytes(root):
    X, y = rows(root), np.arange(N) % 2
    of_bytes = pd.DataFrame(
        {"image": [picture(i) for i in range(N)], "audio": [sound(i) for i in range(N)]}
    )
    params = {
        "fusion": "feature",
        "random_state": 0,
        "training": Training(max_epochs=2),
    }
    auto = FusionClassifier("auto", **params).fit(X, y)
    assert auto.encoders_["image"].kind == "image"
    np.testing.assert_array_equal(auto.predict_proba(of_bytes), auto.predict_proba(X))
    encoders = [("image", ImageEncoder()), ("audio", AudioEncoder())]
    clf = FusionClassifier(encoders, **params)
    expected = clf.fit(of_bytes, y).predict_proba(of_bytes)
    np.testing.assert_array_equal(clf.fit(X, y).predict_proba(X), expected)
    encoders = [("image", ImageEncoder(root=root)), ("audio", AudioEncoder(root=root))]
    clf = FusionClassifier(encoders, **params)
    X = X.map(lambda url: url.rsplit("/", 1)[1])
    np.testing.assert_array_equal(clf.fit(X, y).predict_proba(X), expected)


def test_a_file_that_changed_has_another_key(root):
    cells = pd.Series([f"{root}/1.png", f"{root}/2.png"])
    before = row_keys(cells)
    np.testing.assert_array_equal(row_keys(cells), before)
    write(f"{root}/1.png", picture(5) + b"more")
    after = row_keys(cells)
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_a_missing_file_and_an_unknown_protocol_name_the_row(root):
    X, y = rows(root), np.arange(N) % 2
    X.loc[3, "image"] = f"{root}/none.png"
    clf = FusionClassifier(
        [("image", ImageEncoder((4,), 4))], training=Training(max_epochs=1)
    )
    with pytest.raises(CellError, match=r"'image', row 3: .*none\.png"):
        clf.fit(X, y)
    with pytest.warns(UserWarning, match="1 of 16 cells cannot be read"):
        clf.set_params(on_error="missing").fit(X, y)
    with pytest.raises(ValueError, match="Protocol not known: nowhere"):
        decode_image("nowhere://a.png")


def test_without_fsspec_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ImportError, match=r"'memory://a.png' needs fsspec: pip"):
        decode_image("memory://a.png")
    with pytest.raises(ImportError, match="needs fsspec"):
        FusionClassifier([("image", ImageEncoder())], on_error="missing").fit(
            pd.DataFrame({"image": ["memory://a.png", "memory://b.png"]}), [0, 1]
        )


def test_what_is_a_url():
    assert is_url("s3://bucket/a.png")
    assert is_url("simplecache::https://host/a.png")
    assert not is_url("C:\\a.png")
    assert not is_url("see http://host/a.png")
    assert join("s3://bucket/", "a.png") == "s3://bucket/a.png"
    assert join("s3://bucket", "file:///a.png") == "file:///a.png"
    assert join("folder", "a.png") == "folder/a.png"
    assert join(None, "a.png") == "a.png"
