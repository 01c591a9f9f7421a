"""Parquet files, block by block: what is read, trained on, predicted and written."""

import sys

import numpy as np
import pandas as pd
import pytest

from skmultimodal import (
    FusionClassifier,
    FusionRegressor,
    FusionTransformer,
    ImageEncoder,
    SequenceEncoder,
    TabularEncoder,
)
from skmultimodal.distributed import (
    partial_fit_parquet,
    predict_dask,
    predict_parquet,
    predict_ray,
    put_on_ray,
)
from skmultimodal.distributed._frames import frame_of, no_predictions, predictions
from tests.parameters import nested

pyarrow = pytest.importorskip("pyarrow")
N = 60


def rows(n=N):
    """Rows with a picture, a series of any length and a table, and their labels."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    X = pd.DataFrame(
        {
            "key": [f"row {i}" for i in range(n)],
            "image": [rng.integers(0, 99, (8, 8)).astype(np.uint8) + 50 * k for k in y],
            "series": [
                rng.normal(k, 1, (4 + i % 3, 2)).astype(np.float32)
                for i, k in enumerate(y)
            ],
            "size": rng.normal(size=n) + y,
        }
    )
    X["label"] = np.array(["a", "b", "c"])[y]
    return X


def write(frame, path, row_group_size=None):
    table = pyarrow.table(
        {
            name: [c.tolist() for c in frame[name]]
            if name in ("image", "series")
            else frame[name].to_numpy()
            for name in frame
        },
        schema=pyarrow.schema(
            {
                name: {
                    "image": pyarrow.list_(pyarrow.list_(pyarrow.uint8())),
                    "series": pyarrow.list_(pyarrow.list_(pyarrow.float32())),
                    "size": pyarrow.float64(),
                }.get(name, pyarrow.string())
                for name in frame
            }
        ),
    )
    pyarrow.parquet.write_table(table, path, row_group_size=row_group_size)


@pytest.fixture(params=["one file", "five files"])
def source(request, tmp_path):
    import pyarrow.parquet  # noqa: F401

    folder, frame = tmp_path / "rows", rows()
    folder.mkdir()
    if request.param == "one file":
        write(frame, folder / "0.parquet", row_group_size=25)
    for i in range(5) if request.param == "five files" else ():
        write(frame[12 * i : 12 * i + 12], folder / f"{i}.parquet")
    return folder


def classifier(fusion="parallel", cls=FusionClassifier, **params):
    encoders = [
        ("image", ImageEncoder((4,), 4)),
        ("series", SequenceEncoder(hidden_features=4, out_features=4)),
        ("table", TabularEncoder((4,), 4)),
    ]
    params = {"columns": {"table": ["size"]}, "random_state": 0} | params
    return cls(encoders, fusion, **nested(params, max_epochs=2))


COLUMNS = ["image", "series", "size"]


def test_training_is_that_of_blocks_in_memory(source):
    frame, clf = rows(), classifier()
    for _ in range(2):
        for start in range(0, N, 16):
            part = frame[start : start + 16]
            clf.partial_fit(part[COLUMNS], part["label"], classes=["a", "b", "c"])
    trained = partial_fit_parquet(
        classifier(),
        source,
        "label",
        columns=COLUMNS,
        classes=["a", "b", "c"],
        epochs=2,
        batch_rows=16,
    )
    assert trained.n_iter_ == 8
    np.testing.assert_array_equal(
        trained.predict_proba(frame), clf.predict_proba(frame)
    )


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "decision_function", "transform"]
)
def test_predictions_are_those_in_memory(source, tmp_path, method):
    frame = rows()
    clf = classifier().fit(frame[COLUMNS], frame["label"])
    out = tmp_path / "out.parquet"
    predict_parquet(clf, source, out, method=method, keep=["key"], batch_rows=16)
    found, expected = pd.read_parquet(out), getattr(clf, method)(frame)
    assert found.pop("key").tolist() == frame["key"].tolist()
    if method == "predict":
        assert list(found) == ["prediction"]
        assert found["prediction"].tolist() == expected.tolist()
    else:
        names = clf.get_feature_names_out() if method == "transform" else "abc"
        assert list(found) == list(names)
        np.testing.assert_array_equal(found.to_numpy(), expected)
    assert [path.name for path in tmp_path.glob("out*")] == ["out.parquet"]


def test_urls_and_data_sets(source):
    fsspec = pytest.importorskip("fsspec")
    datasets = pytest.importorskip("pyarrow.dataset")
    frame, memory = rows(), fsspec.filesystem("memory")
    clf = classifier().fit(frame[COLUMNS], frame["label"])
    try:
        memory.put(str(source), "/parquet", recursive=True)
        predict_parquet(clf, "memory://parquet", "memory://predicted.parquet")
        with memory.open("/predicted.parquet") as file:
            from_memory = pd.read_parquet(file)
        predict_parquet(clf, datasets.dataset(source), source / "out")
        files = sorted(source.glob("*.parquet"))
        predict_parquet(clf, files, source / "listed")
    finally:
        memory.rm("/parquet", recursive=True)
        memory.rm("/predicted.parquet")
    for found in (
        from_memory,
        pd.read_parquet(source / "out"),
        pd.read_parquet(source / "listed"),
    ):
        assert found["prediction"].tolist() == clf.predict(frame).tolist()


def test_a_failure_leaves_the_destination_as_it_was(source, tmp_path):
    frame = rows()
    clf = classifier(missing="raise").fit(frame[COLUMNS], frame["label"])
    write(frame[:20].assign(size=np.nan), source / "9.parquet")
    out = tmp_path / "out.parquet"
    out.write_bytes(b"earlier")
    with pytest.raises(ValueError, match="'table' is absent from row"):
        predict_parquet(clf, source, out, batch_rows=16)
    assert out.read_bytes() == b"earlier"
    assert [path.name for path in tmp_path.glob("out*")] == ["out.parquet"]


def test_cells_of_every_arrow_type():
    blocks = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    table = pyarrow.table(
        {
            "tensor": pyarrow.FixedShapeTensorArray.from_numpy_ndarray(blocks),
            "nested": pyarrow.array([b.tolist() for b in blocks[:2]] + [None]),
            "ragged": pyarrow.array([[[1.0], [2.0, 3.0]], [], [[4.0]]]),
            "wave": pyarrow.array(
                [[0.5, 1.0], None, []], pyarrow.list_(pyarrow.float32())
            ),
            "file": pyarrow.array([b"one", None, b""], pyarrow.binary()),
            "text": ["a", "b", None],
            "number": [1, 2, 3],
        }
    )
    frame = frame_of(pyarrow.concat_tables([table[:1], table[1:]]))
    np.testing.assert_array_equal(np.stack(list(frame["tensor"])), blocks)
    np.testing.assert_array_equal(np.stack(list(frame["nested"][:2])), blocks[:2])
    assert frame["nested"][0].dtype.kind == "i"
    assert frame["nested"][2] is None
    assert [part.tolist() for part in frame["ragged"][0]] == [[1.0], [2.0, 3.0]]
    assert frame["wave"][0].dtype == np.float32
    assert frame["file"].tolist() == [b"one", None, b""]
    assert frame["text"].isna().tolist() == [False, False, True]
    assert frame["number"].dtype == np.int64


@pytest.mark.parametrize("fusion", ["parallel", "feature", "decision"])
@pytest.mark.parametrize("kind", ["labels", "flags", "two labels", "value", "values"])
def test_no_rows_give_the_names_and_dtypes_of_rows(fusion, kind):
    frame = rows()
    y = {
        "labels": frame["label"],
        "flags": frame["label"] == "a",
        "two labels": np.stack([frame["label"] == "a", frame["size"] > 0], 1).astype(
            int
        ),
        "value": frame["size"],
        "values": frame[["size", "size"]].to_numpy(),
    }[kind]
    cls = FusionRegressor if kind.startswith("value") else FusionClassifier
    est = classifier(fusion, cls, on_empty="raise").fit(frame[COLUMNS], y)
    for method in ("predict", "predict_proba", "decision_function", "transform"):
        if hasattr(est, method):
            some = predictions(est, frame[COLUMNS], method)
            none = no_predictions(est, frame[COLUMNS][:0], method)
            assert type(some) is type(none)
            assert not len(none)
            pd.testing.assert_index_equal(none.index, some.index[:0])
            (pd.testing.assert_series_equal if some.ndim == 1
             else pd.testing.assert_frame_equal)(none, some.iloc[:0])  # fmt: skip


def test_what_is_asked_must_be_there(source, tmp_path):
    frame, out = rows(), tmp_path / "out"
    transformer = classifier(cls=FusionTransformer).fit(frame[COLUMNS], frame["label"])
    with pytest.raises(ValueError, match=r"must be one of \['transform'\] for Fusion"):
        predict_parquet(transformer, source, out)
    with pytest.raises(ValueError, match=r"but not \['colour'\]"):
        predict_parquet(transformer, source, out, method="transform", keep=["colour"])
    with pytest.raises(ValueError, match=r"but not \['colour'\]"):
        partial_fit_parquet(classifier(), source, "colour")
    write(frame[:0], tmp_path / "empty.parquet")
    with pytest.raises(ValueError, match="found no row"):
        partial_fit_parquet(classifier(), tmp_path / "empty.parquet", "label")
    with pytest.raises(ValueError, match="found no row"):
        predict_parquet(
            transformer, tmp_path / "empty.parquet", out, method="transform"
        )
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    ("module", "call", "line"),
    [
        ("dask", lambda: predict_dask(None, None), r"dask: pip .*\[dask\]"),
        ("dask.dataframe", lambda: predict_dask(None, None), r"dask: pip .*\[dask\]"),
        ("ray", lambda: predict_ray(None, None), r"ray: pip .*\[ray\]"),
        ("ray", lambda: put_on_ray({}), r"ray: pip .*\[ray\]"),
        (
            "pyarrow.dataset",
            lambda: partial_fit_parquet(None, "x", "y"),
            r"pyarrow: pip .*\[parquet\]",
        ),
        ("fsspec.core", lambda: predict_parquet(None, "s3://x", ""), r"\[dask\]"),
    ],
)
def test_without_an_extra_one_line_says_what_to_install(
    monkeypatch, module, call, line
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=line):
        call()
