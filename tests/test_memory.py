"""The `memory` cache: same results, each thing once, keys that tell things apart."""

import contextlib
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from joblib.externals.loky import get_reusable_executor
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline

from skmultimodal import DecisionFusion, FusionClassifier, ImageEncoder, Training
from skmultimodal.encoders import ImageFeatures
from skmultimodal.encoders.features._row_cache import clear_row_cache
from skmultimodal.fusion.apart._cache import rows_key
from skmultimodal.model_selection import weight_grid
from tests.parameters import nested


@pytest.fixture(scope="module")
def few(emoji_small):
    X, y = emoji_small
    return X[:100], y[:100]


def classifier(**kwargs):
    """A network and a scikit-learn model, combined by decisions."""
    words = make_pipeline(TfidfVectorizer(), LogisticRegression())
    encoders = [("image", ImageEncoder((4,), 8)), ("text", words)]
    params = {"fusion": DecisionFusion(cv=3), "max_epochs": 2, "random_state": 0}
    return FusionClassifier(encoders, **nested(params | kwargs))


@pytest.mark.parametrize(
    "params",
    [{}, {"fusion": DecisionFusion(cv=3, refit=False)}],
    ids=["refit", "fold models"],
)
def test_results_are_those_without_cache(few, tmp_path, params):
    X, y = few
    plain = classifier(**params).fit(X, y)
    cold = classifier(**params, memory=str(tmp_path)).fit(X, y)
    warm = clone(cold).fit(X, y)
    expected = plain.predict_proba(X)
    for clf in (cold, cold, warm):  # the second prediction of `cold` is a hit
        np.testing.assert_array_equal(clf.predict_proba(X), expected)
        assert clf.fusion_weights_ == plain.fusion_weights_


@pytest.mark.slow
def test_staged_training_is_the_same(few, tmp_path):
    X, y = few
    X = X[["image"]].assign(other=X["image"])
    clf = FusionClassifier(
        [("image", ImageEncoder((4,), 8)), ("other", ImageEncoder((4,), 8))],
        "feature",
        random_state=0,
        training=Training("staged", max_epochs=2),
    )
    plain = clone(clf).fit(X, y).predict_proba(X)
    for misses in (12, 0):  # two encoders, five folds and the refit
        cached = clone(clf).set_params(memory=str(tmp_path)).fit(X, y)
        assert cached.cache_info()[:2] == (12 - misses, misses)
        np.testing.assert_array_equal(cached.predict_proba(X), plain)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_cache_info(few, tmp_path, n_jobs):
    X, y = few
    clf = classifier(memory=str(tmp_path), n_jobs=n_jobs).fit(X, y)
    assert clf.cache_info()[:2] == (0, 14)  # 2 x (3 folds + refit) fits, 2 x 3 parts
    assert clf.cache_info().seconds_saved == 0
    clf.predict(X)
    clf.predict(X)
    assert clf.cache_info()[:2] == (2, 16)
    warm = clone(clf).fit(X, y)
    assert warm.cache_info()[:2] == (14, 0)
    plain = classifier().fit(X, y)
    assert plain.cache_info() == (0, 0, 0.0)
    for kept in (clf, warm):
        np.testing.assert_array_equal(kept.predict_proba(X), plain.predict_proba(X))


def test_strategies_share_models_and_features(few, tmp_path):
    X, y = (rows[:80] for rows in few)
    clf = FusionClassifier(random_state=0, training=Training(max_epochs=1))
    clf.set_params(fusion="parallel", memory=str(tmp_path)).fit(X, y)
    # a model each, five of the texts for folds and what they say, and two encoders
    assert clf.cache_info()[:2] == (0, 14)
    other = clone(clf).set_params(fusion="feature").fit(X, y)
    assert other.cache_info()[:2] == (14, 0)
    plain = clone(other).set_params(memory=None).fit(X, y)
    np.testing.assert_array_equal(other.predict_proba(X), plain.predict_proba(X))
    weight = np.linspace(0.1, 2, len(y))
    heavy = clone(other).fit(X, y, sample_weight=weight)
    plain = clone(plain).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(heavy.predict_proba(X), plain.predict_proba(X))


def test_seconds_saved_are_those_of_the_first_time(few, tmp_path):
    X, y = few
    params = {"max_epochs": 20, "memory": str(tmp_path)}
    classifier(**params).fit(X, y)
    assert classifier(**params).fit(X, y).cache_info().seconds_saved > 0


def test_a_grid_of_weights_costs_one_fit_a_fold(few, tmp_path, monkeypatch):
    X, y = few
    fits = []
    fit = LogisticRegression.fit
    monkeypatch.setattr(
        LogisticRegression, "fit", lambda *a, **k: fits.append(1) or fit(*a, **k)
    )
    weights = weight_grid(["image", "text"], step=0.25)
    grid = {"fusion__weights": weights, "fusion__rule": ["log_pool", "mean"]}
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    plain = GridSearchCV(classifier(), grid, cv=cv, refit=False).fit(X, y)
    without, fits[:] = len(fits), []
    clf = classifier(memory=str(tmp_path))
    search = GridSearchCV(clf, grid, cv=cv, refit=False).fit(X, y)
    assert (without, len(fits)) == (3 * 2 * len(weights), 3)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )
    fits.clear()  # a grid that is started again resumes from the cache
    GridSearchCV(clone(clf), grid, cv=cv, refit=False).fit(X, y)
    assert fits == []


@pytest.mark.parametrize(
    "change",
    [
        {"random_state": 1},
        {"training__max_epochs": 3},
        {"image__channels": (8,)},
        {"text__logisticregression__C": 2.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_matters_is_in_the_key(few, tmp_path, change):
    X, y = few
    clf = classifier(memory=str(tmp_path)).fit(X, y)
    changed = clone(clf).set_params(**change).fit(X, y)
    plain = clone(changed).set_params(memory=None).fit(X, y)
    assert changed.cache_info().misses > 0
    np.testing.assert_array_equal(changed.predict_proba(X), plain.predict_proba(X))


def test_labels_and_weights_are_in_the_key(few, tmp_path):
    X, y = few
    clf = classifier(memory=str(tmp_path)).fit(X, y)
    others = [(y[::-1].to_numpy(), None), (y, np.linspace(0.1, 2, 100))]
    words = {"text": TfidfVectorizer()}  # a model in a Pipeline is given no weights
    for labels, weight in others:
        params = {} if weight is None else words
        changed = clone(clf).set_params(**params).fit(X, labels, sample_weight=weight)
        assert changed.cache_info().hits == 0


def test_a_damaged_entry_is_computed_again(few, tmp_path, caplog):
    X, y = few
    clf = classifier(memory=str(tmp_path)).fit(X, y)
    entries = list(tmp_path.rglob("output.pkl"))
    assert len(entries) == 14
    for entry in entries:
        entry.write_bytes(b"no pickle")
    again = clone(clf).fit(X, y)
    assert "Exception while loading results" in caplog.text  # joblib's warning
    assert again.cache_info()[:2] == (0, 14)
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    assert clone(clf).fit(X, y).cache_info().misses == 0


def test_an_entry_of_an_object_that_is_no_more_is_computed_again(
    few, tmp_path, monkeypatch
):
    X, y = few
    clf = classifier(memory=str(tmp_path)).fit(X, y)

    def fail(data):
        raise AttributeError("gone")

    monkeypatch.setattr("skmultimodal.fusion.apart._cache.pickle.loads", fail)
    with pytest.warns(UserWarning, match="damaged entry .* computed again"):
        again = clone(clf).fit(X, y)
    monkeypatch.undo()
    assert again.cache_info()[:2] == (0, 14)
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


def _damage(folder):
    (folder / "frozen_features.sqlite").write_bytes(b"no database" * 1000)


def _truncate(folder):
    file = folder / "frozen_features.sqlite"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _change_a_row(folder):
    with contextlib.closing(sqlite3.connect(folder / "frozen_features.sqlite")) as file:
        file.execute("UPDATE rows SET row = zeroblob(length(row)) WHERE rowid = 7")
        file.commit()


def _put_a_file_there(folder):
    shutil.rmtree(folder)
    folder.touch()


@pytest.mark.parametrize(
    ("harm", "match"),
    [
        (_damage, r"memory: .*frozen_features\.sqlite.* not a database"),
        (_truncate, r"memory: .*frozen_features\.sqlite.* malformed"),
        (_change_a_row, r"memory: .*frozen_features\.sqlite.* a row is damaged"),
        (
            _put_a_file_there,
            r"memory='.*cache' cannot be written to: .*Not a directory",
        ),
    ],
)
def test_a_harmed_folder_is_a_warning_and_changes_nothing(few, tmp_path, harm, match):
    X, y = few[0][:60], few[1][:60]
    clf = FusionClassifier(memory=str(tmp_path / "cache"), random_state=0)
    clear_row_cache()
    expected = clf.fit(X, y).predict_proba(X)
    harm(tmp_path / "cache")
    clear_row_cache()
    with pytest.warns(UserWarning, match=match) as caught:
        clf.fit(X, y)
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "memory", UserWarning)
        np.testing.assert_array_equal(clf.predict_proba(X), expected)


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_full_disk_is_a_warning_and_changes_nothing(few, tmp_path, n_jobs):
    X, y = few[0][:60], few[1][:60]
    clf = FusionClassifier(random_state=0)
    expected = clf.fit(X, y).predict_proba(X)
    clear_row_cache()
    clf.set_params(memory=str(tmp_path), n_jobs=n_jobs)
    get_reusable_executor().shutdown()  # of workers without the limit
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # workers inherit it
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            got = clf.fit(X, y).predict_proba(X)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        get_reusable_executor().shutdown()
    texts = [str(warning.message) for warning in caught]
    assert sum(f"memory={str(tmp_path)!r} cannot be written" in t for t in texts) == 1
    assert any("memory: features cannot be kept in" in text for text in texts)
    np.testing.assert_array_equal(got, expected)
    assert not list(tmp_path.rglob("output.pkl"))


@pytest.mark.slow
def test_a_folder_that_may_only_be_read(few, tmp_path):
    """What is there is used; the rest is computed."""
    for name, rows in zip("Xy", few, strict=True):
        rows[:60].to_pickle(tmp_path / name)
    code = f"""
import os, pathlib, sys, warnings
sys.path.insert(0, {os.path.dirname(os.path.dirname(__file__))!r})
from tests.test_memory import classifier, clone, np, pd
X, y = pd.read_pickle("X"), pd.read_pickle("y")
clf = classifier(memory="cache").fit(X, y)
expected = classifier().fit(X, y).predict_proba(X)
for path in pathlib.Path("cache").rglob("*"):
    path.chmod(0o555)
clone(clf).fit(X, y)  # imports what reading needs; packages may be another user's
if os.getuid() == 0:
    os.setuid(65534)
clf = clone(clf).fit(X, y)
print(*clf.cache_info()[:2])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    np.testing.assert_array_equal(clf.predict_proba(X), expected)
print(*[warning.message for warning in caught])
"""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    run = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    counts, warned = done.stdout.splitlines()
    assert counts == "14 0"
    assert "cannot be written to: " in warned
    assert "Permission denied" in warned


def test_keys_of_rows():
    rows = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert rows_key(rows) == rows_key(rows.copy())
    different = [
        rows,
        rows.reshape(2, 4, 3),
        rows.view(np.int8),
        rows[::-1],
        pd.Series(list(rows)),
        pd.DataFrame({"a": [1, 2]}),
        pd.DataFrame({"b": [1, 2]}),
        pd.DataFrame({"a": [1.0, 2.0]}),
    ]
    assert len({rows_key(cells) for cells in different}) == len(different)
    frame = pd.DataFrame({"a": [1, 2, 3]})
    assert rows_key(frame.iloc[1:]) == rows_key(frame.iloc[1:].reset_index(drop=True))


def test_a_file_that_changed_has_another_key(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"1")
    cells = pd.Series(["a.png"])
    steps = make_pipeline(ImageFeatures(root=tmp_path), LogisticRegression())
    for spec in (ImageEncoder(root=tmp_path), steps):
        before = rows_key(cells, spec)
        path.write_bytes(path.read_bytes() + b"2")
        assert rows_key(cells, spec) != before
    assert rows_key(cells) == rows_key(cells)
