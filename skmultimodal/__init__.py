"""Scikit-learn compatible estimators that fuse images, text, audio and tables."""

from skmultimodal._lazy import attach

__version__ = "0.1.0"

# public name -> module that defines it; resolved on first use (PEP 562), so that
# `import skmultimodal` does not import torch
_LAZY = {
    "AttentionFusion": "fusion._attention",
    "AudioEncoder": "encoders._audio",
    "AutoFusion": "fusion._search",
    "BaseEncoder": "encoders._base",
    "BottleneckFusion": "fusion._bottleneck",
    "CanonicalFusion": "fusion._canonical",
    "CooperativeFusion": "fusion._cooperative",
    "CrossAttentionFusion": "fusion._cross_attention",
    "DecisionFusion": "fusion._decision",
    "EmbraceFusion": "fusion._embrace",
    "EvidentialFusion": "fusion._evidential",
    "FeatureFusion": "fusion._feature",
    "FiLMFusion": "fusion._film",
    "FusionClassifier": "estimators._classifier",
    "FusionRegressor": "estimators._regressor",
    "FusionTransformer": "estimators._transformer",
    "GatedFusion": "fusion._gated",
    "HuggingFaceEncoder": "encoders.pretrained._hugging_face",
    "ImageEncoder": "encoders._image",
    "KernelFusion": "fusion._kernel",
    "LowRankFusion": "fusion._low_rank",
    "MixtureOfExpertsFusion": "fusion._mixture",
    "ModuleEncoder": "encoders._module",
    "MultimodalData": "data._containers",
    "ParallelFusion": "fusion._parallel",
    "ProductOfExpertsFusion": "fusion._product_of_experts",
    "SentenceTransformerEncoder": "encoders.pretrained._encoder",
    "SequenceEncoder": "encoders._sequence",
    "SequentialFusion": "fusion._sequential",
    "TabularEncoder": "encoders._tabular",
    "TextEncoder": "encoders._text",
    "load": "persistence._file",
}
_PACKAGES = (
    "datasets",
    "distributed",
    "encoders",
    "fusion",
    "inspection",
    "model_selection",
)

__all__ = [*_LAZY, *_PACKAGES, "__version__"]
__getattr__, __dir__ = attach(__name__, _LAZY, _PACKAGES)
