"""Tools for authors of strategies and encoders.

Module `estimator_checks` has the contract as tests. The rest is for class attributes
``limits``, which say what parameters may be: a limit is a pair of words and a test.
Functions make one; the constants are ``BOOL``, ``NONE``, ``PATH``, ``FRACTION`` (a
number in [0, 1)), ``POSITIVE`` and ``NOT_NEGATIVE`` (a finite number),
``POSITIVE_INT``, and ``WIDTHS`` (a tuple of ints >= 1).
"""

from skmultimodal._lazy import attach

_LAZY = dict.fromkeys(
    [
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
        "one_of",
    ],
    "_parameters",
)
_MODULES = ("estimator_checks",)

__all__ = [*_LAZY, *_MODULES]
__getattr__, __dir__ = attach(__name__, _LAZY, _MODULES)
