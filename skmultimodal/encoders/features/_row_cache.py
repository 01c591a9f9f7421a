"""Frozen features, computed once for each row's content."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from skmultimodal._warnings import warn
from skmultimodal.data._hashing import row_keys

__all__ = ["clear_row_cache", "counts_of", "features_by_row"]

LARGEST = 2**28  # bytes of features kept in this process
CHUNK = 256  # rows computed at a time: bounds the memory of decoded files
ASKED = 500  # keys in one question to the file
SUM = 8  # bytes of a row's checksum

_known: OrderedDict[bytes, np.ndarray] = OrderedDict()
_counts: dict[bytes, Counter] = {}
_lock = Lock()


def features_by_row(
    model: Any,
    cells: np.ndarray,
    compute: Callable[..., np.ndarray],
    memory: Any,
    bar: str | None = None,
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
    bar : str, default=None
        Title of a bar that shows the rows a second; none is shown without.

    Returns
    -------
    ndarray of float32 of shape (n_samples, n_features)
    """
    prefix = _prefix(model)
    keys = [prefix + key.tobytes() for key in row_keys(cells)]
    with _lock:
        found = {key: _known[key] for key in keys if key in _known}
    file = _File(memory)
    found |= file.read([key for key in keys if key not in found])
    first: dict[bytes, int] = {}
    for position, key in enumerate(keys):
        if key not in found:
            first.setdefault(key, position)
    todo = list(first)
    with _lock:
        counts = _counts.setdefault(prefix, Counter())
        counts["misses"] += len(todo)
        counts["hits"] += len(keys) - len(todo)
    with _bar(bar, len(todo)) as progress:
        for start in range(0, len(todo), CHUNK):
            part = todo[start : start + CHUNK]
            rows = compute(np.array([first[key] for key in part]))
            new = dict(zip(part, np.asarray(rows, dtype=np.float32), strict=True))
            found |= new
            file.write(new)
            progress.update(len(part))
    _remember(found)
    return np.stack([found[key] for key in keys])


def counts_of(model: Any) -> tuple[int, int, int]:
    """Return hits, misses and kept rows of a model, in this process."""
    prefix = _prefix(model)
    with _lock:
        counts = _counts.get(prefix, Counter())
        kept = sum(key.startswith(prefix) for key in _known)
        return counts["hits"], counts["misses"], kept


def _prefix(model) -> bytes:
    return hashlib.blake2b(repr(model).encode(), digest_size=16).digest()


def _bar(title, total):
    """Return a bar of rows, which shows nothing without a title."""
    if title is None or not total:
        from tqdm import tqdm

        return tqdm(disable=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a notebook without widgets gets text
        from tqdm.auto import tqdm

    return tqdm(total=total, desc=title, unit="row")


def clear_row_cache() -> None:
    """Forget the features kept in this process, and the counts."""
    with _lock:
        _known.clear()
        _counts.clear()


def _remember(found):
    with _lock:
        for key, row in found.items():
            _known[key] = row
            _known.move_to_end(key)
        size = sum(row.nbytes for row in _known.values())
        while size > LARGEST:
            size -= _known.popitem(last=False)[1].nbytes


class _File:
    """The file of features in a folder; it is given up, with a warning, if it fails.

    Each row ends in a checksum, for the file may be damaged where no one else notices.
    """

    def __init__(self, memory):
        folder = getattr(memory, "location", memory)
        self.path = None if folder is None else Path(folder) / "frozen_features.sqlite"

    def read(self, keys) -> dict:
        """Return the rows that the file has."""
        found: dict[bytes, np.ndarray] = {}
        if self.path is None:
            return found
        try:
            with _opened(self.path) as connection:
                for start in range(0, len(keys), ASKED):
                    found |= _checked(connection, keys[start : start + ASKED])
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)
        return found

    def write(self, rows) -> None:
        """Add rows."""
        if self.path is None:
            return
        try:
            with _opened(self.path) as connection:
                connection.executemany(
                    "INSERT OR IGNORE INTO rows VALUES (?, ?)",
                    [(key, _summed(key, row.tobytes())) for key, row in rows.items()],
                )
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)

    def _give_up(self, error):
        warn(
            f"memory: features cannot be kept in {str(self.path)!r}: {error}. They are "
            "computed. Remove the file if it is damaged, free the disk or give another "
            "folder to have them kept."
        )
        self.path = None


@contextlib.contextmanager
def _opened(path):
    """Open the file, which other processes may be writing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = "rows (key BLOB PRIMARY KEY, row BLOB)"
    with contextlib.closing(sqlite3.connect(path, timeout=60)) as connection:
        with connection:
            connection.execute(f"CREATE TABLE IF NOT EXISTS {table}")
            yield connection


def _checked(connection, keys) -> dict:
    marks = ",".join("?" * len(keys))
    rows = connection.execute(
        f"SELECT key, row FROM rows WHERE key IN ({marks})", keys
    ).fetchall()
    for key, row in rows:
        if not isinstance(row, bytes) or row != _summed(key, row[:-SUM]):
            raise sqlite3.DatabaseError("a row is damaged")
    return {key: np.frombuffer(row[:-SUM], dtype=np.float32) for key, row in rows}


def _summed(key, row) -> bytes:
    """Return the bytes of a row and their checksum."""
    return row + hashlib.blake2b(key + row, digest_size=SUM).digest()
