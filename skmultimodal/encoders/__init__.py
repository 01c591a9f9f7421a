"""Encoders, and the classical features and models that stand in for them."""

from skmultimodal._lazy import attach

_LAZY = {
    "AudioFeatures": "encoders._audio_features",
    "ImageFeatures": "encoders._image_features",
    "KernelClassifier": "encoders._kernel",
    "KernelRegressor": "encoders._kernel",
    "SequenceFeatures": "encoders._sequence_features",
    "TableFeatures": "encoders._table_features",
}

__all__ = [*_LAZY]
__getattr__, __dir__ = attach(__name__, _LAZY)
