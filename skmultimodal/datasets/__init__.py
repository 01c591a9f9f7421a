"""Small real data sets with several modalities, and generators of synthetic ones."""

from skmultimodal.datasets._birdstrikes import load_birdstrikes
from skmultimodal.datasets._emoji import load_emoji
from skmultimodal.datasets._missing import drop_modalities
from skmultimodal.datasets._spoken_digits import load_spoken_digits
from skmultimodal.datasets._synthetic import (
    make_multimodal_classification,
    make_multimodal_regression,
    make_multimodal_xor,
)

__all__ = [
    "drop_modalities",
    "load_birdstrikes",
    "load_emoji",
    "load_spoken_digits",
    "make_multimodal_classification",
    "make_multimodal_regression",
    "make_multimodal_xor",
]
