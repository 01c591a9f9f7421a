"""The fusion estimators, what wraps them, and what they understand of X."""

from typing import TYPE_CHECKING

from skmultimodal._lazy import attach

if TYPE_CHECKING:
    from skmultimodal.estimators._classifier import FusionClassifier as FusionClassifier
    from skmultimodal.estimators._describe import describe as describe
    from skmultimodal.estimators._regressor import FusionRegressor as FusionRegressor
    from skmultimodal.estimators._survival import FusionSurvival as FusionSurvival
    from skmultimodal.estimators._transformer import (
        FusionTransformer as FusionTransformer,
    )
    from skmultimodal.estimators.conformal._classifier import (
        ConformalFusionClassifier as ConformalFusionClassifier,
    )
    from skmultimodal.estimators.conformal._regressor import (
        ConformalFusionRegressor as ConformalFusionRegressor,
    )

_LAZY = {
    "ConformalFusionClassifier": "estimators.conformal._classifier",
    "ConformalFusionRegressor": "estimators.conformal._regressor",
    "FusionClassifier": "estimators._classifier",
    "FusionRegressor": "estimators._regressor",
    "FusionSurvival": "estimators._survival",
    "FusionTransformer": "estimators._transformer",
    "describe": "estimators._describe",
}

__all__ = [*_LAZY]
if not TYPE_CHECKING:  # a checker would take any name for defined
    __getattr__, __dir__ = attach(__name__, _LAZY)
