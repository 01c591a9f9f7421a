"""Scikit-learn compatible estimators that fuse images, text, audio and tables."""

from importlib import import_module

__version__ = "0.1.0"

# public name -> module that defines it; resolved on first use (PEP 562), so that
# `import skmultimodal` does not import torch
_LAZY = {
    "AudioEncoder": "encoders._audio",
    "BaseEncoder": "encoders._base",
    "DecisionFusion": "fusion._decision",
    "FeatureFusion": "fusion._feature",
    "FusionClassifier": "_classifier",
    "FusionRegressor": "_regressor",
    "FusionTransformer": "_transformer",
    "ImageEncoder": "encoders._image",
    "ModuleEncoder": "encoders._module",
    "MultimodalData": "_data",
    "ParallelFusion": "fusion._parallel",
    "SequenceEncoder": "encoders._sequence",
    "SequentialFusion": "fusion._sequential",
    "TabularEncoder": "encoders._tabular",
    "TextEncoder": "encoders._text",
}
_PACKAGES = ("datasets", "model_selection")

__all__ = [*_LAZY, *_PACKAGES, "__version__"]  # noqa: PLE0604


def __getattr__(name):
    if name in _LAZY:
        return getattr(import_module(f"skmultimodal.{_LAZY[name]}"), name)
    if name in _PACKAGES:
        return import_module(f"skmultimodal.{name}")
    raise AttributeError(f"module 'skmultimodal' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
