"""Keys and lookups of the `memory` cache."""

from __future__ import annotations

import functools
import hashlib
import pickle
import warnings
from dataclasses import asdict
from importlib.metadata import version
from time import perf_counter
from typing import Any, NamedTuple

import joblib
import numpy as np
import pandas as pd
from sklearn.utils.validation import check_memory

from skmultimodal._warnings import warn
from skmultimodal.data._hashing import row_keys

__all__ = [
    "Cache",
    "CacheInfo",
    "cache_in",
    "cached",
    "content_key",
    "makers",
    "model_key",
    "rows_key",
]

CACHE_VERSION = 9  # raise it when a fit of old would no longer be repeated
PACKAGES = ("numpy", "pandas", "scikit-learn", "torch")


class CacheInfo(NamedTuple):
    """What a cache did for a fit and the predictions since.

    Attributes
    ----------
    hits, misses : int
        Results that were found, and that had to be computed.
    seconds_saved : float
        Time that the found ones took to compute, less the time to find them.
    """

    hits: int = 0
    misses: int = 0
    seconds_saved: float = 0.0


class Cache:
    """A joblib Memory that keeps count, and that may fail: then results are computed.

    Parameters
    ----------
    memory : joblib.Memory
    is_quiet : bool, default=False
        Whether `trouble` is kept for another cache, which warns of it.

    Attributes
    ----------
    info : CacheInfo
        Counts so far.
    trouble : str or None
        What failed first.
    """

    def __init__(self, memory, is_quiet=False):
        self.memory, self.is_quiet = memory, is_quiet
        self.info, self.trouble = CacheInfo(), None

    def call(self, function, key, *args):
        """Return ``function(*args)``, from the cache if `key` is known there."""
        start, work = perf_counter(), _Work(function, args)
        lookup = self.memory.cache(_done, ignore=["work"])
        asked = ((function.__module__, function.__qualname__, key), work)
        try:
            if lookup.check_call_in_cache(*asked):
                stored, seconds = lookup(*asked)
                if not work.begun:
                    value = pickle.loads(stored)
                    self.add(CacheInfo(1, 0, seconds - (perf_counter() - start)))
                    return value
        except Exception as error:
            if work.begun and not work.done:
                raise  # of the work itself
            self.tell(
                f"A damaged entry of {self.memory!r} is computed again: {error!r}. "
                "Clear the cache to have it stored again."
            )
        value = work.result()  # here, where no filter of warnings changes its own
        self.add(CacheInfo(misses=1))
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                lookup(*asked)
            if caught and not lookup.check_call_in_cache(*asked):
                reason = str(caught[0].message).rpartition("Exception: ")[2]
                self.tell(_unusable(self.memory.location, reason.rstrip(".")))
        except Exception as error:
            self.tell(_unusable(self.memory.location, error))
        return value

    def add(self, info):
        """Add counts, those of a worker for example."""
        pairs = zip(self.info, info, strict=True)
        self.info = CacheInfo(*(mine + more for mine, more in pairs))

    def tell(self, trouble):
        """Warn of the first trouble."""
        if trouble is None or self.trouble is not None:
            return
        self.trouble = trouble
        if not self.is_quiet:
            warn(trouble)


def cache_in(memory):
    """Return the cache in a folder or joblib Memory, None without one.

    None, with a warning, where there can be no such folder.
    """
    if memory is None:
        return None
    try:
        return Cache(check_memory(memory))
    except OSError as error:
        warn(_unusable(memory, error))
        return None


def _unusable(place, error) -> str:
    return (
        f"memory={str(place)!r} cannot be written to: {error}. What is not kept there "
        "is computed. Free the disk or give another folder to have it kept."
    )


def cached(cache, function, key, *args):
    """Return ``function(*args)``, from the cache if there is one and it knows `key`.

    The key must tell everything that the result depends on: the arguments
    themselves, torch objects among them, are never hashed.
    """
    return function(*args) if cache is None else cache.call(function, key, *args)


class _Work:
    """A call to be done at most once, shown briefly in joblib's messages."""

    def __init__(self, function, args):
        self.function, self.args = function, args
        self.begun = self.done = False

    def result(self):
        if not self.done:
            start, self.begun = perf_counter(), True
            self.value = self.function(*self.args)
            self.seconds, self.done = perf_counter() - start, True
        return self.value

    def run(self):
        """Do the call, and keep and return its result."""
        self.done, self.value = True, self.function(*self.args)
        return self.value

    def __repr__(self):
        return f"{self.function.__name__}(...)"


def _done(key, work):
    """Return the pickled result, and the seconds it took to compute.

    Pickled in one piece, for joblib unpickles piece by piece in Python.
    """
    return pickle.dumps(work.result(), protocol=5), work.seconds


def makers() -> list:
    """Return what a fit depends on beside what it is given: versions of code."""
    return [CACHE_VERSION, *_versions()]


@functools.cache
def _versions():
    return [version(package) for package in PACKAGES]


def rows_key(cells, spec=None) -> str:
    """Return one key for the content and layout of rows, in their order.

    Paths are looked up where the model `spec`, or a step of it, does: at its `root`.
    """
    params = spec.get_params() if hasattr(spec, "get_params") else {}
    roots = [value for key, value in params.items() if key.split("__")[-1] == "root"]
    cells = getattr(cells, "raw", cells)  # of cells held with their features
    layout: Any
    if isinstance(cells, pd.DataFrame):
        layout = [(str(name), str(dtype)) for name, dtype in cells.dtypes.items()]
    else:
        layout = (str(cells.dtype), cells.shape[1:])
    digest = hashlib.blake2b(repr(layout).encode(), digest_size=16)
    digest.update(row_keys(cells, next(filter(None, roots), None)).tobytes())
    return digest.hexdigest()


def content_key(problem) -> list[str]:
    """Return the keys of all that a problem's rows hold."""
    cells, encoders = problem.cells, problem.encoders
    values = (problem.target, problem.sample_weight, problem.present)
    return [
        *(name + rows_key(cells[name], encoders[name]) for name in problem.names),
        *map(joblib.hash, values),
    ]


def model_key(problem, name) -> str:
    """Return the key of the stand-alone model of one modality."""
    part = problem.select([name])
    present = part.present[:, 0]
    rows = part if present.all() else part.take(np.flatnonzero(present))
    settings = part.settings.of_modality_alone().replace(
        checkpoint=None, accelerator=None, verbose=0
    )
    plain = (
        makers(),
        part.seed_of(name),
        part.encoders[name],
        part.task.key(),
        asdict(settings),
    )
    digest = hashlib.blake2b(joblib.hash(plain).encode(), digest_size=16)
    digest.update(rows_key(rows.cells[name], part.encoders[name]).encode())
    less = rows.says_less(part)
    share = part.task.prior(part.target, part.sample_weight) if less else None
    for values in (rows.y, rows.target, rows.sample_weight, rows.groups, share):
        digest.update(joblib.hash(values).encode())
    return digest.hexdigest()
