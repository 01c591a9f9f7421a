"""Objects as plain values, and back, over a list of known types; never pickle.

An object is a node ``[kind, words, parts]``: its kind, strings or numbers, and what it
is made of. A part is a plain JSON value, or ``[i]`` for the object of an *earlier*
node, so that an object met twice is stored once, nothing holds itself, and one loop
decodes whatever a file holds.

skops (0.16) was judged again: it stores neither tensors nor indices, frames and
extension arrays of pandas, so that it can hold no fitted estimator of ours. What it
would save, the codes of plain values, arrays and objects, comes back as adapters to
its private tables of types, and the list, the checks and the bounds would remain.
"""

from __future__ import annotations

import copyreg
import functools
import math
from types import BuiltinFunctionType, FunctionType

import numpy as np

from skmultimodal.persistence._safe_types import (
    check_numbers,
    find,
    imported,
    is_compiled,
    make_compiled,
    module_of,
)
from skmultimodal.persistence._values import MAKERS, value_node

__all__ = ["Packer", "Unpacker", "full_name"]

# None in what is encoded and decoded: a file opens no path, not even in a later fit.
NOT_KEPT = ("memory", "callbacks", "checkpoint", "_cache")


def full_name(thing) -> str:
    """Return the name by which a class or function is imported."""
    return f"{module_of(thing)}.{thing.__qualname__}"


class Packer:
    """Turns objects into nodes that JSON can hold; arrays and weights lie apart."""

    def __init__(self):
        self.nodes, self.arrays, self.weights = [], [], []
        self._index, self._alive = {}, []  # by id, which only the living keep

    def value(self, thing, where="estimator"):
        """Return what stands for `thing`; `where` names it in errors."""
        kind = type(thing)
        if thing is None or kind in (bool, int, str):
            return thing
        if kind is float and math.isfinite(thing):
            return thing
        if id(thing) not in self._index:
            self._index[id(thing)] = None
            self._alive.append(thing)
            name, words, parts = value_node(thing) or self._node(thing, where)
            if name == "array":
                self.arrays.append(parts)
                words, parts = [len(self.arrays) - 1], []
            if not isinstance(parts, dict):
                parts = {f"[{i}]": part for i, part in enumerate(parts)}
            values = [self.value(part, where + key) for key, part in parts.items()]
            self.nodes.append([name, words, values])
            self._index[id(thing)] = len(self.nodes) - 1
        if self._index[id(thing)] is None:
            raise TypeError(f"{where} cannot be saved: it holds itself.")
        return [self._index[id(thing)]]

    def _node(self, thing, where):
        kind = type(thing)
        if isinstance(thing, (type, FunctionType, BuiltinFunctionType)):
            return "name", _name(thing, where), []
        if kind is functools.partial:
            return "partial", [], [thing.func, thing.args, thing.keywords]
        if hasattr(thing, "to_plain"):
            state, weights = thing.to_plain()
            self.weights.append(weights)
            words = [*_name(kind, where), len(self.weights) - 1, *state]
            return "network", words, _attributes(state)
        try:
            make, args, state, *more = [*thing.__reduce_ex__(4), None, None, None][:5]
        except (TypeError, ValueError) as error:
            raise _unstorable(thing, where) from error
        if is_compiled(kind):
            numbers = [*args, state] if make is kind else []  # else it has none
            return "compiled", _name(kind, where), [n for n in numbers if n is not None]
        state = {} if state is None else state
        new = copyreg.__newobj__  # type: ignore[attr-defined]  # not in its stubs
        plain = make is new and args == (kind,) and more == [None, None]
        if not plain or type(state) is not dict:
            raise _unstorable(thing, where)
        return "object", [*_name(kind, where), *state], _attributes(state)


def _attributes(state):
    return {f".{k}": None if k in NOT_KEPT else part for k, part in state.items()}


def _name(thing, where):
    """Return module and name, by which it must be found again."""
    module, name = module_of(thing), thing.__qualname__
    if module == "__main__" or imported(module, name) is not thing:
        raise _unstorable(thing, where)
    return [module, name]


def _unstorable(thing, where):
    what = thing if isinstance(thing, (type, FunctionType)) else type(thing)
    return TypeError(
        f"{where} cannot be saved: {full_name(what)} is no plain value, or cannot be "
        "imported by its name. Define it in a module, or use pickle or joblib, which "
        "run code when they load."
    )


def _two(words) -> tuple[str, str]:
    """Return the words of a node that has module and name alone."""
    module, name = words
    return module, name


class Unpacker:
    """Turns nodes back into objects.

    Parameters
    ----------
    array, weights : callable
        Return the array, or the tensors by name, of a number.
    size : int
        Bytes of the file, which time and memory are bound to.
    trusted : set of str
        Full names of classes and functions that are allowed besides the known.
    """

    def __init__(self, array, weights, size, trusted=()):
        self.array, self.weights, self.trusted = array, weights, trusted
        self._left, self._made, self._sizes = 1_000_000 + 50 * size, [], []

    def root(self, nodes):
        """Return the object of the last node."""
        special = {
            "array": lambda words, parts: self.array(*words),
            "compiled": lambda words, parts: make_compiled(*_two(words), parts),
            "name": lambda words, parts: self._find(*_two(words), "value"),
            "network": self._network,
            "object": self._object,
            "partial": self._partial,
        }
        makers = MAKERS | special
        for kind, words, parts in nodes:
            values = [self._part(part) for part in parts]
            self._spend(parts)
            self._made.append(makers[kind](words, values))
            if isinstance(self._made[-1], np.ndarray):
                self._sizes[-1] += self._made[-1].nbytes
        return self._made[-1]

    def _part(self, part):
        if part is None or type(part) in (bool, int, float, str):
            return part
        (number,) = part
        if type(part) is not list or type(number) is not int:
            raise ValueError("a part is neither a plain value nor a number of a node")
        if not 0 <= number < len(self._made):
            raise ValueError(f"there is no node {number} before the one that holds it")
        return self._made[number]

    def _spend(self, parts):
        """Count what a node holds if nothing is shared, as it is walked and copied.

        That doubles with each level of tuples that hold another one twice.
        """
        held = sum(self._sizes[part[0]] for part in parts if type(part) is list)
        self._sizes.append(1 + len(parts) + held)
        self._left -= self._sizes[-1]
        if self._left < 0:
            raise ValueError("what it holds is far larger than the file")

    def _find(self, module, name, use):
        return find(module, name, use, self.trusted)

    def _partial(self, words, parts):
        function, args, keywords = parts
        known = self._find(function.__module__, function.__qualname__, "call")
        return functools.partial(known, *args, **keywords)

    def _network(self, words, parts):
        module, name, number, *names = words
        kind = self._find(module, name, "object")
        return kind.from_plain(_state(names, parts), self.weights(number))

    def _object(self, words, parts):
        module, name, *names = words
        kind, state = self._find(module, name, "object"), _state(names, parts)
        made = kind.__new__(kind)
        if hasattr(kind, "__setstate__"):
            made.__setstate__(state)
        else:
            vars(made).update(state)
        check_numbers(made)
        return made


def _state(names, parts):
    state = dict(zip(names, parts, strict=True))
    if len(state) < len(names) or not all(isinstance(name, str) for name in names):
        raise ValueError("an object has attributes of odd names")
    return {key: None if key in NOT_KEPT else part for key, part in state.items()}
