"""Where each modality lives in X: lookup of columns, with errors that help."""

from __future__ import annotations

import difflib

import numpy as np
import pandas as pd

from skmultimodal.data._containers import MultimodalData, object_array

__all__ = ["did_you_mean", "find_cells", "left_out", "listed", "missing_columns"]


def find_cells(X, columns: dict) -> dict:
    """Return the cells of each modality.

    Parameters
    ----------
    X : DataFrame, MultimodalData or ndarray of shape (n_samples, n_features)
    columns : dict of str to column, list of columns or slice
        A single column gives a Series or an array of cells, a list a table.

    Returns
    -------
    dict of str to Series, DataFrame or ndarray
    """
    return {name: _cells(X, name, where) for name, where in columns.items()}


def _cells(X, name, where):
    if isinstance(X, pd.DataFrame):
        return _from_frame(X, name, where)
    if isinstance(X, MultimodalData):
        return _from_mapping(X, name, where)
    if any(isinstance(column, str) for column in listed(where)):
        raise ValueError(
            f"Modality {name!r}: column {where!r} was asked for by name, but X is an "
            f"array of shape {X.shape}. Pass a DataFrame, or positions in 'columns', "
            f"for example columns={{{name!r}: [0, 1]}}."
        )
    return _at_positions(X, X, name, where)


def _at_positions(X, indexed, name, where):
    try:
        return indexed[:, where]
    except IndexError as error:
        raise ValueError(
            f"Modality {name!r}: columns {where!r} are not in X of shape {X.shape}."
        ) from error


def listed(where) -> list:
    """Return one column, or several, as a list."""
    return list(where) if isinstance(where, (list, tuple)) else [where]


def _from_frame(X, name, where):
    if not X.columns.is_unique:
        twice = list(X.columns[X.columns.duplicated()].unique())
        raise ValueError(f"X has duplicate column names: {twice}. Rename them.")
    if isinstance(where, tuple) and where in X.columns:  # of a MultiIndex
        return X[where]
    if isinstance(where, slice) or _is_position(where, X):
        return _at_positions(X, X.iloc, name, where)
    if isinstance(where, (list, tuple)) and where and _is_position(where[0], X):
        return _at_positions(X, X.iloc, name, list(where))
    if isinstance(where, (list, tuple, pd.Index, np.ndarray)):
        absent = [column for column in where if column not in X.columns]
        if absent:
            raise ValueError(_no_column(name, absent[0], X.columns))
        return X[list(where)]
    if where not in X.columns:
        raise ValueError(_no_column(name, where, X.columns))
    return X[where]


def _is_position(where, X) -> bool:
    return isinstance(where, (int, np.integer)) and where not in X.columns


def _from_mapping(X, name, where):
    if isinstance(where, slice) and len(X.keys()) == 1:
        return next(iter(X.values()))
    if isinstance(where, (list, tuple)):
        absent = [key for key in where if key not in X]
        if absent:
            raise ValueError(_no_column(name, absent[0], X))
        return pd.DataFrame({key: _column(X[key]) for key in where})
    if where not in X:
        raise ValueError(_no_column(name, where, X))
    cells = X[where]
    if getattr(cells, "ndim", 1) == 1 and cells.dtype == object:
        return pd.Series(cells)  # errors name the row, after selections too
    return cells


def _column(values):
    """Return a block of images or vectors as cells of one column."""
    return values if values.ndim == 1 else object_array(values)


def _no_column(name, column, known) -> str:
    known = [str(k) for k in known]
    hint = did_you_mean(column, known)
    return (
        f"X has no column {column!r} for modality {name!r}.{hint} Its columns are "
        f"{known[:20]}. Say where the modality lives with "
        f"columns={{{name!r}: ...}}."
    )


def did_you_mean(name, known) -> str:
    """Return a question that names the nearest of the known names, if one is near."""
    lower = {str(k).lower(): str(k) for k in known}
    close = difflib.get_close_matches(str(name).lower(), lower, n=1)
    return f" Did you mean {lower[close[0]]!r}?" if close else ""


def missing_columns(X, where) -> list:
    """Return the columns of one modality that X lacks."""
    if not isinstance(X, (pd.DataFrame, MultimodalData)):
        return []
    known = X.columns if isinstance(X, pd.DataFrame) else X
    if isinstance(where, slice) or (isinstance(where, tuple) and where in known):
        return []
    return [c for c in listed(where) if isinstance(c, str) and c not in known]


def left_out(X, wheres) -> list:
    """Return the columns of X, or positions in an array, that no modality takes."""
    if isinstance(X, (pd.DataFrame, MultimodalData)):
        columns = list(X.columns if isinstance(X, pd.DataFrame) else X)
    else:
        columns = list(range(X.shape[1]))
    taken = set()
    for where in wheres:
        if isinstance(where, slice):
            taken.update(columns[where])
            continue
        whole = isinstance(where, tuple) and where in columns  # of a MultiIndex
        several = isinstance(where, (list, tuple, pd.Index, np.ndarray)) and not whole
        for column in where if several else [where]:
            known = column in columns or not isinstance(column, (int, np.integer))
            taken.add(column if known else columns[column])
    return [column for column in columns if column not in taken]
