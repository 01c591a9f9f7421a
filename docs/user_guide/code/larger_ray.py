"""A search, and predictions, on the workers of a Ray cluster."""

import tempfile

import ray
from joblib import parallel_config
from ray.util.joblib import register_ray
from sklearn.model_selection import GridSearchCV

from skmultimodal import DecisionFusion, FusionClassifier, Training
from skmultimodal.datasets import load_birdstrikes
from skmultimodal.distributed import predict_ray, put_on_ray

with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=100 * 2**20,
        log_to_driver=False,
        _node_ip_address="127.0.0.1",
        _temp_dir=folder,
    )
    register_ray()
    X, y = load_birdstrikes(return_X_y=True)
    X, y = X[:400], y[:400]
    clf = FusionClassifier(
        fusion=DecisionFusion(cv=3), random_state=0, training=Training(max_epochs=2)
    )
    rows = ray.data.from_pandas(X)  # or ray.data.read_parquet
    found = predict_ray(clf.fit(X, y), rows, method="predict_proba").to_pandas()
    grid = {"fusion__rule": ["log_pool", "mean", "max"]}
    # an actor that dies starts again, and so does its task
    revive = {"max_restarts": -1, "max_task_retries": -1}
    with parallel_config("ray", ray_remote_args=revive):  # n_jobs of the search alone
        search = GridSearchCV(clf, grid, cv=3, n_jobs=2).fit(put_on_ray(X), y)
    print(search.best_params_, found.shape)
    ray.shutdown()
