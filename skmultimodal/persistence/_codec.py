"""Objects as plain values, and back, over a list of known types; never pickle."""

from __future__ import annotations

import copyreg
import functools
import math
import pathlib
from importlib import import_module
from types import BuiltinFunctionType, FunctionType

import numpy as np
import pandas as pd

from skmultimodal.persistence._safe_types import is_known, is_known_call

__all__ = ["Decoder", "Encoder", "full_name"]

NOT_KEPT = ("memory", "callbacks", "_cache")  # None in what is decoded
SEQUENCES = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
KIND_OF = {kind: name for name, kind in SEQUENCES.items()}
BUILTINS = {"slice": slice, "range": range, "complex": complex}


def full_name(thing) -> str:
    """Return the name by which a class or function is imported."""
    return f"{thing.__module__}.{thing.__qualname__}"


class Encoder:
    """Turns objects into nodes that JSON can hold; arrays and weights lie apart.

    A value is a plain JSON value or ``{"@": i}``, which points to ``nodes[i]``, so
    that an object met twice is stored once.
    """

    def __init__(self):
        self.nodes, self.arrays, self.weights = [], [], []
        self._seen, self._alive = {}, []

    def value(self, thing, where="estimator"):
        """Return what stands for `thing`; `where` names it in errors."""
        kind = type(thing)
        if thing is None or kind in (bool, int, str):
            return thing
        if kind is float and math.isfinite(thing):
            return thing
        if id(thing) not in self._seen:
            self._seen[id(thing)] = index = len(self.nodes)
            self._alive.append(thing)
            self.nodes.append(None)
            self.nodes[index] = self._node(thing, where)
        return {"@": self._seen[id(thing)]}

    def _all(self, things, where):
        return [self.value(item, f"{where}[{i}]") for i, item in enumerate(things)]

    def _array(self, values):
        self.arrays.append(values)
        return len(self.arrays) - 1

    def _node(self, thing, where):
        kind = type(thing)
        if kind is float:
            return ["float", repr(thing)]
        if kind in KIND_OF:
            things = sorted(thing, key=repr) if kind in (set, frozenset) else thing
            return [KIND_OF[kind], self._all(things, where)]
        if kind is dict:
            return ["dict", self._pairs(thing.items(), where)]
        if kind is bytes:
            return ["bytes", thing.hex()]
        if kind is complex:
            return ["complex", [thing.real, thing.imag]]
        if kind in (slice, range):
            parts = [thing.start, thing.stop, thing.step]
            return [kind.__name__, self._all(parts, where)]
        if isinstance(thing, pathlib.PurePath):
            return ["path", str(thing)]
        if isinstance(thing, (np.ndarray, np.generic, np.dtype)):
            return self._numpy(thing, where)
        if kind.__module__.partition(".")[0] == "pandas":
            return self._pandas(thing, where)
        if isinstance(thing, (np.random.RandomState, np.random.Generator)):
            return self._random(thing, where)
        if isinstance(thing, np.ufunc):
            if getattr(np, thing.__name__, None) is not thing:
                raise _unstorable(thing, where)
            return ["ufunc", thing.__name__]
        if isinstance(thing, (type, FunctionType, BuiltinFunctionType)):
            return ["global", *self._name(thing, where)]
        if kind is functools.partial:
            parts = [thing.func, thing.args, thing.keywords]
            return ["partial", self._all(parts, where)]
        return self._object(thing, where)

    def _pairs(self, items, where):
        return [
            [
                self.value(key, f"a key of {where}"),
                self.value(item, f"{where}[{key!r}]"),
            ]
            for key, item in items
        ]

    def _numpy(self, thing, where):
        if isinstance(thing, np.dtype):
            if thing.names is not None:
                raise _unstorable(thing, where)
            return ["dtype", thing.str]
        if isinstance(thing, np.ma.MaskedArray):
            parts = [np.asarray(thing.data), np.ma.getmaskarray(thing)]
            return ["masked", self._all(parts, where)]
        if thing.dtype.hasobject:
            if thing.dtype.names is not None:
                raise _unstorable(thing, where)
            return ["objects", list(thing.shape), self._all(thing.ravel(), where)]
        if isinstance(thing, np.generic):
            if thing.dtype.names is not None:
                raise _unstorable(thing, where)
            return ["scalar", thing.dtype.str, thing.tobytes().hex()]
        return ["array", self._array(np.asarray(thing))]

    def _pandas(self, thing, where):
        if thing is pd.NA or thing is pd.NaT:
            return ["NA" if thing is pd.NA else "NaT"]
        if isinstance(thing, pd.DataFrame):
            columns = [thing.iloc[:, i].array for i in range(thing.shape[1])]
            return ["frame", self._all([thing.columns, columns, thing.index], where)]
        if isinstance(thing, pd.Series):
            return ["series", self._all([thing.array, thing.index, thing.name], where)]
        if isinstance(thing, pd.RangeIndex):
            parts = [thing.start, thing.stop, thing.step, thing.name]
            return ["range_index", self._all(parts, where)]
        if isinstance(thing, pd.MultiIndex):
            codes = [np.asarray(code) for code in thing.codes]
            parts = [list(thing.levels), codes, list(thing.names)]
            return ["multi_index", self._all(parts, where)]
        if isinstance(thing, pd.Index):
            return ["index", self._all([thing.array, thing.name], where)]
        if isinstance(thing, pd.Categorical):
            parts = [np.asarray(thing.codes), thing.dtype]
            return ["categorical", self._all(parts, where)]
        if isinstance(thing, pd.CategoricalDtype):
            parts = [thing.categories, thing.ordered]
            return ["categories", self._all(parts, where)]
        if isinstance(thing, pd.api.extensions.ExtensionDtype):
            return ["pandas_dtype", str(thing)]
        if type(thing) is pd.arrays.NumpyExtensionArray:
            return ["column", self.value(thing.to_numpy(), where)]
        if isinstance(thing, pd.api.extensions.ExtensionArray):
            cells = np.asarray(thing.astype(object), dtype=object)
            return ["extension", str(thing.dtype), self.value(cells, where)]
        if isinstance(thing, pd.Timestamp | pd.Timedelta):
            return [type(thing).__name__, thing.isoformat()]
        raise _unstorable(thing, where)

    def _random(self, thing, where):
        legacy = isinstance(thing, np.random.RandomState)
        bits = thing._bit_generator if legacy else thing.bit_generator
        gauss = thing.get_state(legacy=False) if legacy else bits.state
        return ["random", legacy, type(bits).__name__, self.value(gauss, where)]

    def _name(self, thing, where):
        """Return module and name, by which it must be found again."""
        module, name = thing.__module__, thing.__qualname__
        if module == "__main__" or found(module, name) is not thing:
            raise _unstorable(thing, where)
        return [module, name]

    def _object(self, thing, where):
        kind = type(thing)
        if hasattr(thing, "to_plain"):
            state, weights = thing.to_plain()
            self.weights.append(weights)
            name, number = self._name(kind, where), len(self.weights) - 1
            return ["network", *name, self._state(state, where), number]
        try:
            make, args, *rest = thing.__reduce_ex__(4)
        except (TypeError, ValueError) as error:
            raise _unstorable(thing, where) from error
        state, items, pairs, *_ = [*rest, None, None, None]
        if make is copyreg.__newobj__:
            make, *args = args
            form = "object"
        elif isinstance(make, type) and is_known_call(full_name(make)):
            form = "call"
        elif is_known_call(full_name(kind)):  # compiled, without parameters
            form, make, args, state = "call", kind, (), None
        else:
            raise _unstorable(thing, where)
        return [
            form,
            *self._name(make, where),
            self._all(args, where),
            self._state(state, where),
            None if items is None else self._all(items, where),
            None if pairs is None else self._pairs(pairs, where),
        ]

    def _state(self, state, where):
        if not isinstance(state, dict):
            return self.value(state, where)
        kept = {key: None if key in NOT_KEPT else item for key, item in state.items()}
        self._alive.append(kept)
        self.nodes.append(None)
        index = len(self.nodes) - 1
        pairs = [[key, self.value(v, f"{where}.{key}")] for key, v in kept.items()]
        self.nodes[index] = ["dict", pairs]
        return {"@": index}


def found(module, name):
    """Return the class or function of that name, None if there is none."""
    try:
        thing = import_module(module)
        for part in name.split("."):
            thing = getattr(thing, part)
    except (ImportError, AttributeError):
        return None
    return thing


def _unstorable(thing, where):
    what = thing if isinstance(thing, (type, FunctionType)) else type(thing)
    return TypeError(
        f"{where} cannot be saved: {full_name(what)} is no plain value, or cannot be "
        "imported by its name. Define it in a module, or use pickle or joblib, which "
        "run code when they load."
    )


class Decoder:
    """Turns nodes back into objects.

    Parameters
    ----------
    nodes : list
    array, weights : callable
        Return the array, or the tensors by name, of a number.
    trusted : set of str
        Full names of classes and functions that are allowed besides the known.
    """

    def __init__(self, nodes, array, weights, trusted=()):
        self.nodes, self.array, self.weights = nodes, array, weights
        self.trusted, self._made, self._open = set(trusted), {}, set()

    def value(self, item):
        """Return the object that `item` stands for."""
        if not isinstance(item, dict):
            return item
        index = item["@"]
        if index not in self._made:
            if index in self._open:
                raise ValueError("an object that can only be made whole holds itself")
            self._open.add(index)
            kind, *parts = self.nodes[index]
            made = getattr(self, f"_make_{kind}", None)
            if made is not None:
                self._made[index] = made(index, *parts)
            else:
                self._made[index] = self._plain(kind, parts)
            self._open.discard(index)
        return self._made[index]

    def _all(self, items):
        return [self.value(item) for item in items]

    def _plain(self, kind, parts):
        if kind in SEQUENCES:
            return SEQUENCES[kind](self._all(parts[0]))
        if kind in BUILTINS:
            return BUILTINS[kind](*self._all(parts[0]))
        if kind == "float":
            return float(parts[0])
        if kind == "bytes":
            return bytes.fromhex(parts[0])
        if kind == "path":
            return pathlib.Path(parts[0])
        if kind == "array":
            return self.array(parts[0])
        if kind == "scalar":
            return np.frombuffer(bytes.fromhex(parts[1]), np.dtype(parts[0]))[0]
        if kind == "dtype":
            return np.dtype(parts[0])
        if kind == "masked":
            data, mask = self._all(parts[0])
            return np.ma.MaskedArray(data, mask)
        if kind == "ufunc" and isinstance(getattr(np, parts[0], None), np.ufunc):
            return getattr(np, parts[0])
        if kind == "global":
            return self._allowed(*parts)
        if kind == "partial":
            make, args, keywords = self._all(parts[0])
            return functools.partial(make, *args, **keywords)
        return self._plain_pandas(kind, parts)

    def _plain_pandas(self, kind, parts):
        if kind in ("NA", "NaT"):
            return getattr(pd, kind)
        if kind in ("Timestamp", "Timedelta"):
            return getattr(pd, kind)(parts[0])
        if kind == "pandas_dtype":
            return pd.api.types.pandas_dtype(parts[0])
        if kind == "column":
            return self.value(parts[0])
        if kind == "extension":
            return pd.array(self.value(parts[1]), dtype=parts[0])
        values = self._all(parts[0])
        if kind == "frame":
            columns, cells, index = values
            numbered = dict(enumerate(cells))
            frame = pd.DataFrame(numbered, index=index, columns=range(len(cells)))
            return frame.set_axis(columns, axis=1)
        if kind == "series":
            return pd.Series(values[0], index=values[1], name=values[2], copy=True)
        if kind == "range_index":
            return pd.RangeIndex(*values[:3], name=values[3])
        if kind == "multi_index":
            return pd.MultiIndex(values[0], values[1], names=values[2])
        if kind == "index":
            return pd.Index(values[0], dtype=values[0].dtype, name=values[1])
        if kind == "categorical":
            return pd.Categorical.from_codes(values[0], dtype=values[1])
        if kind == "categories":
            return pd.CategoricalDtype(*values)
        raise ValueError(f"unknown kind of value {kind!r}")

    def _make_list(self, index, items):
        made = self._made[index] = []
        made.extend(self._all(items))
        return made

    def _make_dict(self, index, pairs):
        made = self._made[index] = {}
        made.update((self.value(key), self.value(item)) for key, item in pairs)
        return made

    def _make_objects(self, index, shape, items):
        made = self._made[index] = np.empty(len(items), dtype=object)
        for i, item in enumerate(items):
            made[i] = self.value(item)
        return made.reshape(shape)

    def _make_random(self, index, legacy, name, state):
        if name not in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"):
            raise ValueError(f"unknown generator {name!r}")
        bits = getattr(np.random, name)()
        if not legacy:
            bits.state = self.value(state)
            return np.random.Generator(bits)
        made = np.random.RandomState(bits)
        made.set_state(self.value(state))
        return made

    def _make_network(self, index, module, name, state, number):
        kind = self._allowed(module, name)
        return kind.from_plain(self.value(state), self.weights(number))

    def _make_call(self, index, module, name, args, *rest):
        if not is_known_call(f"{module}.{name}"):
            raise _unknown(f"{module}.{name}")
        kind = self._allowed(module, name)
        return self._filled(index, kind(*self._all(args)), *rest)

    def _make_object(self, index, module, name, args, *rest):
        kind = self._allowed(module, name)
        if not isinstance(kind, type):
            raise ValueError(f"{module}.{name} is no class")
        return self._filled(index, kind.__new__(kind, *self._all(args)), *rest)

    def _filled(self, index, made, state, items, pairs):
        self._made[index] = made
        state = self.value(state)
        if items is not None:
            made.extend(self._all(items))
        for key, item in pairs or ():
            made[self.value(key)] = self.value(item)
        if hasattr(made, "__setstate__"):
            if state is not None:
                made.__setstate__(state)
        elif isinstance(state, tuple):
            made.__dict__.update(state[0] or {})
            for key, item in state[1].items():
                setattr(made, key, item)
        elif state is not None:
            made.__dict__.update(state)
        return made

    def _allowed(self, module, name):
        """Return a class or function by name if it is known or trusted."""
        full = f"{module}.{name}"
        if not is_known(module, name) and full not in self.trusted:
            raise _unknown(full)
        thing = found(module, name)
        if thing is None:
            raise ValueError(f"there is no {full} in this installation")
        return thing


class UntrustedError(ValueError):
    """A file holds a class or function that nobody vouched for."""


def _unknown(full):
    return UntrustedError(
        f"it holds {full}, which is not among the types known to be harmless. If you "
        f"trust the file and that class, use load(path, trusted=[{full!r}])."
    )
