"""The classes and functions that a saved file may name: reviewed, none runs code."""

from __future__ import annotations

from importlib import import_module

__all__ = ["OURS", "is_known", "is_known_call"]

# Private parts of fitted estimators. Pretrained encoders are left out: what they load
# from a path at prediction is not in the file, and may be another's code.
OURS = {
    "data._containers": ["Ragged"],
    "training._tasks": ["Classification", "Multilabel", "Regression"],
    "encoders._auto": ["Inferred"],
    "encoders._base": ["PassThrough", "TransformerEncoder"],
    "encoders._module": ["_Stackable"],
    "encoders._shared": ["SharedEncoder"],
    "fusion.joint._balance": ["GradientModulation"],
    "fusion.rules._calibration": ["Isotonic", "Sigmoid", "Temperature"],
    "fusion._canonical": ["_CanonicalModel"],
    "fusion.apart._cascade": ["CascadeModel"],
    "fusion._cooperative": ["_CooperativeModel"],
    "fusion._decision": ["DecisionModel"],
    "fusion.apart._frozen": ["FixedFeatures"],
    "fusion.apart._heads": ["HeadModel"],
    "fusion._kernel": ["CombinedKernel", "_Classifier", "_KernelModel", "_Regressor"],
    "fusion.joint._model": ["JointModel"],
    "fusion.joint._preparation": ["Preparation"],
    "fusion.apart._staged": ["StagedModel"],
    "fusion.apart._residual": ["ResidualModel", "_Stage", "_Step"],
    "fusion.apart._standalone": [
        "EstimatorModel",
        "NetworkModel",
        "_Alone",
        "_as_is",
        "_stacked",
        "_texts",
        "_two_d",
    ],
    "fusion.rules._weights": ["_Combined"],
}
REFUSED = {"HuggingFaceEncoder", "SentenceTransformerEncoder"}

# Classes that are no estimators. Those that are rebuilt by a call take numbers.
OTHERS = {
    "builtins": {"bool", "bytes", "dict", "float", "int", "list", "str", "tuple"},
    "collections": {"OrderedDict", "defaultdict"},
    "numpy": {"bool", "float32", "float64", "int32", "int64", "object_", "str_"},
    "scipy.sparse._coo": {"coo_array", "coo_matrix"},
    "scipy.sparse._csc": {"csc_array", "csc_matrix"},
    "scipy.sparse._csr": {"csr_array", "csr_matrix"},
    "scipy.sparse._dia": {"dia_array", "dia_matrix"},
    "sklearn._loss.link": {
        "HalfLogitLink",
        "IdentityLink",
        "Interval",
        "LogLink",
        "LogitLink",
        "MultinomialLogit",
    },
    "sklearn.calibration": {"_CalibratedClassifier", "_SigmoidCalibration"},
    "sklearn.ensemble._hist_gradient_boosting.predictor": {"TreePredictor"},
    "sklearn.utils._bunch": {"Bunch"},
    "sklearn.utils.validation": {"check_array"},
    "sklearn.utils._metadata_requests": {"MetadataRequest", "MethodMetadataRequest"},
}
LOSSES = (
    "AbsoluteError",
    "ExponentialLoss",
    "HalfBinomialLoss",
    "HalfGammaLoss",
    "HalfMultinomialLoss",
    "HalfPoissonLoss",
    "HalfSquaredError",
    "HalfTweedieLoss",
    "HalfTweedieLossIdentity",
    "HuberLoss",
    "PinballLoss",
)
OTHERS["sklearn._loss.loss"] = set(LOSSES)
CALLS = {
    "collections.OrderedDict",
    "collections.defaultdict",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    *(f"sklearn._loss._loss.Cy{loss}" for loss in LOSSES),
}


def is_known_call(full_name: str) -> bool:
    """Whether an object may be rebuilt by calling this class."""
    return full_name in CALLS


def is_known(module: str, name: str) -> bool:
    """Whether a class or function may be named by a file that nobody vouched for."""
    if f"{module}.{name}" in CALLS or name in OTHERS.get(module, ()):
        return True
    root, _, inner = module.partition(".")
    if root == "skmultimodal":
        return name not in REFUSED and (
            name in OURS.get(inner, ()) or _is_public(inner, name)
        )
    if root == "sklearn" and "tests" not in module and "conftest" not in module:
        from sklearn.base import BaseEstimator

        return _is_subclass(module, name, BaseEstimator)
    if module.startswith("torch.nn.modules."):
        from torch import nn

        return _is_subclass(module, name, nn.Module)
    if module.startswith("torch.optim."):
        from torch import optim

        return _is_subclass(module, name, optim.Optimizer)
    return False


def _is_public(inner, name) -> bool:
    """Whether this module defines a name that the package exports."""
    for package in ("", ".data", ".encoders", ".fusion", ".estimators"):
        exports = import_module("skmultimodal" + package)
        if name in exports._LAZY:
            return getattr(exports, name).__module__ == f"skmultimodal.{inner}"
    return False


def _is_subclass(module, name, base) -> bool:
    try:
        kind = getattr(import_module(module), name, None)
    except ImportError:
        return False
    return isinstance(kind, type) and issubclass(kind, base)
