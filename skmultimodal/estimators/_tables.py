"""Tables in X: plain matrices, and columns that hold less than they seem to."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skmultimodal._sklearn import check_matrix
from skmultimodal._warnings import warn
from skmultimodal.data._columns import listed
from skmultimodal.data._table import (
    as_kind,
    column_notes,
    read_numbers,
    refuse_infinite,
    settle_columns,
)
from skmultimodal.encoders._readable import reads
from skmultimodal.fusion._base import naming

__all__ = ["of_kinds", "read_matrix", "refuse_infinite_block", "settled"]

WIDE = 256  # columns of floats that may be one embedding


def of_kinds(name, cells, kinds):
    """Return the cells of a modality, those columns as what they are to be taken for.

    Parameters
    ----------
    name : str
    cells : Series, DataFrame or ndarray
    kinds : dict of str to str
        By the name of a column, or of the modality that it is.
    """
    if not kinds:
        return cells
    with naming(name):
        if isinstance(cells, pd.DataFrame):
            asked = {c: as_kind(cells[c], c, kinds[c]) for c in cells if c in kinds}
            return cells.assign(**asked) if asked else cells
        if name in kinds and getattr(cells, "ndim", 1) == 1:
            return as_kind(pd.Series(cells), name, kinds[name])
    return cells


def read_matrix(reader, X, reset):
    """Return a plain matrix of numbers and its columns, as scikit-learn reads it."""
    name = "table" if reset else reader.names_[0]
    if isinstance(X, pd.DataFrame) and not reset:
        with naming(name):
            X = _as_numbers(X)
    try:
        return check_matrix(reader, X, reset)
    except (ValueError, OverflowError) as error:
        if "infinity" in str(error) or "convert" in str(error):
            frame = pd.DataFrame(X)
            _refuse_texts(frame, reset)
            with naming(name):
                for column in frame:
                    values = read_numbers(frame[column], column)
                    refuse_infinite(values[:, None], [column], frame.index)
        raise


def _refuse_texts(frame, reset):
    """Refuse an array with a column of texts, which is no column of numbers."""
    for column in frame if reset else ():
        known = frame[column].dropna()
        texts = known.map(lambda cell: isinstance(cell, str))
        if texts.any() and pd.to_numeric(known[texts], errors="coerce").isna().all():
            known = known[texts]
            raise ValueError(
                f"X is an array, which is read as a matrix of numbers, but column "
                f"{column} holds texts, such as {known.iloc[0]!r}. Pass a DataFrame, "
                "whose columns may be numbers, texts, dates and paths of images."
            )


def _as_numbers(X) -> pd.DataFrame:
    """Return a frame in which columns of objects, texts and dates are numbers."""
    if not X.columns.is_unique:
        return X
    changed = {
        name: read_numbers(X[name], name)
        for name in X
        if not pd.api.types.is_numeric_dtype(X[name].dtype)
    }
    return X.assign(**changed) if changed else X


def settled(reader, X, columns, cells, encoders):
    """Return the cells, such that parts are read as the whole; warn of odd columns."""
    names, notes = None, []
    if isinstance(X, np.ndarray):
        names = getattr(reader, "feature_names_in_", None)
    if reader.infers and not isinstance(X, np.ndarray):
        used = [c for where in columns.values() for c in listed(where)]
        left = [c for c in X if c not in used and not pd.notna(X[c]).any()]
        notes = [f"{left} hold no value and are ignored"] if left else []
    for name, values in cells.items():
        if getattr(values, "ndim", 1) == 2:
            said = column_notes(values, names)
            if reader.infers and len(cells) > 1:
                said += _wide_notes(values)
            notes += [f"{note} (modality {name!r})" for note in said]
        if isinstance(values, pd.DataFrame) and reads(encoders[name]) == "table":
            with naming(name):
                cells = cells | {name: settle_columns(values)}
    if notes:
        warn(f"Columns of X: {'; '.join(notes)}.")
    return cells


def _wide_notes(values) -> list[str]:
    """Return what should be said of so many columns of floats in a table."""
    dtypes = getattr(values, "dtypes", {})
    floats = [name for name, dtype in dtypes.items() if dtype.kind == "f"]
    if len(floats) < WIDE:
        return []
    return [
        f"{len(floats)} of them, {floats[0]!r} to {floats[-1]!r}, are floats, read one "
        "by one; if they are an embedding, put them into one column of arrays, as "
        "list(X[columns].to_numpy()), which is faster"
    ]


def refuse_infinite_block(name, values):
    """Refuse infinite numbers of a block, while rows have their own positions."""
    is_block = isinstance(values, np.ndarray) and values.ndim == 2
    if is_block and values.dtype.kind == "f":
        with naming(name):
            refuse_infinite(values, range(values.shape[1]), range(len(values)))
