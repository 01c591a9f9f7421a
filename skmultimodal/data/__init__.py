"""Containers, columns, cells and files: what X is made of."""

from skmultimodal._lazy import attach

_LAZY = {
    "MultimodalData": "data._containers",
    "Ragged": "data._containers",
    "take_rows": "data._containers",
}

__all__ = [*_LAZY]
__getattr__, __dir__ = attach(__name__, _LAZY)
