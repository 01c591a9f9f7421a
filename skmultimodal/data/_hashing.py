"""Content keys of rows: equal rows, equal keys, in any process and any order."""

from __future__ import annotations

import hashlib
import os

import numpy as np
import pandas as pd

from skmultimodal.data._containers import as_array
from skmultimodal.data._files import is_url, join, url_key
from skmultimodal.data._images import frames_of

__all__ = ["row_keys"]

LONGEST_PATH = 4096


def row_keys(cells, root=None) -> np.ndarray:
    """Return a 128-bit key of each row's content, of shape (n_samples,), dtype V16.

    Parameters
    ----------
    cells : Series, DataFrame or ndarray of shape (n_samples, ...)
        The rows of one modality. A path is keyed by its name, size and time of
        change, not by the file's bytes; a web address by its name alone.
    root : str or path-like, default=None
        Folder that relative paths start from.
    """
    cells = getattr(cells, "raw", cells)  # of cells held with their features
    if isinstance(cells, pd.DataFrame):
        columns = _columns(cells)
        return combine_keys([row_keys(cells[column], root) for column in columns])
    if isinstance(cells, pd.Series):
        if isinstance(cells.dtype, pd.CategoricalDtype):
            cells = cells.astype(object)
        cells = cells.to_numpy()
    if cells.dtype == object or cells.dtype.kind in "UT":
        return _keys(_cell_bytes(cell, root) for cell in cells)
    cells = np.ascontiguousarray(cells)
    if not cells.size:
        return _keys(b"" for _ in range(len(cells)))
    rows = cells.view(np.uint8) if cells.ndim > 1 else cells[:, None].view(np.uint8)
    return _keys(row.data for row in rows.reshape(len(cells), -1))


def combine_keys(keys) -> np.ndarray:
    """Return one key per row from those of its parts."""
    keys = list(keys)
    if len(keys) == 1:
        return keys[0]
    rows = np.stack(keys, axis=1).view(np.uint8).reshape(len(keys[0]), -1)
    return _keys(row.data for row in rows)


def _columns(frame):
    if frame.columns.is_unique:
        return list(frame.columns)
    raise ValueError(f"Column names must be unique. Got {list(frame.columns)} instead.")


def _keys(chunks) -> np.ndarray:
    digests = [hashlib.blake2b(chunk, digest_size=16).digest() for chunk in chunks]
    # fixed-width void keeps trailing zero bytes, which dtype S would strip
    return np.frombuffer(b"".join(digests), dtype="V16")


def _cell_bytes(cell, root=None) -> bytes:
    """Return bytes that identify a cell's content."""
    if isinstance(cell, str):
        if len(cell) < LONGEST_PATH and os.path.splitext(cell)[1]:
            path = join(root, cell)
            if is_url(path):
                return f"u{path}\0{url_key(path)}".encode("utf-8", "surrogatepass")
            if os.path.isfile(path):
                stat = os.stat(path)
                return f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}".encode()
        return b"s" + cell.encode("utf-8", "surrogatepass")
    if isinstance(cell, (bytes, bytearray)):
        return b"b" + bytes(cell)
    if isinstance(cell, os.PathLike):
        return _cell_bytes(os.fspath(cell), root)
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return b"n"
    frames = frames_of(cell)
    if frames is not None:
        parts = [_cell_bytes(frame, root) for frame in frames]
        return b"f" + b"".join(b"%d:%s" % (len(part), part) for part in parts)
    if isinstance(cell, tuple):
        return b"t" + b"\0".join(_cell_bytes(part, root) for part in cell)
    try:
        array = as_array(cell)
    except ValueError:  # lists of unequal lengths
        array = np.array(None)
    if array.dtype == object:
        return b"o" + repr(cell).encode()
    return f"{array.dtype.str}{array.shape}".encode() + array.tobytes()
