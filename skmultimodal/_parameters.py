"""What parameters may be, checked in `fit`: pairs of words and a test.

A class attribute ``limits`` maps the name of a parameter to such a pair.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, TypeGuard

from joblib import Memory

__all__ = [
    "BOOL",
    "FRACTION",
    "NONE",
    "NOT_NEGATIVE",
    "PATH",
    "POSITIVE",
    "POSITIVE_INT",
    "WIDTHS",
    "a_number",
    "an_int",
    "check_parameters",
    "either",
    "is_callback",
    "is_device",
    "is_path_and_count",
    "one_of",
]


def is_real(value: Any) -> TypeGuard[float]:
    """Whether a value is a real number, of Python, NumPy or another library."""
    return isinstance(value, Real)


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether a value is an integer, of Python, NumPy or another library."""
    return isinstance(value, Integral)


def an_int(low: int) -> tuple:
    """Return the limit of a parameter that is an int from `low` on.

    Parameters
    ----------
    low : int
        The least value.

    Returns
    -------
    tuple of (str, callable)
        What the parameter must be, in words, and the test of a value.
    """
    return (
        f"an int >= {low}",
        lambda v: is_whole(v) and not isinstance(v, bool) and v >= low,
    )


def a_number(text: str, test: Callable) -> tuple:
    """Return the limit of a parameter that is a number, not a bool.

    Parameters
    ----------
    text : str
        What it must be, such as ``"a number in (0, 1]"``.

    test : callable
        Says of a number whether it is that.

    Returns
    -------
    tuple of (str, callable)
        What the parameter must be, in words, and the test of a value.
    """
    return text, lambda v: is_real(v) and not isinstance(v, bool) and test(v)


def one_of(*options: Any) -> tuple:
    """Return the limit of a parameter that is one of a few words or constants.

    Parameters
    ----------
    *options : object
        Words, which are compared by value, and constants such as None or True.

    Returns
    -------
    tuple of (str, callable)
        What the parameter must be, in words, and the test of a value.
    """
    return (
        f"one of {list(options)}",
        lambda v: any(v is o or (isinstance(v, str) and v == o) for o in options),
    )


def either(*rules: tuple) -> tuple:
    """Return the limit of a parameter that keeps to one of several limits.

    Parameters
    ----------
    *rules : tuple of (str, callable)
        The limits.

    Returns
    -------
    tuple of (str, callable)
        What the parameter must be, in words, and the test of a value.

    Examples
    --------
    >>> from skmultimodal.utils import NONE, an_int, either
    >>> text, test = either(NONE, an_int(2))
    >>> text
    'None or an int >= 2'
    >>> test(None), test(1)
    (True, False)
    """
    return " or ".join(text for text, _ in rules), lambda v: any(t(v) for _, t in rules)


def is_callback(item):
    callback = item[1] if isinstance(item, tuple) and len(item) == 2 else item
    return hasattr(callback, "on_train_begin")


def is_device(value):
    if value == "auto" or value == "cpu":
        return True
    if not isinstance(value, str):
        return False
    import torch

    try:
        device = torch.device(value)
    except RuntimeError:
        return False
    return device.type != "cuda" or (
        torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    )


def is_path_and_count(value):
    if not isinstance(value, tuple) or len(value) != 2:
        return False
    path, every = value
    return PATH[1](path) and POSITIVE_INT[1](every)


def _are_widths(value):
    return isinstance(value, (tuple, list)) and all(map(POSITIVE_INT[1], value))


BOOL = ("a bool", lambda v: isinstance(v, bool) or type(v).__name__ == "bool")
NONE = ("None", lambda v: v is None)
FRACTION = a_number("a number in [0, 1)", lambda v: 0 <= v < 1)
NOT_NEGATIVE = a_number("a finite number >= 0", lambda v: 0 <= v < math.inf)
POSITIVE = a_number("a finite number > 0", lambda v: 0 < v < math.inf)
POSITIVE_INT = an_int(1)
PATH = ("a path", lambda v: isinstance(v, str | os.PathLike))
WIDTHS = ("a tuple of ints >= 1", _are_widths)

RULES = {
    "missing": one_of("mask", "impute", "raise"),
    "missing_values": either(
        NONE,
        ("a str", lambda v: isinstance(v, str)),
        (
            "a list of str",
            lambda v: (
                isinstance(v, (list, tuple))
                and all(isinstance(text, str) for text in v)
            ),
        ),
    ),
    "on_empty": one_of("prior", "raise"),
    "on_error": one_of("raise", "missing"),
    "n_jobs": either(NONE, ("an int", lambda v: is_whole(v) and v != 0)),
    "memory": either(
        NONE,
        (
            "a path or a joblib.Memory",
            lambda v: isinstance(v, (str, Memory)) or hasattr(v, "cache"),
        ),
    ),
    "columns": either(
        NONE, ("a dict {modality: column(s)}", lambda v: isinstance(v, dict))
    ),
    "class_weight": either(
        NONE,
        one_of("balanced"),
        (
            "a dict {label: weight >= 0}",
            lambda v: (
                isinstance(v, dict) and all(is_real(w) and w >= 0 for w in v.values())
            ),
        ),
    ),
    "warm_start": BOOL,
    "verbose": either(an_int(0), BOOL),
}


def check_parameters(owner: Any, rules: dict = RULES) -> None:
    """Raise ValueError for the first parameter that is not what it must be.

    Parameters
    ----------
    owner : object
        Has the parameters as attributes.

    rules : dict of str to tuple of (str, callable)
        The limit of each parameter, such as the class attribute ``limits``.

    Raises
    ------
    ValueError
        Says the parameter, its owner, what it must be, and what it is.
    """
    for name, (expected, test) in rules.items():
        value = getattr(owner, name, None)  # class_weight is not for values
        if not test(value):
            raise ValueError(
                f"The {name!r} parameter of {type(owner).__name__} must be "
                f"{expected}. Got {value!r} instead."
            )
