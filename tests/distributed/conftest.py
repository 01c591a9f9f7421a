"""Clusters on this machine, and nothing left of them."""

import os
import time
from pathlib import Path

import psutil
import pytest
from sklearn.model_selection import GridSearchCV

from skmultimodal import DecisionFusion
from tests.distributed.rows import classifier

GRID = {"fusion": [DecisionFusion(rule, cv=3) for rule in ("log_pool", "mean", "max")]}


def left_behind():
    """Return child processes, files at home and shared-memory segments."""
    home = Path.home()
    files = [*home.iterdir(), *(home / ".cache").glob("*"), *Path("/dev/shm").iterdir()]
    children = {
        f"{process.pid} {command}"
        for process in psutil.Process().children(recursive=True)
        # Python's own stays for as long as the process that started it
        if "resource_tracker" not in (command := " ".join(process.cmdline()))
    }
    return {*map(str, files), *children}


@pytest.fixture(scope="module")
def nothing_left(tmp_path_factory):
    """Fail if a cluster leaves anything behind; torch's threads are its own affair."""
    before = left_behind()
    threads = os.environ.pop("OMP_NUM_THREADS", None)  # else all have one thread
    yield
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = threads
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and left_behind() - before:
        time.sleep(0.2)
    assert left_behind() - before == set()


@pytest.fixture(scope="session")
def rows(emoji):
    """150 emoji of three classes."""
    X, y = emoji
    here = y.isin(y.unique()[:3]).to_numpy()
    return X[here][::4][:150].reset_index(drop=True), y[here][::4][:150].to_numpy()


@pytest.fixture(scope="session")
def serial(rows):
    """Return results without a cluster."""
    search = GridSearchCV(classifier(), GRID, cv=3).fit(*rows)
    return search.cv_results_["mean_test_score"], search.predict_proba(rows[0])


@pytest.fixture
def grid():
    return GRID
