"""One fitted estimator may be asked from several threads; nothing is left behind."""

import os
import pickle
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.model_selection import cross_val_predict

from skmultimodal import FusionClassifier, TabularEncoder, Training
from skmultimodal.datasets import drop_modalities, load_emoji
from skmultimodal.datasets import make_multimodal_classification as make
from skmultimodal.fusion._auto import FUSIONS

N_THREADS = 8


def emoji():
    X, y = load_emoji(return_X_y=True)
    rows = np.linspace(0, len(y) - 1, 60).astype(int)
    return X.iloc[rows].reset_index(drop=True), np.asarray(y)[rows]


def concurrently(call, arguments):
    with ThreadPoolExecutor(N_THREADS) as pool:
        return list(pool.map(call, arguments))


@pytest.mark.filterwarnings("ignore:X has rows whose present")
@pytest.mark.parametrize(
    "fusion",
    [
        pytest.param(alias, marks=[pytest.mark.long] * (alias == "cooperative"))
        for alias in ("auto", *FUSIONS)
    ],
)
def test_eight_threads_give_the_serial_result(fusion):
    X, y = emoji()
    clf = FusionClassifier(
        fusion=fusion,
        random_state=0,
        training=Training(max_epochs=1, shrinkage=False),
    ).fit(X, y)
    blocks = [X.iloc[i : i + 12] for i in range(0, 48, 4)]
    blocks.append(X[:12].assign(text=None))  # of a pattern that training never had
    before = pickle.dumps(clf)
    serial = [clf.predict_proba(block) for block in blocks]
    for _ in range(2):
        for found, expected in zip(
            concurrently(clf.predict_proba, blocks), serial, strict=True
        ):
            assert np.array_equal(found, expected)
    assert pickle.dumps(clf) == before


def test_global_state_is_as_before():
    X, y = make(n_samples=60, random_state=0)
    X = drop_modalities(X, 0.3, random_state=0)
    # scikit-learn's own models change the filters of warnings while they predict
    clf = FusionClassifier(
        [(name, TabularEncoder()) for name in X],
        "parallel",
        random_state=0,
        training=Training(max_epochs=1, n_threads=2),
    ).fit(X, y)
    blocks = [X[i : i + 20] for i in range(40)]
    for block in blocks:
        for values in block.values():
            values.flags.writeable = False
    clf.predict_proba(X)
    before = (
        torch.get_num_threads(),
        list(warnings.filters),
        torch.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
    )
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        concurrently(clf.predict_proba, blocks)
    finally:
        sys.setswitchinterval(interval)
    after = (
        torch.get_num_threads(),
        list(warnings.filters),
        torch.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
    )
    assert after == before


def test_eight_fits_at_once_equal_eight_fits():
    X, y = make(n_samples=40, random_state=0)

    def fitted(fusion):
        clf = FusionClassifier(
            fusion=fusion, random_state=0, training=Training(max_epochs=2)
        )
        return clf.fit(X, y).predict_proba(X)

    names = ["decision", "kernel", "canonical"] * 3
    serial = [fitted(name) for name in names]
    for found, expected in zip(concurrently(fitted, names), serial, strict=True):
        assert np.array_equal(found, expected)


def proba(clf, X):
    return clf.predict_proba(X)


def test_worker_processes_give_the_serial_result():
    X, y = make(n_samples=40, random_state=0)
    clf = FusionClassifier(
        fusion="parallel", random_state=0, training=Training(max_epochs=1)
    )
    expected = cross_val_predict(clf, X, y, cv=2, method="predict_proba")
    found = cross_val_predict(clf, X, y, cv=2, method="predict_proba", n_jobs=2)
    assert np.array_equal(found, expected)
    clf.fit(X, y)
    for values in Parallel(2)(delayed(proba)(clf, X) for _ in range(2)):
        assert np.array_equal(values, clf.predict_proba(X))


STARTED = """
import multiprocessing, sys
import numpy as np, torch
from skmultimodal import FusionClassifier, TabularEncoder, Training
from skmultimodal.datasets import make_multimodal_classification

if __name__ == "__main__":
    torch.set_num_threads(1)
    X, y = make_multimodal_classification(n_samples=40, random_state=0)
    clf = FusionClassifier(fusion="parallel", training=Training(max_epochs=1)).fit(X, y)
    expected = clf.predict_proba(X)
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        assert (pool.apply(clf.predict_proba, (X,)) == expected).all()
    print("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_started_processes(start, tmp_path):
    if start == "fork" and not hasattr(os, "fork"):
        pytest.skip("no fork here")
    script = tmp_path / "script.py"
    script.write_text(STARTED)
    root = os.path.dirname(os.path.dirname(__file__))
    done = subprocess.run(
        [sys.executable, str(script), start],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": root},
    )
    assert done.stdout == "done\n", done.stderr


def test_no_temporary_files_are_left(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    X, y = make(n_samples=40, random_state=0)
    clf = FusionClassifier(
        fusion="parallel", random_state=0, training=Training(max_epochs=1)
    ).fit(X, y)
    concurrently(clf.predict_proba, [X] * 8)
    assert os.listdir(tmp_path) == []
