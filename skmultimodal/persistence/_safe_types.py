"""The classes and functions that a saved file may name, each reviewed.

What is rebuilt with a state is a class of `OURS`, `OTHERS` or an estimator of
scikit-learn: its ``__new__`` takes no arguments, and the only methods that run are
the ``__setstate__`` of `BaseEstimator`, `IsotonicRegression` and `TreePredictor`, which
read numbers. None of them opens a file, imports by name or takes `trusted`. What may
be called (by ``functools.partial``, or as the factory of an encoder) is a function of
`FUNCTIONS` or a module of torch; a ``defaultdict`` may call one of `FACTORIES`.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

import numpy as np

__all__ = [
    "UntrustedError",
    "check_numbers",
    "find",
    "imported",
    "is_compiled",
    "make_compiled",
]

# By module below the package. Pretrained encoders are left out: what they load from a
# path at prediction is not in the file, and may be another's code.
OURS = {
    "data._containers": "MultimodalData Ragged",
    "encoders._audio": "AudioEncoder",
    "encoders._base": "PassThrough TransformerEncoder",
    "encoders._image": "ImageEncoder",
    "encoders._module": "ModuleEncoder _Stackable",
    "encoders._sequence": "SequenceEncoder",
    "encoders._shared": "FramesEncoder SharedEncoder",
    "encoders._tabular": "TabularEncoder",
    "encoders._text": "TextEncoder",
    "encoders.features._audio": "AudioFeatures",
    "encoders.features._centroid": "CentroidClassifier",
    "encoders.features._character_ngrams": "CharacterNgrams",
    "encoders.features._defaults": "Components",
    "encoders.features._encoder": "ClassicalEncoder Landmarks Numbers",
    "encoders.features._image": "ImageFeatures",
    "encoders.features._kernel": "KernelClassifier KernelRegressor "
    "LeftOutClassifier LeftOutRegressor",
    "encoders.features._projected_forest": "ProjectedForestClassifier",
    "encoders.features._sequence": "SequenceFeatures",
    "encoders.features._table": "TableFeatures",
    "estimators._classifier": "FusionClassifier",
    "estimators._reader": "Reader",
    "estimators._rows": "Patterns",
    "estimators._regressor": "FusionRegressor",
    "estimators._survival": "FusionSurvival",
    "estimators._transformer": "FusionTransformer",
    "estimators.conformal._categories": "Categories",
    "estimators.conformal._classifier": "ConformalFusionClassifier",
    "estimators.conformal._regressor": "ConformalFusionRegressor",
    "estimators.conformal._scores": "Calibration",
    "fusion._attention": "AttentionFusion",
    "fusion._bottleneck": "BottleneckFusion",
    "fusion._canonical": "CanonicalFusion _CanonicalModel",
    "fusion._cooperative": "CooperativeFusion _CooperativeModel",
    "fusion._cross_attention": "CrossAttentionFusion",
    "fusion._decision": "DecisionFusion",
    "fusion._embrace": "EmbraceFusion",
    "fusion._evidential": "EvidentialFusion",
    "fusion._feature": "FeatureFusion",
    "fusion._film": "FiLMFusion",
    "fusion._gated": "GatedFusion",
    "fusion._kernel": "CombinedKernel KernelFusion _Classifier _KernelModel _Regressor",
    "fusion._low_rank": "LowRankFusion",
    "fusion._mixture": "MixtureOfExpertsFusion",
    "fusion._parallel": "ParallelFusion",
    "fusion._product_of_experts": "ProductOfExpertsFusion",
    "fusion._search": "AutoFusion",
    "fusion._sequential": "SequentialFusion",
    "fusion.apart._cascade": "CascadeModel",
    "fusion.apart._combined": "DecisionModel",
    "fusion.apart._ensemble": "Ensemble",
    "fusion.apart._frozen": "FrozenFeatures",
    "fusion.apart._hazard_models": "HazardModels",
    "fusion.apart._heads": "HeadModel",
    "fusion.apart._joined": "JoinedModel",
    "fusion.apart._quantile_models": "QuantileModels",
    "fusion.apart._residual": "ResidualModel _Stage _Step",
    "fusion.apart._selection": "EnsembleModel",
    "fusion.apart._stack": "Stack",
    "fusion.apart._staged": "StagedModel",
    "fusion.apart._standalone": "EstimatorModel StandaloneNetwork NoModel _Alone",
    "fusion.joint._model": "JointModel",
    "fusion.joint._preparation": "Preparation",
    "fusion.joint._seeds": "SeedsModel",
    "fusion.rules._calibration": "Isotonic Sigmoid Temperature",
    "fusion.rules._classification": "Borda Dempster LinearPool Majority Max "
    "Median Min Product TrimmedMean WeightedVote",
    "fusion.rules._competence": "Competence",
    "fusion.rules._fitted": "DecisionTemplate NaiveBayes Stacking",
    "fusion.rules._log_pool": "LogPool",
    "fusion.rules._quantile": "NonNegativeQuantile",
    "fusion.rules._regression": "CompetenceValue GeneralizedLeastSquares "
    "InverseVariance MeanValue MedianValue NonNegativeLeastSquares "
    "StackingRegression TrimmedMeanValue WeightedMean",
    "training._balance": "GradientModulation ParetoDirection",
    "training._censoring": "Censoring",
    "training._ordinal": "Ordinal",
    "training._quantiles": "Quantiles",
    "training._settings": "JointTraining",
    "training._specification": "Training",
    "training._survival": "Survival",
    "training._tasks": "Classification Multilabel Regression",
}
LOSSES = (
    "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss "
    "HalfPoissonLoss HalfSquaredError HalfTweedieLoss HalfTweedieLossIdentity "
    "HuberLoss PinballLoss"
)
OTHERS = {
    "sklearn._loss.link": "HalfLogitLink IdentityLink Interval LogLink LogitLink "
    "MultinomialLogit",
    "sklearn._loss.loss": LOSSES,
    "sklearn.calibration": "_CalibratedClassifier _SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.utils._metadata_requests": "MetadataRequest MethodMetadataRequest",
}
FUNCTIONS = {
    "sklearn.utils.validation": "check_array",
    "skmultimodal.fusion.apart._standalone": "_as_is _stacked _texts _two_d",
}
PLAIN = {  # classes as values, the dtype of an encoder for example
    "builtins": "bool bytes dict float int list object str tuple",
    "numpy": "bool float32 float64 int32 int64 object_ str_",
}


def _full(table, root=""):
    return {root + m + "." + name for m, text in table.items() for name in text.split()}


OBJECTS = _full(OURS, "skmultimodal.") | _full(OTHERS)
CALLABLE = _full(FUNCTIONS)
VALUES = OBJECTS | CALLABLE | _full(PLAIN)
COMPILED = {f"sklearn._loss._loss.Cy{loss}" for loss in LOSSES.split()}
COMPILED.add("sklearn.tree._tree.Tree")

# Modules whose classes are known by their base; a name has to be defined in that very
# module, so that what a module imports cannot be reached through it.
ROOMS = (
    "calibration cluster compose covariance cross_decomposition decomposition "
    "discriminant_analysis dummy ensemble feature_extraction feature_selection frozen "
    "gaussian_process impute isotonic kernel_approximation kernel_ridge linear_model "
    "manifold mixture model_selection multiclass multioutput naive_bayes neighbors "
    "neural_network pipeline preprocessing random_projection semi_supervised svm tree"
)
ESTIMATORS = rf"sklearn\.({'|'.join(ROOMS.split())})(\.(?!tests\b)\w+)*"
FAMILIES = {
    "object": [(ESTIMATORS, "sklearn.base", "BaseEstimator")],
    "call": [(r"torch\.nn\.modules\.\w+", "torch.nn", "Module")],
}
FAMILIES["value"] = [
    *FAMILIES["object"],
    *FAMILIES["call"],
    (r"torch\.optim\.\w+", "torch.optim", "Optimizer"),
]
NAMES = {"object": OBJECTS, "call": CALLABLE, "value": VALUES, "compiled": COMPILED}


class UntrustedError(ValueError):
    """A file holds a class or function that nobody vouched for."""


def _is_of(family, thing) -> bool:
    """Whether a thing is a class of a family of `FAMILIES`."""
    _, module, name = family
    base: Any = imported(module, name)
    return isinstance(thing, type) and issubclass(thing, base)


def find(module, name, use, trusted=()):
    """Return a class or function by name if it is known for a use, or trusted.

    Parameters
    ----------
    module, name : str
    use : {"object", "call", "value", "compiled"}
        Rebuilt with a state, called, only held, or made of numbers alone.
    trusted : set of str, default=()
        Full names that the caller of `load` vouches for.

    Raises
    ------
    UntrustedError
        If it is neither known nor trusted.
    ValueError
        If there is no class or function of that name, defined in that module.
    """
    full = f"{module}.{name}"
    base = next((b for b in FAMILIES.get(use, ()) if re.fullmatch(b[0], module)), None)
    named = full in NAMES[use] or full in trusted
    thing = imported(module, name) if named or base else None
    kind = isinstance(thing, type)
    if not named and not (base and _is_of(base, thing)):
        raise UntrustedError(
            f"it holds {full}, which is not among the types known to be harmless. If "
            f"you trust the file and that class, use load(path, trusted=[{full!r}])."
        )
    own = (module_of(thing), getattr(thing, "__qualname__", None))
    if own != (module, name) or (use == "object" and not kind):
        raise ValueError(f"there is no {full} in this installation")
    return thing


def imported(module, name):
    """Return the class or function of that name, None if there is none."""
    try:
        thing = import_module(module)
        for part in name.split("."):
            thing = getattr(thing, part)
    except (ImportError, AttributeError):
        return None
    return thing


def module_of(thing):
    """Return the module that a class or function is imported from, None without."""
    module = getattr(thing, "__module__", None)
    # what the losses of scikit-learn < 1.9 say
    return "sklearn._loss._loss" if module == "_loss" else module


def is_compiled(kind) -> bool:
    """Whether objects of a class are rebuilt from numbers by `make_compiled`."""
    return f"{module_of(kind)}.{kind.__qualname__}" in COMPILED


def make_compiled(module, name, parts):
    """Return a tree or a loss of scikit-learn, made of checked numbers."""
    kind = find(module, name, "compiled")
    if name != "Tree":
        return kind(*map(float, parts))
    n_features, n_classes, n_outputs, state = parts
    nodes = state["nodes"]
    if n_classes.shape != (n_outputs,) or state["node_count"] != len(nodes):
        raise ValueError("a tree has other sizes than it says")
    inner = nodes["left_child"] != -1
    _check_children(nodes, "left_child", "right_child", inner)
    features = nodes["feature"][inner]
    if ((features < 0) | (features >= n_features)).any():
        raise ValueError("a tree splits a feature that it does not have")
    made = kind(n_features, n_classes, n_outputs)
    made.__setstate__(state)
    return made


def check_numbers(made):
    """Refuse objects with numbers that compiled code follows out of its arrays."""
    if type(made).__name__ == "TreePredictor":
        nodes = made.nodes
        _check_children(nodes, "left", "right", nodes["is_leaf"] == 0)
        sets = nodes["bitset_idx"][nodes["is_categorical"] != 0]
        for known in (made.binned_left_cat_bitsets, made.raw_left_cat_bitsets):
            if known.shape[1:] != (8,) or (sets >= len(known)).any():
                raise ValueError("a tree names categories that it does not have")


def _check_children(nodes, left, right, inner):
    """Refuse trees with children outside, or before their parents: endless loops."""
    numbers = np.arange(len(nodes))[inner]
    for side in (left, right):
        children = nodes[side][inner].astype(np.int64)
        if ((children <= numbers) | (children >= len(nodes))).any():
            raise ValueError("a tree has a branch that does not end")
    if len(nodes) == 0:
        raise ValueError("a tree has no nodes")
