"""Odd inputs under the default and parallel fusion, at fit and at predict: their ends.

An odd cell is put into one column, at row 3, before `fit` or before `predict`. It ends
in an error that names the modality, the row and what to do, in a warning that names the
column, or it simply works, with finite predictions. Whole odd inputs follow.
"""

import copy
import datetime
import io
import warnings
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy.sparse import csr_array

from skmultimodal import FusionClassifier, FusionRegressor, Training

N = 24
Y = np.arange(N) % 2
RNG = np.random.default_rng(0)
FUSIONS = ("auto", "parallel")
DAY = pd.Timestamp("2024-03-04")


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def pixels(*shape):
    return RNG.integers(0, 256, shape).astype(np.uint8)


def grad(*shape):
    return torch.rand(*shape, requires_grad=True)


def masked(values, mask):
    return np.ma.masked_array(values, np.broadcast_to(mask, np.shape(values)))


NUMBERS = RNG.normal(size=(N, 3))
X = pd.DataFrame(
    {
        "age": NUMBERS[:, 0],
        "tall": Y > 0,
        "when": pd.date_range("2024-01-01", periods=N),
        "took": pd.to_timedelta(range(N), unit="h"),
        "sky": ["clear", "fog"] * (N // 2),
        "note": [f"word{i} and word{i % 5}" for i in range(N)],
        "photo": [png(pixels(8, 8, 3)) for _ in range(N)],
        "wave": [RNG.normal(size=400 + i).astype(np.float32) for i in range(N)],
        "vector": list(NUMBERS),
        "walk": [RNG.normal(size=(9 + i, 2)) for i in range(N)],
    }
)
FINE = "works"


class Odd(NamedTuple):
    """A cell, and the pattern of its error at fit and at predict, or one a fusion."""

    cell: object
    fit: str | dict = FINE
    predict: str | dict = FINE

    def end(self, when, fusion):
        end = getattr(self, when)
        return end if isinstance(end, str) else end[fusion]


def both(cell, end):
    return Odd(cell, end, end)


def categories(cell, predict=FINE):
    """A cell that makes its column one of categories at fit."""
    return Odd(cell, "mix", predict)


def label(cell, kind, predict=None):
    """A cell that is no label of a table."""
    end = f"be a string or a number.*Got {kind}"
    return Odd(cell, end, predict or end)


NO_NUMBER = "column 'age' was numbers in fit. Got .* as a number"
# what trees can count with, and networks cannot
IN_NETWORKS = {
    "auto": FINE,
    "parallel": "column 'age' is .*(32 bit|standard deviations)",
}
NO_TRUTH = "column 'tall' was truth values in fit. Got .* as True or False"
NO_DATE = "column 'when' was dates in fit. Got .*to_datetime"
NO_DURATION = "column 'took' was durations in fit. Got .*to_timedelta"
MISSING_OR = ".*on_error='missing'"
NO_TEXT = "expected a text as str, got {}" + MISSING_OR
NO_IMAGE = "expected an image as array, PIL image, bytes or path, got {}" + MISSING_OR
NO_FILE = "[Nn]o such file.*{}" + MISSING_OR
NO_PATH = "expected the path of a file, got an empty text.*missing_values=''"
SHAPE = "expected an image of shape .*, got {}" + MISSING_OR
NOT_IMAGE = "cannot identify image file" + MISSING_OR
NO_SOUND = "expected a sound as array, .*, got {}" + MISSING_OR

CELLS = {
    "age": {
        "word": categories("x", NO_NUMBER),
        "comma": categories("12,50", NO_NUMBER),
        "unit": categories("12 kg", NO_NUMBER),
        "empty text": categories("", NO_NUMBER),
        "number as text": categories("3.5"),
        "truth value": categories(True),
        "fraction": Odd(Fraction(1, 3)),
        "decimal": Odd(Decimal("1.5")),
        "date": categories(DAY, NO_NUMBER),
        "day": categories(datetime.date(2024, 1, 1), NO_NUMBER),
        "duration": categories(pd.Timedelta(hours=1), NO_NUMBER),
        "None": Odd(None),
        "NaN": Odd(np.nan),
        "NA": Odd(pd.NA),
        "float32": Odd(np.float32(2)),
        "2**70": Odd(2**70, predict=IN_NETWORKS),
        "10**400": both(10**400, "column 'age' .* too large .*401 digits"),
        "1e39": both(1e39, IN_NETWORKS),
        "-1e300": both(-1e300, IN_NETWORKS),
        "1e20": Odd(1e20, predict=IN_NETWORKS),
        "infinity": both(np.inf, "column 'age' is infinite. Replace it"),
        "minus infinity": both(-np.inf, "column 'age' is infinite. Replace it"),
        "complex": label(1j, "complex.*real and imaginary", NO_NUMBER),
        "dict": label({"k": 1}, "dict.*json_normalize", NO_NUMBER),
        "list": label([1, 2], "list.*columns of their own", NO_NUMBER),
        "set": label({1, 2}, "set", NO_NUMBER),
        "tuple": label((1, 2), "tuple", NO_NUMBER),
        "array": label(np.arange(2), "ndarray", NO_NUMBER),
        "bytes": label(b"x", r"bytes.*\.decode", NO_NUMBER),
        "object": label(object(), "object", NO_NUMBER),
    },
    "tall": {
        "text": categories("True"),
        "lower text": categories("false"),
        "perhaps": categories("perhaps", NO_TRUTH),
        "three": categories(3, NO_TRUTH),
        "one": categories(1),
        "zero": categories(0.0),
        "None": Odd(None),
        "NA": Odd(pd.NA),
        "date": categories(DAY, NO_TRUTH),
        "dict": label({}, "dict", NO_TRUTH),
        "bytes": label(b"1", "bytes", NO_TRUTH),
        "infinity": categories(np.inf, NO_TRUTH),
    },
    "when": {
        "text": categories("2024-03-04"),
        "text with time": categories("2024-03-04T05:06"),
        "no date": categories("soon", NO_DATE),
        "other form": categories("04/03/24", NO_DATE),
        "number": categories(3, NO_DATE),
        "float": categories(2.5, NO_DATE),
        "truth value": categories(True, NO_DATE),
        "None": Odd(None),
        "NaT": Odd(pd.NaT),
        "datetime": Odd(datetime.datetime(2024, 1, 1)),
        "datetime64": Odd(np.datetime64("2024-01-01")),
        "duration": categories(pd.Timedelta(hours=1), NO_DATE),
        "dict": label({"k": 1}, "dict", NO_DATE),
        "list": label([1], "list", NO_DATE),
        "bytes": label(b"2024", "bytes", NO_DATE),
    },
    "took": {
        "timedelta": Odd(datetime.timedelta(hours=2)),
        "timedelta64": Odd(np.timedelta64(2, "h")),
        "None": Odd(None),
        "number": categories(3, NO_DURATION),
        "text": categories("3h", NO_DURATION),
        "date": categories(DAY, NO_DURATION),
        "dict": label({"k": 1}, "dict", NO_DURATION),
    },
    "sky": {
        "unseen": Odd("hail"),
        "empty text": Odd(""),
        "long": Odd("x" * 10_000),
        "lone surrogate": Odd("\ud800"),
        "None": Odd(None),
        "NaN": Odd(np.nan),
        "integer": categories(3),
        "float": categories(3.5),
        "truth value": categories(True),
        "date": categories(DAY),
        "dict": label({"k": 1}, "dict"),
        "list": label(["a", "b"], "list.*join them"),
        "set": label({1}, "set"),
        "frozenset": label(frozenset({1}), "frozenset"),
        "tuple": label((1, 2), "tuple"),
        "array": label(np.arange(3), "ndarray"),
        "tensor": label(grad(3), "Tensor"),
        "bytes": label(b"fog", r"bytes.*\.decode"),
        "bytearray": label(bytearray(b"fog"), "bytearray"),
        "function": label(len, "builtin_function"),
        "object": label(object(), "object"),
        "complex": label(1j, "complex"),
        "image": label(Image.new("L", (2, 2)), "Image"),
    },
    "note": {
        "integer": both(3, NO_TEXT.format("int")),
        "float": both(2.5, NO_TEXT.format("float")),
        "truth value": both(True, NO_TEXT.format("bool")),
        "date": both(DAY, NO_TEXT.format("Timestamp")),
        "bytes": both(b"some words", NO_TEXT.format(r"bytes; decode it with \.decode")),
        "dict": both({"k": 1}, NO_TEXT.format("dict")),
        "list": both(["a", "b"], NO_TEXT.format("list")),
        "array": both(np.arange(3), NO_TEXT.format("ndarray")),
        "image": both(Image.new("L", (2, 2)), NO_TEXT.format("Image")),
        "empty": Odd(""),
        "blank": Odd("  \n"),
        "None": Odd(None),
        "NaN": Odd(np.nan),
        "lone surrogate": Odd("\ud800 abc"),
        "np.str_": Odd(np.str_("some words")),
        "long": Odd("lorem ipsum " * 2000),
        "zero bytes": Odd("a\0b"),
    },
    "photo": {
        "integer": both(3, NO_IMAGE.format("int")),
        "float": both(2.5, NO_IMAGE.format("float")),
        "dict": both({}, NO_IMAGE.format("dict")),
        "set": both({1}, NO_IMAGE.format("set")),
        # several paths, to what was fitted to one image each a list of no shape
        "texts": both(["a", "b"], r"(No such file.*'a'|got \(2,\))" + MISSING_OR),
        "no file": both("none.png", NO_FILE.format(r"none\.png")),
        "video": both("none.mp4", NO_FILE.format(r"none\.mp4")),
        "words": both("no image at all", NO_FILE.format("no image at all")),
        "empty path": both("", NO_PATH),
        "blank path": both("  ", NO_PATH),
        "folder": both(".", "Is a directory" + MISSING_OR),
        "address": both("https://localhost:1/a.png", r"https://localhost:1/a\.png"),
        "protocol": both("nowhere://a.png", "nowhere"),
        "no image": both(b"xx", NOT_IMAGE),
        "no bytes": both(b"", NOT_IMAGE),
        "document": both(b"%PDF-1.4", NOT_IMAGE),
        "truncated": both(
            png(pixels(40, 40, 3))[:-60], "(truncated|broken)" + MISSING_OR
        ),
        "two channels": both(pixels(8, 8, 2), SHAPE.format(r"\(8, 8, 2\)")),
        "one axis": both(pixels(8), SHAPE.format(r"\(8,\)")),
        "five axes": both(pixels(1, 1, 8, 8, 3), SHAPE.format(r"\(1, 1, 8, 8, 3\)")),
        "negative": both(np.full((8, 8), -1), r"0\.\.255, got -1" + MISSING_OR),
        "300": both(np.full((8, 8), 300), r"0\.\.255, got 300" + MISSING_OR),
        "infinite": both(np.full((8, 8), np.inf), "finite pixels" + MISSING_OR),
        "some NaN": both(np.where(np.eye(8), np.nan, 1.0), "finite pixels, got NaN"),
        "1e39": both(np.full((8, 8), 1e39), "expected pixels in .*, but one is"),
        "complex": both(np.ones((8, 8), complex), "numeric pixels, got dtype complex"),
        "words as pixels": both(np.full((8, 8), "a"), "numeric pixels, got dtype <U1"),
        "masked": both(
            masked(pixels(8, 8, 3), np.eye(8, dtype=bool)[:, :, None]), "NaN"
        ),
        "not masked": Odd(masked(pixels(8, 8, 3), False)),
        "all masked": Odd(masked(pixels(8, 8, 3), True)),
        "all NaN": Odd(np.full((8, 8), np.nan)),
        "None": Odd(None),
        "tensor": Odd(grad(8, 8, 3)),
        "PIL": Odd(Image.new("RGB", (5, 9))),
        "palette": Odd(Image.new("P", (5, 9))),
        "truth values": Odd(np.eye(8, dtype=bool)),
        "bytearray": Odd(bytearray(png(pixels(8, 8)))),
        "one pixel": Odd(pixels(1, 1, 3)),
    },
    "wave": {
        "integer": both(3, NO_SOUND.format("int")),
        "dict": both({"k": 1}, NO_SOUND.format("dict")),
        "no file": both("none.wav", NO_FILE.format(r"none\.wav")),
        "empty path": both("", NO_PATH),
        "no sound": both(b"xx", "not a readable sound file" + MISSING_OR),
        "channels first": both(np.ones((2, 900)), "transpose it" + MISSING_OR),
        "three axes": both(np.ones((2, 2, 2)), r"got \(2, 2, 2\)" + MISSING_OR),
        "infinite": both(np.full(500, np.inf), "finite samples" + MISSING_OR),
        "some NaN": both(np.r_[np.nan, np.ones(499)], "finite samples" + MISSING_OR),
        "1e39": both(np.full(500, 1e39), "expected samples in .*, but one is"),
        "complex": both(np.ones(500, complex), "got complex128" + MISSING_OR),
        "texts": both(["a", "b"], "samples of float" + MISSING_OR),
        "swapped pair": both((8000, np.ones(500)), "swap them" + MISSING_OR),
        "rate of 0": both((np.ones(500), 0), "rate" + MISSING_OR),
        "negative rate": both((np.ones(500), -8000), "rate" + MISSING_OR),
        "rate of 1 Hz": both((np.ones(500), 1), "rate" + MISSING_OR),
        "rate of 2**31 - 1": both((np.ones(500), 2**31 - 1), "rate" + MISSING_OR),
        "masked": both(masked(np.ones(500), np.arange(500) == 3), "finite samples"),
        "no samples": Odd(np.zeros(0)),
        "all NaN": Odd(np.full(500, np.nan)),
        "None": Odd(None),
        "pair": Odd((np.ones(500), 16000)),
        "tensor": Odd(grad(500)),
        "one sample": Odd(np.ones(1)),
    },
    "vector": {
        "short": both(np.ones(2), r"expected a vector of shape \(3,\). Got \(2,\)"),
        "two axes": both(np.ones((3, 1)), r"vector of shape \(3,\). Got \(3, 1\)"),
        "number": both(3.0, r"vector of shape \(3,\). Got \(\)"),
        "texts": both(["a", "b", "c"], "could not convert string to float"),
        "dict": both({"k": 1}, "float.*dict"),
        "infinite": both(np.array([1, np.inf, 2]), "infini"),
        "1e39": both(np.array([1, 1e39, 2]), "one is 1e[+]39"),
        "some NaN": Odd(np.array([1, np.nan, 2])),
        "None": Odd(None),
        "list": Odd([1, 2, 3]),
        "tensor": Odd(grad(3)),
        "masked": Odd(masked(np.ones(3), [True, False, False])),
        "integers": Odd(np.arange(3)),
    },
    "walk": {
        "three axes": both(np.ones((3, 2, 2)), r"\(3, 2, 2\)"),
        "number": both(3.0, r"series of shape .*, got"),
        "texts": both([["a", "b"]], "could not convert string to float"),
        "infinite": both(np.full((9, 2), np.inf), "infini"),
        "three channels": both(np.ones((9, 3)), "channels"),
        "dict": both({"k": 1}, "float.*dict|got dict"),
        "some NaN": Odd(np.where(np.arange(18).reshape(9, 2) == 3, np.nan, 1.0)),
        "None": Odd(None),
        "one step": Odd(np.ones((1, 2))),
        "list": Odd([[1, 2], [3, 4]]),
        "tensor": Odd(grad(9, 2)),
        "masked": Odd(masked(np.ones((9, 2)), np.eye(9, 2, dtype=bool))),
    },
}
ALL = [
    (column, name, odd)
    for column, odd_cells in CELLS.items()
    for name, odd in odd_cells.items()
]


def make(fusion, kind=FusionClassifier):
    short = Training(max_epochs=1, shrinkage=False)
    training = "joint" if fusion == "auto" else short
    return kind(fusion=fusion, training=training, random_state=0)


def part(column):
    """Return the column and one that is fine, so that fits are quick."""
    return X[[column, "age" if column != "age" else "sky"]]


def with_cell(column, cell):
    """Return the part of X with another cell at row 3."""
    frame = part(column).copy()
    cells = np.empty(N, dtype=object)
    for i, value in enumerate(frame[column]):
        cells[i] = value
    cells[3] = cell
    frame[column] = pd.Series(cells, dtype=object)
    return frame


@cache
def fitted(fusion, column):
    return make(fusion).fit(part(column), Y)


def check(end, column, act):
    """Check that `act` comes to the end that is written down; return its result."""
    if end not in (FINE, "mix"):
        where = (
            "'table': row 3: "
            if column in ("age", "tall", "when", "took", "sky")
            else (f"'{column}'(,|:) row 3: ")
        )
        with pytest.raises(
            (ValueError, TypeError, ImportError), match=f"(?s)Modality {where}.*{end}"
        ):
            act()
        return None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = act()
    said = [str(warning.message) for warning in caught]
    mixed = [text for text in said if f"['{column}'] hold" in text]
    assert len(mixed) == (end == "mix"), said
    if mixed:
        assert "in row 3: taken as categories" in mixed[0]
    return result


def slow_if_fitted(cases):
    """Yield the cases; fits of the default that end well are many, hence slow."""
    for column, name, odd in cases:
        for fusion in FUSIONS:
            slow = fusion == "auto" and odd.end("fit", fusion) in (FINE, "mix")
            marks = [pytest.mark.slow] if slow else []
            yield pytest.param(
                fusion, column, odd, id=f"{column}-{name}-{fusion}", marks=marks
            )


@pytest.mark.parametrize(("fusion", "column", "odd"), list(slow_if_fitted(ALL)))
def test_an_odd_cell_at_fit(fusion, column, odd):
    estimator = make(fusion)
    before = dict(vars(estimator))
    frame = with_cell(column, odd.cell)
    done = check(odd.end("fit", fusion), column, lambda: estimator.fit(frame, Y))
    if done is None:
        assert vars(estimator) == before
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isfinite(estimator.predict_proba(frame)).all()


@pytest.mark.parametrize(
    ("fusion", "column", "odd"),
    [
        pytest.param(fusion, column, odd, id=f"{column}-{name}-{fusion}")
        for column, name, odd in ALL
        for fusion in FUSIONS
    ],
)
def test_an_odd_cell_at_predict(fusion, column, odd):
    estimator = fitted(fusion, column)
    frame = with_cell(column, odd.cell)
    proba = check(
        odd.end("predict", fusion), column, lambda: estimator.predict_proba(frame)
    )
    if proba is not None:
        assert np.isfinite(proba).all()
        rest = np.arange(N) != 3  # the other rows are as ever
        expected = estimator.predict_proba(part(column))
        np.testing.assert_allclose(proba[rest], expected[rest], atol=1e-5)


def test_the_table_is_large():
    assert len(ALL) + len(WHOLE) + len(TARGETS) >= 150


T = X[["age", "sky", "note"]]
F = pd.DataFrame(NUMBERS, columns=list("abc"))
RECORDS = np.array([tuple(row) for row in NUMBERS], dtype=[(c, float) for c in "abc"])


def cell_of(frame, column, value):
    frame = frame.astype({column: object})
    frame.at[3, column] = value
    return frame


class Whole(NamedTuple):
    """A whole input, and the pattern of its error or of its one warning at fit."""

    X: object
    error: str = ""
    warning: str = ""


EMPTY = r"Columns of X: \['{}'\] hold no value and are ignored"
FILES = (
    "Modality 'clip': its cells are paths of {} files, such as .*leave the column out"
)
BLOCK = {"note": X["note"], "u": NUMBERS}

WHOLE = {
    "all NaN": Whole(T.assign(e=np.nan), warning=EMPTY.format("e")),
    "an embedding in columns": Whole(
        T.join(pd.DataFrame(np.eye(N, 256), T.index).add_prefix("e")),
        warning=r"Columns of X: 2\d\d of them, .*'e255'.* one column of arrays",
    ),
    "all NaT": Whole(T.assign(e=pd.NaT), warning=EMPTY.format("e")),
    "all None": Whole(T.assign(e=None), warning=EMPTY.format("e")),
    "all NA": Whole(
        T.assign(e=pd.array([pd.NA] * N, "Int64")), warning=EMPTY.format("e")
    ),
    "empty texts column": Whole(
        T.assign(e=pd.array([None] * N, "string")), warning=EMPTY.format("e")
    ),
    "empty categories": Whole(
        T.assign(e=pd.Categorical([None] * N, ["a"])), warning=EMPTY.format("e")
    ),
    "one value beside NaN": Whole(
        T.assign(e=[1.0] + [np.nan] * (N - 1)), warning=r"\['e'\] hold one value alone"
    ),
    "one word beside None": Whole(
        T.assign(e=["a"] + [None] * (N - 1)), warning=r"\['e'\] hold one value alone"
    ),
    "only an empty table": Whole(
        T[["note"]].assign(e=np.nan), warning=EMPTY.format("e")
    ),
    "empty among numbers": Whole(F.assign(b=np.nan), warning=EMPTY.format("b")),
    "nothing at all": Whole(
        pd.DataFrame({"e": [np.nan] * N, "o": None}), "absent from every training row"
    ),
    "constant": Whole(T.assign(e=1.0)),
    "infinite matrix": Whole(
        cell_of(F, "b", np.inf).astype(float), "'table': row 3: column 'b' is infinite"
    ),
    "infinite array": Whole(
        np.where(np.arange(N)[:, None] == 3, np.inf, NUMBERS),
        "'table': row 3: column 0 is infinite",
    ),
    "infinite block, absent rows": Whole(
        BLOCK
        | {
            "u": np.where(np.arange(N)[:, None] == 5, np.inf, NUMBERS)
            * np.where(np.arange(N)[:, None] == 2, np.nan, 1)
        },
        "'u': row 5: column 0 is infinite",
    ),
    "np.matrix": Whole(NUMBERS.view(np.matrix)),
    "np.matrix block": Whole(BLOCK | {"u": NUMBERS.view(np.matrix)}),
    "masked": Whole(np.ma.masked_array(NUMBERS, NUMBERS > 1)),
    "masked block": Whole(BLOCK | {"u": np.ma.masked_array(NUMBERS, NUMBERS > 1)}),
    "masked integers": Whole(
        BLOCK | {"u": np.ma.masked_array(np.eye(N, 3, dtype=int), np.eye(N, 3) > 0)}
    ),
    "tensor": Whole(torch.tensor(NUMBERS, requires_grad=True)),
    "tensor block": Whole(BLOCK | {"u": torch.tensor(NUMBERS, requires_grad=True)}),
    "tensor of one axis": Whole(BLOCK | {"u": grad(N)}),
    "records": Whole(RECORDS),
    "block of records": Whole(BLOCK | {"u": RECORDS}),
    "videos": Whole(
        T.assign(clip=[f"{i}.mp4" for i in range(N)]), FILES.format(r"\.mp4")
    ),
    "documents": Whole(
        T.assign(clip=[f"{i}.pdf" for i in range(N)]), FILES.format(r"\.pdf")
    ),
    "videos by address": Whole(
        T.assign(clip=[f"https://host/{i}.mov?size=3" for i in range(N)]),
        "Modality 'clip': its cells are paths",
    ),
    "images and sounds": Whole(
        T.assign(clip=[f"{i}.{('png', 'wav')[i % 2]}" for i in range(N)]),
        FILES.format(r"\.png, \.wav"),
    ),
    "column of dicts": Whole(T.assign(e=[{"k": 1}] * N), "'table': row 0: .*Got dict"),
    "column of sets": Whole(T.assign(e=[{1}] * N), "'table': row 0: .*Got set"),
    "column of tags": Whole(T.assign(e=[["a", "b"]] * N), "'table': row 0.*Got list"),
    "column of ragged lists": Whole(
        T.assign(e=[[[1], [1, 2]]] * N), "'table': row 0: .*Got list"
    ),
    "column of bytes": Whole(
        T.assign(e=[b"some words"] * N), "'e', row 0: cannot identify image"
    ),
    "column of objects": Whole(
        T.assign(e=[object() for _ in range(N)]), "'table': row 0: .*Got object"
    ),
    "column of complex numbers": Whole(T.assign(e=1j), "'table': Complex.*column 'e'"),
    "periods": Whole(T.assign(e=pd.period_range("2024", periods=N, freq="M"))),
    "intervals": Whole(T.assign(e=pd.cut(F["a"], 3))),
    "booleans with NA": Whole(T.assign(e=pd.array([True, None] * (N // 2), "boolean"))),
    "dates of two zones": Whole(
        T.assign(
            e=[DAY.tz_localize(("UTC", "Europe/Paris")[i % 2]) for i in range(N)]
        ).astype({"e": object})
    ),
    "integers, one of them large": Whole(
        T.assign(e=pd.Series([10**400, *range(N - 1)], dtype=object)),
        "'table': row 0: column 'e' .*too large",
    ),
}


@pytest.mark.parametrize(
    ("fusion", "case"),
    [
        pytest.param(
            fusion,
            case,
            id=f"{name}-{fusion}",
            marks=[pytest.mark.slow] if fusion == "auto" and not case.error else [],
        )
        for name, case in WHOLE.items()
        for fusion in FUSIONS
    ],
)
def test_a_whole_input(fusion, case):
    estimator = make(fusion)
    if case.error:
        before = dict(vars(estimator))
        with pytest.raises((ValueError, TypeError), match=f"(?s){case.error}"):
            estimator.fit(case.X, Y)
        assert vars(estimator) == before
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(case.X, Y)
    said = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
    if case.warning:
        assert len(said) == 1, said  # one, not one a fold
        assert pd.Series(said).str.contains(case.warning).all(), said
    else:
        assert not said
    assert np.isfinite(estimator.predict_proba(case.X)).all()


@pytest.mark.parametrize("fusion", FUSIONS)
def test_an_ignored_column_may_be_left_out_or_filled_at_predict(fusion):
    estimator = make(fusion)
    with pytest.warns(UserWarning, match=EMPTY.format("e")):
        estimator.fit(T.assign(e=np.nan), Y)
    expected = estimator.predict_proba(T)
    for new in (T.assign(e=np.nan), T.assign(e=1e30), T.assign(e="word")):
        np.testing.assert_array_equal(estimator.predict_proba(new), expected)


def test_a_modality_in_one_row_is_said_by_the_default():
    frame = X[["age"]].assign(note=["some words"] + [None] * (N - 1))
    with pytest.warns(UserWarning, match="'note'"):
        estimator = make("auto").fit(frame, Y)
    assert np.isfinite(estimator.predict_proba(frame)).all()
    make("parallel").fit(frame, Y)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize(
    ("value", "end"),
    [
        ("x", r"row 3: column 'b' was numbers in fit. Got 'x'"),
        (DAY, r"row 3: column 'b' was numbers in fit. Got Timestamp"),
        (10**400, "row 3: column 'b' holds a number too large"),
        (np.inf, "row 3: column 'b' is infinite"),
    ],
)
def test_a_plain_matrix_at_predict(fusion, value, end):
    with pytest.raises(ValueError, match=f"Modality 'table': {end}"):
        matrix_model(fusion).predict(cell_of(F, "b", value))


def test_an_array_of_mixed_columns_is_no_matrix():
    mixed = F.assign(note="some words", age="7").to_numpy()
    with pytest.raises(
        ValueError, match=r"column 3 holds texts, such as 'some w.*Data"
    ):
        FusionClassifier().fit(mixed, Y)


@cache
def matrix_model(fusion):
    return make(fusion).fit(F, Y)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_odd_matrices_at_predict_are_the_plain_ones(fusion):
    estimator = matrix_model(fusion)
    expected = estimator.predict_proba(F)
    for new in (RECORDS, F.astype(str), F.astype(object)):
        np.testing.assert_allclose(estimator.predict_proba(new), expected)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an array has no names
        for new in (NUMBERS.view(np.matrix), torch.tensor(NUMBERS, requires_grad=True)):
            np.testing.assert_allclose(estimator.predict_proba(new), expected)


VALUES = np.arange(N, dtype=float)
IN_ROW_5 = "y contains {}.* in row 5"


class Target(NamedTuple):
    y: object
    error: str = ""
    kind: type = FusionRegressor


def at_5(value, values=VALUES, dtype=object):
    values = np.array(values, dtype=dtype)
    values[5] = value
    return values


TARGETS = {
    "NaN": Target(at_5(np.nan, dtype=float), IN_ROW_5.format("NaN")),
    "NaN in a list": Target(list(at_5(np.nan, dtype=float)), IN_ROW_5.format("NaN")),
    "NaN of a label": Target(
        pd.Series(at_5(np.nan, dtype=float), index=range(100, 100 + N)),
        "y contains NaN.* in row 105",
    ),
    "NA": Target(pd.Series(at_5(None, Y), dtype="Int64"), IN_ROW_5.format("NaN")),
    "infinity": Target(at_5(np.inf, dtype=float), IN_ROW_5.format("infinity")),
    "None among texts": Target(at_5(None, VALUES.astype(str)), "missing in row 5"),
    "bool objects": Target(
        (Y > 0).astype(object),
        r"bool in.* dtype object.*astype\(bool",
        FusionClassifier,
    ),
    "int objects": Target(
        Y.astype(object), r"int in.* dtype object.*astype\(int", FusionClassifier
    ),
    "10**400": Target(list(at_5(10**400)), IN_ROW_5.format("a number of more than")),
    "10**400 as a label": Target(
        list(at_5(10**400, Y)), IN_ROW_5.format("a number of more"), FusionClassifier
    ),
    "masked": Target(np.ma.masked_array(VALUES, VALUES == 5), IN_ROW_5.format("NaN")),
    "masked labels": Target(
        np.ma.masked_array(Y, VALUES == 5), IN_ROW_5.format("NaN"), FusionClassifier
    ),
    "None among labels": Target(
        at_5(None, np.where(Y, "a", "b")), "of one type.*row 5", FusionClassifier
    ),
    "records": Target(
        np.array([(v,) for v in Y], dtype=[("a", int)]), r"fields \['a'\].*y\['a'\]"
    ),
    "sparse labels": Target(csr_array(np.c_[Y, 1 - Y]), kind=FusionClassifier),
    "sparse column": Target(csr_array(Y[:, None]), kind=FusionClassifier),
    "sparse values": Target(csr_array(np.c_[Y, 1 - Y])),
    "tensor": Target(torch.tensor(Y), kind=FusionClassifier),
    "tensor with a gradient": Target(torch.tensor(VALUES, requires_grad=True)),
}


@pytest.mark.parametrize(
    ("fusion", "case"),
    [
        pytest.param(fusion, case, id=f"{name}-{fusion}")
        for name, case in TARGETS.items()
        for fusion in FUSIONS
        if case.error or fusion == "parallel"  # y is read in one place
    ],
)
def test_an_odd_target(fusion, case):
    estimator = make(fusion, case.kind)
    if not case.error:
        y = case.y.toarray() if hasattr(case.y, "toarray") else case.y.detach().numpy()
        y = y.ravel() if y.shape[-1] == 1 else y
        expected = copy.deepcopy(estimator).fit(T, y).predict(T)
        np.testing.assert_allclose(estimator.fit(T, case.y).predict(T), expected)
        return
    with pytest.raises((ValueError, TypeError), match=f"(?s){case.error}"):
        estimator.fit(T, case.y)
    assert not hasattr(estimator, "fusion_")
