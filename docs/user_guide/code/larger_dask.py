"""A search, and predictions, on the workers of a Dask cluster."""

import tempfile
from functools import partial

import dask.dataframe as dd
from distributed import Client, LocalCluster
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV

from skmultimodal import DecisionFusion, FusionClassifier, Training
from skmultimodal.datasets import load_birdstrikes
from skmultimodal.distributed import predict_dask


def main():
    folder = tempfile.mkdtemp()  # on a cluster: one that all machines see
    cluster = LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        local_directory=f"{folder}/dask",
    )
    X, y = load_birdstrikes(return_X_y=True)
    X, y = X[:400], y[:400]
    clf = FusionClassifier(
        fusion=DecisionFusion(cv=3),
        memory=folder,
        random_state=0,
        training=Training(max_epochs=2),
    )
    grid = {"fusion__rule": ["log_pool", "mean", "max"]}
    with cluster, Client(cluster) as client:
        # all workers keep a copy of what is sent, lest one that dies has the only one
        client.scatter = partial(client.scatter, broadcast=True)
        with parallel_config("dask"):
            search = GridSearchCV(clf, grid, cv=3).fit(X, y)
        rows = dd.from_pandas(X, npartitions=4)  # or dd.read_parquet
        found = predict_dask(search.best_estimator_, rows, method="predict_proba")
        print(search.best_params_, found.compute().shape)


if __name__ == "__main__":  # the workers import this file
    main()
