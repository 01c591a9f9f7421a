"""Scikit-learn compatible estimators that fuse images, text, audio and tables."""

from importlib import import_module

__version__ = "0.1.0"

# public name -> module that defines it; resolved on first use (PEP 562), so that
# `import skmultimodal` does not import torch
_LAZY = {
    "MultimodalData": "skmultimodal._data",
}
_SUBPACKAGES = ()

__all__ = [*_LAZY, "__version__"]  # noqa: PLE0604


def __getattr__(name):
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'skmultimodal' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_LAZY})
