"""Searches and predictions on a Ray cluster of two worker processes."""

import os
import secrets
import tempfile

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, cross_val_score

from skmultimodal import MultimodalData
from skmultimodal.distributed import predict_ray, put_on_ray
from skmultimodal.model_selection import compare_fusion
from tests.distributed.rows import (
    DieOnce,
    Threads,
    classifier,
    counted,
    frame_and_block,
    missing_results,
    n_bytes,
    threads_in_training,
)

ray = pytest.importorskip("ray")
pytestmark = [
    pytest.mark.distributed,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),  # of its own calls
]

# without them a search waits for ever for the tasks of an actor that died
REVIVE = {"ray_remote_args": {"max_restarts": -1, "max_task_retries": -1}}


@pytest.fixture(scope="module", autouse=True)
def cluster(nothing_left):
    from ray.util.joblib import register_ray

    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder,
    ):
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else one at home
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=100 * 2**20,
            log_to_driver=False,
            logging_level="ERROR",
            _node_ip_address="127.0.0.1",
            _temp_dir=folder,
        )
        register_ray()
        yield
        ray.shutdown()


def on_ray(**params):
    return parallel_config("ray", n_jobs=2, **params)


def test_a_search_is_that_of_one_process(rows, grid, serial):
    with on_ray():
        search = GridSearchCV(classifier(), grid, cv=3).fit(*rows)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], serial[0])
    np.testing.assert_array_equal(search.predict_proba(rows[0]), serial[1])


@pytest.mark.long
def test_cross_validation_and_comparison(rows):
    X, y = rows
    params = {"cv": 3, "strategies": ["decision"], "baseline": False}
    expected = cross_val_score(classifier(), X, y, cv=3)
    compared = compare_fusion(classifier(), X, y, **params).table_
    with on_ray():
        found = cross_val_score(classifier(), X, y, cv=3)
        table = compare_fusion(classifier(), X, y, **params).table_
    np.testing.assert_array_equal(found, expected)
    same = ["kind", "name", "score", "sd", *(f"fold_{k}" for k in range(3))]
    pd.testing.assert_frame_equal(table[same], compared[same])


@pytest.mark.long
def test_out_of_fold_fits(rows):
    X, y = rows
    plain = classifier().fit(X, y).predict_proba(X)
    with on_ray():
        clf = classifier(n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), plain)


@pytest.mark.parametrize(
    "kind", ["frame", pytest.param("block", marks=pytest.mark.long)]
)
def test_rows_put_on_ray_are_sent_once(rows, grid, tmp_path, serial, kind):
    X, y = rows
    data, size = frame_and_block(X, tmp_path / "log")
    shared = put_on_ray(data[kind])
    assert n_bytes(tmp_path / f"log.{kind}") == size
    with on_ray():
        search = GridSearchCV(classifier(), grid, cv=3, refit=False).fit(shared, y)
    assert n_bytes(tmp_path / f"log.{kind}") == size
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], serial[0])


@pytest.mark.long
def test_what_is_put_on_ray_is_used_like_the_original(rows):
    X, _ = rows
    frame, block = put_on_ray(X), put_on_ray({"n": np.arange(4), "t": list("abcd")})
    pd.testing.assert_frame_equal(pd.DataFrame(frame), X)
    assert type(frame[["text"]]) is type(frame.iloc[:2]) is pd.DataFrame
    assert type(block[[1, 2]]) is MultimodalData
    with pytest.raises(TypeError, match="Got list; ray"):
        put_on_ray([1])


@pytest.mark.long
def test_workers_share_the_cache(rows, grid, tmp_path):
    X, y = rows
    clf, params = classifier(memory=str(tmp_path)), {"cv": 3, "refit": False}
    with on_ray():
        GridSearchCV(clf, grid, **params).fit(X, y)
        again = GridSearchCV(clf, grid, scoring=missing_results, **params).fit(X, y)
    assert (again.cv_results_["mean_test_score"] == 0).all()


@pytest.mark.long
def test_a_worker_that_dies_costs_time_only(rows, grid, serial, tmp_path):
    score = DieOnce(str(tmp_path / "died"), os.getpid())
    with on_ray(**REVIVE):
        search = GridSearchCV(classifier(), grid, cv=3, refit=False, scoring=score)
        search.fit(*rows)
    assert (tmp_path / "died").exists()
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], serial[0])


@pytest.mark.long
def test_threads_of_torch_in_a_worker(rows):
    clf = classifier(fusion="feature", callbacks=[Threads()]).set_params(text="drop")
    grid, params = {"training__n_threads": [None, 2]}, {"cv": 2, "refit": False}
    with on_ray():
        search = GridSearchCV(clf, grid, scoring=threads_in_training, **params)
        search.fit(*rows)
    assert search.cv_results_["mean_test_score"].tolist() == [1, 2]


@pytest.mark.parametrize(
    "method", [pytest.param("predict", marks=pytest.mark.long), "predict_proba"]
)
def test_predictions_of_a_ray_dataset(rows, tmp_path, method):
    import pyarrow

    X, y = rows
    clf = classifier().fit(X, y)
    clf.ballast = counted(np.zeros(10**5), tmp_path / "log")
    tables = []
    for i in range(3):
        part = X[i::3]
        cells = {"image": [c.tolist() for c in part["image"]], "text": part["text"]}
        nested = pyarrow.list_(pyarrow.list_(pyarrow.list_(pyarrow.uint8())))
        schema = pyarrow.schema({"image": nested, "text": pyarrow.string()})
        tables.append(pyarrow.table(cells, schema))
    ray.data.DataContext.get_current().enable_progress_bars = False
    ray.data.DataContext.get_current().execution_options.preserve_order = True
    source = ray.data.from_arrow(tables)
    found = predict_ray(clf, source, method=method, batch_rows=16).to_pandas()
    order = np.concatenate([np.arange(len(X))[i::3] for i in range(3)])
    expected = getattr(clf, method)(X)[order]
    names = ["prediction"] if method == "predict" else list(clf.classes_)
    assert list(found) == names
    values = found["prediction"] if method == "predict" else found
    if method == "predict":
        np.testing.assert_array_equal(values.to_numpy(), expected)
    else:  # products of blocks of other heights may round otherwise
        np.testing.assert_allclose(values.to_numpy(float), expected, rtol=1e-6)
    assert n_bytes(tmp_path / "log") == clf.ballast.nbytes  # not once a batch
