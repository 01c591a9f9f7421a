"""One encoder for several columns of one kind: four photos of one house."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from pandas.api.types import is_object_dtype, is_string_dtype
from sklearn.base import clone
from torch import nn

from skmultimodal.data._cells import present_mask
from skmultimodal.data._containers import (
    Ragged,
    cells_and_labels,
    lengths_name,
    object_array,
)
from skmultimodal.data._images import frames_of
from skmultimodal.encoders._base import BaseEncoder
from skmultimodal.encoders._modules import GatedAttention

__all__ = ["FramesEncoder", "SharedEncoder", "shared"]

MOST_FRAMES = 16  # images of a cell that a network sees


def shared(encoder, cells) -> BaseEncoder:
    """Return `encoder`, shared between columns if it reads one and gets several.

    Columns of numbers are one table to any encoder.
    """
    several = isinstance(cells, pd.DataFrame) and cells.shape[1] > 1
    if encoder.reads == "image" and not several and _hold_frames(cells):
        return FramesEncoder(encoder)
    if not several or getattr(encoder, "takes_tables", False):
        return encoder
    held = all(is_object_dtype(d) or is_string_dtype(d) for d in cells.dtypes)
    return SharedEncoder(encoder) if held else encoder


class SharedEncoder(BaseEncoder):
    """Embed several columns with one encoder, averaged over the present cells.

    Parameters
    ----------
    encoder : BaseEncoder
        Reads the cells of a column; fitted to those of all columns together. Its
        attribute ``frames`` says whether their embeddings are averaged or weighted.

    Attributes
    ----------
    encoder_ : BaseEncoder
        The fitted encoder.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmultimodal import TextEncoder
    >>> from skmultimodal.encoders._shared import SharedEncoder
    >>> X = pd.DataFrame({"title": ["a car", "a boat"], "body": ["it is red", None]})
    >>> encoder = SharedEncoder(TextEncoder("word")).fit(X)
    >>> sorted(encoder.encoder_.vocabulary_)
    ['a', 'boat', 'car', 'is', 'it', 'red']
    """

    def __init__(self, encoder: Any):
        self.encoder = encoder

    @property
    def wraps(self) -> Any:
        """The encoder, which decides whether this one learns from y."""
        return self.encoder

    def fit(self, cells: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the encoder to the present cells of all columns."""
        self._fit("fit", cells, y, sample_weight)
        return self

    def fit_transform(
        self, cells: Any, y: Any = None, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Fit, and return the inputs of these rows as the encoder returns them."""
        prepared = self._fit("fit_transform", cells, y, sample_weight)
        return self._inputs(prepared, _cells_present(self._columns(cells)))

    def _columns(self, cells) -> pd.DataFrame:
        """Return the cells in columns."""
        return cells

    def _fit(self, method, cells, y, sample_weight):
        """Return what a method of a new encoder gives for the present cells."""
        cells = self._columns(cells)
        present = _cells_present(cells)
        rows = np.repeat(np.arange(len(cells)), present.sum(axis=1))
        self.n_columns_ = cells.shape[1]
        stacked = _stacked(cells, present)
        self.encoder_ = clone(self.encoder)
        fitted = getattr(self.encoder_, method)(
            stacked,
            None if y is None else np.asarray(y)[rows],
            sample_weight=None if sample_weight is None else sample_weight[rows],
        )
        first = self.encoder_.transform(stacked.iloc[:1])
        self.ragged_ = [key for key, v in first.items() if isinstance(v, Ragged)]
        return fitted

    def transform(self, cells: Any) -> dict[str, Any]:
        """Return the inputs of the cells by row, and which cells there are.

        Arrays become (n_samples, n_columns, ...), zero where a cell is absent; ragged
        inputs of a row's cells follow each other, ``cell_lengths`` steps each, or
        ``cell_<input name>_lengths`` where there are several.
        """
        cells = self._columns(cells)
        present = _cells_present(cells)
        return self._inputs(self.encoder_.transform(_stacked(cells, present)), present)

    def _inputs(self, prepared, present):
        inputs: dict[str, Any] = {"cell_present": present}
        for key, rows in prepared.items():
            if isinstance(rows, Ragged):
                every = rows.expand(present.ravel())
                inputs[key] = Ragged(every.values, every.offsets[:: self.n_columns_])
                inputs[f"cell_{lengths_name(key, self.ragged_)}"] = (
                    every.lengths.reshape(present.shape)
                )
            else:
                inputs[key] = np.zeros((*present.shape, *rows.shape[1:]), rows.dtype)
                inputs[key][present] = rows
        return inputs

    def build(self) -> nn.Module:
        """Return the encoder's module, applied to each cell and averaged."""
        return _Shared(self.encoder_.build(), self.ragged_, self.encoder_.frames)


class FramesEncoder(SharedEncoder):
    """Embed several images of a cell with one encoder, averaged.

    Parameters
    ----------
    encoder : BaseEncoder
        Reads one image; fitted to those of all cells together. Its attribute
        ``frames`` says whether their embeddings are averaged or weighted.

    Attributes
    ----------
    n_frames_ : int
        Most images of a cell in `fit`, but at most 16. Of more, as many are taken,
        evenly spread.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal import ImageEncoder
    >>> from skmultimodal.encoders._shared import FramesEncoder
    >>> clips = [np.zeros((n, 8, 8, 3), np.uint8) for n in (2, 5, 40)]
    >>> FramesEncoder(ImageEncoder()).fit(clips).transform(clips)["pixels"].shape
    (3, 16, 3, 8, 8)
    """

    def _fit(self, method, cells, y, sample_weight):
        frames = [frames_of(cell) or [cell] for cell in cells_and_labels(cells)[0]]
        self.n_frames_ = min(max(map(len, frames)), MOST_FRAMES)
        return super()._fit(method, cells, y, sample_weight)

    def _columns(self, cells) -> pd.DataFrame:
        values, labels = cells_and_labels(cells)
        table = np.full((len(values), self.n_frames_), None, dtype=object)
        for row, cell in zip(table, values, strict=True):
            frames = frames_of(cell) or [cell]
            count = min(len(frames), self.n_frames_)
            chosen = np.linspace(0, len(frames) - 1, count).round().astype(int)
            row[:count] = object_array(frames[i] for i in chosen)
        return pd.DataFrame(table, index=list(labels))


def _hold_frames(cells) -> bool:
    """Whether a cell of a column holds several images."""
    return any(frames_of(cell) is not None for cell in cells_and_labels(cells)[0])


def _cells_present(frame) -> np.ndarray:
    """Return which cells there are, bool of shape (n_samples, n_columns)."""
    return np.column_stack([present_mask(frame[column]) for column in frame])


def _stacked(frame, present) -> pd.Series:
    """Return the present cells, row by row, under the labels of their rows."""
    rows, columns = np.nonzero(present)
    values = [frame[column].to_numpy(dtype=object) for column in frame]
    cells = np.empty(len(rows), dtype=object)
    for i, (row, column) in enumerate(zip(rows, columns, strict=True)):
        cells[i] = values[column][row]
    return pd.Series(cells, index=frame.index[rows])


class _Shared(nn.Module):
    """A module applied to each cell, and the mean over the present ones."""

    def __init__(self, module, ragged, frames):
        super().__init__()
        self.module, self.ragged = module, ragged
        self.out_features = module.out_features
        attends = frames == "attention"
        self.attention = GatedAttention(self.out_features) if attends else None

    def _cells(self, cell_present, **inputs):
        """Return the embedding of each cell, (n, n_columns, out_features), and mask."""
        chosen = cell_present.flatten().nonzero()[:, 0]
        if not len(chosen):
            chosen = chosen.new_zeros(1)  # modules need a row; the mask hides it
        cells = {}
        for key in self.ragged:
            name = lengths_name(key, self.ragged)
            inputs.pop(name)  # of the cells of a row together
            cell_lengths = inputs.pop(f"cell_{name}")
            inputs[key] = _split(inputs[key], cell_lengths)
            cells[name] = cell_lengths.flatten()[chosen]
        for key, values in inputs.items():
            cells[key] = values.flatten(0, 1)[chosen]
        embedded = self.module(**cells)
        out = embedded.new_zeros((cell_present.numel(), self.out_features))
        out = out.index_copy(0, chosen, embedded)
        return out.unflatten(0, cell_present.shape), cell_present

    def forward(self, **inputs):
        cells, present = self._cells(**inputs)
        if self.attention is not None:
            return self.attention(cells, present)
        real = present[:, :, None].to(cells.dtype)
        return (cells * real).sum(1) / real.sum(1).clamp(min=1)


def _split(values, cell_lengths):
    """Cut the joined steps of a row into those of its cells.

    ``(n, n_steps, ...), (n, n_columns) -> (n, n_columns, longest cell, ...)``
    """
    longest = max(int(cell_lengths.max()), 1)
    steps = torch.arange(longest, device=values.device)
    starts = cell_lengths.cumsum(1) - cell_lengths
    real = steps < cell_lengths[:, :, None]
    index = torch.where(real, starts[:, :, None] + steps, 0)  # (n, n_columns, longest)
    rows = torch.arange(len(values), device=values.device)[:, None, None]
    cut = values[rows, index]
    return cut.masked_fill(~real.reshape(*real.shape, *[1] * (cut.ndim - 3)), 0)
