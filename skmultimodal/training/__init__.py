"""How networks are trained."""

from skmultimodal._lazy import attach

_LAZY = {
    "Training": "training._specification",
}

__all__ = [*_LAZY]
__getattr__, __dir__ = attach(__name__, _LAZY)
