"""Warnings name the line of the user, whatever lies between."""

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmultimodal import (
    FusionClassifier,
    FusionTransformer,
    TabularEncoder,
    TextEncoder,
)
from skmultimodal._warnings import warn

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
    return kind(encoders, "parallel", max_epochs=1, on_error="missing", random_state=0)


def embedded():
    return make_pipeline(classifier(FusionTransformer), LogisticRegression())


CALLS = {
    "fit": lambda X: classifier().fit(X, Y),
    "partial_fit": lambda X: classifier().partial_fit(X, Y),
    "score": lambda X: cross_val_score(classifier(), X, Y, cv=2),
    "predict": lambda X: cross_val_predict(classifier(), X, Y, cv=2),
    "pipeline": lambda X: make_pipeline(FunctionTransformer(), classifier()).fit(X, Y),
    "search": lambda X: GridSearchCV(classifier(), {"lr": [0.1]}, cv=2).fit(X, Y),
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
