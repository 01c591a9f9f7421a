"""Strategies of your own, and the rules that combine decisions."""

from skmultimodal._lazy import attach

_LAZY = {
    "BaseFusion": "fusion._base",
    "BaseRegressionRule": "fusion.rules._base",
    "BaseRule": "fusion.rules._base",
    "Borda": "fusion.rules._classification",
    "DecisionTemplate": "fusion.rules._fitted",
    "Dempster": "fusion.rules._classification",
    "FusionModule": "training._network",
    "FusionOutput": "training._network",
    "GeneralizedLeastSquares": "fusion.rules._regression",
    "InverseVariance": "fusion.rules._regression",
    "JointFusion": "fusion.joint._strategy",
    "LinearPool": "fusion.rules._classification",
    "LogPool": "fusion.rules._classification",
    "Majority": "fusion.rules._classification",
    "Max": "fusion.rules._classification",
    "MeanValue": "fusion.rules._regression",
    "Median": "fusion.rules._classification",
    "MedianValue": "fusion.rules._regression",
    "Min": "fusion.rules._classification",
    "NaiveBayes": "fusion.rules._fitted",
    "NonNegativeLeastSquares": "fusion.rules._regression",
    "Product": "fusion.rules._classification",
    "Stacking": "fusion.rules._fitted",
    "StackingRegression": "fusion.rules._regression",
    "TrimmedMean": "fusion.rules._classification",
    "TrimmedMeanValue": "fusion.rules._regression",
    "WeightedMean": "fusion.rules._regression",
    "WeightedVote": "fusion.rules._classification",
    "per_modality": "training._network",
}

__all__ = [*_LAZY]
__getattr__, __dir__ = attach(__name__, _LAZY)
