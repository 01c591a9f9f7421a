"""Searches and predictions on a Dask cluster of two worker processes."""

import os
from functools import partial

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, cross_val_score

from skmultimodal.distributed import predict_dask
from skmultimodal.model_selection import compare_fusion
from tests.distributed.rows import (
    DieOnce,
    Threads,
    classifier,
    counted,
    frame_and_block,
    missing_results,
    n_bytes,
    process,
    threads_in_training,
)

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
frames = pytest.importorskip("dask.dataframe")
pytestmark = pytest.mark.distributed


@pytest.fixture(scope="module")
def client(nothing_left, tmp_path_factory):
    cluster = distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        local_directory=str(tmp_path_factory.mktemp("dask")),
        silence_logs="CRITICAL",
    )
    with cluster, distributed.Client(cluster) as client:
        # every worker keeps a copy of what is sent, lest one that dies has the only
        client.scatter = partial(client.scatter, broadcast=True)
        yield client


@pytest.fixture(autouse=True)
def two_workers(client):
    client.wait_for_workers(2, timeout=60)
    with dask.config.set({"dataframe.convert-string": False}):  # pictures are no text
        yield


def test_a_search_is_that_of_one_process(rows, grid, serial):
    with parallel_config("dask"):
        search = GridSearchCV(classifier(), grid, cv=3).fit(*rows)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], serial[0])
    np.testing.assert_array_equal(search.predict_proba(rows[0]), serial[1])


def test_cross_validation_and_comparison(rows):
    X, y = rows
    params = {"cv": 3, "strategies": ["decision"], "baseline": False}
    expected = cross_val_score(classifier(), X, y, cv=3)
    compared = compare_fusion(classifier(), X, y, **params).table_
    with parallel_config("dask"):
        found = cross_val_score(classifier(), X, y, cv=3)
        table = compare_fusion(classifier(), X, y, **params).table_
    np.testing.assert_array_equal(found, expected)
    same = ["kind", "name", "score", "sd", *(f"fold_{k}" for k in range(3))]
    pd.testing.assert_frame_equal(table[same], compared[same])


def test_out_of_fold_fits_within_a_fit_and_within_a_search(rows, grid, serial):
    X, y = rows
    plain = classifier().fit(X, y).predict_proba(X)
    with parallel_config("dask"):
        clf = classifier(n_jobs=2).fit(X, y)
        search = GridSearchCV(classifier(n_jobs=2), grid, cv=3).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), plain)
    np.testing.assert_array_equal(search.predict_proba(X), serial[1])


@pytest.mark.parametrize(
    "kind", ["frame", pytest.param("block", marks=pytest.mark.long)]
)
def test_rows_are_sent_once(rows, grid, tmp_path, kind):
    X, y = rows
    data, size = frame_and_block(X, tmp_path / "log")
    with parallel_config("dask"):
        GridSearchCV(classifier(), grid, cv=3, refit=False).fit(data[kind], y)
        assert n_bytes(tmp_path / f"log.{kind}") == size  # and not 9 times
        (tmp_path / f"log.{kind}").unlink()
        classifier(n_jobs=2).fit(data[kind], y)
        # by the folds once, and once by the refit
        assert n_bytes(tmp_path / f"log.{kind}") <= 2 * size


def test_workers_share_the_cache(rows, grid, tmp_path):
    X, y = rows
    clf, params = classifier(memory=str(tmp_path)), {"cv": 3, "refit": False}
    with parallel_config("dask"):
        first = GridSearchCV(clf, grid, **params).fit(X, y)
        again = GridSearchCV(clf, grid, scoring=missing_results, **params).fit(X, y)
        pids = GridSearchCV(clf, grid, scoring=process, **params).fit(X, y)
    assert (again.cv_results_["mean_test_score"] == 0).all()
    scores = first.cv_results_["mean_test_score"]
    plain = GridSearchCV(classifier(), grid, **params).fit(X, y)
    np.testing.assert_array_equal(scores, plain.cv_results_["mean_test_score"])
    assert os.getpid() not in {
        pids.cv_results_[f"split{k}_test_score"][i] for k in range(3) for i in range(3)
    }


def test_a_worker_that_dies_costs_time_only(rows, grid, serial, tmp_path):
    score = DieOnce(tmp_path / "died", os.getpid())
    with parallel_config("dask"):
        search = GridSearchCV(classifier(), grid, cv=3, refit=False, scoring=score)
        search.fit(*rows)
    assert (tmp_path / "died").exists()
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], serial[0])


def test_threads_of_torch_in_a_worker(rows):
    clf = classifier(fusion="feature", callbacks=[Threads()]).set_params(text="drop")
    grid, params = {"training__n_threads": [None, 2]}, {"cv": 2, "refit": False}
    with parallel_config("dask"):
        search = GridSearchCV(clf, grid, scoring=threads_in_training, **params)
        search.fit(*rows)
    assert search.cv_results_["mean_test_score"].tolist() == [1, 2]


@pytest.mark.parametrize(
    "method",
    [
        pytest.param("predict", marks=pytest.mark.long),
        "predict_proba",
        pytest.param("transform", marks=pytest.mark.long),
    ],
)
def test_predictions_of_a_dask_frame(rows, method):
    X, y = rows
    clf = classifier().fit(X, y)
    table = X.assign(key=range(len(X)))
    ddf = frames.from_pandas(table, npartitions=4)
    ddf = ddf[ddf["key"] > 40]  # the first of the partitions has no rows
    X = X[41:]
    lazy = predict_dask(clf, ddf, method=method)
    found, expected = lazy.compute(), getattr(clf, method)(X)
    if method == "predict":
        np.testing.assert_array_equal(found.to_numpy(), expected)
    else:  # products of blocks of other heights may round otherwise
        np.testing.assert_allclose(found.to_numpy(), expected, rtol=1e-6)
    pd.testing.assert_index_equal(found.index, X.index)
    if method == "predict":
        assert (found.name, lazy.dtype) == ("prediction", found.dtype)
    else:
        names = clf.classes_ if method == "predict_proba" else None
        names = clf.get_feature_names_out() if names is None else names
        assert list(lazy.columns) == list(found.columns) == list(names)
        pd.testing.assert_series_equal(lazy.dtypes, found.dtypes)


def test_the_model_is_sent_once(rows, client, tmp_path):
    X, y = rows
    clf = classifier().fit(X, y)
    clf.ballast = counted(np.zeros(10**5), tmp_path / "log")
    ddf = frames.from_pandas(X, npartitions=8)
    predict_dask(clf, ddf).compute()
    assert n_bytes(tmp_path / "log") <= 2 * clf.ballast.nbytes  # and not 8 times


def test_what_is_no_dask_frame_is_refused(rows):
    clf = classifier().fit(*rows)
    with pytest.raises(TypeError, match=r"expected a dask\.dataframe\.Data"):
        predict_dask(clf, rows[0])
    with pytest.raises(ValueError, match="'method' parameter of predict_dask must be"):
        predict_dask(clf, rows[0], method="fit")
