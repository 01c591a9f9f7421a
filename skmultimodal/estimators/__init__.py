"""The three fusion estimators."""

from skmultimodal._lazy import attach

_LAZY = {
    "FusionClassifier": "estimators._classifier",
    "FusionRegressor": "estimators._regressor",
    "FusionTransformer": "estimators._transformer",
}

__all__ = [*_LAZY]
__getattr__, __dir__ = attach(__name__, _LAZY)
