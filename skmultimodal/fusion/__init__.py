"""Strategies of your own, and the rules that combine decisions."""

from skmultimodal._lazy import attach

_LAZY = {
    "BaseFusion": "fusion._base",
    "BaseRegressionRule": "fusion._rules_base",
    "BaseRule": "fusion._rules_base",
    "Borda": "fusion._rules",
    "DecisionTemplate": "fusion._rules_fitted",
    "Dempster": "fusion._rules",
    "FusionModule": "training._network",
    "FusionOutput": "training._network",
    "GeneralizedLeastSquares": "fusion._rules_regression",
    "InverseVariance": "fusion._rules_regression",
    "JointFusion": "fusion._joint",
    "LinearPool": "fusion._rules",
    "LogPool": "fusion._rules",
    "Majority": "fusion._rules",
    "Max": "fusion._rules",
    "MeanValue": "fusion._rules_regression",
    "Median": "fusion._rules",
    "MedianValue": "fusion._rules_regression",
    "Min": "fusion._rules",
    "NaiveBayes": "fusion._rules_fitted",
    "NonNegativeLeastSquares": "fusion._rules_regression",
    "Product": "fusion._rules",
    "Stacking": "fusion._rules_fitted",
    "StackingRegression": "fusion._rules_regression",
    "TrimmedMean": "fusion._rules",
    "TrimmedMeanValue": "fusion._rules_regression",
    "WeightedMean": "fusion._rules_regression",
    "WeightedVote": "fusion._rules",
    "per_modality": "training._network",
}

__all__ = [*_LAZY]
__getattr__, __dir__ = attach(__name__, _LAZY)
