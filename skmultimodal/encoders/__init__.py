"""Encoders, and the classical features and models that stand in for them."""

from skmultimodal._lazy import attach

_LAZY = {
    "AudioFeatures": "encoders.features._audio",
    "ImageFeatures": "encoders.features._image",
    "KernelClassifier": "encoders.features._kernel",
    "KernelRegressor": "encoders.features._kernel",
    "SequenceFeatures": "encoders.features._sequence",
    "TableFeatures": "encoders.features._table",
}

__all__ = [*_LAZY]
__getattr__, __dir__ = attach(__name__, _LAZY)
