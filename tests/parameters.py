"""Parameters written flat, and modules, for tests that try many of them."""

from inspect import signature

from sklearn.base import clone

from skmultimodal import Training
from skmultimodal.training._settings import TrainingSettings
from skmultimodal.training._specification import resolve_training

TRAINING = set(signature(Training).parameters)


def nested(params=(), **more):
    """Return parameters of an estimator, those of `Training` as an object of it."""
    params = {**dict(params), **more}
    flat = {key: params.pop(key) for key in TRAINING & params.keys()}
    if flat:
        given = resolve_training(params.get("training", "joint"), "nested")
        params["training"] = clone(given).set_params(**flat)
    return params


def joint(spec, **params):
    """Return what a training with these parameters adds to a strategy's loss."""
    return TrainingSettings(**params).joint(spec)


def module_of(spec, in_features, n_outputs, **params):
    """Return the module of a strategy, to be trained with these parameters."""
    module = spec.build(in_features, n_outputs)
    module.train_with(joint(spec, **params))
    return module
