"""Numbers, arrays and tables as words and parts, and back: what runs no method of ours.

Each maker takes the words and the parts of a node, and refuses parts of other types:
of a number or a list where an array belongs, numpy and pandas make arrays of any size.
"""

from __future__ import annotations

import math
import pathlib
import re
from collections import OrderedDict, defaultdict
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.utils import Bunch

__all__ = ["MAKERS", "value_node"]

FACTORIES = (None, bool, bytes, dict, float, int, list, set, str, tuple)
GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "SFC64")
SEQUENCES: dict[type, str] = {
    list: "list",
    tuple: "tuple",
    set: "set",
    frozenset: "frozenset",
}
MAPPINGS = {"Bunch": Bunch, "OrderedDict": OrderedDict}
MATRICES = (sparse.csc_array, sparse.csc_matrix, sparse.csr_array, sparse.csr_matrix)
SPARSE = {kind.__name__: kind for kind in MATRICES}
MOST_ALIKE = 1000  # keys of one hash


def value_node(thing):
    """Return kind, words and parts of a plain value, None of any other object.

    Parts are a sequence, or a dict whose keys name them in errors.
    """
    kind = type(thing)
    if kind in SEQUENCES:
        unordered = kind in (set, frozenset)
        return SEQUENCES[kind], [], sorted(thing, key=repr) if unordered else thing
    if kind is dict:
        return "dict", [], _pairs(thing)
    if kind is defaultdict:
        factory = {".default_factory": thing.default_factory}
        return "defaultdict", [], factory | _pairs(thing)
    if kind in MAPPINGS.values():
        return "mapping", [kind.__name__], _pairs(thing)
    if kind is float and not math.isfinite(thing):
        return "float", [repr(thing)], []
    if kind is bytes:
        return "bytes", [thing.hex()], []
    if kind is complex:
        return "complex", [], [thing.real, thing.imag]
    if kind in (slice, range):
        return kind.__name__, [], [thing.start, thing.stop, thing.step]
    if isinstance(thing, pathlib.PurePath):
        return "path", [str(thing)], []
    if kind.__module__.partition(".")[0] == "pandas":
        return _pandas_node(thing)
    return _numpy_node(thing)


def _pairs(mapping):
    """Return keys and values in turn."""
    parts = {}
    for key, item in mapping.items():
        parts[f"[{key!r}] (key)"], parts[f"[{key!r}]"] = key, item
    return parts


def _numpy_node(thing):
    kind = type(thing)
    if kind in MATRICES:
        parts = [thing.data, thing.indices, thing.indptr, tuple(thing.shape)]
        return "sparse", [kind.__name__], parts
    if isinstance(thing, (np.random.RandomState, np.random.Generator)):
        if isinstance(thing, np.random.RandomState):
            bits = thing._bit_generator
            state: Any = thing.get_state(legacy=False)
        else:
            bits = thing.bit_generator
            state = bits.state
        return "random", [kind.__name__, type(bits).__name__], [state]
    if isinstance(thing, np.ufunc):
        name = thing.__name__
        if vars(np).get(name) is thing:
            return "ufunc", [name], []
    if isinstance(thing, np.ma.MaskedArray):
        return "masked", [], [np.asarray(thing.data), np.ma.getmaskarray(thing)]
    if isinstance(thing, np.ndarray):
        if not thing.dtype.hasobject:
            return "array", [], np.asarray(thing)
        if thing.dtype.names is None:
            return "objects", list(thing.shape), thing.ravel()
    if isinstance(thing, np.dtype) and thing.names is None:
        return "dtype", [thing.str], []
    if isinstance(thing, np.generic) and thing.dtype.names is None:
        return "scalar", [thing.dtype.str, thing.tobytes().hex()], []
    return None


def _pandas_node(thing):
    if thing is pd.NA or thing is pd.NaT:
        return "NA" if thing is pd.NA else "NaT", [], []
    if isinstance(thing, pd.Timestamp | pd.Timedelta):
        return type(thing).__name__, [thing.isoformat()], []
    if isinstance(thing, pd.DataFrame):
        columns = [thing.iloc[:, i].array for i in range(thing.shape[1])]
        return "frame", [], [thing.columns, thing.index, *columns]
    if isinstance(thing, pd.Series):
        return "series", [], [thing.array, thing.index, thing.name]
    if isinstance(thing, pd.RangeIndex):
        return "range_index", [], [thing.start, thing.stop, thing.step, thing.name]
    if isinstance(thing, pd.MultiIndex):
        codes = [np.asarray(code) for code in thing.codes]
        return "multi_index", [], [list(thing.levels), codes, list(thing.names)]
    if isinstance(thing, pd.Index):
        return "index", [], [thing.array, thing.name]
    if isinstance(thing, pd.Categorical):
        return "categorical", [], [np.asarray(thing.codes), thing.dtype]
    if isinstance(thing, pd.CategoricalDtype):
        return "categories", [], [thing.categories, thing.ordered]
    if isinstance(thing, pd.api.extensions.ExtensionDtype):
        return "pandas_dtype", [str(thing)], []
    if type(thing) is pd.arrays.NumpyExtensionArray:
        return "column", [], [thing.to_numpy()]
    if isinstance(thing, pd.api.extensions.ExtensionArray):
        cells = np.asarray(thing.astype(object), dtype=object)
        return "extension", [str(thing.dtype)], [cells]
    return None


def _keys(parts):
    """Return keys; many of one hash are a trap, for each is compared with all."""
    if len(parts) - len(set(map(hash, parts))) > MOST_ALIKE:
        raise ValueError("too many keys have the same hash")
    return parts


def _dict(words, parts):
    made = dict(zip(_keys(parts[::2]), parts[1::2], strict=True))
    if len(made) < len(parts) // 2:
        raise ValueError("a dict holds a key twice")
    return made


def _defaultdict(words, parts):
    factory, *pairs = parts
    if not any(factory is known for known in FACTORIES):
        raise ValueError("a defaultdict may call nothing but builtin types")
    return defaultdict(factory, _dict(words, pairs))


def _mapping(words, parts):
    made = MAPPINGS[words[0]]()
    made.update(_dict(words, parts))
    return made


def _dtype(text):
    if not re.fullmatch(r"[<>|=]?[?a-zA-Z]\d*(\[\w+\])?", text):
        raise ValueError("a dtype is not one of single values")
    return np.dtype(text)


def _scalar(words, parts):
    (value,) = np.frombuffer(bytes.fromhex(words[1]), _dtype(words[0]))
    return value


def _objects(words, parts):
    made = np.empty(len(parts), dtype=object)
    for i, part in enumerate(parts):
        made[i] = part
    return made.reshape(words)


def _ufunc(words, parts):
    made = vars(np)[words[0]]
    if not isinstance(made, np.ufunc):
        raise ValueError(f"numpy.{words[0]} is no ufunc")
    return made


def _random(words, parts):
    (kind, name), (state,) = words, parts
    if name not in GENERATORS:
        raise ValueError(f"unknown generator {name!r}")
    if name == "MT19937" and not 0 <= state["state"]["pos"] <= 624:
        raise ValueError("a generator of random numbers is at no place")
    bits = getattr(np.random, name)()
    bits.state = {key: state[key] for key in bits.state}
    if kind == "Generator":
        return np.random.Generator(bits)
    made = np.random.RandomState(bits)
    made.set_state(state)
    return made


def _sparse(words, parts):
    *arrays, shape = parts
    made = SPARSE[words[0]](tuple(map(_array, arrays)), shape=shape)
    made.check_format(full_check=True)  # compiled code reads it without bounds
    return made


def _array(thing):
    if not isinstance(thing, (np.ndarray, pd.api.extensions.ExtensionArray)):
        raise ValueError(f"{type(thing).__name__} in the place of an array")
    return thing


def _index(thing):
    if not isinstance(thing, pd.Index):
        raise ValueError(f"{type(thing).__name__} in the place of an index")
    return thing


def _frame(words, parts):
    columns, index, *cells = parts
    if any(len(_array(column)) != len(_index(index)) for column in cells):
        raise ValueError("the columns of a table have other lengths than its index")
    numbered = dict(enumerate(cells))
    frame = pd.DataFrame(numbered, index=index, columns=range(len(cells)))
    return frame.set_axis(_index(columns), axis=1)


def _series(words, parts):
    values, index, name = parts
    return pd.Series(_array(values), _index(index), name=name, copy=True)


def _multi_index(words, parts):
    levels, codes, names = parts
    arrays = [_array(code) for code in codes]
    return pd.MultiIndex([_index(level) for level in levels], arrays, names=names)


def _plain_index(words, parts):
    values, name = parts
    return pd.Index(_array(values), dtype=values.dtype, name=name)


def _categorical(words, parts):
    codes, dtype = parts
    return pd.Categorical.from_codes(_array(codes), dtype=dtype)


MAKERS = {
    "list": lambda words, parts: parts,
    "tuple": lambda words, parts: tuple(parts),
    "set": lambda words, parts: set(_keys(parts)),
    "frozenset": lambda words, parts: frozenset(_keys(parts)),
    "dict": _dict,
    "defaultdict": _defaultdict,
    "mapping": _mapping,
    "float": lambda words, parts: float(*words),
    "bytes": lambda words, parts: bytes.fromhex(*words),
    "complex": lambda words, parts: complex(*map(float, parts)),
    "slice": lambda words, parts: slice(*parts),
    "range": lambda words, parts: range(*parts),
    "path": lambda words, parts: pathlib.Path(*words),
    "sparse": _sparse,
    "random": _random,
    "ufunc": _ufunc,
    "masked": lambda words, parts: np.ma.MaskedArray(*map(_array, parts)),
    "objects": _objects,
    "dtype": lambda words, parts: _dtype(*words),
    "scalar": _scalar,
    "NA": lambda words, parts: pd.NA,
    "NaT": lambda words, parts: pd.NaT,
    "Timestamp": lambda words, parts: pd.Timestamp(*words),
    "Timedelta": lambda words, parts: pd.Timedelta(*words),
    "frame": _frame,
    "series": _series,
    "range_index": lambda words, parts: pd.RangeIndex(*parts[:3], name=parts[3]),
    "multi_index": _multi_index,
    "index": _plain_index,
    "categorical": _categorical,
    "categories": lambda words, parts: pd.CategoricalDtype(_index(parts[0]), parts[1]),
    "pandas_dtype": lambda words, parts: pd.api.types.pandas_dtype(*words),
    "column": lambda words, parts: _array(*parts),
    "extension": lambda words, parts: pd.array(_array(*parts), dtype=words[0]),
}
