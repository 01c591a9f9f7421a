"""Encoders of every kind of input, and the classical features and models."""

from typing import TYPE_CHECKING

from skmultimodal._lazy import attach

if TYPE_CHECKING:
    from skmultimodal.encoders._audio import AudioEncoder as AudioEncoder
    from skmultimodal.encoders._base import BaseEncoder as BaseEncoder
    from skmultimodal.encoders._image import ImageEncoder as ImageEncoder
    from skmultimodal.encoders._module import ModuleEncoder as ModuleEncoder
    from skmultimodal.encoders._sequence import SequenceEncoder as SequenceEncoder
    from skmultimodal.encoders._tabular import TabularEncoder as TabularEncoder
    from skmultimodal.encoders._text import TextEncoder as TextEncoder
    from skmultimodal.encoders.features._audio import AudioFeatures as AudioFeatures
    from skmultimodal.encoders.features._image import ImageFeatures as ImageFeatures
    from skmultimodal.encoders.features._kernel import (
        KernelClassifier as KernelClassifier,
    )
    from skmultimodal.encoders.features._kernel import (
        KernelRegressor as KernelRegressor,
    )
    from skmultimodal.encoders.features._row_features import RowCache as RowCache
    from skmultimodal.encoders.features._sequence import (
        SequenceFeatures as SequenceFeatures,
    )
    from skmultimodal.encoders.features._table import TableFeatures as TableFeatures
    from skmultimodal.encoders.pretrained._encoder import (
        PretrainedEncoder as PretrainedEncoder,
    )
    from skmultimodal.encoders.pretrained._hugging_face import (
        HuggingFaceEncoder as HuggingFaceEncoder,
    )
    from skmultimodal.encoders.pretrained._sentences import (
        SentenceTransformerEncoder as SentenceTransformerEncoder,
    )

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
    "PretrainedEncoder": "encoders.pretrained._encoder",
    "RowCache": "encoders.features._row_features",
    "SentenceTransformerEncoder": "encoders.pretrained._sentences",
    "SequenceEncoder": "encoders._sequence",
    "SequenceFeatures": "encoders.features._sequence",
    "TableFeatures": "encoders.features._table",
    "TabularEncoder": "encoders._tabular",
    "TextEncoder": "encoders._text",
}

__all__ = [*_LAZY]
if not TYPE_CHECKING:  # a checker would take any name for defined
    __getattr__, __dir__ = attach(__name__, _LAZY)
