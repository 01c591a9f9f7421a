"""Any torch module as an encoder: your own, pretrained or not, frozen or not."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.base import clone
from torch import nn

from skmultimodal._data import cells_and_labels
from skmultimodal.encoders._base import BaseEncoder

__all__ = ["ModuleEncoder"]


class ModuleEncoder(BaseEncoder):
    """Embed a modality with any ``nn.Module``.

    Parameters
    ----------
    factory : callable
        Returns the module: a class, a function or a ``functools.partial``, not a
        module itself, so that each fit starts afresh. The module is called with
        one tensor, ``(n, ...)``.

    preprocess : transformer or callable, default=None
        From cells to an array of shape (n_samples, ...). A scikit-learn
        transformer is fitted in `fit`. By default cells are stacked as float32.

    freeze : bool or int, default=False
        True keeps the module as it comes and in evaluation mode; a number trains
        only that many of its last children.

    out_features : int, default=None
        Width of the embedding. By default the module's attribute
        ``out_features``, or the width it gives one row.

    Raises
    ------
    TypeError
        In a fit, if `factory` is a module or not callable.

    Examples
    --------
    >>> from functools import partial
    >>> import numpy as np
    >>> from torch import nn
    >>> from skmultimodal import ModuleEncoder
    >>> encoder = ModuleEncoder(partial(nn.Linear, 3, 8)).fit(np.ones((4, 3)))
    >>> encoder.build().out_features
    8
    """

    def __init__(self, factory, *, preprocess=None, freeze=False, out_features=None):
        self.factory = factory
        self.preprocess = preprocess
        self.freeze = freeze
        self.out_features = out_features

    def fit(self, cells, y=None, sample_weight=None):
        """Fit `preprocess` and record the shape of a row.

        Parameters
        ----------
        cells : array-like of shape (n_samples, ...)
        y : array-like of shape (n_samples,), default=None
        sample_weight : ignored

        Returns
        -------
        self : object
        """
        if isinstance(self.factory, nn.Module) or not callable(self.factory):
            raise TypeError(
                "The 'factory' parameter of ModuleEncoder must be a callable that "
                "returns a module, for example a class or a functools.partial, so "
                f"that every fit starts afresh. Got {type(self.factory).__name__}."
            )
        self.preprocess_ = self.preprocess
        if hasattr(self.preprocess, "transform"):
            self.preprocess_ = clone(self.preprocess).fit(cells, y)
        row = self._array(cells[:1] if not hasattr(cells, "iloc") else cells.iloc[:1])
        self.shape_, self.integer_ = row.shape[1:], row.dtype.kind in "iu"
        return self

    def transform(self, cells):
        """Return the array the module takes.

        Parameters
        ----------
        cells : array-like of shape (n_samples, ...)

        Returns
        -------
        dict
            ``"features"``, of shape (n_samples, ...).
        """
        return {"features": self._array(cells)}

    def build(self):
        """Return a new module around what `factory` returns.

        Returns
        -------
        nn.Module
            ``(n, ...) -> (n, out_features)``.
        """
        module = self.factory()
        width = self.out_features or getattr(module, "out_features", None)
        if width is None:
            row = torch.zeros(1, *self.shape_)
            was_training = module.training
            with torch.no_grad():
                row = row.long() if self.integer_ else row
                width = module.eval()(row).shape[1]
            module.train(was_training)
        return _Wrapped(module, int(width), self.freeze)

    def _array(self, cells) -> np.ndarray:
        if hasattr(self.preprocess_, "transform"):
            return np.asarray(self.preprocess_.transform(cells))
        if self.preprocess_ is not None:
            return np.asarray(self.preprocess_(cells))
        if getattr(cells, "ndim", 1) == 2:
            return np.asarray(cells, dtype=np.float32)
        values, _ = cells_and_labels(cells)
        if getattr(values, "dtype", None) == object or isinstance(values, list):
            values = np.stack([np.asarray(cell) for cell in values])
        values = np.asarray(values)
        return values if values.dtype.kind in "iu" else values.astype(np.float32)


class _Wrapped(nn.Module):
    """A module whose first parts may be frozen and stay in evaluation mode."""

    def __init__(self, module, out_features, freeze):
        super().__init__()
        self.module, self.out_features = module, out_features
        children = list(module.children())
        if freeze is True:
            frozen = [module]
        elif freeze is False:
            frozen = []
        else:
            frozen = children[: len(children) - int(freeze)]
        self._frozen = [name for name, m in self.named_modules() if m in frozen]
        for part in frozen:
            part.requires_grad_(False)

    def train(self, mode=True):
        super().train(mode)
        for name in self._frozen:
            self.get_submodule(name).eval()
        return self

    def forward(self, features):
        return self.module(features)
