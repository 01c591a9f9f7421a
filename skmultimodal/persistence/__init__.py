"""Saved files and exported graphs."""

from skmultimodal._lazy import attach

_LAZY = {
    "load": "persistence._file",
}

__all__ = [*_LAZY]
__getattr__, __dir__ = attach(__name__, _LAZY)
