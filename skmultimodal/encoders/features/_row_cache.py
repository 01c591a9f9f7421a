"""Frozen features, computed once for each row's content."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from skmultimodal.data._hashing import row_keys

__all__ = ["clear_row_cache", "features_by_row"]

LARGEST = 2**28  # bytes of features kept in this process
CHUNK = 256  # rows computed at a time: bounds the memory of decoded files
ASKED = 500  # keys in one question to the file

_known: OrderedDict[bytes, np.ndarray] = OrderedDict()
_lock = Lock()


def features_by_row(
    model: Any, cells: np.ndarray, compute: Callable[..., np.ndarray], memory: Any
) -> np.ndarray:
    """Return features of rows, each computed once however often it is asked for.

    Parameters
    ----------
    model : object
        What the features depend on beside the row; its ``repr`` tells models apart.
    cells : ndarray of shape (n_samples,)
        What identifies each row.
    compute : callable
        From positions of rows, at most 256, to features (n_positions, n_features).
    memory : str, path-like, joblib.Memory or None
        Folder in which features are kept between processes.

    Returns
    -------
    ndarray of float32 of shape (n_samples, n_features)
    """
    prefix = hashlib.blake2b(repr(model).encode(), digest_size=16).digest()
    keys = [prefix + key.tobytes() for key in row_keys(cells)]
    with _lock:
        found = {key: _known[key] for key in keys if key in _known}
    file = _file_of(memory)
    if file is not None:
        found |= _read(file, [key for key in keys if key not in found])
    first = {}
    for position, key in enumerate(keys):
        if key not in found:
            first.setdefault(key, position)
    todo = list(first)
    for start in range(0, len(todo), CHUNK):
        part = todo[start : start + CHUNK]
        rows = compute(np.array([first[key] for key in part]))
        new = dict(zip(part, np.asarray(rows, dtype=np.float32), strict=True))
        found |= new
        if file is not None:
            _write(file, new)
    _remember(found)
    return np.stack([found[key] for key in keys])


def clear_row_cache() -> None:
    """Forget the features kept in this process."""
    with _lock:
        _known.clear()


def _remember(found):
    with _lock:
        for key, row in found.items():
            _known[key] = row
            _known.move_to_end(key)
        size = sum(row.nbytes for row in _known.values())
        while size > LARGEST:
            size -= _known.popitem(last=False)[1].nbytes


def _file_of(memory):
    """Return the path of the file, or None."""
    folder = getattr(memory, "location", memory)
    if folder is None:
        return None
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder) / "frozen_features.sqlite"


@contextlib.contextmanager
def _opened(file):
    """Open the file, which other processes may be writing."""
    with contextlib.closing(sqlite3.connect(file, timeout=60)) as connection:
        with connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS features (key BLOB PRIMARY KEY, row BLOB)"
            )
            yield connection


def _read(file, keys):
    found = {}
    with _opened(file) as connection:
        for start in range(0, len(keys), ASKED):
            part = keys[start : start + ASKED]
            marks = ",".join("?" * len(part))
            query = f"SELECT key, row FROM features WHERE key IN ({marks})"
            for key, row in connection.execute(query, part):
                found[key] = np.frombuffer(row, dtype=np.float32)
    return found


def _write(file, rows):
    with _opened(file) as connection:
        connection.executemany(
            "INSERT OR IGNORE INTO features VALUES (?, ?)",
            [(key, row.tobytes()) for key, row in rows.items()],
        )
