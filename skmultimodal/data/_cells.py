"""Cells of one modality: which are missing, how they are read, which cannot be."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from skmultimodal.data._containers import as_array
from skmultimodal.data._images import decode_image, resize_image, to_channels
from skmultimodal.data._scaling import beyond
from skmultimodal.data._sounds import decode_audio

__all__ = [
    "REMEDY",
    "AlikeVectors",
    "CellError",
    "decode_audio",
    "decode_cells",
    "decode_image",
    "decode_text",
    "is_missing",
    "present_mask",
    "resize_image",
    "to_channels",
]

REMEDY = (
    "Correct the cell or leave out its row, or use on_error='missing', which counts "
    "such cells as missing."
)


class CellError(ValueError):
    """Say which cell could not be read, and why.

    Parameters
    ----------
    modality : str or None
        Name of the modality the cell belongs to, where it is known.
    label : object
        Row label of the cell, as in the index of X.
    reason : str
        What was expected and what was found.
    remedy : str, default=""
        What an estimator offers against it.

    Examples
    --------
    >>> from skmultimodal.data._cells import CellError
    >>> print(CellError("image", 17, "expected 1, 3 or 4 channels, got 2"))
    Modality 'image', row 17: expected 1, 3 or 4 channels, got 2
    """

    def __init__(self, modality: str | None, label: Any, reason: str, remedy: str = ""):
        super().__init__(modality, label, reason, remedy)  # all: errors are pickled
        self.modality = modality
        self.label = label
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        label = self.label.item() if isinstance(self.label, np.generic) else self.label
        row = f"row {label!r}: {self.reason}"
        return row if self.modality is None else f"Modality {self.modality!r}, {row}"

    def in_modality(self, modality: str) -> CellError:
        """Return the error as an estimator raises it, with its remedy."""
        if self.modality is not None:
            return self
        reason = f"{self.reason}. {self.remedy}" if self.remedy else self.reason
        return CellError(modality, self.label, reason)


def decode_cells(
    cells: Sequence[Any] | np.ndarray,
    decode: Callable[[Any], Any],
    *,
    modality: str | None = None,
    labels: Iterable[Any] | None = None,
    on_error: str = "raise",
    remedy: str = REMEDY,
) -> list[Any]:
    """Apply a decoder to each cell, naming the row of the one that fails.

    Parameters
    ----------
    cells : sequence of length n_samples
        Raw cells of one modality.
    decode : callable
        From one cell to its decoded value. Its ValueError, TypeError and OSError
        are reported; any other exception is a defect and passes through.
    modality : str, default=None
        Name used in the message; None leaves it to the caller.
    labels : iterable of length n_samples, default=None
        Row labels used in the message; None means the index of a Series, and
        positions otherwise.
    on_error : {"raise", "missing"}, default="raise"
        What a bad cell becomes: an error, or None.
    remedy : str, default=REMEDY
        What an estimator offers against the error.

    Returns
    -------
    decoded : list of length n_samples
        One value per cell.

    Raises
    ------
    CellError
        When a cell cannot be decoded and `on_error` is "raise".

    Examples
    --------
    >>> from skmultimodal.data._cells import decode_cells
    >>> decode_cells(["1", "2"], int, modality="count")
    [1, 2]
    """
    if labels is None:
        labels = cells.index if isinstance(cells, pd.Series) else range(len(cells))
    decoded = []
    for label, cell in zip(labels, cells, strict=True):
        try:
            decoded.append(decode(cell))
        except (ValueError, TypeError, OSError) as error:
            if on_error == "missing":
                decoded.append(None)
                continue
            raise CellError(modality, label, _reason(error, cell), remedy) from error
        except ImportError as error:  # of what opens URLs
            raise ImportError(f"row {label!r}: {error}") from error
    return decoded


def decode_text(cell: Any) -> str:
    """Return a text; refuse anything else."""
    if isinstance(cell, str):
        return cell
    hint = "; decode it with .decode()" if isinstance(cell, bytes) else ""
    raise TypeError(f"expected a text as str, got {type(cell).__name__}{hint}")


class AlikeVectors:
    """Decode cells as arrays of numbers of one shape, that of the first.

    Parameters
    ----------
    dtype : dtype, default=float64
    """

    def __init__(self, dtype: Any = np.float64):
        self.shape: tuple[int, ...] | None = None
        self.dtype = dtype

    def __call__(self, cell: Any) -> np.ndarray:
        vector = as_array(cell).astype(np.float64)
        if self.shape not in (None, vector.shape):
            raise ValueError(
                f"expected a vector of shape {self.shape}. Got {vector.shape}."
            )
        found = beyond(vector)
        if found is not None:
            raise ValueError(f"expected finite numbers or NaN, but one {found[1]}")
        self.shape = vector.shape
        return vector.astype(self.dtype, copy=False)


def _reason(error: Exception, cell: Any) -> str:
    """Return the text of an error, with the file unless it is named already."""
    reason = str(error)
    if isinstance(error, FileNotFoundError) and reason == str(cell):
        reason = "no such file"  # file systems of URLs give the URL alone
    elif not reason:
        reason = f"{type(error).__name__} without a reason"
    if isinstance(cell, str | os.PathLike) and os.fspath(cell) not in reason:
        reason += f" (file {os.fspath(cell)!r})"
    return reason


def is_missing(cell: Any) -> bool:
    """Tell whether a cell holds nothing.

    Parameters
    ----------
    cell : object
        None, NaN, NaT, NA, an array without elements and an array of NaN only are
        missing; so is a ``(waveform, rate)`` pair whose waveform is. The empty
        string is a text and not missing.

    Returns
    -------
    missing : bool
        True for an absent cell.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.data._cells import is_missing
    >>> is_missing(np.full((8, 8), np.nan)), is_missing("")
    (True, False)
    """
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return True
    if isinstance(cell, str | bytes | bytearray):
        return False
    if isinstance(cell, float | np.floating):
        return bool(np.isnan(cell))
    if isinstance(cell, np.datetime64 | np.timedelta64):
        return bool(np.isnat(cell))
    if isinstance(cell, tuple) and len(cell) == 2 and np.ndim(cell[0]):
        return is_missing(cell[0])
    if isinstance(cell, list | tuple):
        return len(cell) == 0 or all(map(is_missing, cell))
    if hasattr(cell, "__array__"):
        values = as_array(cell)
        if values.size == 0:
            return True
        if values.dtype.kind == "f":
            first = values.flat[0]
            return bool(first != first and np.isnan(values).all())
    return False


def present_mask(cells: Any) -> np.ndarray:
    """Tell which rows of a modality hold something.

    Parameters
    ----------
    cells : ndarray of shape (n_samples, ...), Series, DataFrame or sequence
        The cells of one modality. A row of a DataFrame or of an array of rank two
        or more is absent when every value in it is missing; integers never are.

    Returns
    -------
    present : ndarray of shape (n_samples,), dtype bool
        False where the modality is absent.

    See Also
    --------
    is_missing : The rule for one cell.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.data._cells import present_mask
    >>> present_mask([np.zeros(3), None, np.array([np.nan, np.nan])])
    array([ True, False, False])
    """
    if isinstance(cells, pd.DataFrame):
        return ~cells.isna().to_numpy().all(axis=1)
    if isinstance(cells, pd.Series) and cells.dtype != object:
        return cells.notna().to_numpy(dtype=bool)
    if getattr(cells, "ndim", 1) >= 2 and hasattr(cells, "dtype"):
        if isinstance(cells, np.ndarray) and cells.dtype == object:
            return ~pd.isna(cells).reshape(len(cells), -1).all(axis=1)
        present = np.ones(cells.shape[0], dtype=bool)
        if isinstance(cells, np.ndarray) and cells.dtype.kind == "f" and cells.size:
            flat = cells.reshape(len(cells), -1)
            suspects = np.flatnonzero(np.isnan(flat[:, 0]))  # the rest are present
            present[suspects] = ~np.isnan(flat[suspects]).all(axis=1)
        return present
    if isinstance(cells, np.ndarray) and cells.dtype != object:
        return ~pd.isna(cells)
    return np.fromiter((not is_missing(cell) for cell in cells), bool, len(cells))
