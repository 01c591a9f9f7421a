"""Scikit-learn compatible estimators that fuse images, text, audio and tables."""

from skmultimodal._lazy import attach

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
    "CooperativeFusion": "fusion",
    "CrossAttentionFusion": "fusion",
    "DecisionFusion": "fusion",
    "EmbraceFusion": "fusion",
    "EvidentialFusion": "fusion",
    "FeatureFusion": "fusion",
    "FiLMFusion": "fusion",
    "FusionClassifier": "estimators",
    "FusionRegressor": "estimators",
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
    "ProductOfExpertsFusion": "fusion",
    "SentenceTransformerEncoder": "encoders",
    "SequenceEncoder": "encoders",
    "SequentialFusion": "fusion",
    "TabularEncoder": "encoders",
    "TextEncoder": "encoders",
    "Training": "training",
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
__getattr__, __dir__ = attach(__name__, _LAZY, _PACKAGES)
