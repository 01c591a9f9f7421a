"""The estimators inside everything scikit-learn does with an estimator."""

import os
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.fixes import parse_version

from skmultimodal import (
    DecisionFusion,
    FeatureFusion,
    FusionClassifier,
    FusionRegressor,
    FusionTransformer,
    ImageEncoder,
    ParallelFusion,
    SequentialFusion,
    TextEncoder,
    Training,
)
from tests.parameters import nested


def small(**kwargs):
    return FusionClassifier(
        [
            ("image", ImageEncoder((4, 8), 8)),
            ("text", TextEncoder(embedding_features=8, out_features=8)),
        ],
        **nested({"fusion": "parallel", "max_epochs": 2, "random_state": 0} | kwargs),
    )


@pytest.fixture(scope="module")
def rows(emoji_small):
    X, y = emoji_small
    two = np.isin(y, ["animals-nature", "symbols"]) | np.isin(y, y.unique()[:2])
    return X[two].reset_index(drop=True), y[two].reset_index(drop=True)


def test_one_grid_over_strategy_weights_widths_and_drop(emoji_small):
    X, y = (part[:100] for part in emoji_small)
    grid = [
        {
            "fusion": [ParallelFusion(), SequentialFusion()],
            "fusion__weights": ["learned", "uniform"],
        },
        {
            "fusion": [FeatureFusion()],
            "fusion__merge": ["concat", "sum"],
            "text__out_features": [8, 16],
        },
        {"fusion": [DecisionFusion()], "fusion__weights": ["cv"]},
        {"fusion": ["parallel"], "image": ["drop"]},
    ]
    search = GridSearchCV(small(), grid, cv=2, n_jobs=2, error_score="raise")
    search.fit(X, y)
    assert len(search.cv_results_["params"]) == 10
    assert search.predict_proba(X).shape == (100, len(search.classes_))
    serial = clone(search).set_params(n_jobs=1, refit=False).fit(X, y)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], serial.cv_results_["mean_test_score"]
    )


def test_alias_becomes_an_object_when_nested():
    clf = small(fusion="feature").set_params(fusion__merge="sum", text__cell="gru")
    assert clf.fusion.merge == "sum"
    assert clf.encoders[1][1].cell == "gru"
    assert clone(clf).get_params()["text__cell"] == "gru"
    with pytest.raises(ValueError, match="Invalid parameter 'wieghts'"):
        clf.set_params(fusion__wieghts="uniform")


def test_auto_becomes_the_strategy_of_small_data_when_nested():
    clf = FusionClassifier().set_params(fusion__rule="mean")
    assert isinstance(clf.fusion, DecisionFusion)
    assert clf.get_params()["fusion__rule"] == "mean"
    assert FusionRegressor().set_params(fusion__weights="cv").fusion.weights == "cv"
    sums = FusionTransformer().set_params(fusion__merge="sum")
    assert isinstance(sums.fusion, FeatureFusion)
    with pytest.raises(ValueError, match="Invalid parameter 'merge'"):
        FusionClassifier().set_params(fusion__merge="sum")


@pytest.mark.slow
def test_grid_over_the_rules_of_the_default_estimator(rows):
    X, y = rows[0][["text"]].assign(again=rows[0]["text"]), rows[1]
    grid = {"fusion__rule": ["mean", "log_pool"]}
    search = GridSearchCV(FusionClassifier(), grid, cv=2, error_score="raise")
    search.fit(X, y)
    assert search.estimator.fusion == "auto"
    for rule, score in zip(
        grid["fusion__rule"], search.cv_results_["mean_test_score"], strict=True
    ):
        given = FusionClassifier(fusion=DecisionFusion(rule=rule))
        assert score == cross_val_score(given, X, y, cv=2).mean()


@pytest.mark.parametrize("search", [RandomizedSearchCV, HalvingGridSearchCV])
def test_searches(rows, search):
    params = {"fusion__weights": ["learned", "uniform"]}
    kwargs = {"n_iter": 2} if search is RandomizedSearchCV else {"factor": 2}
    found = search(small(), params, cv=2, **kwargs).fit(*rows)
    assert found.best_params_["fusion__weights"] in ("learned", "uniform")


def test_cross_validation(rows):
    X, y = rows
    scores = cross_validate(small(), X, y, cv=2, scoring=["accuracy", "roc_auc_ovr"])
    assert np.isfinite(scores["test_accuracy"]).all()
    proba = cross_val_predict(small(), X, y, cv=2, method="predict_proba")
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-5)
    sizes, _, test = learning_curve(small(), X, y, cv=2, train_sizes=[0.5, 1.0])
    assert len(sizes) == 2
    assert np.isfinite(test).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda clf: make_pipeline(FunctionTransformer(), clf),
        lambda clf: CalibratedClassifierCV(clf, cv=2),
        lambda clf: VotingClassifier([("a", clf), ("b", clone(clf))], voting="soft"),
        lambda clf: StackingClassifier(
            [("a", clf)], LogisticRegression(), cv=2, passthrough=False
        ),
        lambda clf: OneVsRestClassifier(clf),
    ],
    ids=["pipeline", "calibrated", "voting", "stacking", "one_vs_rest"],
)
def test_inside_meta_estimators(rows, make):
    X, y = rows
    proba = make(small()).fit(X, y).predict_proba(X)
    assert proba.shape == (len(X), y.nunique())
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-4)


def test_permutation_importance(rows):
    X, y = rows
    clf = small().fit(X, y)
    result = permutation_importance(clf, X, y, n_repeats=2, random_state=0)
    assert result.importances_mean.shape == (2,)


def test_set_output(rows):
    X, y = rows
    transformer = FusionTransformer(
        small().encoders, "feature", training=Training(max_epochs=2)
    )
    frame = transformer.set_output(transform="pandas").fit_transform(X, y)
    assert isinstance(frame, pd.DataFrame)
    assert frame.shape == (len(X), 64)
    assert list(frame.columns[:1]) == ["fused__0"]
    assert frame.index.equals(X.index)


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.8"),
    reason="Pipeline.score of scikit-learn before 1.8 routes no sample_weight",
)
def test_sample_weight_is_routed(rows):
    X, y = rows
    weight = np.where(y == y.iloc[0], 1.0, 0.0)
    weight[::2] += 1.0
    with config_context(enable_metadata_routing=True):
        clf = small().set_fit_request(sample_weight=True)
        clf = clf.set_score_request(sample_weight=True)
        search = GridSearchCV(
            make_pipeline(FunctionTransformer(), clf),
            {"fusionclassifier__fusion__weights": ["learned"]},
            cv=2,
        ).fit(X, y, sample_weight=weight)
    plain = small().fit(X, y, sample_weight=weight).predict_proba(X)
    np.testing.assert_allclose(search.predict_proba(X), plain, rtol=1e-5)
    assert np.abs(plain - small().fit(X, y).predict_proba(X)).max() > 1e-4


PREDICT = """
import sys, joblib, numpy as np
clf, X = joblib.load(sys.argv[1])
np.save(sys.argv[2], clf.predict_proba(X))
"""


@pytest.mark.slow
@pytest.mark.parametrize("fusion", ["parallel", "decision"])
def test_pickle_in_a_fresh_process(rows, tmp_path, fusion):
    X, y = rows
    encoders = [
        ("image", ImageEncoder((4,), 8)),
        ("text", make_pipeline(TfidfVectorizer(), LogisticRegression())),
    ]
    if fusion == "parallel":
        encoders = small().encoders
    clf = small(fusion=fusion).set_params(encoders=encoders).fit(X, y)
    expected = clf.predict_proba(X)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(clf)).predict_proba(X), expected
    )
    joblib.dump((clf, X), tmp_path / "clf.joblib")
    subprocess.run(
        [sys.executable, "-c", PREDICT, tmp_path / "clf.joblib", tmp_path / "p.npy"],
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), expected)


NOTEBOOK = """
import numpy as np, torch
from sklearn.model_selection import cross_val_score
from skmultimodal import FusionClassifier, ModuleEncoder, TabularEncoder, Training

class Net(torch.nn.Module):  # defined in the notebook itself
    out_features = 4
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 4)
    def forward(self, x):
        return torch.relu(self.linear(x))

if __name__ == "__main__":
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5))
    y = (X.sum(1) > 0).astype(int)
    clf = FusionClassifier(
        [("a", ModuleEncoder(Net)), ("b", TabularEncoder())], "parallel",
        columns={"a": slice(0, 3), "b": slice(3, 5)},
        training=Training(max_epochs=3), random_state=0,
    ).fit(X, y)
    one = cross_val_score(clf, X, y, cv=2, n_jobs=1)
    print(np.array_equal(one, cross_val_score(clf, X, y, cv=2, n_jobs=2)))
"""


@pytest.mark.slow
def test_a_notebook_cells_own_module_reaches_workers(tmp_path):
    script = tmp_path / "notebook.py"
    script.write_text(NOTEBOOK)
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.strip() == "True", done.stderr


def test_same_seed_same_result_other_seed_other_result(rows):
    X, y = rows
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = small().fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(first, small().fit(X, y).predict_proba(X))
    other = small(random_state=1).fit(X, y).predict_proba(X)
    assert np.abs(first - other).max() > 1e-3
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_partial_fit_and_warm_start(rows):
    X, y = rows
    clf = small()
    for part in np.array_split(np.arange(len(X)), 3):
        clf.partial_fit(X.iloc[part], y.iloc[part], classes=np.unique(y))
    assert clf.n_iter_ == 3
    assert list(clf.classes_) == sorted(y.unique())
    with pytest.raises(ValueError, match="labels that were not seen"):
        clf.partial_fit(X[:2], ["new", "new"])
    warm = small(warm_start=True).fit(X, y)
    assert warm.fit(X, y).n_iter_ == 4
    net = warm.net_
    assert warm.set_params(warm_start=False).fit(X, y).net_ is not net


@pytest.mark.parametrize("fusion", ["parallel", "sequential", "feature", "decision"])
def test_every_task(fusion, emoji_small):
    X, y = emoji_small
    target = X["text"].str.len().to_numpy(dtype=float)
    kwargs = {"fusion": fusion, "max_epochs": 2, "random_state": 0}
    encoders = small().encoders
    regressor = FusionRegressor(encoders, **nested(kwargs)).fit(X, target)
    assert regressor.predict(X).shape == (200,)
    several = np.column_stack([target, -target])
    regressor.fit(X, several)
    assert regressor.predict(X).shape == (200, 2)
    labels = np.column_stack([target > 10, target > 15, y == y[0]]).astype(int)
    clf = FusionClassifier(encoders, **nested(kwargs)).fit(X, labels)
    assert clf.predict_proba(X).shape == clf.predict(X).shape == (200, 3)
    assert set(np.unique(clf.predict(X))) <= {0, 1}


def test_class_weight_moves_predictions(rows):
    X, y = rows
    rare = y.value_counts().index[-1]
    kwargs = {"max_epochs": 8, "early_stopping": False}
    plain = small(**kwargs).fit(X, y)
    heavy = small(class_weight={**dict.fromkeys(y, 1.0), rare: 50.0}, **kwargs)
    heavy.fit(X, y)
    assert (heavy.predict(X) == rare).sum() > (plain.predict(X) == rare).sum()


def test_html_diagram_names_modalities(rows):
    html = small().fit(*rows)._repr_html_()
    for word in ("image: 8 wide", "text: 8 wide", "ImageEncoder", "parallel"):
        assert word in html


@pytest.fixture(scope="module")
def of_a_frame():
    """A regressor as :ref:`pitfalls` gives it to MAPIE, and its rows."""
    texts = ["one good word", "one bad word"] * 40
    X = pd.DataFrame({"text": texts, "number": np.linspace(0, 1, 80)})
    y = np.arange(80) % 2 + X["number"]
    encoders = [
        ("text", make_pipeline(TfidfVectorizer(), Ridge())),
        ("number", Ridge()),
    ]
    reg = FusionRegressor(encoders, "decision").fit(X[:40], y[:40])
    del reg.n_features_in_
    return reg, X[40:], y[40:]


def test_a_frame_is_read_without_n_features_in(of_a_frame):
    reg, X, y = of_a_frame
    again = clone(reg).fit(X, y)
    assert again.n_features_in_ == 2
    expected = again.predict(X)
    del again.n_features_in_
    np.testing.assert_array_equal(again.predict(X), expected)
    with pytest.raises(TypeError, match="fitted on a frame"):  # what MAPIE asks
        reg.predict(np.zeros((1, 2)))


def test_mapie_takes_a_fitted_estimator_without_n_features_in(of_a_frame):
    mapie = pytest.importorskip("mapie.regression")
    reg, X, y = of_a_frame
    conformal = mapie.SplitConformalRegressor(reg, confidence_level=0.9, prefit=True)
    conformal.conformalize(X[:20], y[:20])
    assert conformal.predict_interval(X[20:])[1].shape == (20, 2, 1)
