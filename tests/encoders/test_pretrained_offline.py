"""The real weights of the extra ``offline``, and ``encoders="pretrained"``."""

import pickle
import socket

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from skmultimodal import (
    FusionClassifier,
    MultimodalData,
    PretrainedEncoder,
    RowCache,
    Training,
)
from skmultimodal.datasets import load_spoken_digits
from skmultimodal.encoders.features._row_cache import clear_row_cache
from skmultimodal.encoders.pretrained import _installed, _onnx
from skmultimodal.estimators._layout import layout_of
from skmultimodal.fusion import DecisionFusion
from skmultimodal.inspection import modality_importance

LACKING = [name for name in _installed.PACKAGED if not _installed.is_installed(name)]
pytestmark = pytest.mark.skipif(
    bool(LACKING), reason=f"needs the extra 'offline', for {LACKING}"
)


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Fail on any connection."""

    def refuse(*args):
        raise AssertionError("a test opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="module")
def rows(emoji):
    X, y = emoji
    y = np.asarray(y)
    keep = np.unique(y)[:3]
    chosen = np.concatenate([np.flatnonzero(y == label)[:16] for label in keep])
    return X.iloc[chosen].reset_index(drop=True), y[chosen]


@pytest.fixture(scope="module")
def fitted(rows):
    X, y = rows
    return FusionClassifier("pretrained", random_state=0).fit(X[::2], y[::2])


def test_images_give_what_the_package_gives(rows):
    torch = pytest.importorskip("torch")
    package = pytest.importorskip("efficientnet_lite_pytorch")
    image = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    cells = np.empty(1, dtype=object)
    cells[0] = image
    found = RowCache(PretrainedEncoder("efficientnet-lite0")).fit_transform(cells)
    model = package.EfficientNet.from_name("efficientnet-lite0")
    (file,) = _installed.PACKAGED["efficientnet-lite0"].files
    path = _installed.files_of("efficientnet-lite0") / file
    model.load_state_dict(torch.load(path, weights_only=True))
    pixels = (torch.tensor(image).permute(2, 0, 1)[None].float() - 127) / 128
    with torch.no_grad():
        expected = model.eval().extract_features(pixels).mean(dim=(2, 3))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_sentences_give_what_sentence_transformers_gives():
    package = pytest.importorskip("sentence_transformers")
    texts = ["a cat", "a small cat sleeps on the mat", "tax law", ""]
    found = RowCache(PretrainedEncoder("all-MiniLM-L6-v2")).fit_transform(texts)
    folder = str(_installed.files_of("all-MiniLM-L6-v2"))
    expected = package.SentenceTransformer(folder, device="cpu").encode(texts)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_sounds_give_what_the_package_gives(monkeypatch):
    utils = pytest.importorskip("openwakeword.utils")
    monkeypatch.setattr(_onnx, "MARGIN", 0)
    wave = np.random.default_rng(0).normal(0, 0.1, 24000).astype(np.float32)
    wave = (wave * 32767).astype(np.int16)
    found = RowCache(PretrainedEncoder("speech-embedding")).fit_transform([wave])
    windows = utils.AudioFeatures()._get_embeddings(wave)
    np.testing.assert_allclose(found[0], windows.mean(axis=0), atol=0.05)
    clear_row_cache()


def test_sounds_tell_spoken_digits_apart():
    digits = load_spoken_digits()
    sounds, y = digits.data["audio"].to_numpy(), np.asarray(digits.target)
    train, test = np.arange(0, 160), np.arange(160, 220)
    encoder = PretrainedEncoder("speech-embedding", sampling_rate=8000)
    found = RowCache(encoder).fit_transform(sounds[:220])
    nearest = KNeighborsClassifier(1).fit(found[train], y[train])
    assert nearest.score(found[test], y[test]) > 0.8


def test_one_word_puts_the_best_installed_beside_the_classical_models(rows, fitted):
    X, y = rows
    kinds = ["image", "image_pretrained", "text", "text_pretrained"]
    assert fitted.modalities_ == kinds
    assert fitted.columns_["image_pretrained"] == "image"
    report = fitted.pretrained_report_
    assert report["model"].tolist() == ["efficientnet-lite0", "all-MiniLM-L6-v2"]
    assert report["reason"].str.contains("best installed").all()
    alone = FusionClassifier(random_state=0).fit(X[::2], y[::2])
    assert fitted.score(X[1::2], y[1::2]) > alone.score(X[1::2], y[1::2]) + 0.1
    again = pickle.loads(pickle.dumps(fitted))
    assert len(pickle.dumps(fitted)) < 10e6  # without the weights
    proba = fitted.predict_proba(X[1::2])
    np.testing.assert_array_equal(again.predict_proba(X[1::2]), proba)
    np.testing.assert_allclose(again.predict_proba(X[1:2]), proba[:1], atol=1e-6)


def test_auto_stays_as_it_is_whatever_is_installed(rows):
    X, _ = rows
    layout = layout_of(X, "auto", None, "FusionClassifier")
    assert "RowCache" not in repr(layout.encoders(DecisionFusion()))
    assert layout.chosen == {}
    assert list(layout.columns) == ["image", "text"]


def test_one_modality_by_the_word_and_an_absent_cell(rows):
    X, y = rows
    X = X.astype({"text": object})
    X.loc[[0, 5], "text"] = None
    for encoders in ({"text": "pretrained"}, [("text", "pretrained")]):
        few = X if isinstance(encoders, dict) else X[["text"]]
        clf = FusionClassifier(encoders, random_state=0).fit(few, y)
        assert {"text", "text_pretrained"} <= set(clf.modalities_)
        assert "image_pretrained" not in clf.modalities_
        alone = clf.predict_proba_per_modality(few)
        absent = np.isnan(alone["text_pretrained"]).any(axis=1)
        assert np.flatnonzero(absent).tolist() == [0, 5]


def test_networks_take_it_frozen(rows):
    X, y = rows
    clf = FusionClassifier(
        {"text": "pretrained", "image": "drop"},
        fusion="feature",
        random_state=0,
        training=Training(max_epochs=3),
    ).fit(X, y)
    encoder = clf.encoders_["text_pretrained"]
    assert isinstance(encoder, PretrainedEncoder)
    assert encoder.mean_.shape == (384,)
    assert np.isfinite(clf.predict_proba(X)).all()


def test_other_members_may_stand_beside_pretrained_encoders(fitted):
    assert fitted.fusion_report_["member"].tolist()[:2] == ["sum", "stack"]


def test_importance_counts_the_two_models_of_a_modality(rows):
    X, y = rows
    clf = FusionClassifier({"text": "pretrained", "image": "drop"}, random_state=0)
    clf.fit(X, y)
    for removal in ("mask", "refit"):
        found = modality_importance(clf, X, y, removal=removal).importances_
        assert list(found.index) == ["text", "text_pretrained"]
        assert np.isfinite(found).all()


def test_what_is_lacking_is_said_and_the_rest_is_used(rows, monkeypatch):
    X, y = rows
    X = MultimodalData({"text": X["text"].to_numpy(), "image": X["image"].to_numpy()})
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite_pytorch", None)
    with pytest.warns(UserWarning, match="no pretrained encoder of image, none inst"):
        clf = FusionClassifier("pretrained", random_state=0).fit(X, y)
    assert clf.modalities_ == ["text", "text_pretrained", "image"]
    with pytest.raises(ImportError, match="No pretrained encoder of image is inst"):
        FusionClassifier({"image": "pretrained"}).fit(X, y)
