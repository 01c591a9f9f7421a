"""Fusion strategies, the rules that combine decisions, and bases for your own."""

from typing import TYPE_CHECKING

from skmultimodal._lazy import attach

if TYPE_CHECKING:
    from skmultimodal.fusion._attention import AttentionFusion as AttentionFusion
    from skmultimodal.fusion._base import BaseFusion as BaseFusion
    from skmultimodal.fusion._base import FusionModel as FusionModel
    from skmultimodal.fusion._bottleneck import BottleneckFusion as BottleneckFusion
    from skmultimodal.fusion._canonical import CanonicalFusion as CanonicalFusion
    from skmultimodal.fusion._cooperative import CooperativeFusion as CooperativeFusion
    from skmultimodal.fusion._cross_attention import (
        CrossAttentionFusion as CrossAttentionFusion,
    )
    from skmultimodal.fusion._decision import DecisionFusion as DecisionFusion
    from skmultimodal.fusion._embrace import EmbraceFusion as EmbraceFusion
    from skmultimodal.fusion._evidential import EvidentialFusion as EvidentialFusion
    from skmultimodal.fusion._feature import FeatureFusion as FeatureFusion
    from skmultimodal.fusion._film import FiLMFusion as FiLMFusion
    from skmultimodal.fusion._gated import GatedFusion as GatedFusion
    from skmultimodal.fusion._kernel import KernelFusion as KernelFusion
    from skmultimodal.fusion._low_rank import LowRankFusion as LowRankFusion
    from skmultimodal.fusion._mixture import (
        MixtureOfExpertsFusion as MixtureOfExpertsFusion,
    )
    from skmultimodal.fusion._parallel import ParallelFusion as ParallelFusion
    from skmultimodal.fusion._problem import FusionProblem as FusionProblem
    from skmultimodal.fusion._product_of_experts import (
        ProductOfExpertsFusion as ProductOfExpertsFusion,
    )
    from skmultimodal.fusion._search import AutoFusion as AutoFusion
    from skmultimodal.fusion._sequential import SequentialFusion as SequentialFusion
    from skmultimodal.fusion.joint._strategy import JointFusion as JointFusion
    from skmultimodal.fusion.rules._base import BaseRegressionRule as BaseRegressionRule
    from skmultimodal.fusion.rules._base import BaseRule as BaseRule
    from skmultimodal.fusion.rules._classification import Borda as Borda
    from skmultimodal.fusion.rules._classification import Dempster as Dempster
    from skmultimodal.fusion.rules._classification import LinearPool as LinearPool
    from skmultimodal.fusion.rules._classification import Majority as Majority
    from skmultimodal.fusion.rules._classification import Max as Max
    from skmultimodal.fusion.rules._classification import Median as Median
    from skmultimodal.fusion.rules._classification import Min as Min
    from skmultimodal.fusion.rules._classification import Product as Product
    from skmultimodal.fusion.rules._classification import TrimmedMean as TrimmedMean
    from skmultimodal.fusion.rules._classification import WeightedVote as WeightedVote
    from skmultimodal.fusion.rules._competence import Competence as Competence
    from skmultimodal.fusion.rules._fitted import DecisionTemplate as DecisionTemplate
    from skmultimodal.fusion.rules._fitted import NaiveBayes as NaiveBayes
    from skmultimodal.fusion.rules._fitted import Stacking as Stacking
    from skmultimodal.fusion.rules._log_pool import LogPool as LogPool
    from skmultimodal.fusion.rules._quantile import (
        NonNegativeQuantile as NonNegativeQuantile,
    )
    from skmultimodal.fusion.rules._regression import CompetenceValue as CompetenceValue
    from skmultimodal.fusion.rules._regression import (
        GeneralizedLeastSquares as GeneralizedLeastSquares,
    )
    from skmultimodal.fusion.rules._regression import InverseVariance as InverseVariance
    from skmultimodal.fusion.rules._regression import MeanValue as MeanValue
    from skmultimodal.fusion.rules._regression import MedianValue as MedianValue
    from skmultimodal.fusion.rules._regression import (
        NonNegativeLeastSquares as NonNegativeLeastSquares,
    )
    from skmultimodal.fusion.rules._regression import (
        StackingRegression as StackingRegression,
    )
    from skmultimodal.fusion.rules._regression import (
        TrimmedMeanValue as TrimmedMeanValue,
    )
    from skmultimodal.fusion.rules._regression import WeightedMean as WeightedMean
    from skmultimodal.training._network import FusionModule as FusionModule
    from skmultimodal.training._network import FusionOutput as FusionOutput
    from skmultimodal.training._network import per_modality as per_modality

_LAZY = {
    "AttentionFusion": "fusion._attention",
    "AutoFusion": "fusion._search",
    "BaseFusion": "fusion._base",
    "BaseRegressionRule": "fusion.rules._base",
    "BaseRule": "fusion.rules._base",
    "Borda": "fusion.rules._classification",
    "BottleneckFusion": "fusion._bottleneck",
    "CanonicalFusion": "fusion._canonical",
    "Competence": "fusion.rules._competence",
    "CompetenceValue": "fusion.rules._regression",
    "CooperativeFusion": "fusion._cooperative",
    "CrossAttentionFusion": "fusion._cross_attention",
    "DecisionFusion": "fusion._decision",
    "DecisionTemplate": "fusion.rules._fitted",
    "Dempster": "fusion.rules._classification",
    "EmbraceFusion": "fusion._embrace",
    "EvidentialFusion": "fusion._evidential",
    "FeatureFusion": "fusion._feature",
    "FiLMFusion": "fusion._film",
    "FusionModel": "fusion._base",
    "FusionModule": "training._network",
    "FusionOutput": "training._network",
    "FusionProblem": "fusion._problem",
    "GatedFusion": "fusion._gated",
    "GeneralizedLeastSquares": "fusion.rules._regression",
    "InverseVariance": "fusion.rules._regression",
    "JointFusion": "fusion.joint._strategy",
    "KernelFusion": "fusion._kernel",
    "LinearPool": "fusion.rules._classification",
    "LogPool": "fusion.rules._log_pool",
    "LowRankFusion": "fusion._low_rank",
    "Majority": "fusion.rules._classification",
    "Max": "fusion.rules._classification",
    "MeanValue": "fusion.rules._regression",
    "Median": "fusion.rules._classification",
    "MedianValue": "fusion.rules._regression",
    "Min": "fusion.rules._classification",
    "MixtureOfExpertsFusion": "fusion._mixture",
    "NaiveBayes": "fusion.rules._fitted",
    "NonNegativeLeastSquares": "fusion.rules._regression",
    "NonNegativeQuantile": "fusion.rules._quantile",
    "ParallelFusion": "fusion._parallel",
    "Product": "fusion.rules._classification",
    "ProductOfExpertsFusion": "fusion._product_of_experts",
    "SequentialFusion": "fusion._sequential",
    "Stacking": "fusion.rules._fitted",
    "StackingRegression": "fusion.rules._regression",
    "TrimmedMean": "fusion.rules._classification",
    "TrimmedMeanValue": "fusion.rules._regression",
    "WeightedMean": "fusion.rules._regression",
    "WeightedVote": "fusion.rules._classification",
    "per_modality": "training._network",
}

__all__ = [*_LAZY]
if not TYPE_CHECKING:  # a checker would take any name for defined
    __getattr__, __dir__ = attach(__name__, _LAZY)
