"""AutoGluon Tabular: a weighted ensemble of trees and networks, n-grams for text."""

import tempfile

from _peer import clock_of_cpu, main

REQUIREMENTS = ["autogluon.tabular[catboost,lightgbm]", "torch"]


def fit_predict(train, y, test, kinds, limit):
    """Fit the default models within three quarters of the limit, on one core."""
    clock_of_cpu()
    from autogluon.tabular import TabularPredictor

    with tempfile.TemporaryDirectory() as folder:
        model = TabularPredictor("y", "multiclass", path=folder)
        model.fit(train.assign(y=y), time_limit=0.75 * limit, num_cpus=1, num_gpus=0)
        found = model.predict_proba(test)
    return found.columns, found.to_numpy()


if __name__ == "__main__":
    main(fit_predict, ("text", "table"), ["autogluon.tabular", "lightgbm", "catboost"])
