"""Every form in which X may come, and what is said about those that may not."""

import io
import warnings
from datetime import datetime

import joblib
import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

from skmultimodal import (
    AudioEncoder,
    DecisionFusion,
    FusionClassifier,
    ImageEncoder,
    ModuleEncoder,
    MultimodalData,
    SequenceEncoder,
    TabularEncoder,
    TextEncoder,
)
from skmultimodal.training._network import module_key
from tests.parameters import nested

FOUR = ["parallel", "sequential", "feature", "decision"]
JOINT = FOUR[:3]
TRAINING = {"max_epochs": 2, "batch_size": 32, "random_state": 0}
PARTS = {"u": ["a", "b"], "v": ["c", "d"]}


def image():
    return "image", ImageEncoder((4,), 8)


def text():
    return "text", TextEncoder(embedding_features=8, out_features=8)


def classifier(*encoders, fusion="parallel", **kwargs):
    return FusionClassifier(list(encoders), fusion, **nested(TRAINING | kwargs))


def two_tables(**kwargs):
    encoders = [(name, TabularEncoder((8,), 8)) for name in PARTS]
    return classifier(*encoders, **{"columns": PARTS} | kwargs)


# numpy < 2 adds rows and columns of a matrix in another order
LAST_BIT = 2**-52


def same(first, second, atol=0.0):
    np.testing.assert_allclose(first, second, rtol=0, atol=atol)


@pytest.fixture(scope="module")
def emoji_rows(emoji_small):
    X, y = emoji_small
    return X[:80], y[:80]


@pytest.fixture(scope="module")
def fitted(emoji_rows):
    """A classifier of images and texts; not to be fitted again."""
    return classifier(image(), text()).fit(*emoji_rows)


@pytest.fixture(scope="module")
def numbers():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(80, 4)), columns=list("abcd"))
    return X, (X["a"] + X["c"] > 0).astype(int)


@pytest.fixture(scope="module")
def mixed(numbers):
    """A table of every kind of column, with missing cells."""
    X, y = numbers
    X = X.assign(
        a=X["a"].where(X["a"] < 1),
        sky=pd.Categorical(np.where(X["b"] > 0, "blue", "grey")),
        city=pd.Series(list("xyz?") * 20).replace("?", None),
        wet=X["d"] > 0,
        day=pd.date_range("2020-01-01", periods=80).where(X["c"] < 1),
        count=pd.array([1, 2, None, 4] * 20, dtype="Int64"),
    )
    return X, y


# -- containers ---------------------------------------------------------------------


def as_polars(X, kind):
    polars = pytest.importorskip("polars")
    if kind == "object":
        images = polars.Series("image", list(X["image"]), dtype=polars.Object)
    elif kind == "array":
        shape = X["image"].iloc[0].shape
        images = polars.Series(
            "image", np.stack(X["image"]), dtype=polars.Array(polars.UInt8, shape)
        )
    else:
        images = polars.Series("image", [cell.tolist() for cell in X["image"]])
    return polars.DataFrame([images, polars.Series("text", X["text"].tolist())])


CONTAINERS = {
    "dict": lambda X: {name: X[name] for name in X},
    "dict_of_blocks": lambda X: {
        "image": np.stack(X["image"]),
        "text": X["text"].tolist(),
    },
    "multimodal_data": lambda X: MultimodalData({name: X[name] for name in X}),
    "other_index": lambda X: X.set_axis(np.arange(len(X)) + 7),
    "other_order": lambda X: X[["text", "image"]],
    "extra_columns": lambda X: X.assign(noise=1.0, more="words here"),
    "polars_object": lambda X: as_polars(X, "object"),
    "polars_array": lambda X: as_polars(X, "array"),
    "polars_list": lambda X: as_polars(X, "list"),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_containers_agree(emoji_rows, fitted, kind):
    X, y = emoji_rows
    expected, other = fitted.predict_proba(X), CONTAINERS[kind](X)
    same(fitted.predict_proba(other), expected)
    same(clone(fitted).fit(other, y).predict_proba(X), expected)


@pytest.mark.parametrize("kind", ["dict", "multimodal_data", "polars"])
def test_containers_agree_on_a_table(mixed, kind):
    X, y = mixed
    if kind == "polars":
        X_other = pytest.importorskip("polars").from_pandas(X)
    else:
        X_other = CONTAINERS[kind](X)
    clf = FusionClassifier(fusion="parallel", **nested(TRAINING)).fit(X, y)
    expected = clf.predict_proba(X)
    assert clf.modalities_ == ["table"]
    same(clf.predict_proba(X_other), expected, 1e-6)
    same(clone(clf).fit(X_other, y).predict_proba(X_other), expected, 1e-6)


def test_pandas_dtypes_agree(mixed):
    X, y = mixed
    given = {"table": TabularEncoder()}  # folds of a model are by content, by dtype
    clf = FusionClassifier(given, "parallel", **nested(TRAINING)).fit(X, y)
    nullable = X.convert_dtypes()
    plain = X.astype({"sky": object, "city": object, "wet": object, "count": float})
    plain["day"] = [None if day is pd.NaT else datetime.date(day) for day in X["day"]]
    for other in (nullable, plain):
        same(clone(clf).fit(other, y).predict_proba(other), clf.predict_proba(X), 1e-6)


def test_a_matrix_in_any_form(numbers):
    X, y = numbers
    clf = FusionClassifier(**nested(TRAINING)).fit(X.to_numpy(), y)
    expected = clf.predict_proba(X.to_numpy())
    assert expected.dtype == np.float64
    for other in (X, X.to_numpy().tolist(), X.astype("Float64")):
        same(clone(clf).fit(other, y).predict_proba(other), expected, LAST_BIT)
    holes = X.mask(X > 1)
    nullable = holes.astype("Float64")
    same(
        clone(clf).fit(nullable, y).predict_proba(nullable),
        clone(clf).fit(holes.to_numpy(), y).predict_proba(holes.to_numpy()),
        LAST_BIT,
    )
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        clone(clf).fit(csr_array(X.to_numpy()), y)


def test_a_frame_of_numbers_with_named_modalities(numbers):
    X, y = numbers
    clf = two_tables().fit(X, y)
    same(clf.predict_proba(X[list("dcba")].assign(e=0.0)), clf.predict_proba(X))
    alone = clone(clf).set_params(v="drop").fit(X, y)
    same(alone.predict_proba(X[["a", "b"]]), alone.predict_proba(X))


def test_positions_and_slices(numbers):
    X, y = numbers
    array = X.to_numpy()
    expected = two_tables().fit(X, y).predict_proba(X)
    for columns in (
        {"u": [0, 1], "v": [2, 3]},
        {"u": slice(0, 2), "v": slice(2, 4)},
        {"u": slice(None, -2), "v": [-2, -1]},
    ):
        clf = two_tables(columns=columns)
        same(clf.fit(X, y).predict_proba(X), expected)
        same(clf.fit(array, y).predict_proba(array), expected, LAST_BIT)
        objects = array.astype(object)
        same(clf.fit(objects, y).predict_proba(objects), expected, 1e-5)


def test_object_array_with_positions(emoji_rows, fitted):
    X, y = emoji_rows
    array = X.to_numpy(dtype=object)
    where = {"image": list(X).index("image"), "text": list(X).index("text")}
    clf = clone(fitted).set_params(columns=where).fit(array, y)
    same(clf.predict_proba(array), fitted.predict_proba(X))
    same(clf.predict_proba(X), fitted.predict_proba(X))


def test_one_modality_not_named_like_a_column(emoji_rows, numbers):
    X, y = emoji_rows
    named = classifier(text()).fit(X, y).predict_proba(X)
    same(
        classifier(("text", text()[1]), columns={"text": "text"})
        .fit(X, y)
        .predict_proba(X),
        named,
    )
    words = ("words", TfidfVectorizer())
    clf = classifier(words).fit(X[["text"]], y)
    same(clf.predict_proba(X), clf.predict_proba(X[["text"]]))
    X, y = numbers
    clf = classifier(("all", TabularEncoder())).fit(X, y)
    same(clf.predict_proba(X.assign(e=1.0)[list("edcba")]), clf.predict_proba(X))
    blocks = {"block": X.to_numpy()}
    same(
        clf.fit(blocks, y).predict_proba({**blocks, "more": X}),
        clf.predict_proba(blocks),
    )


def test_drop_removes_a_modality(emoji_rows, fitted):
    X, y = emoji_rows
    clf = clone(fitted).set_params(text="drop").fit(X, y)
    assert clf.modalities_ == ["image"]
    same(clf.predict_proba(X[["image"]]), clf.predict_proba(X))
    with pytest.raises(ValueError, match=r"Every encoder .* is 'drop'"):
        clone(clf).set_params(image="drop").fit(X, y)


def test_multimodal_data_is_sliced_by_rows(emoji_rows):
    X, y = emoji_rows
    X, y = X[y.isin(y.value_counts().index[:3])], y[y.isin(y.value_counts().index[:3])]
    images = np.repeat(np.stack(X["image"]), 4, axis=0).astype(np.float32)
    data = MultimodalData({"image": images, "text": X["text"].repeat(4).tolist()})
    assert images.nbytes > 2**20  # joblib maps it into the memory of its workers
    labels = y.repeat(4).to_numpy()
    train, test, _, y_test = train_test_split(data, labels, random_state=0)
    assert isinstance(train, MultimodalData)
    assert len(test) == len(y_test)
    clf = classifier(image(), text(), max_epochs=1)
    one = cross_val_score(clf, data, labels, cv=2, n_jobs=1)
    np.testing.assert_array_equal(
        one, cross_val_score(clf, data, labels, cv=2, n_jobs=2)
    )


def test_memory_map(emoji_rows, fitted, tmp_path):
    X, y = emoji_rows
    path = tmp_path / "images.joblib"
    joblib.dump(np.stack(X["image"]), path)
    mapped = {"image": joblib.load(path, mmap_mode="r"), "text": X["text"]}
    clf = clone(fitted).fit(mapped, y)
    same(clf.predict_proba(mapped), fitted.predict_proba(X))


# -- cells --------------------------------------------------------------------------


def png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def written(frame, write, folder, suffix):
    paths = []
    for i, cell in enumerate(frame):
        paths.append(folder / f"{i}{suffix}")
        write(paths[-1], cell)
    return paths


COLOUR_FORMS = {
    "list": lambda cell: cell.tolist(),
    "int64": lambda cell: cell.astype(np.int64),
    "rgba": lambda cell: np.dstack([cell, np.full(cell.shape[:2], 255, np.uint8)]),
    "pil": Image.fromarray,
    "png": png,
}


@pytest.mark.parametrize("form", COLOUR_FORMS)
def test_forms_of_a_coloured_picture(emoji_rows, fitted, form):
    X, y = emoji_rows
    other = X.assign(image=X["image"].map(COLOUR_FORMS[form]))
    expected = fitted.predict_proba(X)
    same(fitted.predict_proba(other), expected)
    same(clone(fitted).fit(other, y).predict_proba(X), expected)


GREY_FORMS = {
    "channel": lambda cell: cell[:, :, None],
    "three": lambda cell: np.dstack([cell] * 3),
    "opaque": lambda cell: np.dstack([*[cell] * 3, np.full_like(cell, 255)]),
    "pil": Image.fromarray,
    "png": png,
}


@pytest.mark.parametrize("form", GREY_FORMS)
def test_forms_of_a_grey_picture(digits_small, form):
    X, y = digits_small
    grey = (X["image"] * 15).map(lambda cell: cell.astype(np.uint8))[:60]
    clf = classifier(image()).fit(grey.to_frame(), y[:60])
    other = grey.map(GREY_FORMS[form]).to_frame()
    same(clf.predict_proba(other), clf.predict_proba(grey.to_frame()))


@pytest.mark.parametrize("as_type", [str, lambda path: path], ids=["str", "path"])
def test_paths_of_pictures(emoji_rows, fitted, tmp_path, as_type):
    X, y = emoji_rows
    paths = written(X["image"], lambda p, c: p.write_bytes(png(c)), tmp_path, ".png")
    other = X.assign(image=list(map(as_type, paths)))
    same(fitted.predict_proba(other), fitted.predict_proba(X))
    auto = FusionClassifier(fusion="parallel", **nested(TRAINING))
    names = other.assign(image=[path.name for path in paths])
    rooted = ("image", ImageEncoder((4,), 8, root=tmp_path))
    clf = classifier(rooted, text()).fit(names, y)
    same(clf.predict_proba(names), fitted.predict_proba(X))
    kinds = {k: e.kind for k, e in auto.fit(other[:20], y[:20]).encoders_.items()}
    assert kinds == {"image": "image", "text": "text"}


@pytest.mark.parametrize(
    ("suffix", "subtype", "atol"), [(".wav", "FLOAT", 0), (".flac", "PCM_24", 1e-4)]
)
def test_paths_of_sounds(digits_small, tmp_path, suffix, subtype, atol):
    X, y = digits_small[0][:40], digits_small[1][:40]
    sounds = X["audio"].map(lambda sound: np.clip(sound, -1, 1 - 2**-20))
    X = sounds.to_frame()
    paths = written(
        sounds, lambda p, c: soundfile.write(p, c, 8000, subtype), tmp_path, suffix
    )
    clf = classifier(("audio", AudioEncoder(hidden_features=8, out_features=8)))
    expected = clf.fit(X, y).predict_proba(X)
    same(clf.predict_proba(pd.DataFrame({"audio": paths})), expected, atol)
    pairs = pd.DataFrame({"audio": [(sound, 8000) for sound in sounds]})
    same(clf.predict_proba(pairs), expected)
    contents = pd.DataFrame({"audio": [path.read_bytes() for path in paths]})
    same(clf.predict_proba(contents), expected, atol)


def test_series_of_any_length(numbers):
    rng = np.random.default_rng(0)
    y = numbers[1][:40]
    rows = [rng.normal(size=(n, 2)) for n in rng.integers(3, 9, 40)]
    clf = FusionClassifier(fusion="parallel", **nested(TRAINING))
    X = pd.DataFrame({"steps": rows})
    expected = clf.fit(X, y).predict_proba(X)
    assert clf.encoders_["steps"].kind == "sequence"
    same(clf.predict_proba({"steps": [row.tolist() for row in rows]}), expected)
    one_channel = pd.DataFrame({"steps": [row[:, 0] for row in rows]})
    clf = classifier(("steps", SequenceEncoder())).fit(one_channel, y)
    column = pd.DataFrame({"steps": [row[:, :1] for row in rows]})
    same(clf.predict_proba(column), clf.predict_proba(one_channel))


# -- encoders of others -------------------------------------------------------------


@pytest.mark.parametrize("fusion", JOINT)
def test_scikit_learn_transformers_encode(numbers, fusion):
    X, y = numbers
    X = X.assign(note=np.where(y == 1, "a red car", "blue boats"))
    clf = classifier(
        ("note", TfidfVectorizer()),
        ("table", StandardScaler()),
        fusion=fusion,
        columns={"table": ["a", "b"]},
        max_epochs=25,
    ).fit(X, y)
    assert clf.score(X, y) == 1.0
    transformer = clf.encoders_["table"].transformer_
    np.testing.assert_allclose(transformer.mean_, X[["a", "b"]].mean())
    assert set(clf.encoders_["note"].transform(X["note"])) == {"indices", "values"}


def frozen():
    return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 8))


def test_a_frozen_module_keeps_its_weights(numbers):
    X, y = numbers
    encoders = [("u", ModuleEncoder(frozen, freeze=True)), ("v", TabularEncoder())]
    start = classifier(*encoders, columns=PARTS, max_epochs=1).fit(X, y)
    end = classifier(*encoders, columns=PARTS, max_epochs=5).fit(X, y)
    weights = [
        list(clf.net_.module_.encoders[module_key("u")].parameters())
        for clf in (start, end)
    ]
    for first, second in zip(*weights, strict=True):
        assert not first.requires_grad
        same(first.numpy(), second.numpy())


# -- what is absent -----------------------------------------------------------------


@pytest.mark.parametrize("fusion", FOUR)
def test_a_column_missing_at_predict_is_an_absent_modality(emoji_rows, fusion):
    X, y = emoji_rows
    clf = classifier(image(), text(), fusion=fusion).fit(X, y)
    masked = clf.predict_proba(X.assign(text=None))
    with pytest.warns(UserWarning, match=r"no column for \['text'\]") as caught:
        same(clf.predict_proba(X[["image"]]), masked)
    assert len(caught) == 1
    with pytest.raises(ValueError, match="no column for any modality"):
        clf.predict(X[["image"]].rename(columns={"image": "picture"}))
    clf.set_params(missing="raise")
    with pytest.raises(ValueError, match="no column for modality 'text'"):
        clf.predict(X[["image"]])


@pytest.mark.parametrize("fusion", FOUR)
def test_a_row_with_nothing_gets_the_prior(emoji_rows, fusion):
    X, y = emoji_rows
    clf = classifier(image(), text(), fusion=fusion).fit(X, y)
    nothing = pd.DataFrame({"image": [None, None], "text": [None, np.nan]})
    shares = y.value_counts(normalize=True)[clf.classes_].to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        proba = clf.predict_proba(nothing)
    np.testing.assert_allclose(proba, [shares, shares], atol=2e-2)
    np.testing.assert_array_equal(proba[0], proba[1])
    part = pd.concat([X[:2], nothing], ignore_index=True)
    same(clf.predict_proba(part)[2:], proba, 1e-6)
    same(clf.predict_proba(part)[:2], clf.predict_proba(X[:2]), 1e-6)


def test_part_of_a_table_missing_is_an_error(birdstrikes_small):
    X, y = birdstrikes_small
    clf = FusionClassifier(fusion="parallel", **nested(TRAINING)).fit(X, y)
    lost = ["height", "sky"]
    with pytest.raises(ValueError, match=r"'table'.* lacks \['height', 'sky'\]"):
        clf.predict(X.drop(columns=lost))
    unknown = X.assign(height=np.nan, sky=None)
    assert clf.predict(unknown).shape == y.shape


def test_missing_raise_names_the_modality_and_the_row(emoji_rows):
    X, y = emoji_rows
    holes = X.copy()
    holes["text"] = holes["text"].where(np.arange(len(X)) != 3, None)
    message = r"'text' is absent from row 3 \(1 absent"
    clf = classifier(image(), text(), missing="raise")
    with pytest.raises(ValueError, match=message):
        clf.fit(holes, y)
    with pytest.raises(ValueError, match=message):
        clf.fit(X, y).predict(holes)
    assert clf.set_params(missing="mask").predict(holes).shape == y.shape


# -- mistakes -----------------------------------------------------------------------


@pytest.mark.parametrize("fusion", FOUR)
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"u": 1.0, "w": 1.0}, "'u', 'v'.*'u', 'w'"),
        ({"u": 1.0}, "'u', 'v'.*'u'"),
        ({"u": 1.0, "v": -1.0}, "non-negative"),
        ("learnt", "must be"),
    ],
)
def test_wrong_weights(numbers, fusion, weights, message):
    clf = two_tables(fusion=fusion)
    with pytest.raises(ValueError, match=f"'weights' .*{message}"):
        clf.set_params(fusion__weights=weights).fit(*numbers)


def test_the_weight_of_a_dropped_modality_is_ignored(numbers):
    clf = two_tables(fusion=DecisionFusion(weights={"u": 1.0, "v": 2.0}))
    clf.set_params(v="drop").fit(*numbers)
    assert list(clf.fusion_weights_) == ["u"]


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (
            {"columns": {"u": ["a"], "v": "D"}},
            ValueError,
            "column 'D' for modality 'v'. Did you mean 'd'",
        ),
        ({"columns": {"u": ["a"], "v": ["c", "e"]}}, ValueError, "no column 'e'"),
        ({"columns": {"u": ["a"], "w": ["b"]}}, ValueError, r"entries for \['w'\]"),
        ({"columns": {"u": [0], "v": [9]}}, ValueError, "'v'.*9"),
        ({"encoders": "auto", "columns": {"tabel": ["a"]}}, ValueError, "'tabel'"),
        ({"encoders": "none"}, ValueError, "'auto', 'pretrained', a list"),
        ({"encoders": [("u", 3)]}, TypeError, "'u': expected an encoder"),
        ({"encoders": []}, ValueError, "empty"),
        ({"encoders": [("u", "drop")] * 2}, ValueError, "not unique"),
        ({"fusion": "paralel"}, ValueError, "Did you mean 'parallel'"),
        ({"fusion": DecisionFusion}, ValueError, "strategy object"),
    ],
)
def test_wrong_parameters(numbers, params, error, message):
    with pytest.raises(error, match=message):
        two_tables().set_params(**params).fit(*numbers)


@pytest.mark.parametrize("rows", ["array", "list", "objects"])
def test_an_array_after_a_frame(numbers, mixed, rows):
    make = {
        "array": np.asarray,
        "list": lambda X: X.to_numpy().tolist(),
        "objects": lambda X: X.to_numpy(dtype=object),
    }[rows]
    X, y = numbers
    with pytest.raises((TypeError, ValueError), match="Pass a DataFrame"):
        two_tables().fit(X, y).predict(make(X))
    clf = FusionClassifier(fusion="parallel", **nested(TRAINING)).fit(*mixed)
    with pytest.raises((TypeError, ValueError), match="Pass a DataFrame"):
        clf.predict(make(X))


def test_duplicate_columns(numbers):
    X, y = numbers
    twice = X.assign(e=0.0).rename(columns={"e": "a"})
    with pytest.raises(ValueError, match=r"(unique|duplicate) column names"):
        two_tables().fit(twice, y)
    with pytest.raises(ValueError, match=r"duplicate column names: \['a'\]"):
        two_tables().fit(X, y).predict(twice)


@pytest.mark.parametrize(
    "X",
    [np.zeros((80, 8, 8)), pd.Series(np.zeros(80))],
    ids=["three_axes", "series"],
)
def test_one_block_must_be_named(numbers, X):
    clf = FusionClassifier(fusion="parallel", **nested(TRAINING))
    with pytest.raises(ValueError, match=r"Name the modality it holds: \{'name': X\}"):
        clf.fit(X, numbers[1])
    if X.ndim == 3:
        assert clf.fit({"pictures": X}, numbers[1]).modalities_ == ["pictures"]


def test_nothing_to_read(numbers):
    X, y = numbers
    clf = two_tables().fit(X, y)
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        clf.predict(X[:0])
    with pytest.raises(ValueError, match="FusionClassifier"):
        FusionClassifier(**nested(TRAINING)).fit(X[[]], y)


def test_columns_of_two_levels(mixed):
    X, y = mixed
    X = X.assign(note=np.where(y == 1, "a red car", "two blue boats"))
    deep = X.set_axis(pd.MultiIndex.from_product([["x"], X.columns]), axis=1)
    clf = FusionClassifier(fusion="parallel", **nested(TRAINING))
    same(clf.fit(deep, y).predict(deep), clf.fit(X, y).predict(X))


def test_rows_must_agree(numbers):
    X, y = numbers
    with pytest.raises(ValueError, match=r"same number of samples.*'u': 80, 'v': 79"):
        MultimodalData({"u": X, "v": X[:-1]})
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        two_tables().fit(X, y[:-1])


@pytest.mark.parametrize("fitted_before", [True, False])
def test_a_failed_fit_changes_nothing(numbers, fitted_before):
    X, y = numbers
    clf = two_tables()
    if fitted_before:
        clf.fit(X, y)
    before = dict(vars(clf))
    broken = X.assign(e=1.0, a=np.inf)
    with pytest.raises(ValueError, match="infin"):
        clf.fit(broken, y)
    assert vars(clf).keys() == before.keys()
    assert all(vars(clf)[key] is value for key, value in before.items())
    assert not hasattr(clf, "classes_") or clf.n_features_in_ == 4
