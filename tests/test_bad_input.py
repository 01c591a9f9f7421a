"""What becomes of input that is wrong or odd: one table of cases.

Each case is fitted (or, with `new`, predicted) by an estimator that was fitted before.
An error must come within a second, say what is expected, and leave the estimator as it
was; what works must give the result of the plain rows, or just work.
"""

import copy
import io
import struct
import time
import zlib
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.sparse import csr_array
from sklearn.base import clone

from skmultimodal import (
    AudioEncoder,
    FusionClassifier,
    FusionRegressor,
    ImageEncoder,
    SequenceEncoder,
    TabularEncoder,
    TextEncoder,
    Training,
)
from skmultimodal.fusion._auto import FUSIONS as STRATEGIES
from skmultimodal.fusion._auto import resolve_fusion
from tests.parameters import TRAINING, nested

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

N = 24
PARTS = {"u": ["a", "b"], "v": ["c", "d"]}
NAMES = ["u", "v", "text", "image"]
RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(N, 4)), columns=list("abcd")).assign(
    text=[f"word{i % 5} and word{i % 3}" for i in range(N)],
    image=list(RNG.integers(0, 255, (N, 8, 8, 3)).astype(np.uint8)),
)
Y = np.arange(N) % 2
BLOCKS = {"u": X[["a", "b"]].to_numpy(), "v": X[["c", "d"]].to_numpy()} | {
    "text": X["text"].to_numpy(),
    "image": np.stack(X["image"]),
}
TABLE = TabularEncoder((4,), 4)
AS_X = "as X"  # works, with the predictions of the plain rows


def make(kind=FusionClassifier, **params):
    encoders = [
        ("u", TABLE),
        ("v", TABLE),
        ("text", TextEncoder(embedding_features=4, out_features=4)),
        ("image", ImageEncoder((4,), 4)),
    ]
    defaults = {"columns": PARTS, "max_epochs": 1, "random_state": 0}
    return kind(encoders, "parallel", **nested(defaults | params))


def put(name, value, row=3):
    """Return X with one other cell."""
    cells = pd.Series([*X[name][:row], None, *X[name][row + 1 :]], dtype=object)
    cells[row] = value
    return X.assign(**{name: cells})


def png(size, pixels=None):
    """Return a PNG file whose header says `size`, by hand."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    data = zlib.compress(pixels or b"0")
    start = b"\x89PNG\r\n\x1a\n"
    parts = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    return start + b"".join(chunk(*part) for part in parts)


def saved(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def read_only(values):
    values = np.array(values)
    values.flags.writeable = False
    return values


def strided(values):
    """Return the same values, every second of a reversed longer array."""
    longer = np.repeat(values, 2, axis=0)[::-1]
    return longer[1::2][::-1]


def in_blocks(change):
    numbers = {name: change(BLOCKS[name]) for name in ("u", "v", "image")}
    return BLOCKS | numbers


class Case(NamedTuple):
    """What is done, and what must come of it."""

    X: Any = X
    y: Any = Y
    error: Any = None  # None: it works
    match: str = ""
    params: Any = MappingProxyType({})
    fit: Any = MappingProxyType({})
    new: Any = None  # rows to predict instead of fitting
    kind: Any = FusionClassifier
    method: str = "fit"
    result: Any = None


def bad_cell(name, value, match):
    return Case(put(name, value), error=ValueError, match=f"'{name}', row 3: .*{match}")


def bad_y(y, match, error=ValueError, **more):
    return Case(y=y, error=error, match=match, **more)


def bad_weight(weights, match, error=ValueError):
    return Case(params={"fusion__weights": weights}, error=error, match=match)


def blocks(X, **outcome):
    return Case(X, params={"columns": None}, **outcome)


WHOLE = "expected a DataFrame, a MultimodalData, a dict or an array"
SAME = "inconsistent numbers of samples: X has 24, "

CASES = {
    # wrong types and shapes of X
    "X is None": Case(None, error=TypeError, match=f"{WHOLE}.*Got NoneType"),
    "X is a number": Case(3, error=TypeError, match=f"{WHOLE}.*Got int"),
    "X is a text": Case("hello", error=TypeError, match=f"{WHOLE}.*Got str"),
    "X is a set": Case({1, 2}, error=TypeError, match=f"{WHOLE}.*Got set"),
    "X is an iterator": Case(iter([1]), error=TypeError, match=f"{WHOLE}.*iterator"),
    "X is texts": Case(["a"] * N, error=TypeError, match=r"list of str.*{'name': X}"),
    "X is records": Case(
        X.to_dict("records"), error=TypeError, match="list of dict.*DataFrame"
    ),
    "X is a Series": Case(X["a"], error=ValueError, match=r"Name the modality"),
    "X has three axes": Case(
        np.zeros((N, 2, 2)), error=ValueError, match=r"\(24, 2, 2\).*Name the modality"
    ),
    "X is sparse": Case(csr_array(np.ones((N, 4))), error=TypeError, match="toarray"),
    "X is complex": Case(np.ones((N, 4), complex), error=ValueError, match="Complex"),
    "X has no rows": Case(X[:0], Y[:0], ValueError, r"0 sample\(s\).*one row"),
    "X has no columns": Case(X[[]], error=ValueError, match="one column or more"),
    "array for columns by name": Case(
        X[["a"]].to_numpy(), error=ValueError, match=r"'u'.*by name.*Pass a DataFrame"
    ),
    "dict of unequal lengths": Case(
        {"a": X["a"], "b": X["b"][:-1]}, error=ValueError, match="'a': 24, 'b': 23"
    ),
    "ragged table block": blocks(
        BLOCKS | {"u": [[1.0, 2.0]] * (N - 1) + [[1.0]]},
        error=(TypeError, ValueError),
        match="'u'",
    ),
    "dict with int names": Case({0: X["a"]}, error=TypeError, match="must be str"),
    "empty dict": Case({}, error=ValueError, match="at least one modality"),
    "number for a modality": Case(
        BLOCKS | {"u": 3.0},
        error=TypeError,
        match="'u': expected one cell for each row",
    ),
    "text for a modality": Case(
        BLOCKS | {"text": "hello"}, error=TypeError, match="'text'.*Got str.*in a list"
    ),
    "None for a modality": Case(
        BLOCKS | {"u": None}, error=TypeError, match="'u'.*Got NoneType"
    ),
    "sparse block": Case(
        BLOCKS | {"u": csr_array(np.ones((N, 2)))},
        error=TypeError,
        match="'u'.*toarray",
    ),
    # names
    "duplicate columns": Case(
        pd.concat([X, X[["a"]]], axis=1),
        error=ValueError,
        match="(?s)names.*'a'",
    ),
    "misspelt column": Case(
        X.rename(columns={"text": "txet"}), error=ValueError, match="mean 'txet'"
    ),
    "unknown modality in columns": Case(
        params={"columns": PARTS | {"imagee": "image"}},
        error=ValueError,
        match=r"\['imagee'\].*Did you mean 'image'",
    ),
    "unknown modality, inferred": Case(
        params={"encoders": "auto", "columns": {"txt": "text"}},
        error=ValueError,
        match="Did you mean 'text'",
    ),
    "position out of range": Case(
        params={"columns": PARTS | {"u": [0, 99]}}, error=ValueError, match="'u'.*99"
    ),
    "name with two underscores": Case(
        params={"encoders": [("u__v", TABLE)]}, error=ValueError, match="not contain __"
    ),
    "name of a parameter": Case(
        params={"encoders": [("fusion", TABLE)]}, error=ValueError, match="conflict"
    ),
    "name twice": Case(
        params={"encoders": [("u", TABLE)] * 2}, error=ValueError, match="not unique"
    ),
    "name is a number": Case(
        params={"encoders": [(3, TABLE)]}, error=ValueError, match="pairs"
    ),
    "encoder without a name": Case(
        params={"encoders": [TABLE]}, error=ValueError, match="pairs"
    ),
    "encoders is an encoder": Case(
        params={"encoders": TABLE}, error=ValueError, match="'auto'.*, a list"
    ),
    "encoders misspelt": Case(
        params={"encoders": "automatic"}, error=ValueError, match="'auto'.*, a list"
    ),
    "no encoders": Case(
        params={"encoders": []}, error=ValueError, match="at least one"
    ),
    "encoder None": Case(
        params={"encoders": [("u", None)]}, error=TypeError, match="'u'.*encoder"
    ),
    "encoder class": Case(
        params={"encoders": [("u", TabularEncoder)], "columns": None},
        error=TypeError,
        match="'u'.*class",
    ),
    "every encoder dropped": Case(
        params=dict.fromkeys(NAMES, "drop"), error=ValueError, match="Keep at least one"
    ),
    "name reserved by torch": Case(
        params={"encoders": [("type", TABLE), ("forward", TABLE)]}
        | {"columns": {"type": ["a"], "forward": ["b"]}}
    ),
    "name with a dot": Case(
        params={"encoders": [("a.b", TABLE), ("a b", TABLE)]}
        | {"columns": {"a.b": ["a"], "a b": ["b"]}}
    ),
    # values of tables
    "infinite number": Case(
        put("a", np.inf, 5),
        error=ValueError,
        match="'u': row 5: column 'a' is infinite",
    ),
    "infinite in a block": blocks(
        in_blocks(lambda v: v * np.inf if v.ndim == 2 else v),
        error=ValueError,
        match="'u': row 0.*infinite",
    ),
    "complex column": Case(
        X.assign(a=X["a"] * 1j), error=ValueError, match="'u'.*Complex.*column 'a'"
    ),
    "list in a table": Case(
        put("a", [1, 2]), error=TypeError, match="'u': row 3: column 'a'.*Got list"
    ),
    "dict in a table": Case(
        put("a", {"k": 1}), error=TypeError, match="'u': row 3: column 'a'.*Got dict"
    ),
    "numbers as objects": Case(X.astype({"a": object, "c": object}), result=AS_X),
    "decimals": Case(X.assign(a=[Decimal(i) for i in range(N)])),
    "a word among numbers": Case(put("a", "x")),
    "constant columns": Case(X.assign(a=1.0, b=1.0)),
    "a column of NaN": Case(X.assign(a=np.nan)),
    "modality absent from all": Case(
        X.assign(text=None),
        error=ValueError,
        match="'text'.*every training row.*'drop'",
    ),
    # cells of media
    "number for a text": bad_cell("text", 7, "text as str, got int"),
    "bytes for a text": bad_cell("text", b"abc", "text as str, got bytes"),
    "list for a text": bad_cell("text", ["a", "b"], "text as str, got list"),
    "empty text": Case(put("text", "")),
    "all texts empty": Case(X.assign(text="")),
    "million characters": Case(put("text", "lorem ipsum " * 90_000)),
    "word of a million": Case(put("text", "x" * 1_000_000)),
    "lone surrogate": Case(put("text", "\ud800 abc")),
    "two channels": bad_cell("image", np.zeros((8, 8, 2), "u1"), r"got \(8, 8, 2\)"),
    "channels first": bad_cell("image", np.zeros((3, 8, 8), "u1"), r"got \(3, 8, 8\)"),
    "one axis": bad_cell("image", np.zeros(8, "u1"), r"got \(8,\)"),
    "five axes": bad_cell("image", np.zeros((1, 1, 8, 8, 3), "u1"), "got .1, 1, 8, 8"),
    "negative pixels": bad_cell("image", np.full((8, 8), -1), r"0\.\.255, got -1"),
    "pixels of 300": bad_cell("image", np.full((8, 8), 300), r"0\.\.255, got 300"),
    "infinite pixels": bad_cell("image", np.full((8, 8), np.inf), "finite pixels"),
    "complex pixels": bad_cell("image", np.ones((8, 8), complex), "complex128"),
    "words for pixels": bad_cell("image", np.full((8, 8), "a"), "numeric pixels"),
    "dict for a picture": bad_cell("image", {}, "image as array.*got dict"),
    "number for a picture": bad_cell("image", 3, "image as array.*got int"),
    "file not there": bad_cell("image", "nofile.png", "No such file.*nofile.png"),
    "not a picture": bad_cell("image", b"not a png", "cannot identify image file"),
    "truncated picture": bad_cell(
        "image", saved(np.arange(4800).reshape(40, 40, 3).astype("u1"))[:-60], ""
    ),
    "broken header": bad_cell("image", png(8)[:20] + b"?" * 40, ""),
    "decompression bomb": bad_cell("image", png(60_000), "3600000000 pixels"),
    "picture of 9 million pixels": Case(put("image", np.zeros((3000, 3000, 3), "u1"))),
    "picture of one pixel": Case(put("image", np.zeros((1, 1, 3), "u1"))),
    # y
    "y is None": bad_y(None, "requires y"),
    "y is a number": bad_y(3, "array-like"),
    "y short": bad_y(Y[:-1], f"{SAME}y has 23"),
    "y long": bad_y(np.r_[Y, 0], f"{SAME}y has 25"),
    "y with NaN": bad_y(np.where(Y, 1.0, np.nan), "y contains NaN"),
    "one class": bad_y(np.zeros(N), r"two classes.*Got 1 class: 0\.0"),
    "one row": Case(X[:1], Y[:1], ValueError, "two classes"),
    "y of values": bad_y(RNG.normal(size=N), "continuous"),
    "y of two columns of values": bad_y(RNG.normal(size=(N, 2)), "1d array"),
    "y complex": bad_y(Y * 1j, "Complex"),
    "y of three axes": bad_y(np.zeros((N, 2, 2)), "dim"),
    "y of lists": bad_y([[1], [1, 2]] * (N // 2), "multi-label"),
    "labels of two types": bad_y(
        np.array([1, "a"] * (N // 2), dtype=object), r"\['int', 'str'\]", TypeError
    ),
    "labels with None": bad_y(
        np.array([None, "a"] * (N // 2), dtype=object), "one type", TypeError
    ),
    "y of words, values wanted": bad_y(["a"] * N, "numbers.*'a'", kind=FusionRegressor),
    "y infinite": bad_y(np.full(N, np.inf), "infinity", kind=FusionRegressor),
    "y constant": Case(y=np.ones(N), kind=FusionRegressor),
    "y with another index": Case(y=pd.Series(Y, index=range(N)[::-1]), result=AS_X),
    # weights and groups
    "negative sample weights": Case(
        fit={"sample_weight": -np.ones(N)}, error=ValueError, match="Negative"
    ),
    "zero sample weights": Case(
        fit={"sample_weight": np.zeros(N)}, error=ValueError, match="non-zero|positive"
    ),
    "sample weights with NaN": Case(
        fit={"sample_weight": [np.nan] * N}, error=ValueError, match="NaN"
    ),
    "sample weights short": Case(
        fit={"sample_weight": np.ones(N - 1)},
        error=ValueError,
        match="sample_weight has 23",
    ),
    "sample weight a number": Case(
        fit={"sample_weight": 2.0}, error=TypeError, match="one entry for each row"
    ),
    "sample weights of two axes": Case(
        fit={"sample_weight": np.ones((N, 2))}, error=ValueError, match="1D array"
    ),
    "groups short": Case(
        fit={"groups": np.zeros(N - 1)}, error=ValueError, match="groups has 23"
    ),
    "weight of an unknown name": bad_weight(
        dict.fromkeys(["u", "v", "txt", "image"], 1), "'txt'.*Did you mean 'text'"
    ),
    "weights too few": bad_weight({"u": 1}, "one entry for each modality"),
    "negative weight": bad_weight(
        dict.fromkeys(NAMES, 1) | {"u": -1}, "non-negative and not all zero"
    ),
    "zero weights": bad_weight(dict.fromkeys(NAMES, 0), "not all zero"),
    "weights of NaN": bad_weight(dict.fromkeys(NAMES, np.nan), "non-negative"),
    "words for weights": bad_weight(
        dict.fromkeys(NAMES, "a"), "must be numbers.*'a' for modality 'u'", TypeError
    ),
    "weights misspelt": bad_weight("learnd", r"one of \['learned'"),
    "list of weights": bad_weight([1, 2, 3, 4], "dict {modality: weight}", TypeError),
    # later calls
    "unseen label in partial_fit": Case(
        y=Y + 6, method="partial_fit", error=ValueError, match="not seen.*[67]"
    ),
    "unseen label in warm_start": Case(
        y=Y + 1, params={"warm_start": True}, error=ValueError, match="not seen.*2"
    ),
    "predict None": Case(new=[None], error=TypeError, match=WHOLE),
    "predict part of a table": Case(
        new=[X.drop(columns="a")], error=ValueError, match=r"'u'.*lacks \['a'\]"
    ),
    "predict an array": Case(new=[X.to_numpy()], error=ValueError, match="DataFrame"),
    "predict no rows": Case(new=[X[:0]], error=ValueError, match=r"0 sample\(s\)"),
    "predict infinity": Case(
        new=[put("c", np.inf)], error=ValueError, match="'v': row 3: column 'c'"
    ),
    "predict words for numbers": Case(
        new=[X.assign(a="x")],
        error=ValueError,
        match="'u': row 0: column 'a' was numbers",
    ),
    "predict a broken picture": Case(
        new=[put("image", b"xx")], error=ValueError, match="'image', row 3"
    ),
    "predict without the columns": Case(
        new=[pd.DataFrame({"z": range(N)})], error=ValueError, match="no column for any"
    ),
    "predict other modalities": Case(
        new=[{"a": 1}], error=TypeError, match="'a': expected one cell for each row"
    ),
    # layouts of arrays
    "read-only arrays": blocks(in_blocks(read_only), result=AS_X),
    "strided arrays": blocks(in_blocks(strided), result=AS_X),
    "Fortran order": blocks(in_blocks(np.asfortranarray), result=AS_X),
    "big-endian numbers": blocks(
        in_blocks(lambda v: v.astype(v.dtype.newbyteorder(">"))), result=AS_X
    ),
}

NAN, INF = float("nan"), float("inf")
IMPOSSIBLE = {
    "training": ["jointly", None, Training],
    "max_epochs": [0, 1.5, "3", True, NAN],
    "lr": [0, -1, NAN, INF, "a", None],
    "lr_schedule": ["cosine", None],
    "batch_size": [0, 2.5, "64"],
    "optimizer": ["adamx", 3, int],
    "weight_decay": [-1, NAN, INF, "x"],
    "mode": ["jointly", None],
    "aux_weight": ["own", -1, NAN, None],
    "agreement_weight": [-1, "auto"],
    "backbone": ["on", None],
    "shrinkage": ["on", None],
    "n_members": [0, 1.5, "2"],
    "modality_dropout": ["own", -0.1, 1.0, None],
    "balance": ["ogm", 1],
    "balance_strength": [-1, NAN],
    "early_stopping": ["yes", 2, None],
    "validation_fraction": [0, 1, 1.5, NAN, "x"],
    "class_weight": ["balance", [1, 2], {0: -1.0, 1: 1.0}, 3],
    "ordinal": ["yes", 3, None],
    "missing": ["drop", None],
    "missing_values": [3, [1]],
    "on_empty": ["zero", None],
    "on_error": ["ignore", None],
    "checkpoint": [3, ["a"]],
    "accelerator": ["gpu", 3],
    "callbacks": [3, "x", [3]],
    "net_params": [
        [1],
        "x",
        {"train_split": None},
        {"iterator_train": list},
        {"iterator_valid__shuffle": True},
        {"lr": 0.1},
        {"max_epochs": 3},
        {"optimizer__param_groups": 5},
        {"optimizer__param_groups": ["encoders.*"]},
        {"optimizer__param_groups": {"encoders.*": {"lr": 1e-3}}},
        {"optimizer__param_groups": [("encoders.*", 1e-3)]},
        {"optimizer__param_groups": [("encoders.*", {"lr": -1})]},
        {"optimizer__param_groups": [("encoders.*", {"lr": "auto"})]},
    ],
    "compile": [1, "yes"],
    "device": [3, None, "gpu9"],
    "n_threads": [0, 1.5, "2"],
    "n_jobs": [0, 1.5, "all"],
    "memory": [3],
    "warm_start": [1, "no"],
    "verbose": [-1, "loud"],
    "columns": [["a"], "a"],
    "fusion": [3, None, "paralel"],
    "encoders": ["auto2", None],
}
for name, values in IMPOSSIBLE.items():
    for value in values:
        params, owner = {name: value}, "FusionClassifier"
        if name in TRAINING:
            params, owner = {"training": Training(**params)}, "Training"
        CASES[f"{name}={value!r}"] = Case(
            params=params,
            error=ValueError,
            match=f"'{name}' parameter of {owner} must be .* instead",
        )
for value in ("a", -1, 1.5):
    CASES[f"random_state={value!r}"] = Case(
        params={"random_state": value}, error=ValueError, match="[Ss]eed"
    )


@pytest.fixture(scope="module")
def fitted():
    """Estimators that have been fitted; only copies are fitted again."""
    return {kind: make(kind).fit(X, Y.astype(float)) for kind in (FusionRegressor,)} | {
        FusionClassifier: make().fit(X, Y)
    }


def test_the_table_covers_every_parameter():
    assert len(CASES) >= 80
    own = {*make().get_params(deep=False), *TRAINING}
    assert own == {*IMPOSSIBLE, "random_state"}


def change(estimator, params):
    """Set parameters, as a constructor would: set_params looks at encoders."""
    own = {name: value for name, value in params.items() if name in vars(estimator)}
    vars(estimator).update(own)
    inner = {name: value for name, value in params.items() if name not in own}
    return estimator.set_params(**inner)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_input(case, fitted):
    estimator = copy.deepcopy(fitted[case.kind])
    reference = estimator.predict(X)
    if case.error is None:
        change(estimator, case.params).fit(case.X, case.y, **case.fit)
        predicted = estimator.predict(case.X)
        assert len(predicted) == len(case.X if not isinstance(case.X, dict) else X)
        if case.result == AS_X:
            expected = fitted[case.kind].predict_proba(X)
            np.testing.assert_allclose(
                estimator.predict_proba(case.X), expected, atol=1e-6
            )
        return
    plain = {name: value for name, value in vars(estimator).items() if name[-1] != "_"}
    change(estimator, case.params)
    before, params = dict(vars(estimator)), estimator.get_params(deep=False)
    act = estimator.predict
    arguments = case.new
    if case.new is None:
        act = partial(getattr(estimator, case.method), **case.fit)
        arguments = (case.X, case.y)
    start = time.process_time()
    with pytest.raises(case.error, match=f"(?s){case.match}"):
        act(*arguments)
    assert time.process_time() - start < 1
    assert vars(estimator).keys() == before.keys()
    assert all(vars(estimator)[key] is value for key, value in before.items())
    assert estimator.get_params(deep=False).keys() == params.keys()
    vars(estimator).update(plain)
    np.testing.assert_array_equal(estimator.predict(X), reference)


OF_THEIR_OWN = {  # parameters that depend on the data or the task, tested elsewhere
    "weights": STRATEGIES,
    "cv": ["cooperative", "decision", "sequential"],
    "head": ["canonical"],
    "rule": ["decision"],
    "order": ["sequential"],
    "exit_threshold": ["sequential"],
    "cost": ["sequential"],
    "primary": ["film"],
    "condition": ["film"],
}


@pytest.mark.parametrize("alias", STRATEGIES)
def test_parameters_of_strategies(alias):
    strategy = resolve_fusion(alias, "a test")
    own = {name for name, aliases in OF_THEIR_OWN.items() if alias in aliases}
    assert set(strategy.get_params()) <= own | set(strategy.limits)
    for name in set(strategy.get_params()) - own:
        for value in (-1, "nonsense", NAN, [0.5, "x"], {}):
            bad = clone(strategy).set_params(**{name: value})
            estimator = FusionClassifier(fusion=bad)
            before = dict(vars(estimator))
            message = f"'{name}' parameter of {type(bad).__name__} must be .* instead"
            with pytest.raises(ValueError, match=message):
                estimator.fit(X, Y)
            assert vars(estimator) == before


SOUNDS = [RNG.normal(size=1000) for _ in range(N)]
MEDIA = {
    TabularEncoder: BLOCKS["u"],
    TextEncoder: BLOCKS["text"],
    ImageEncoder: BLOCKS["image"],
    SequenceEncoder: BLOCKS["image"][:, :, :, 0],
    AudioEncoder: SOUNDS,
}


@pytest.mark.parametrize("encoder", MEDIA)
def test_parameters_of_encoders(encoder):
    params = encoder().get_params()
    assert set(params) == set(encoder.limits)
    possible = dict.fromkeys(["min_frequency", "hop_seconds", "window_seconds"], 2.5)
    possible["root"] = ""
    for name in params:
        for value in (-1, "", NAN, [0.5, "x"], {1: 2}, 2.5):
            if value == possible.get(name):
                continue
            estimator = FusionClassifier([("m", encoder(**{name: value}))], "parallel")
            message = (
                f"'m': The '{name}' parameter of {encoder.__name__} must be .* inst"
            )
            with pytest.raises(ValueError, match=message):
                estimator.fit({"m": MEDIA[encoder]}, Y)


def test_an_unfitted_estimator_stays_unfitted():
    estimator = make()
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match="infinite"):
        estimator.fit(put("a", np.inf), Y)
    assert vars(estimator) == before
