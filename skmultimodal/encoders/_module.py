"""Any torch module as an encoder: your own, pretrained or not, frozen or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from sklearn.base import clone
from torch import nn

from skmultimodal.data._cells import decode_cells
from skmultimodal.data._containers import as_array, cells_and_labels, take_rows
from skmultimodal.data._scaling import beyond
from skmultimodal.encoders._base import BaseEncoder
from skmultimodal.encoders._modules import PartlyFrozen, n_trained

__all__ = ["ModuleEncoder"]


class ModuleEncoder(BaseEncoder):
    """Embed a modality with any ``nn.Module``, pretrained or not.

    Parameters
    ----------
    factory : callable
        Returns the module: a class, a function or a ``functools.partial``, not a
        module itself, so that each fit starts afresh. The module is called with
        one tensor, ``(n, ...)``, and returns ``(n, out_features)``.

    preprocess : transformer or callable, default=None
        From cells to an array of shape (n_samples, ...). A scikit-learn
        transformer is fitted in `fit`. By default cells are stacked; int64 stays as it
        is (identifiers, for an embedding), other numbers become float32.

    freeze : bool, int or str, default=False
        True keeps the module as it comes and in evaluation mode; a number, or
        ``"all but last 2"``, trains only that many of its last children and keeps
        the rest.

    out_features : int, default=None
        Width of the embedding. By default the module's attribute
        ``out_features``, or the width it gives one row.

    Raises
    ------
    TypeError
        In `fit`, if `factory` is a module or not callable.
    ValueError
        In `fit`, if `freeze` is none of these; in `build`, if the module does not
        return ``(n, out_features)``.

    See Also
    --------
    TabularEncoder : Its own network for vectors and tables.

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

    takes_tables = True

    def __init__(
        self,
        factory: Callable[[], nn.Module],
        *,
        preprocess: Any = None,
        freeze: bool | int | str = False,
        out_features: int | None = None,
    ):
        self.factory = factory
        self.preprocess = preprocess
        self.freeze = freeze
        self.out_features = out_features

    def fit(self, cells: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit `preprocess` and record the shape of a row.

        Parameters
        ----------
        cells : array-like of shape (n_samples, ...)
            Cells of the modality, without absent ones.
        y : array-like of shape (n_samples,), default=None
            Target, passed on to `preprocess`.
        sample_weight : object, default=None
            Ignored.

        Returns
        -------
        self : object
            The fitted encoder.
        """
        if isinstance(self.factory, nn.Module) or not callable(self.factory):
            raise TypeError(
                "The 'factory' parameter of ModuleEncoder must be a callable that "
                "returns a module, for example a class or a functools.partial. Got "
                f"{type(self.factory).__name__} instead. A module itself would carry "
                "trained weights from one fit, or fold, into the next."
            )
        n_trained(self, self.freeze)
        self.preprocess_ = self.preprocess
        if hasattr(self.preprocess, "transform"):
            self.preprocess_ = clone(self.preprocess).fit(cells, y)
        row = self._array(take_rows(cells, slice(0, 1)))
        self.shape_, self.integer_ = row.shape[1:], row.dtype.kind == "i"
        return self

    def transform(self, cells: Any) -> dict[str, Any]:
        """Return the array the module takes.

        Parameters
        ----------
        cells : array-like of shape (n_samples, ...)
            Cells of the modality, without absent ones.

        Returns
        -------
        dict
            ``"features"``, of shape (n_samples, ...).

        Raises
        ------
        ValueError
            If the samples have another shape than in `fit`, or a number is infinite
            or larger than 1e37.
        """
        features = self._array(cells)
        if features.shape[1:] != self.shape_:
            raise ValueError(
                f"expected samples of shape {self.shape_}, as in fit. Got "
                f"{features.shape[1:]}."
            )
        return {"features": features}

    def build(self) -> nn.Module:
        """Return a new module around what `factory` returns.

        Returns
        -------
        nn.Module
            ``(n, ...) -> (n, out_features)``.
        """
        module = self.factory()
        if not isinstance(module, nn.Module):
            raise TypeError(
                f"The 'factory' of ModuleEncoder must return a torch.nn.Module. Got "
                f"{type(module).__name__} instead."
            )
        width = self.out_features or getattr(module, "out_features", None)
        if width is None:
            width = self._width(module)
        return _Wrapped(module, int(width), n_trained(self, self.freeze))

    def _width(self, module) -> int:
        """Return the width the module gives one row of zeros."""
        row = torch.zeros(1, *self.shape_)
        modes = [(part, part.training) for part in module.modules()]
        with torch.no_grad():
            out = module.eval()(row.long() if self.integer_ else row)
        for part, mode in modes:
            part.training = mode
        if getattr(out, "ndim", None) != 2:
            raise ValueError(
                "The module of ModuleEncoder must return a tensor (n, out_features). "
                f"Got {getattr(out, 'shape', type(out).__name__)} for one row of shape "
                f"{self.shape_}. Add a pooling or nn.Flatten layer."
            )
        return out.shape[1]

    def _array(self, cells) -> np.ndarray:
        if hasattr(self.preprocess_, "transform"):
            return _within_reach(np.asarray(self.preprocess_.transform(cells)), cells)
        if self.preprocess_ is not None:
            return _within_reach(np.asarray(self.preprocess_(cells)), cells)
        if isinstance(cells, pd.DataFrame) and cells.shape[1] > 1:
            values = cells.to_numpy(dtype=np.float64)
        else:
            values, labels = cells_and_labels(cells)
            if not isinstance(values, np.ndarray) or values.dtype.kind == "O":
                values = np.stack(
                    decode_cells(values, _Stackable(), labels=labels, remedy="")
                )
        if values.dtype == np.int64:
            return values
        return _within_reach(values, cells).astype(np.float32)


def _within_reach(values, cells) -> np.ndarray:
    """Return values as they are, once no number is infinite or huge."""
    found = beyond(values) if values.dtype.kind == "f" else None
    if found is not None:
        (row, *_), what = found
        label = cells.index[row] if hasattr(cells, "index") else row
        raise ValueError(f"row {label!r}: a number {what}. Replace it or clip it.")
    return values


class _Stackable:
    """Cells as arrays, all of the shape of the first."""

    shape = None

    def __call__(self, cell):
        array = as_array(cell)
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"expected an array of numbers, got {type(cell).__name__}; pass "
                "'preprocess' to ModuleEncoder"
            )
        if self.shape not in (None, array.shape):
            raise ValueError(f"expected shape {self.shape}, got {array.shape}")
        self.shape = array.shape
        return array


class _Wrapped(PartlyFrozen):
    """A module that takes the one input ``features``."""

    def __init__(self, module, out_features, n_last):
        children = list(module.children())
        trained = [module]
        if n_last is not None:
            trained = children[max(len(children) - n_last, 0) :]
        super().__init__(module, trained)
        self.out_features = out_features

    def forward(self, features):
        return self.module(features)
