"""Encoders of every kind of input, and the classical features and models."""

from skmultimodal._lazy import attach

_LAZY = {
    "AudioEncoder": "encoders._audio",
    "AudioFeatures": "encoders.features._audio",
    "BaseEncoder": "encoders._base",
    "HuggingFaceEncoder": "encoders.pretrained._hugging_face",
    "ImageEncoder": "encoders._image",
    "ImageFeatures": "encoders.features._image",
    "KernelClassifier": "encoders.features._kernel",
    "KernelRegressor": "encoders.features._kernel",
    "ModuleEncoder": "encoders._module",
    "SentenceTransformerEncoder": "encoders.pretrained._encoder",
    "SequenceEncoder": "encoders._sequence",
    "SequenceFeatures": "encoders.features._sequence",
    "TableFeatures": "encoders.features._table",
    "TabularEncoder": "encoders._tabular",
    "TextEncoder": "encoders._text",
}

__all__ = [*_LAZY]
__getattr__, __dir__ = attach(__name__, _LAZY)
