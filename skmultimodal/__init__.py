"""Scikit-learn compatible estimators that fuse images, text, audio and tables."""

from typing import TYPE_CHECKING

from skmultimodal._lazy import attach

if TYPE_CHECKING:
    from skmultimodal import data as data
    from skmultimodal import datasets as datasets
    from skmultimodal import distributed as distributed
    from skmultimodal import encoders as encoders
    from skmultimodal import estimators as estimators
    from skmultimodal import fusion as fusion
    from skmultimodal import inspection as inspection
    from skmultimodal import model_selection as model_selection
    from skmultimodal import persistence as persistence
    from skmultimodal import training as training
    from skmultimodal import utils as utils
    from skmultimodal.data import MultimodalData as MultimodalData
    from skmultimodal.encoders import AudioEncoder as AudioEncoder
    from skmultimodal.encoders import BaseEncoder as BaseEncoder
    from skmultimodal.encoders import HuggingFaceEncoder as HuggingFaceEncoder
    from skmultimodal.encoders import ImageEncoder as ImageEncoder
    from skmultimodal.encoders import ModuleEncoder as ModuleEncoder
    from skmultimodal.encoders import PretrainedEncoder as PretrainedEncoder
    from skmultimodal.encoders import RowCache as RowCache
    from skmultimodal.encoders import (
        SentenceTransformerEncoder as SentenceTransformerEncoder,
    )
    from skmultimodal.encoders import SequenceEncoder as SequenceEncoder
    from skmultimodal.encoders import TabularEncoder as TabularEncoder
    from skmultimodal.encoders import TextEncoder as TextEncoder
    from skmultimodal.estimators import (
        ConformalFusionClassifier as ConformalFusionClassifier,
    )
    from skmultimodal.estimators import (
        ConformalFusionRegressor as ConformalFusionRegressor,
    )
    from skmultimodal.estimators import FusionClassifier as FusionClassifier
    from skmultimodal.estimators import FusionRegressor as FusionRegressor
    from skmultimodal.estimators import FusionSurvival as FusionSurvival
    from skmultimodal.estimators import FusionTransformer as FusionTransformer
    from skmultimodal.estimators import describe as describe
    from skmultimodal.fusion import AttentionFusion as AttentionFusion
    from skmultimodal.fusion import AutoFusion as AutoFusion
    from skmultimodal.fusion import BottleneckFusion as BottleneckFusion
    from skmultimodal.fusion import CanonicalFusion as CanonicalFusion
    from skmultimodal.fusion import CooperativeFusion as CooperativeFusion
    from skmultimodal.fusion import CrossAttentionFusion as CrossAttentionFusion
    from skmultimodal.fusion import DecisionFusion as DecisionFusion
    from skmultimodal.fusion import EmbraceFusion as EmbraceFusion
    from skmultimodal.fusion import EvidentialFusion as EvidentialFusion
    from skmultimodal.fusion import FeatureFusion as FeatureFusion
    from skmultimodal.fusion import FiLMFusion as FiLMFusion
    from skmultimodal.fusion import GatedFusion as GatedFusion
    from skmultimodal.fusion import KernelFusion as KernelFusion
    from skmultimodal.fusion import LowRankFusion as LowRankFusion
    from skmultimodal.fusion import MixtureOfExpertsFusion as MixtureOfExpertsFusion
    from skmultimodal.fusion import ParallelFusion as ParallelFusion
    from skmultimodal.fusion import ProductOfExpertsFusion as ProductOfExpertsFusion
    from skmultimodal.fusion import SequentialFusion as SequentialFusion
    from skmultimodal.persistence import load as load
    from skmultimodal.training import Training as Training

__version__ = "0.1.0"

# public name -> package that exports it; resolved on first use (PEP 562), so that
# `import skmultimodal` does not import torch
_LAZY = {
    "AttentionFusion": "fusion",
    "AudioEncoder": "encoders",
    "AutoFusion": "fusion",
    "BaseEncoder": "encoders",
    "BottleneckFusion": "fusion",
    "CanonicalFusion": "fusion",
    "ConformalFusionClassifier": "estimators",
    "ConformalFusionRegressor": "estimators",
    "CooperativeFusion": "fusion",
    "CrossAttentionFusion": "fusion",
    "DecisionFusion": "fusion",
    "EmbraceFusion": "fusion",
    "EvidentialFusion": "fusion",
    "FeatureFusion": "fusion",
    "FiLMFusion": "fusion",
    "FusionClassifier": "estimators",
    "FusionRegressor": "estimators",
    "FusionSurvival": "estimators",
    "FusionTransformer": "estimators",
    "GatedFusion": "fusion",
    "HuggingFaceEncoder": "encoders",
    "ImageEncoder": "encoders",
    "KernelFusion": "fusion",
    "LowRankFusion": "fusion",
    "MixtureOfExpertsFusion": "fusion",
    "ModuleEncoder": "encoders",
    "MultimodalData": "data",
    "ParallelFusion": "fusion",
    "PretrainedEncoder": "encoders",
    "ProductOfExpertsFusion": "fusion",
    "RowCache": "encoders",
    "SentenceTransformerEncoder": "encoders",
    "SequenceEncoder": "encoders",
    "SequentialFusion": "fusion",
    "TabularEncoder": "encoders",
    "TextEncoder": "encoders",
    "Training": "training",
    "describe": "estimators",
    "load": "persistence",
}
_PACKAGES = (
    "data",
    "datasets",
    "distributed",
    "encoders",
    "estimators",
    "fusion",
    "inspection",
    "model_selection",
    "persistence",
    "training",
    "utils",
)

__all__ = [*_LAZY, *_PACKAGES, "__version__"]
if not TYPE_CHECKING:  # a checker would take any name for defined
    __getattr__, __dir__ = attach(__name__, _LAZY, _PACKAGES)
