"""Warnings name the line of the user, whatever lies between."""

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from skmultimodal import (
    FusionClassifier,
    FusionTransformer,
    TabularEncoder,
    TextEncoder,
    Training,
)
from skmultimodal._warnings import warn
from skmultimodal.model_selection import compare_fusion
from tests.parameters import nested

N = 24


@pytest.fixture
def X():
    """Rows with one cell that is no text."""
    X = pd.DataFrame({"note": [f"number {i % 4}" for i in range(N)]}, dtype=object)
    X["u"] = np.linspace(0, 1, N)
    X.loc[[1, 2], "u"] = np.nan
    X.loc[7, "note"] = 7
    return X


Y = np.arange(N) % 2


def classifier(kind=FusionClassifier):
    encoders = [("note", TextEncoder(level="word")), ("u", TabularEncoder((4,), 4))]
    return kind(
        encoders,
        "parallel",
        on_error="missing",
        random_state=0,
        training=Training(max_epochs=1),
    )


def embedded():
    return make_pipeline(classifier(FusionTransformer), LogisticRegression())


CALLS = {
    "fit": lambda X: classifier().fit(X, Y),
    "partial_fit": lambda X: classifier().partial_fit(X, Y),
    "score": lambda X: cross_val_score(classifier(), X, Y, cv=2),
    "predict": lambda X: cross_val_predict(classifier(), X, Y, cv=2),
    "pipeline": lambda X: make_pipeline(FunctionTransformer(), classifier()).fit(X, Y),
    "search": lambda X: GridSearchCV(classifier(), {"training__lr": [0.1]}, cv=2).fit(
        X, Y
    ),
    "transformer": lambda X: embedded().fit(X, Y).predict(X),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_warning_names_the_users_file(X, call):
    with pytest.warns(UserWarning, match="1 of .* cells cannot be read") as caught:
        CALLS[call](X)
    assert {w.filename for w in caught} == {__file__}


def test_a_warning_of_predict_names_its_line(X):
    X.loc[7, "note"] = "seven"
    clf = classifier().fit(X, Y)
    X.loc[3, "note"] = None
    with pytest.warns(UserWarning, match="No training row") as caught:
        clf.predict(X)
    with pytest.warns(UserWarning, match="no column for"):
        clf.predict_proba(X[["note"]])
    assert [w.filename for w in caught] == [__file__]


def test_a_fit_is_told_of_once_though_predict_changes_nothing(X):
    X.loc[7, "note"] = "seven"
    clf = classifier().fit(X, Y)
    X.loc[3, "note"] = None
    before = pickle.dumps(clf)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            clf.predict(X)
        clf.predict_proba(X[3:4])
    assert len(caught) == 1
    assert pickle.dumps(clf) == before
    with pytest.warns(UserWarning, match="No training row"):
        pickle.loads(before).predict(X)


def test_without_a_users_frame_there_is_still_a_warning():
    with ThreadPoolExecutor(1) as pool, pytest.warns(UserWarning, match="told"):
        pool.submit(warn, "told").result()
    with pytest.warns(UserWarning, match="told") as caught:
        joblib.Parallel(1)([joblib.delayed(warn)("told")])
    assert caught[0].filename == __file__


# -- parameters without effect ------------------------------------------------------


def unused(clf, X):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        clf.fit(X, Y)
    return [str(w.message) for w in caught if "no effect" in str(w.message)]


@pytest.fixture(scope="module")
def numbers():
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=(N, 2)) for name in ("u", "v")}


MODELS = [("u", LogisticRegression()), ("v", LogisticRegression())]


def test_parameters_of_training_without_effect_are_named(numbers):
    clf = FusionClassifier(
        MODELS, "decision", training=Training(lr=0.1, max_epochs=3, batch_size=16)
    )
    (told,) = unused(clf, numbers)
    assert told.startswith("max_epochs, lr, batch_size of 'training' have no")
    assert "fusion='parallel'" in told
    assert "\n" not in told
    clf = FusionClassifier(fusion="kernel", training=Training("staged", callbacks=[]))
    (told,) = unused(clf, numbers)
    assert told.startswith(
        "mode, callbacks of 'training' have no effect: KernelFusion trains"
    )
    (told,) = unused(
        FusionClassifier(training=Training(compile=True, n_threads=1)), numbers
    )
    assert told.startswith("compile, n_threads of 'training' have no effect: Decision")


@pytest.mark.parametrize(
    ("encoders", "fusion", "params"),
    [
        (MODELS, "decision", {}),
        (
            MODELS,
            "decision",
            {"max_epochs": 30, "early_stopping": "auto"},
        ),  # the defaults
        (MODELS, "decision", {"device": "cpu"}),
        ([MODELS[0], ("v", StandardScaler())], "decision", {"max_epochs": 1}),
        ([MODELS[0], ("v", [SVC(), TabularEncoder()])], "decision", {"max_epochs": 1}),
        ("auto", "parallel", {"max_epochs": 1}),
        ("auto", "feature", {"max_epochs": 1, "training": "staged"}),
    ],
)
def test_parameters_that_are_used_are_not_told_of(numbers, encoders, fusion, params):
    assert unused(FusionClassifier(encoders, fusion, **nested(params)), numbers) == []


# -- a comparison -------------------------------------------------------------------


def test_a_comparison_tells_of_a_cell_once(X, tmp_path):
    rng = np.random.default_rng(0)
    for i in range(N):
        height = 8 + i % 3
        pixels = rng.integers(0, 256, (height, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    (tmp_path / "5.png").write_bytes(b"no image")
    X = pd.DataFrame({"photo": [str(tmp_path / f"{i}.png") for i in range(N)]})
    X = X.assign(note=[f"number {i % 4}" for i in range(N)], v=np.linspace(0, 1, N))
    clf = FusionClassifier(
        on_error="missing", random_state=0, training=Training(max_epochs=1)
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        result = compare_fusion(clf, X, Y, cv=2, strategies=["parallel", "decision"])
    ours = [w for w in caught if not issubclass(w.category, ConvergenceWarning)]
    (told,) = [str(w.message) for w in ours if "cannot be read" in str(w.message)]
    assert told.startswith("Modality 'photo': 1 of 24 cells cannot be read")
    assert not [w for w in ours if "no effect" in str(w.message)]
    assert not [w for w in ours if "leaves out" in str(w.message)]
    assert np.isfinite(result.table_["score"]).all()
    assert result.best_estimator_.missing_report_["count"].sum() == N
