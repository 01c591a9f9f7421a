"""Blocks of rows in and out: Arrow tables to frames, predictions to frames."""

from __future__ import annotations

import copy
from importlib import import_module

import numpy as np
import pandas as pd

from skmultimodal.data._containers import object_array

__all__ = [
    "check_method",
    "dense",
    "frame_of",
    "import_extra",
    "no_predictions",
    "predictions",
    "seen_columns",
]

METHODS = ("predict", "predict_proba", "decision_function", "transform")


def import_extra(module: str, owner: str, extra: str):
    """Return an optional module, or say in one line what to install."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{owner} needs {module.partition('.')[0]}: "
            f"pip install 'skmultimodal[{extra}]'"
        ) from error


def check_method(owner: str, est, method: str) -> None:
    """Refuse a method that gives no row of numbers or label, or that est lacks."""
    if method not in METHODS or not hasattr(est, method):
        offered = [name for name in METHODS if hasattr(est, name)]
        raise ValueError(
            f"The 'method' parameter of {owner} must be one of {offered} for "
            f"{type(est).__name__}. Got {method!r} instead."
        )


def seen_columns(est, names) -> list:
    """Return those of the names that `est` was fitted with; all if it does not say."""
    seen = set(getattr(est, "feature_names_in_", names))
    return [name for name in names if name in seen]


def frame_of(table) -> pd.DataFrame:
    """Return a pyarrow Table as a frame; cells of lists and tensors become arrays."""
    return pd.DataFrame(
        {name: _cells(table[name]) for name in table.column_names},
        index=pd.RangeIndex(table.num_rows),
    )


def _cells(column):
    """Return one column of a pyarrow Table."""
    if hasattr(column.type, "storage_type"):  # tensors of one shape
        if column.null_count:
            return object_array(map(_array, column.to_pylist()))
        parts = (
            getattr(chunk, "to_numpy_ndarray", chunk.to_numpy)()
            for chunk in column.chunks
        )
        return pd.Series([cell for part in parts for cell in part], dtype=object)
    return dense(column.to_pandas())


def dense(cells: pd.Series) -> pd.Series:
    """Return a column in which nested lists, as Parquet has them, are arrays."""
    if cells.dtype != object:
        return cells
    nested = [isinstance(cell, np.ndarray) and cell.dtype == object for cell in cells]
    return cells.map(_array) if any(nested) else cells


def _array(cell):
    """Return nested lists as one array; rows of unequal length stay apart."""
    if not isinstance(cell, list | np.ndarray) or np.asarray(cell).dtype != object:
        return np.asarray(cell) if isinstance(cell, list) else cell
    parts = [_array(part) if np.ndim(part) else part for part in cell]
    shapes = {np.shape(part) for part in parts}
    return np.asarray(parts) if len(shapes) == 1 else object_array(parts)


def predictions(est, rows: pd.DataFrame, method: str) -> pd.Series | pd.DataFrame:
    """Return the predictions for rows, named, with the index of the rows.

    A Series named ``prediction`` where there is one value per row, else a DataFrame
    with the classes or the names of the features as columns, all str.
    """
    values = np.asarray(getattr(est, method)(rows))
    if values.ndim == 1:
        return pd.Series(values, index=rows.index, name="prediction")
    if method == "transform":
        names = est.get_feature_names_out()
    elif method == "predict" or not hasattr(est, "classes_"):
        names = [f"prediction_{k}" for k in range(values.shape[1])]
    else:
        names = est.classes_
    return pd.DataFrame(values, index=rows.index, columns=pd.Index(map(str, names)))


def no_predictions(est, empty: pd.DataFrame, method: str) -> pd.Series | pd.DataFrame:
    """Return the predictions for a frame without rows: their names and dtypes.

    They are those of a row in which everything is absent, which any model knows.
    """
    asked = {"missing": "mask", "on_empty": "prior"}
    known = {name: value for name, value in asked.items() if hasattr(est, name)}
    lenient = copy.copy(est).set_params(**known) if known else est
    absent = pd.DataFrame({name: empty[name].reindex([0]) for name in empty})
    return predictions(lenient, absent, method).iloc[:0].set_axis(empty.index[:0])
