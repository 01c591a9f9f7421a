"""Every public name resolves, is documented, and keeps scikit-learn's conventions."""

import inspect
import re
from importlib import import_module

import pytest
from numpydoc.validate import validate
from sklearn.base import BaseEstimator, clone

import skmultimodal

PACKAGES = list(skmultimodal._PACKAGES)
TOP = [
    f"skmultimodal.{name}"
    for name in skmultimodal.__all__
    if name not in PACKAGES and name != "__version__"
]
NAMES = TOP + [
    f"skmultimodal.{package}.{name}"
    for package in PACKAGES
    for name in import_module(f"skmultimodal.{package}").__all__
]
ESTIMATORS = ["FusionClassifier", "FusionRegressor", "FusionTransformer"]

# Checks of numpydoc that are not asked for, and why.
NOT_ASKED = {
    "ES01",  # one line is enough where it says everything
    "EX01",  # asked below of the names of the top package
    "GL08",  # asked below, of inherited docstrings as well
    "RT02",  # results are named where the name says something
    "RT03",  # the summary says what comes back
    "SA01",  # only where there is something to see
}
EXCEPT = {
    ("skmultimodal.BaseEncoder", "EX01"): "a subclass is the example",
    ("skmultimodal.fusion.FusionOutput", "PR01"): "its fields are attributes",
    ("skmultimodal.model_selection.FusionComparison", "PR01"): "likewise",
}


def resolve(name):
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


CLASSES = [name for name in NAMES if inspect.isclass(resolve(name))]


def is_spec(name):
    """Whether a class holds parameters: an estimator, an encoder or a strategy."""
    cls = resolve(name)
    bases = ("BaseFusion", "JointFusion", "BaseRule", "BaseRegressionRule")
    return issubclass(cls, BaseEstimator) and cls.__name__ not in bases


SPECS = [name for name in CLASSES if is_spec(name)]


def make(name):
    """Return an instance, with a stand-in for each required parameter."""
    parameters = inspect.signature(resolve(name)).parameters.values()
    required = [p.name for p in parameters if p.default is inspect.Parameter.empty]
    return resolve(name)(**dict.fromkeys(required, list))


def methods(name):
    return [
        f"{name}.{key}"
        for key, value in vars(resolve(name)).items()
        if key[0] != "_" and inspect.isfunction(value)
    ]


def errors(name, asked=None):
    """Return what numpydoc finds wrong, without what is not asked for."""
    found = validate(name)["errors"]
    return [
        f"{code}: {text}"
        for code, text in found
        if code not in NOT_ASKED - {asked} and (name, code) not in EXCEPT
    ]


@pytest.mark.parametrize("package", ["", *PACKAGES])
def test_names_resolve_and_are_listed(package):
    module = import_module(f"skmultimodal.{package}".rstrip("."))
    assert len(set(module.__all__)) == len(module.__all__)
    assert set(module.__all__) <= {*dir(module), "__version__"}
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Fusoin'"):
        module.Fusoin  # noqa: B018


@pytest.mark.parametrize("name", [name for name in NAMES if callable(resolve(name))])
def test_docstrings(name):
    asked = "EX01" if name in TOP else None
    assert errors(name, asked) == []


@pytest.mark.parametrize("name", [name for name in NAMES if callable(resolve(name))])
def test_examples_import_public_names(name):
    text = inspect.getdoc(resolve(name)) or ""
    assert not re.findall(r">>> from skmultimodal[\w.]*\._.*", text)


@pytest.mark.parametrize("name", CLASSES)
def test_methods_have_docstrings(name):
    for method in methods(name):
        owner, _, attribute = method.rpartition(".")
        assert inspect.getdoc(getattr(resolve(owner), attribute)), method


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_docstrings_of_estimator_methods(estimator):
    for cls in resolve(f"skmultimodal.{estimator}").__mro__:
        if cls.__module__.startswith("skmultimodal"):
            for method in vars(cls):
                name = f"{cls.__module__}.{cls.__name__}.{method}"
                if method[0] != "_" and inspect.isfunction(vars(cls)[method]):
                    assert errors(name) == [], name


@pytest.mark.parametrize("name", SPECS)
def test_specifications_clone(name):
    spec = make(name)
    copy = clone(spec)
    assert copy is not spec
    assert repr(copy) == repr(spec)
    assert copy.get_params(deep=False).keys() == spec.get_params(deep=False).keys()


@pytest.mark.parametrize("name", SPECS)
def test_constructors_only_assign(name):
    cls = resolve(name)
    marks = {key: object() for key in inspect.signature(cls).parameters}
    made = vars(cls(**marks))
    assert made.keys() == marks.keys()
    assert all(made[key] is mark for key, mark in marks.items())


@pytest.mark.parametrize("name", SPECS)
def test_defaults_are_immutable(name):
    for parameter in inspect.signature(resolve(name)).parameters.values():
        assert not isinstance(parameter.default, (list, dict, set)), parameter


TYPED = [
    *ESTIMATORS,
    *[name.rpartition(".")[2] for name in TOP if name.endswith("Encoder")],
    *["ParallelFusion", "SequentialFusion", "FeatureFusion", "DecisionFusion"],
]


@pytest.mark.parametrize("name", TYPED)
def test_signatures_are_typed(name):
    for cls in getattr(skmultimodal, name).__mro__:
        if not cls.__module__.startswith("skmultimodal"):
            continue
        for key, method in vars(cls).items():
            if inspect.isfunction(method) and (key == "__init__" or key[0] != "_"):
                _, *parameters = inspect.signature(method).parameters.values()
                bare = [p.name for p in parameters if p.annotation is p.empty]
                assert not bare, f"{method.__qualname__}: {bare}"


def test_datasets_are_typed():
    for name in skmultimodal.datasets.__all__:
        signature = inspect.signature(getattr(skmultimodal.datasets, name))
        assert signature.return_annotation is not signature.empty, name
        for parameter in signature.parameters.values():
            assert parameter.annotation is not parameter.empty, (name, parameter)
