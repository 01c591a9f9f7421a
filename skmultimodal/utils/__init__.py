"""Tools for authors of strategies and encoders.

Module `estimator_checks` has the contract as tests. The rest is for class attributes
``limits``, which say what parameters may be: a limit is a pair of words and a test.
Functions make one; the constants are ``BOOL``, ``NONE``, ``PATH``, ``FRACTION`` (a
number in [0, 1)), ``POSITIVE`` and ``NOT_NEGATIVE`` (a finite number),
``POSITIVE_INT``, and ``WIDTHS`` (a tuple of ints >= 1).
"""

from typing import TYPE_CHECKING

from skmultimodal._lazy import attach

if TYPE_CHECKING:
    from skmultimodal._parameters import BOOL as BOOL
    from skmultimodal._parameters import FRACTION as FRACTION
    from skmultimodal._parameters import NONE as NONE
    from skmultimodal._parameters import NOT_NEGATIVE as NOT_NEGATIVE
    from skmultimodal._parameters import PATH as PATH
    from skmultimodal._parameters import POSITIVE as POSITIVE
    from skmultimodal._parameters import POSITIVE_INT as POSITIVE_INT
    from skmultimodal._parameters import WIDTHS as WIDTHS
    from skmultimodal._parameters import a_number as a_number
    from skmultimodal._parameters import an_int as an_int
    from skmultimodal._parameters import check_parameters as check_parameters
    from skmultimodal._parameters import either as either
    from skmultimodal._parameters import one_of as one_of
    from skmultimodal.utils import estimator_checks as estimator_checks

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
if not TYPE_CHECKING:  # a checker would take any name for defined
    __getattr__, __dir__ = attach(__name__, _LAZY, _MODULES)
