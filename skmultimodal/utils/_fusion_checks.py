"""The contract of fusion strategies, as checks."""

from __future__ import annotations

import pickle
import warnings
from functools import partial

import joblib
import numpy as np
import torch
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from skmultimodal import FusionClassifier, FusionRegressor, TabularEncoder, Training
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
)
from skmultimodal.training._specification import resolve_training
from skmultimodal.training._tasks import Classification, Regression
from skmultimodal.utils._checks import assert_close, check_parameters, require
from skmultimodal.utils._module_checks import module_checks, refuses

__all__ = ["fusion_checks"]

LOST = (["m0"], ["m1"], ["m0", "m2"], ["m0", "m1", "m2"])


def fusion_checks(strategy, training="joint"):
    """Yield the checks that apply to a strategy."""
    training = resolve_training(training, "check_fusion")
    by_epoch = getattr(strategy, "trains_by_epoch", True)
    if by_epoch and training.max_epochs == Training().max_epochs:
        training = clone(training).set_params(max_epochs=2)
    yield check_fusion_parameters
    if hasattr(strategy, "build"):
        yield from module_checks(strategy, training)
    for estimator in (FusionClassifier, FusionRegressor):
        yield partial(check_fit_predict, estimator=estimator, training=training)
    yield partial(check_weights, training=training)
    yield partial(check_subsets, training=training)
    if not getattr(strategy, "ordered", False):
        yield partial(check_order, training=training)


def check_fusion_parameters(strategy):
    """Parameters round-trip, nest in an estimator and include the weights."""
    check_parameters(strategy)
    params = strategy.get_params()
    require("weights" in params, strategy, "a strategy has a parameter 'weights'.")
    clf = clone(FusionClassifier(fusion=strategy))
    clf.set_params(fusion__weights="uniform")
    require(
        clone(clf).get_params()["fusion__weights"] == "uniform",
        strategy,
        "fusion__weights='uniform' is lost by set_params or clone.",
    )


def _unfitted(estimator, strategy, names, training):
    encoder = TabularEncoder((8,), 8)
    if getattr(strategy, "takes_features", False):
        encoder = StandardScaler()
    pairs = [(name, encoder) for name in names]
    return estimator(pairs, clone(strategy), clone(training), random_state=0)


def check_fit_predict(strategy, estimator, training):
    """An estimator fits it, or it says that it is not defined for the task."""
    is_regressor = estimator is FusionRegressor
    make = (
        make_multimodal_regression if is_regressor else make_multimodal_classification
    )
    X, y = make(90, missing_rate=0.1, random_state=0)
    model = _unfitted(estimator, strategy, X, training)
    if refuses(strategy, (Regression if is_regressor else Classification)(y)):
        return
    before, state = joblib.hash(model.fusion), torch.random.get_rng_state()
    numpy_state = joblib.hash(np.random.get_state(legacy=True))  # noqa: NPY002
    model.fit(X, y)
    require(
        joblib.hash(model.fusion) == before, strategy, "fit changed the specification."
    )
    require(
        torch.equal(torch.random.get_rng_state(), state)
        and joblib.hash(np.random.get_state(legacy=True)) == numpy_state,  # noqa: NPY002
        strategy,
        "fit drew from the global random state.",
    )
    response = model.predict(X) if is_regressor else model.predict_proba(X)
    require(len(response) == 90, strategy, "predict must return one row a sample.")
    require(np.isfinite(response).all(), strategy, "predictions are not finite.")
    if not is_regressor:
        ones, message = np.ones(90), "probabilities must sum to 1"
        assert_close(response.sum(1, dtype=float), ones, strategy, message)
    again = pickle.loads(pickle.dumps(model))
    response = model.predict(X)
    require(
        np.array_equal(again.predict(X), response),
        strategy,
        "the fitted estimator predicts differently after pickle.",
    )


def check_weights(strategy, training):
    """Given weights change what is predicted, or are refused."""
    X, y = make_multimodal_classification(90, random_state=0)
    if refuses(strategy, Classification(y)):
        return
    names, found = list(X), []
    for shares in ((0.8, 0.1, 0.1), (0.1, 0.1, 0.8)):
        spec = clone(strategy).set_params(weights=dict(zip(names, shares, strict=True)))
        clf = _unfitted(FusionClassifier, spec, X, training)
        try:
            found.append(clf.fit(X, y).predict_proba(X))
        except ValueError as error:
            require("weights" in str(error), strategy, f"with 'weights': {error}")
            return
    require(
        np.abs(found[0] - found[1]).max() > 1e-6,
        strategy,
        "other 'weights' give the same predictions. Use or refuse them.",
    )


def check_subsets(strategy, training):
    """Any subset of the modalities predicts; without any, the answer is the prior."""
    X, y = make_multimodal_classification(90, random_state=0)
    if refuses(strategy, Classification(y)):
        return
    clf = _unfitted(FusionClassifier, strategy, X, training).fit(X, y)
    full = clf.predict_proba(X)
    for lost in LOST:
        part = {
            name: np.full_like(X[name], np.nan) if name in lost else X[name]
            for name in X
        }
        with warnings.catch_warnings():  # no training row was like these: meant so
            warnings.filterwarnings("ignore", message="X has rows whose present")
            proba = clf.predict_proba(part)
        require(
            np.isfinite(proba).all(), strategy, f"probabilities without {lost}: NaN."
        )
        matters = sum(clf.fusion_weights_[name] for name in lost) > 0
        require(
            not matters or np.abs(proba - full).max() > 0,
            strategy,
            f"nothing changes without {lost}, although their weight is not zero.",
        )
    prior = np.tile(np.bincount(y) / len(y), (90, 1))
    message = "with nothing observed the prediction must be the prior"
    assert_close(proba.astype(float), prior, strategy, message)


def check_order(strategy, training):
    """The order in which modalities are listed permutes weights and changes no more."""
    X, y = make_multimodal_classification(90, missing_rate=0.1, random_state=0)
    if refuses(strategy, Classification(y)):
        return
    models = [
        _unfitted(FusionClassifier, strategy, names, training).fit(X, y)
        for names in (list(X), list(X)[::-1])
    ]
    proba = [model.predict_proba(X) for model in models]
    message = (
        "the order of modalities changes the prediction. Set the class attribute "
        "'ordered' to True if it has a meaning"
    )
    assert_close(proba[1], proba[0], strategy, message)
    weights = [[m.fusion_weights_[name] for name in X] for m in models]
    message = "the order of modalities changes their weights"
    assert_close(weights[1], weights[0], strategy, message)
