"""Keys and lookups of the `memory` cache."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from importlib.metadata import version

import joblib
import numpy as np

from skmultimodal._hashing import row_keys

__all__ = ["cached", "model_key", "rows_key"]

CACHE_VERSION = 1  # raise it when a fit of old would no longer be repeated
PACKAGES = ("numpy", "pandas", "scikit-learn", "torch")


def cached(memory, function, key, *args):
    """Return ``function(*args)``, from the cache if `key` is known there.

    The key must tell everything that the result depends on: the arguments
    themselves, torch objects among them, are never hashed.
    """
    if memory is None:
        return function(*args)
    lookup = memory.cache(_call, ignore=["function", "args"])
    return lookup((function.__module__, function.__qualname__, key), function, args)


def _call(key, function, args):
    return function(*args)


def rows_key(cells) -> str:
    """Return one key for the content of rows, in their order."""
    return hashlib.blake2b(row_keys(cells).tobytes(), digest_size=16).hexdigest()


def model_key(problem, name) -> str:
    """Return the key of the stand-alone model of one modality."""
    part = problem.select([name])
    present = part.present[:, 0]
    rows = part if present.all() else part.take(np.flatnonzero(present))
    settings = {k: v for k, v in asdict(part.settings).items() if k != "verbose"}
    plain = (
        CACHE_VERSION,
        [version(package) for package in PACKAGES],
        part.seed_of(name),
        part.encoders[name],
        part.task.kind,
        part.task.classes,
        settings,
    )
    digest = hashlib.blake2b(joblib.hash(plain).encode(), digest_size=16)
    digest.update(rows_key(rows.cells[name]).encode())
    for values in (rows.y, rows.target, rows.sample_weight, rows.groups):
        digest.update(joblib.hash(values).encode())
    return digest.hexdigest()
