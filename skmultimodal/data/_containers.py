"""Containers for multimodal samples: rows of named, row-aligned modalities."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse

__all__ = ["MultimodalData", "Ragged"]


class Ragged:
    """Rows of different lengths, stored end to end in one array.

    What an encoder's ``transform`` returns for a ragged input. In a batch, its module
    gets the rows padded with zeros to the longest of the batch, and their lengths.

    Parameters
    ----------
    values : ndarray of shape (n_steps_total, ...)
        The rows, one after the other.

    offsets : ndarray of shape (n_samples + 1,)
        Row ``i`` is ``values[offsets[i]:offsets[i + 1]]``.

    Attributes
    ----------
    lengths : ndarray of shape (n_samples,)
        Steps of each row.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.data import Ragged
    >>> rows = Ragged.from_rows([np.array([1, 2]), np.array([3])])
    >>> rows.lengths
    array([2, 1])
    >>> rows.take(np.array([1, 1, 0])).values
    array([3, 3, 1, 2])
    """

    def __init__(self, values: np.ndarray, offsets: np.ndarray):
        self.values = values
        self.offsets = np.asarray(offsets, dtype=np.int64)

    @classmethod
    def from_rows(cls, rows, dtype=None, item_shape: tuple = ()) -> Ragged:
        """Join a sequence of arrays; `item_shape` is the shape of a step if none."""
        rows = [np.asarray(row, dtype=dtype) for row in rows]
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
        filled = [row for row in rows if len(row)]
        if filled:
            return cls(np.concatenate(filled), offsets)
        return cls(np.zeros((0, *item_shape), dtype=dtype or float), offsets)

    @property
    def lengths(self) -> np.ndarray:
        """Steps of each row, of shape (n_samples,)."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def take(self, rows: np.ndarray) -> Ragged:
        """Return the given rows, in the given order."""
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        index = np.arange(offsets[-1]) + np.repeat(
            self.offsets[rows] - offsets[:-1], lengths
        )
        return Ragged(self.values[index], offsets)

    def expand(self, present: np.ndarray) -> Ragged:
        """Spread the rows over the true positions of `present`; others are empty."""
        lengths = np.zeros(len(present), dtype=np.int64)
        lengths[present] = self.lengths
        return Ragged(self.values, np.concatenate([[0], np.cumsum(lengths)]))


def lengths_name(key: str, ragged: list[str]) -> str:
    """Return under which name a module gets the lengths of a ragged input.

    ``"lengths"`` where it is the only one of its modality, else ``"<key>_lengths"``:
    a graph has as many nodes as it has, and another number of edges.
    """
    return "lengths" if len(ragged) == 1 else f"{key}_lengths"


class MultimodalData(Mapping):
    """A read-only mapping from modality names to row-aligned arrays.

    The fast container for big contiguous arrays: scikit-learn's splitters slice
    it by rows, and joblib sends its arrays to workers by memory map. A DataFrame
    with one column per modality is the usual alternative.

    Parameters
    ----------
    modalities : mapping of str to array-like of shape (n_samples, ...)
        One entry per modality: an ndarray of any rank, a list of cells (paths,
        texts, arrays of different shapes), or a DataFrame for a table.

    Attributes
    ----------
    shape : tuple of shape (1,)
        ``(n_samples,)``, so that scikit-learn counts rows and not modalities.

    Raises
    ------
    ValueError
        If there is no modality, or the numbers of rows differ.
    TypeError
        If a name is not a str, or a modality is not one cell per row.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal import MultimodalData
    >>> X = MultimodalData({"image": np.zeros((4, 8, 8)), "text": list("abcd")})
    >>> len(X), list(X)
    (4, ['image', 'text'])
    >>> X[[0, 2]]["image"].shape
    (2, 8, 8)
    """

    def __init__(self, modalities: Mapping[str, Any]):
        data = {name: _as_column(name, value) for name, value in modalities.items()}
        if not data:
            raise ValueError("MultimodalData needs at least one modality. Got none.")
        unnamed = [name for name in data if not isinstance(name, str)]
        if unnamed:
            raise TypeError(f"Modality names must be str. Got {unnamed[0]!r} instead.")
        rows = {name: len(value) for name, value in data.items()}
        if len(set(rows.values())) > 1:
            raise ValueError(
                f"All modalities must have the same number of samples. Got {rows} "
                "instead."
            )
        self._data = data
        self.shape = (next(iter(rows.values())),)

    def __getitem__(self, key):
        if isinstance(key, str):
            return self._data[key]
        if isinstance(key, tuple):  # scikit-learn indexes with (rows, ...)
            key = key[0]
        if isinstance(key, (int, np.integer)):
            key = [key]
        return MultimodalData({k: take_rows(v, key) for k, v in self._data.items()})

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __contains__(self, name) -> bool:
        return name in self._data

    def keys(self):
        return self._data.keys()

    def items(self):
        return self._data.items()

    def values(self):
        return self._data.values()

    def __eq__(self, other):
        return self is other

    __hash__ = object.__hash__

    def __sizeof__(self) -> int:
        """Return the bytes of the cells: dask sends what is large only once."""
        return sum(bytes_of(cells) for cells in self._data.values())

    def __repr__(self) -> str:
        parts = ", ".join(f"{k}: {np.shape(v)}" for k, v in self._data.items())
        return f"MultimodalData({parts})"


def _as_column(name, value):
    """Return a modality as an ndarray or a DataFrame, without copying arrays."""
    if issparse(value):
        raise TypeError(
            f"Modality {name!r}: expected a dense array. Got a sparse one of shape "
            f"{value.shape}. Use its method toarray()."
        )
    single = isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__len__")
    if single or getattr(value, "shape", None) == ():
        raise TypeError(
            f"Modality {name!r}: expected one cell for each row, in an array or a "
            f"list. Got {type(value).__name__}. Put a single cell in a list."
        )
    if is_odd_array(value):
        value = as_array(value)
    if isinstance(value, np.ndarray) and value.dtype.names and value.ndim == 1:
        return records_to_frame(value)
    if isinstance(value, pd.DataFrame):
        return value
    if isinstance(value, pd.Series):
        return value.to_numpy()
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "__array__") and getattr(value, "ndim", 0) > 1:
        return np.asarray(value)
    return object_array(value)


def as_array(values) -> np.ndarray:
    """Return values as an array: of a tensor without its gradient, of masked ones NaN.

    Masked integers become float64 for it; what is not a number becomes None or NaT. A
    structured array stays as it is, and a matrix becomes an array.
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    if not isinstance(values, np.ma.MaskedArray):
        return np.asarray(values)
    kind = values.dtype.kind
    if kind in "Mm":
        return values.filled(values.dtype.type("NaT"))
    if kind in "fc":
        return values.filled(np.nan)
    if not np.ma.is_masked(values):
        return values.data
    if kind in "biu":
        return np.ma.filled(values.astype(np.float64), np.nan)
    return np.ma.filled(values.astype(object), None)


def is_odd_array(values) -> bool:
    """Whether a plain ``np.asarray`` would fail on values, or lose a part of them."""
    return isinstance(values, (np.ma.MaskedArray, np.matrix)) or hasattr(
        values, "detach"
    )


def records_to_frame(values: np.ndarray) -> pd.DataFrame:
    """Return a structured array as a frame with a column for each field."""
    columns = {name: values[name] for name in values.dtype.names or ()}
    return pd.DataFrame(
        {
            name: column if column.ndim == 1 else list(column)
            for name, column in columns.items()
        }
    )


def object_array(cells) -> np.ndarray:
    """Return a 1-D object array of `cells`, whatever their shapes.

    Plain numbers and strings keep a plain dtype.
    """
    cells = list(cells)
    if all(isinstance(cell, (bool, int, float, np.number)) for cell in cells):
        return np.asarray(cells)
    out = np.empty(len(cells), dtype=object)
    for i, cell in enumerate(cells):
        out[i] = cell
    return out


def bytes_of(cells) -> int:
    """Return the bytes of the cells of one modality, the objects' own included."""
    if isinstance(cells, pd.DataFrame):
        return int(cells.memory_usage(deep=True).sum())
    if isinstance(cells, pd.Series):
        return int(cells.memory_usage(deep=True))
    if isinstance(cells, np.ndarray) and cells.dtype == object:
        return cells.nbytes + sum(map(sys.getsizeof, cells.ravel()))
    return int(getattr(cells, "nbytes", sys.getsizeof(cells)))


def take_rows(cells: Any, rows: Any) -> Any:
    """Return some rows of one modality.

    Parameters
    ----------
    cells : Series, DataFrame or array-like
        Cells of the modality, as a strategy gets them.

    rows : ndarray or slice
        Positions, or a mask.

    Returns
    -------
    Series, DataFrame or array-like
        Of the same kind.
    """
    if isinstance(cells, (pd.DataFrame, pd.Series)):
        return cells.iloc[rows]
    return cells[rows]


@dataclass
class CellsWithFeatures:
    """Cells of a modality beside the features that a pipeline's first step makes.

    Attributes
    ----------
    raw : array-like of shape (n_samples, ...)
        The cells.
    features : ndarray of shape (n_samples, n_features)
        Zeros where the modality is absent.
    step : transformer
        What made them, of each row alone.
    """

    raw: Any
    features: np.ndarray
    step: Any

    @property
    def nbytes(self) -> int:
        return bytes_of(self.raw) + self.features.nbytes

    def __len__(self):
        return len(self.features)

    def __getitem__(self, rows):
        raw = take_rows(self.raw, rows)
        return CellsWithFeatures(raw, self.features[rows], self.step)

    def are_of(self, step) -> bool:
        """Whether such a step makes these features."""
        own = self.step
        return type(own) is type(step) and own.get_params() == step.get_params()


def evenly(n: int, most: int) -> np.ndarray:
    """Return up to `most` positions, spread evenly over `n` rows."""
    return np.unique(np.linspace(0, n - 1, most).astype(int))


def cells_and_labels(cells):
    """Return the cells of one column as a sequence, and the labels of its rows."""
    if isinstance(cells, pd.DataFrame):
        if cells.shape[1] != 1:
            raise ValueError(
                f"expected one column. Got the columns {list(cells.columns)}."
            )
        cells = cells.iloc[:, 0]
    if isinstance(cells, pd.Series):
        return cells.to_numpy(), cells.index
    return cells, range(len(cells))


def as_container(X):
    """Return X as a DataFrame, a MultimodalData, or unchanged.

    Dicts are wrapped; polars and pyarrow frames become pandas frames, and structured
    arrays too. Masked numbers become NaN; tensors become arrays.
    """
    if is_odd_array(X):
        X = as_array(X)
    if isinstance(X, np.ndarray) and X.dtype.names and X.ndim == 1:
        return records_to_frame(X)
    if issparse(X) or isinstance(X, (np.ndarray, pd.DataFrame, MultimodalData)):
        return X
    if isinstance(X, Mapping):
        return MultimodalData(X)
    is_frame = hasattr(X, "__dataframe__") or hasattr(X, "__arrow_c_stream__")
    if is_frame and hasattr(X, "columns"):
        return _frame_to_pandas(X)
    return X


def _frame_to_pandas(X) -> pd.DataFrame:
    """Convert a polars or pyarrow frame column by column."""
    import narwhals

    frame = narwhals.from_native(X, eager_only=True)
    return pd.DataFrame({name: _frame_column(frame[name]) for name in frame.columns})


def _frame_column(column) -> pd.Series:
    values = column.to_numpy()
    if values.ndim > 1:  # fixed-shape arrays
        return pd.Series(list(values))
    if values.dtype == object:
        values = object_array(
            np.asarray(v) if isinstance(v, list) else v for v in column.to_list()
        )
    return pd.Series(values)
