"""The bar of a training, and scikit-learn's own callbacks."""

import pickle
import re

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import EpochScoring

from skmultimodal import FusionClassifier, TabularEncoder, Training
from skmultimodal.datasets import make_multimodal_classification
from tests.parameters import nested


@pytest.fixture(scope="module")
def data():
    return make_multimodal_classification(120, n_modalities=2, random_state=0)


def fit(data, **params):
    params = {"fusion": "parallel", "max_epochs": 3, "random_state": 0} | params
    return FusionClassifier(**nested(params)).fit(*data)


def test_silent_by_default(data, capfd):
    clf = fit(data)
    assert capfd.readouterr() == ("", "")
    assert isinstance(clf.history_, pd.DataFrame)
    assert len(clf.history_) == 3


def test_bar_tells_epochs_losses_scores_and_time(data, capfd):
    accuracy = EpochScoring("accuracy", lower_is_better=False, name="accuracy")
    clf = fit(data, verbose=1, early_stopping=True, callbacks=[accuracy])
    out, err = capfd.readouterr()
    assert "%" not in out  # which has what was understood of X
    last = err.rstrip().rpartition("\r")[2]
    assert last.startswith("m0, m1: 100%")
    assert "3/3 [00:0" in last
    row = clf.history_.iloc[-1]
    for shown in (
        f"loss={row['train_loss']:.4f}",
        f"valid loss={row['valid_loss']:.4f}",
        f"accuracy={row['accuracy']:.4f}",
    ):
        assert shown in last
    assert "<00:0" in err  # time left


def test_the_bar_changes_nothing(data):
    plain, shown = fit(data), fit(data, verbose=1)
    assert (plain.predict_proba(data[0]) == shown.predict_proba(data[0])).all()
    assert plain.history_.columns.equals(shown.history_.columns)
    again = pickle.loads(pickle.dumps(shown))
    again.set_params(warm_start=True, training__max_epochs=1).fit(*data)
    assert again.n_iter_ == 4


def test_bars_of_parts_name_the_modality(data, capfd):
    encoders = [(name, TabularEncoder()) for name in data[0]]
    fit(data, encoders=encoders, fusion="decision", max_epochs=1, verbose=1)
    err = capfd.readouterr().err
    assert "m0: " in err
    assert "m1: " in err
    assert len(re.findall(r"\r +\x1b\[A", err)) == 12  # each is wiped
    assert last_line(err).startswith("m0, m1: 100%")


def last_line(err):
    return err.rstrip().rpartition("\r")[2]


def fit_apart(data, **params):
    params = {"random_state": 0, "fusion": "decision"} | params
    encoders = [(name, LogisticRegression()) for name in data[0]]
    return FusionClassifier(encoders, **params).fit(*data)


def test_the_bar_of_models_that_are_fitted_apart(data, capfd):
    clf = fit_apart(data)
    assert capfd.readouterr() == ("", "")
    shown = fit_apart(data, verbose=1)
    out, err = capfd.readouterr()
    assert "%" not in out  # which has what was understood of X
    for k in range(1, 6):
        assert f"m0, fold {k} of 5: " in err
        assert f"m1, fold {k} of 5: " in err
    assert "m1, all rows: " in err
    assert re.match(r"m0, m1: 100%.*12/12 \[00:\d\d<00:00", last_line(err))
    proba = clf.predict_proba(data[0])
    again = pickle.loads(pickle.dumps(shown))
    assert (again.predict_proba(data[0]) == proba).all()
    with joblib.parallel_config("threading"):
        parallel = fit_apart(data, verbose=1, n_jobs=2)
    assert (parallel.predict_proba(data[0]) == proba).all()
    assert last_line(capfd.readouterr().err).startswith("m0, m1: 100%")


def test_the_bar_counts_what_the_cache_has(data, capfd, tmp_path):
    first = fit_apart(data, memory=str(tmp_path))
    assert capfd.readouterr().err == ""
    second = fit_apart(data, memory=str(tmp_path), verbose=1)
    assert second.cache_info().misses == 0
    assert "12/12" in last_line(capfd.readouterr().err)
    assert (second.predict_proba(data[0]) == first.predict_proba(data[0])).all()


def test_the_bar_counts_candidates_and_ends_with_a_failed_fit(data, capfd):
    X, y = data
    pair = [LogisticRegression(C=c) for c in (0.1, 1.0)]
    encoders = {"m0": pair, "m1": LogisticRegression()}
    FusionClassifier(encoders, fusion="decision", random_state=0, verbose=1).fit(X, y)
    assert "22/22" in last_line(capfd.readouterr().err)
    failing = {"m0": LogisticRegression(C=-1.0), "m1": LogisticRegression()}
    with pytest.raises(ValueError, match="C"):
        FusionClassifier(failing, fusion="decision", verbose=1).fit(X, y)
    assert "0/12" in last_line(capfd.readouterr().err)


def test_the_bar_covers_the_members_of_the_default(data, capfd, tmp_path):
    X, y = data
    clf = FusionClassifier(random_state=0, verbose=1).fit(X, y)
    err = capfd.readouterr().err
    assert "features of all modalities: 100%|" in err
    for member in ("kernel", "trees"):
        assert f"{member}, fold 5 of 5: " in err
        assert f"{member}, all rows: " in err
    assert re.match(r"m0, m1: 100%.*24/24", last_line(err))
    proba = clf.predict_proba(X)
    clf.set_params(verbose=0).fit(X, y)
    assert (clf.predict_proba(X) == proba).all()
    for left in (24, 12):  # the cache has the machines the second time
        clf.set_params(verbose=1, memory=str(tmp_path)).fit(X, y)
        assert f"{left}/{left}" in last_line(capfd.readouterr().err)
        assert (clf.predict_proba(X) == proba).all()


def test_two_prints_a_table(data, capfd):
    fit(data, verbose=2)
    assert "train_loss" in capfd.readouterr().out


class Recorder:
    """Notes what scikit-learn tells a callback."""

    def __init__(self):
        self.told = []

    def setup(self, estimator, context):
        self.told.append("setup")

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, y=None, metadata=None):
        self.told.append(("begin", len(y), sorted(metadata)))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.told.append(("end", fitted_estimator.n_iter_))


def test_scikit_learn_callbacks_are_told_of_a_fit(data):
    pytest.importorskip("sklearn.callback")
    X, y = data
    recorder = Recorder()
    clf = FusionClassifier(
        fusion="parallel", training=Training(max_epochs=2)
    ).set_callbacks(recorder)
    clf.fit(X, y, sample_weight=np.ones(len(y)))
    begin = ("begin", len(y), ["sample_weight"])
    assert recorder.told == ["setup", begin, ("end", 2), "teardown"]
    recorder.told.clear()
    with pytest.raises(ValueError, match="max_epochs"):
        clf.set_params(training__max_epochs=0).fit(X, y)
    assert recorder.told == ["setup", ("begin", len(y), []), "teardown"]
    assert clf.n_iter_ == 2  # as it was before


@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_progress_bar_and_monitor_under_a_search(data, capsys, n_jobs):
    callback = pytest.importorskip("sklearn.callback")
    X = pd.DataFrame({name: list(rows) for name, rows in data[0].items()})
    monitor = callback.ScoringMonitor(scoring="accuracy")
    clf = FusionClassifier(
        fusion="parallel", random_state=0, training=Training(max_epochs=1)
    )
    clf.set_callbacks(monitor)
    search = GridSearchCV(clf, {"fusion": ["parallel", "feature"]}, cv=2, n_jobs=n_jobs)
    search.set_callbacks(callback.ProgressBar()).fit(X, data[1])
    out = capsys.readouterr().out
    assert "GridSearchCV" in out
    assert "FusionClassifier" in out
    scores = [row["accuracy"] for row in monitor.get_logs().data]
    assert len(scores) == 5  # 2 candidates on 2 folds, and the refit
    whole = search.best_estimator_.score(X, data[1])
    assert any(score == pytest.approx(whole) for score in scores)
