"""Numbers, dates and truth values that people wrote as texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np

__all__ = [
    "TRUTHS",
    "number_in",
    "stands_for_nothing",
    "unmistakable",
    "written_kind",
]

NOTHING = frozenset("|-|\u2013|?|n/a|na|nan|none|null|.".split("|"))
RARE = 10  # one text in so many that is of another kind is worth a warning
_SIGNS = "€$£¥₹₽₩฿"
_CODES = "EUR|USD|GBP|CHF|JPY|CNY|RMB|INR|CAD|AUD|SEK|NOK|DKK|PLN|BRL|Rs|kr|zł"
_MONEY = rf"(?:[{_SIGNS}]|(?:{_CODES})\.?)"
_MINUS = "\u2212-"
_SPACE = (
    "[ \u00a0\u202f\u2009'\u2019]"  # of thousands: plain, no-break, thin, apostrophes
)
_NUMBER = re.compile(
    rf"\s*(?P<sign>[+{_MINUS}]?)\s*{_MONEY}?\s*(?P<inner>[+{_MINUS}]?)\s*"
    rf"(?P<digits>\d{{1,3}}(?:{_SPACE}\d{{3}})+(?:[.,]\d+)?|\d[\d.,]*|[.,]\d+)"
    rf"(?P<power>[eE][-+]?\d+)?\s*(?:{_MONEY}|%)?\s*"
)
_GROUPS = {
    ".": re.compile(r"[1-9]\d{0,2}(,\d{3})+(\.\d*)?|\d*(\.\d*)?"),
    ",": re.compile(r"[1-9]\d{0,2}(\.\d{3})+(,\d*)?|\d*(,\d*)?"),
}
_TELLS = {  # which mark is that of its decimals, or that it has none
    ".": re.compile("[^,]*"),
    ",": re.compile(r".*,(\d{1,2}|\d{4,})\D*"),
}
_LEADING_ZERO = re.compile(r"\s*0\d")
_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?"
)
_PAIRS = (
    ("true", "false"),
    ("t", "f"),
    ("yes", "no"),
    ("y", "n"),
    ("on", "off"),
    ("ja", "nein"),
    ("oui", "non"),
    ("是", "否"),
)
TRUTHS = {
    word: value for pair in _PAIRS for word, value in zip(pair, (1.0, 0.0), strict=True)
}


def stands_for_nothing(text: str) -> bool:
    """Whether a text among numbers, dates or truth values marks a missing one."""
    return text.strip().casefold() in NOTHING


def number_in(text: str, decimal: str = ".") -> float:
    """Return the number that a text holds, NaN for a mark of a missing one.

    Parameters
    ----------
    text : str
        Digits with a sign, a currency or a per cent sign (which changes nothing), and
        thousands apart by spaces, apostrophes or the mark that is not the decimal.
    decimal : {".", ","}, default="."
        Mark of the decimals.

    Raises
    ------
    ValueError
        If it holds anything else.

    Examples
    --------
    >>> from skmultimodal.data._words import number_in
    >>> number_in("€ 3.50"), number_in("1 200"), number_in("-1.234,5 EUR", ",")
    (3.5, 1200.0, -1234.5)
    """
    if stands_for_nothing(text):
        return np.nan
    found = _NUMBER.fullmatch(text)
    if found and not (found["sign"] and found["inner"]):
        digits = re.sub(_SPACE, "", found["digits"])
        if _GROUPS[decimal].fullmatch(digits):
            other = "," if decimal == "." else "."
            plain = digits.replace(other, "").replace(decimal, ".")
            minus = (found["sign"] or found["inner"] or "+") in _MINUS
            return float(f"{'-' * minus}{plain}{found['power'] or ''}")
    return float(text)  # inf, 1_000 and the like, or the error


def unmistakable(text: str, decimal: str = ".") -> str:
    """Return a text of the same number that tells the mark of its decimals by itself.

    Examples
    --------
    >>> from skmultimodal.data._words import unmistakable
    >>> unmistakable("€ 1,200"), unmistakable("1,200", ","), unmistakable("1,2", ",")
    ('1200.0', '1,2000', '1,2')
    """
    if _TELLS[decimal].fullmatch(text) or stands_for_nothing(text):
        return text
    plain = np.format_float_positional(number_in(text, decimal), trim="0")
    # no group of thousands has four digits
    return plain if decimal == "." else plain.replace(".", ",") + "000"


def written_kind(texts: Any) -> tuple[str, Any]:
    """Return what all texts of a column hold, and the first that holds something else.

    Parameters
    ----------
    texts : list of str

    Returns
    -------
    kind : {"point number", "comma number", "date", "boolean", "category"}
        Numbers are told apart by what their decimals follow.
    odd : int or None
        Position of the first text that keeps a column, nine in ten of whose texts are
        numbers, dates or truth values, from being that.

    Notes
    -----
    A comma in front of three digits parts thousands only if every comma of the column
    is like that; likewise points, of which one alone is a decimal mark. Digits that
    begin with a zero (post codes) are no numbers.
    """
    positions = [i for i, text in enumerate(texts) if not stands_for_nothing(text)]
    if not positions:
        return "category", None
    odd = None
    for kind, holds in _tests([texts[i] for i in positions]):
        others = [i for i in positions if not holds(texts[i])]
        if not others:
            return kind, None
        if RARE * len(others) <= len(positions) and odd is None:
            odd = others[0]
    return "category", odd


def _tests(known):
    """Return the kinds that a column may have, and the test of one text."""
    tests: list[tuple[str, Callable]] = []
    for pair in _PAIRS:
        if _is_one_of(pair, known[0]):
            tests.append(("boolean", partial(_is_one_of, pair)))
    if any(map(_is_date, known[:20])):
        tests.append(("date", _is_date))
    if any(_NUMBER.fullmatch(text) for text in known[:20]):
        decimal = _decimal_mark(known)
        kind = "point number" if decimal == "." else "comma number"
        tests.append((kind, partial(_is_number, decimal)))
    return tests


def _is_one_of(words, text) -> bool:
    return text.strip().casefold() in words


def _is_number(decimal, text) -> bool:
    if _LEADING_ZERO.match(text) or not _NUMBER.fullmatch(text):
        return False
    try:
        return bool(np.isfinite(number_in(text, decimal)))
    except ValueError:
        return False


def _is_date(text) -> bool:
    text = text.strip()
    if not _DATE.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _decimal_mark(texts) -> str:
    """Return the mark of the decimals, which the column as a whole tells."""
    commas = [text for text in texts if "," in text]
    points = [text for text in texts if "." in text]
    both = [text for text in commas if "." in text]
    if both:
        return "," if both[0].rfind(",") > both[0].rfind(".") else "."
    if any(text.count(".") > 1 for text in points):
        return ","
    if points:
        return "."
    groups = re.compile(r"\D*[1-9]\d{0,2}(,\d{3})+\D*")
    return "," if commas and not all(map(groups.fullmatch, commas)) else "."
