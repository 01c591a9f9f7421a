"""The columns of a table: what each one holds, and its cells as numbers or labels."""

from __future__ import annotations

import datetime
import numbers
from collections.abc import Collection
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from skmultimodal.data._scaling import beyond
from skmultimodal.data._words import (
    TRUTHS,
    number_in,
    stands_for_nothing,
    unmistakable,
    written_kind,
)

__all__ = [
    "COLUMN_KINDS",
    "as_kind",
    "column_kind",
    "column_notes",
    "read_dates",
    "read_labels",
    "read_numbers",
    "read_truths",
    "refuse_beyond",
    "refuse_infinite",
    "seconds",
    "settle_columns",
]

COLUMN_KINDS = ("number", "comma number", "date", "boolean", "category")
DECIMALS = {"point number": ".", "comma number": ","}  # marks in numbers as texts
_NUMERIC_OBJECTS = ("floating", "integer", "mixed-integer-float", "decimal")
_WORDS = {
    "number": "numbers",
    "boolean": "truth values",
    "date": "dates",
    "duration": "durations",
}


def column_kind(column: pd.Series) -> str:
    """Return what a column holds.

    Parameters
    ----------
    column : Series

    Returns
    -------
    {"empty", "number", "point number", "comma number", "boolean", "date", \
            "duration", "category"}
        A column without any value is empty. Texts of numbers, of ISO dates or of
        truth values are these, see :func:`written_kind`; a column of pandas' dtype
        ``category`` is always one of categories.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmultimodal.data._table import column_kind
    >>> column_kind(pd.Series([True, None])), column_kind(pd.Series(["a", 1, 2]))
    ('boolean', 'category')
    """
    if not column.count():
        return "empty"
    types, dtype = pd.api.types, column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_numeric_dtype(dtype):
        return "number"
    if types.is_datetime64_any_dtype(dtype):
        return "date"
    if types.is_timedelta64_dtype(dtype):
        return "duration"
    if types.is_object_dtype(dtype):
        inferred = types.infer_dtype(column, skipna=True)
        if inferred in _NUMERIC_OBJECTS:
            return "number"
        if inferred in ("datetime", "datetime64", "date"):
            return "date"
        if inferred in ("timedelta", "timedelta64"):
            return "duration"
        if inferred == "boolean":
            return "boolean"
        if inferred == "mixed":
            known = _known(column)
            if known.map(_is_number).all():
                return "number"
            if known.map(_is_date).all():
                return "date"
    return (
        written_kind(_known(column).tolist())[0] if _holds_texts(column) else "category"
    )


def as_kind(column: pd.Series, name, kind: str) -> pd.Series:
    """Return a column as one of `COLUMN_KINDS`, whatever it would be taken for."""
    if kind == "category":
        return read_labels(column, name).astype("category")
    if kind == "date":
        return read_dates(column, name)
    if kind == "boolean":
        truths = [None if v != v else bool(v) for v in read_truths(column, name)]
        return pd.Series(truths, index=column.index, dtype="boolean")
    kind = "point number" if kind == "number" else kind
    return pd.Series(read_numbers(column, name, kind), index=column.index)


def read_numbers(column: pd.Series, name, kind: str = "number") -> np.ndarray:
    """Return a column of numbers as float64, NaN where missing.

    Texts of numbers count as numbers, and where they are the kind of the column so do
    those with currencies and thousands; anything else is an error that names the row.
    """
    dtype = column.dtype
    if pd.api.types.is_datetime64_any_dtype(dtype) or _is_duration(dtype):
        _refuse_known(column, name, "number")
        return np.full(len(column), np.nan)
    if isinstance(dtype, pd.CategoricalDtype):
        column = column.astype(object)
    try:
        if kind != "comma number" or pd.api.types.is_numeric_dtype(dtype):
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError, OverflowError):
        pass
    values, known = np.full(len(column), np.nan), _known(column).astype(object)
    values[column.notna().to_numpy()] = [
        _number(label, name, cell, DECIMALS.get(kind)) for label, cell in known.items()
    ]
    return values


def _number(label, name, cell, decimal):
    try:
        written = decimal is not None and isinstance(cell, str)
        return number_in(cell, decimal) if written else float(cell)
    except OverflowError as error:
        raise ValueError(
            f"row {_plain(label)!r}: column {name!r} holds a number too large for "
            f"float64, of {len(str(cell))} digits. Replace it, use its logarithm, or "
            "NaN for a missing value."
        ) from error
    except (ValueError, TypeError) as error:
        raise _not(label, name, "number", cell) from error


def seconds(column: pd.Series, name) -> np.ndarray:
    """Return a column of durations in seconds, NaN where missing."""
    if not _is_duration(column.dtype):
        for label, cell in _known(column).items():
            if not isinstance(cell, (pd.Timedelta, np.timedelta64)) and not hasattr(
                cell, "total_seconds"
            ):
                raise _not(label, name, "duration", cell)
        column = pd.to_timedelta(column.astype(object))
    return column.dt.total_seconds().to_numpy(dtype=np.float64)


def read_truths(column: pd.Series, name) -> np.ndarray:
    """Return a column of truth values as 1.0 and 0.0, NaN where missing.

    1, 0 and words such as ``"True"`` and ``"no"`` are truth values too.
    """
    known = _known(column)
    values = np.full(len(column), np.nan)
    if pd.api.types.is_bool_dtype(column.dtype):
        found = known.to_numpy(dtype=np.float64)
    else:
        found = [
            _truth(label, name, cell) for label, cell in known.astype(object).items()
        ]
    values[column.notna().to_numpy()] = found
    return values


def _truth(label, name, cell):
    if isinstance(cell, str):
        word = cell.strip().casefold()
        if word in TRUTHS:
            return TRUTHS[word]
        if stands_for_nothing(cell):
            return np.nan
    elif isinstance(cell, (bool, numbers.Number, np.bool_)) and cell in (0, 1):
        return float(cell)
    raise _not(label, name, "boolean", cell)


def read_dates(column: pd.Series, name, utc: bool = False) -> pd.Series:
    """Return a column of dates as datetimes, NaT where missing.

    Texts in ISO format count as dates; anything else is an error that names the row.
    """
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return pd.to_datetime(column, utc=utc)
    column = column.astype(object)
    nothing = column.map(lambda c: isinstance(c, str) and stands_for_nothing(c))
    column = column.mask(nothing, None)
    known = _known(column)
    for label, cell in known.items():
        if not isinstance(cell, str) and not _is_date(cell):
            raise _not(label, name, "date", cell)
    try:
        is_text = known.map(lambda cell: isinstance(cell, str)).any()
        form = {"format": "ISO8601"} if is_text else {}
        return pd.to_datetime(column, utc=utc, **form)
    except (ValueError, TypeError) as error:
        for label, cell in known.items():
            if pd.isna(pd.to_datetime(cell, errors="coerce", format="ISO8601")):
                raise _not(label, name, "date", cell) from error
        return pd.to_datetime(column, utc=True, **form)  # of several zones


def read_labels(column: pd.Series, name) -> pd.Series:
    """Return a column of categories as objects: str, or None where missing.

    What has no name, such as dicts, lists, bytes and arrays, is an error.
    """
    known = column.notna()
    labels = column.astype(object).where(known, None)
    if pd.api.types.is_string_dtype(column.dtype) and column.dtype != object:
        return labels
    for label, cell in labels[known].items():
        if not _is_label(cell):
            raise TypeError(
                f"row {_plain(label)!r}: column {name!r} of a table: an argument must "
                "be a string or a number, a date or a truth value. Got "
                f"{type(cell).__name__}. {_remedy(cell)}"
            )
    texts = [None if cell is None else _label(cell) for cell in labels]
    return pd.Series(texts, index=labels.index, dtype=object)


def _label(cell) -> str:
    if isinstance(cell, (float, np.floating)) and cell == np.floor(cell):
        cell = int(cell) if np.isfinite(cell) else cell  # 1.0 and 1 are one category
    return str(cell)


def _is_label(cell) -> bool:
    if isinstance(cell, (str, numbers.Number, np.generic)):
        return not isinstance(cell, (complex, np.complexfloating))
    is_collection = isinstance(cell, (Collection, bytes, memoryview))
    is_array = hasattr(cell, "__array__") or hasattr(cell, "__array_interface__")
    named = type(cell).__str__ is not object.__str__
    named |= type(cell).__repr__ is not object.__repr__
    return named and not (is_collection or is_array or callable(cell))


def _remedy(cell) -> str:
    if isinstance(cell, (bytes, bytearray, memoryview)):
        return "Decode texts with .decode(); images and sounds need a column of theirs."
    if isinstance(cell, (complex, np.complexfloating)):
        return "Pass real and imaginary parts as numbers of their own."
    if isinstance(cell, dict):
        return "Give its entries columns of their own (pandas.json_normalize)."
    return "Give its items columns of their own, or join them to one text."


def column_notes(cells, names=None) -> list[str]:
    """Return what should be said of the columns of a table or of a block of numbers.

    Parameters
    ----------
    cells : DataFrame or ndarray of shape (n_samples, n_columns)
    names : list, default=None
        Names of the columns of an ndarray; their positions if None.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmultimodal.data._table import column_notes
    >>> column_notes(pd.DataFrame({"a": [1.0, 2.0], "b": [None, None]}))
    ["['b'] hold no value and are ignored"]
    """
    if isinstance(cells, np.ndarray):
        floats = cells.dtype.kind == "f"
        empty: Any = np.isnan(cells).all(axis=0) if floats else []
        names = range(cells.shape[1]) if names is None else names
        counts = {name: 0 for name, e in zip(names, empty, strict=False) if e}
    else:
        counts = {name: cells[name].count() for name in cells}
    notes = []
    for n, what in (
        (0, "no value and are ignored"),
        (1, "one value alone, in one row"),
    ):
        found = [name for name, count in counts.items() if count == n < len(cells)]
        if found:
            notes.append(f"{found} hold {what}")
    for name in counts if isinstance(cells, pd.DataFrame) else ():
        column = cells[name]
        odd = _odd_text(column)
        if odd is not None:
            notes.append(
                f"{[name]} hold numbers, dates or truth values written as texts, but "
                f"{odd[1]!r} in row {_plain(odd[0])!r}: taken as categories; correct "
                "or empty such cells, or give the column pandas' dtype 'category'"
            )
        if _is_mixture(column):
            types = _known(column).map(lambda cell: type(cell).__name__)
            rare = types.index[types == types.value_counts().index[-1]][0]
            notes.append(
                f"{[name]} hold {' and '.join(sorted(set(types)))} together, such as "
                f"{column.loc[[rare]].iloc[0]!r} in row {_plain(rare)!r}: taken "
                "as categories; pandas.to_numeric and to_datetime make them one type"
            )
    return notes


def _odd_text(column):
    """Return label and cell of what keeps nearly all texts from being one kind."""
    if not _holds_texts(column):
        return None
    known = _known(column)
    odd = written_kind(known.tolist())[1]
    return None if odd is None else (known.index[odd], known.iloc[odd])


def _holds_texts(column) -> bool:
    types, dtype = pd.api.types, column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return False
    if types.is_object_dtype(dtype):
        return types.infer_dtype(column, skipna=True) == "string"
    return types.is_string_dtype(dtype)


def settle_columns(cells: pd.DataFrame) -> pd.DataFrame:
    """Return a table of which any rows, seen alone, are taken for what the whole is.

    Some rows of a column of labels that differ in kind may hold numbers alone: it
    becomes categories, and its first cell that is no label is refused. Some numbers as
    texts may not tell thousands from decimals: each comes to tell.
    """
    settled = {}
    for c in cells:
        column = cells[c]
        kind = column_kind(column) if _holds_texts(column) else None
        if kind in DECIMALS:
            tell = partial(unmistakable, decimal=DECIMALS[kind])
            settled[c] = column.map(tell, na_action="ignore").astype(column.dtype)
        elif _may_mix(column) or (kind == "category" and _may_tell_more(column)):
            settled[c] = as_kind(column, c, "category")
    if not settled:
        return cells
    cells = cells.copy(deep=False)
    for c, column in settled.items():
        cells[c] = column
    return cells


def _may_tell_more(column) -> bool:
    """Whether a column of categories holds texts that alone were something else."""
    texts = _known(column).unique().tolist()
    return any(written_kind([text])[0] != "category" for text in texts)


def _may_mix(column) -> bool:
    """Whether a column of categories may hold several types, or what is no label."""
    if not pd.api.types.is_object_dtype(column.dtype):
        return False
    mixed = pd.api.types.infer_dtype(column, skipna=True) not in ("string", "empty")
    return mixed and column_kind(column) == "category"


def _is_mixture(column) -> bool:
    """Whether a column holds labels of several types that make categories."""
    if not _may_mix(column) or not _known(column).map(_is_label).all():
        return False
    return _known(column).map(type).nunique() > 1


def refuse_infinite(values: np.ndarray, names, labels):
    """Refuse infinite numbers in an array (n_samples, n_columns), by row and column."""
    if np.isinf(values).any():
        refuse_beyond(np.where(np.isinf(values), values, 0.0), names, labels)


def refuse_beyond(values: np.ndarray, names, labels, mean=0.0, scale=None):
    """Refuse numbers that no network can count with, by row and column."""
    found = beyond(values, mean, scale)
    if found is not None:
        (row, column), what = found
        raise ValueError(
            f"row {_plain(labels[row])!r}: column {names[column]!r} {what}. Replace "
            "it, or use NaN for a missing value."
        )


def _is_number(cell) -> bool:
    """Whether a cell is a real number, such as a Decimal or a Fraction."""
    return isinstance(cell, (numbers.Real, Decimal)) and not isinstance(cell, bool)


def _is_date(cell) -> bool:
    return isinstance(cell, (datetime.date, np.datetime64))


def _known(column):
    return column[column.notna().to_numpy()]


def _is_duration(dtype) -> bool:
    return pd.api.types.is_timedelta64_dtype(dtype)


def _refuse_known(column, name, kind):
    for label, cell in _known(column).items():
        raise _not(label, name, kind, cell)


def _not(label, name, kind, cell) -> ValueError:
    """Return the error of a cell that is not of the kind its column had in `fit`."""
    shown = repr(cell) if len(repr(cell)) <= 40 else f"{repr(cell)[:40]}..."
    remedy = {
        "number": "Write it as a number (a decimal point, no units)",
        "boolean": "Write it as True or False",
        "date": "Write it as a date (pandas.to_datetime)",
        "duration": "Write it as a duration (pandas.to_timedelta)",
    }[kind]
    return ValueError(
        f"row {_plain(label)!r}: column {name!r} was {_WORDS[kind]} in fit. Got "
        f"{shown} ({type(cell).__name__}). {remedy}, or as missing where unknown."
    )


def _plain(label):
    return label.item() if isinstance(label, np.generic) else label
