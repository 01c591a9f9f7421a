"""The parts of a cell: what they are called, where they are, how some are left out."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch, get_tags

from skmultimodal.data._cells import decode_audio, decode_image, present_mask
from skmultimodal.data._columns import find_cells, missing_columns
from skmultimodal.data._containers import MultimodalData, object_array, take_rows
from skmultimodal.data._images import frames_of
from skmultimodal.encoders._auto import infer_columns
from skmultimodal.encoders._readable import first_step, reads, takes_texts

__all__ = ["cell_of", "cut", "joined", "kind_of", "takes_gaps", "typical_values"]

# words; each sign of a script without spaces is one
WORD = re.compile(r"[\u2e80-\uffef]|[^\W\u2e80-\uffef]+")
MOST_ENTRIES = 64  # of a vector or words of a text that are parts of their own


def cell_of(estimator, X, row, name) -> Bunch:
    """Return what one row holds of a modality.

    Returns
    -------
    Bunch
        ``kind`` ("image", "audio", "text", "sequence", "embedding", "table" or
        "absent"), ``value``, decoded, and the ``rate`` of a sound in hertz or None.
    """
    where = estimator.columns_[name]
    if missing_columns(X, where):
        return Bunch(kind="absent", value=None, rate=None)
    cells = find_cells(X, {name: where})[name]
    one = take_rows(cells, [row])
    if not present_mask(one)[0]:
        return Bunch(kind="absent", value=None, rate=None)
    if isinstance(one, pd.DataFrame):
        return Bunch(kind="table", value=one.iloc[0], rate=None)
    kind = kind_of(estimator, cells, name)
    value = one.iloc[0] if isinstance(one, pd.Series) else one[0]
    if kind == "table":
        value = value if np.ndim(value) else pd.Series({where: value})
        return Bunch(kind=kind, value=pd.Series(value), rate=None)
    encoder = estimator.encoders_[name]
    if kind == "image":
        value = (frames_of(value) or [value])[0]
        value = decode_image(value, getattr(first_step(encoder), "root", None))
        return Bunch(kind=kind, value=value, rate=None)
    if kind == "audio":
        return _sound(value, encoder)
    return Bunch(kind=kind, value=value, rate=None)


def kind_of(estimator, cells, name) -> str:
    """Return what cells hold: what their encoder says it reads, or what they are."""
    if isinstance(cells, pd.DataFrame):
        return "table"
    inferred = next(iter(infer_columns(MultimodalData({name: cells})).values())).kind
    stated = reads(estimator.encoders_[name])
    if stated == "table":
        return "embedding" if inferred in ("embedding", "sequence") else "table"
    if stated is None and inferred == "table" and takes_texts(_first(estimator, name)):
        return "text"
    return stated or inferred


def _first(estimator, name):
    return first_step(estimator.encoders_[name])


def _sound(value, encoder):
    root = getattr(first_step(encoder), "root", None)
    if not _is_bare(value):
        value, rate = decode_audio(value, root=root)
        return Bunch(kind="audio", value=value, rate=rate)
    params = encoder.get_params() if hasattr(encoder, "get_params") else {}
    rates = (params[key] for key in params if key.split("__")[-1] == "sampling_rate")
    known = next(filter(None, rates), None)
    value, _ = decode_audio(value, known or 1)
    return Bunch(kind="audio", value=value, rate=known)


def _is_bare(value) -> bool:
    """Whether a sound is an array that does not know its own rate."""
    return isinstance(value, list) or hasattr(value, "__array__")


def cut(estimator, cells, row, name, options) -> Parts:
    """Return the parts of one cell.

    Parameters
    ----------
    estimator : fusion estimator
    cells : Series, DataFrame or ndarray
        Cells of the modality, as the estimator's reader gives them; all of them help
        to tell what they are.
    row : int
    name : str
    options : dict
        ``grid``, ``segments`` and ``windows``, as :func:`part_attributions` has them,
        and by modality the ``typical`` values of tables that must not have gaps.
    """
    one = take_rows(cells, [row])
    kind = kind_of(estimator, cells, name)
    if kind in ("table", "embedding"):
        return TableParts(one, options["typical"].get(name))
    block = one if isinstance(one, np.ndarray) and one.dtype != object else None
    value = one.iloc[0] if isinstance(one, pd.Series) else one[0]
    if kind == "text":
        return TextParts(value)
    if kind == "image" and frames_of(value) is not None:
        root = getattr(_first(estimator, name), "root", None)
        return FramesParts(frames_of(value), root)
    if kind == "image":
        if not isinstance(value, np.ndarray):
            root = getattr(_first(estimator, name), "root", None)
            value = decode_image(value, root)
        return ImageParts(
            value, options["grid"], options["segments"], block is not None
        )
    windows = options["windows"]
    if kind == "audio":
        rate = None
        sound = _sound(value, estimator.encoders_[name])
        if not _is_bare(value):
            value, rate = sound.value, sound.rate
        value = np.asarray(value)
        return SoundParts(value, rate, sound.rate, windows, block is not None)
    return SeriesParts(value, windows, block is not None)


def takes_gaps(encoder) -> bool:
    """Whether the cells of a table may lack single values."""
    first = first_step(encoder)
    if getattr(first, "reads", None) == "table":
        return True
    tags = hasattr(first, "__sklearn_tags__") and not hasattr(first, "build")
    return tags and bool(get_tags(first).input_tags.allow_nan)


def joined(blocks) -> Any:
    """Return cells of several parts, one below the other."""
    first = blocks[0]
    if len(blocks) == 1:
        return first
    if isinstance(first, (pd.DataFrame, pd.Series)):
        return pd.concat(blocks, ignore_index=True)
    return np.concatenate(blocks)


class Parts:
    """The parts of one cell.

    Attributes
    ----------
    kind : str
        What the cell holds.
    labels : list of str
        One a part.
    value : object
        The cell, decoded, to be drawn.
    places : list
        Where each part is: characters (start, stop) of a text, a mask of an image,
        samples (start, stop) of a sound or series, a list of columns.
    """

    kind: str
    labels: list[str]
    value: Any
    places: list[Any]

    def kept(self, masks) -> Any:
        """Return a cell for each row of `masks`, bool (n_cells, n_parts)."""
        raise NotImplementedError


class TextParts(Parts):
    """Words; what stands between two of them goes with the first.

    Of a long text, neighbouring words are one part.
    """

    kind = "text"

    def __init__(self, value):
        self.value = value
        self.places = [found.span() for found in WORD.finditer(value)]
        if not self.places:
            self.places = [found.span() for found in re.finditer(r"\S+", value)]
        n_words = len(self.places)
        n_parts = min(n_words, MOST_ENTRIES)
        first = [-(-part * n_words // n_parts) for part in range(n_parts)]
        last = [stop - 1 for stop in [*first[1:], n_words]]
        self.places = [
            (self.places[a][0], self.places[b][1])
            for a, b in zip(first, last, strict=False)
        ]
        self.labels = [value[start:stop] for start, stop in self.places]

    @property
    def segments(self) -> list[str]:
        """The text of each part with what stands around it; joined, the whole text."""
        starts = [0, *(start for start, _ in self.places[1:]), len(self.value)]
        return [self.value[start:stop] for start, stop in pairwise(starts)]

    def kept(self, masks):
        if not self.labels:
            return pd.Series([self.value] * len(masks), dtype=object)
        pieces = np.array(self.segments, dtype=object)
        return pd.Series(["".join(pieces[mask]) for mask in masks], dtype=object)


class _Masked(Parts):
    """Parts of an array; what is left out has the value of `fill`."""

    block = False  # whether cells are one array

    def kept(self, masks):
        shape = np.shape(self.value)[: self.which.ndim]
        kept = masks[:, self.which.ravel()].reshape(len(masks), *shape)
        kept = kept.reshape(kept.shape + (1,) * (np.ndim(self.value) - self.which.ndim))
        if self.value.dtype.kind == "f":
            kept = kept | np.isnan(self.value)  # gaps are nothing to leave out
        cells = np.where(kept, self.value, self.fill).astype(self.value.dtype)
        return cells if self.block else self._as_cells(list(cells))

    which: np.ndarray  # the part of each pixel or sample
    fill: Any

    def _as_cells(self, cells):
        return pd.Series(object_array(cells), dtype=object)


class ImageParts(_Masked):
    """Patches of an image; what is left out has the mean colour."""

    kind = "image"

    def __init__(self, value, grid, segments, block):
        self.value, self.block = value, block
        height, width = value.shape[:2]
        if segments is not None:
            given = segments(value) if callable(segments) else segments
            found = np.unique(np.asarray(given), return_inverse=True)[1]
            if found.size != height * width:
                raise ValueError(
                    "'segments' must give one label a pixel, of shape "
                    f"{(height, width)}. Got {np.shape(given)}."
                )
            self.which = found.reshape(height, width)
            self.labels = [f"segment {k}" for k in range(self.which.max() + 1)]
        else:
            rows, columns = min(grid[0], height), min(grid[1], width)
            down = np.arange(height) * rows // height
            across = np.arange(width) * columns // width
            self.which = down[:, None] * columns + across
            pairs = np.ndindex(rows, columns)
            self.labels = [f"row {r}, column {c}" for r, c in pairs]
        self.places = [self.which == k for k in range(len(self.labels))]
        self.fill = value.mean(axis=(0, 1))


class FramesParts(Parts):
    """The images of a cell that holds several; without any, one of the mean colour."""

    kind = "table"

    def __init__(self, frames, root):
        self.frames = [decode_image(frame, root) for frame in frames]
        self.labels = [f"image {k}" for k in range(len(frames))]
        shapes = [f"{image.shape[1]} x {image.shape[0]}" for image in self.frames]
        self.value = pd.Series(shapes, self.labels)
        self.places = [[label] for label in self.labels]

    def kept(self, masks):
        first = self.frames[0]
        blank = np.broadcast_to(first.mean(axis=(0, 1)), first.shape)
        cells = [
            [image for image, on in zip(self.frames, mask, strict=True) if on]
            or [blank.astype(first.dtype)]
            for mask in masks
        ]
        return pd.Series(object_array(cells), dtype=object)


class _Windows(_Masked):
    def _cut(self, n_windows):
        n_steps = len(self.value)
        n_windows = min(n_windows, n_steps)
        self.which = np.arange(n_steps) * n_windows // n_steps
        edges = np.searchsorted(self.which, np.arange(n_windows + 1))
        self.places = list(pairwise(edges.tolist()))


class SoundParts(_Windows):
    """Windows of a sound; what is left out is silence."""

    kind = "audio"

    def __init__(self, value, stored_rate, rate, n_windows, block):
        self.value, self.block, self.rate = value, block, rate
        self.stored_rate = stored_rate  # where the cell has one of its own
        self._cut(n_windows)
        if rate:
            self.labels = [f"{a / rate:.2f}-{b / rate:.2f} s" for a, b in self.places]
        else:
            self.labels = [f"samples {a}-{b}" for a, b in self.places]
        self.fill = 128 if value.dtype == np.uint8 else 0  # unsigned silence

    def _as_cells(self, cells):
        if self.stored_rate is not None:
            cells = [(cell, self.stored_rate) for cell in cells]
        return pd.Series(object_array(cells), dtype=object)


class SeriesParts(_Windows):
    """Windows of a series; what is left out has the mean of each channel."""

    kind = "sequence"

    def __init__(self, value, n_windows, block):
        self.value, self.block = np.asarray(value, dtype=np.float64), block
        self._cut(n_windows)
        self.labels = [f"steps {a}-{b}" for a, b in self.places]
        self.fill = np.nan_to_num(np.nanmean(self.value, axis=0))


class TableParts(Parts):
    """Columns; what is left out is missing, or typical where it must not be.

    Neighbouring entries of a long vector are one part.

    Parameters
    ----------
    one : DataFrame, Series or ndarray of one row
    instead : list or None
        What stands for each column that is left out; None is a missing value.
    """

    kind = "table"

    def __init__(self, one, instead):
        self.like, self.instead = one, instead
        self.frame = _as_table(one)
        self.value = self.frame.iloc[0]
        columns = list(self.frame.columns)
        n_parts = len(columns)
        if not isinstance(one, pd.DataFrame):
            n_parts = min(n_parts, MOST_ENTRIES)
        self.which = np.arange(len(columns)) * n_parts // max(len(columns), 1)
        self.places = [
            [columns[k] for k in np.flatnonzero(self.which == part)]
            for part in range(n_parts)
        ]
        self.labels = [
            f"{names[0]}-{names[-1]}" if len(names) > 1 else str(names[0])
            for names in self.places
        ]

    def kept(self, masks):
        columns, masks = [], masks[:, self.which]
        for k, (_, column) in enumerate(self.frame.items()):
            column = column.iloc[np.zeros(len(masks), dtype=int)].reset_index(drop=True)
            if not masks[:, k].all():
                column = self._without(column, masks[:, k], k)
            columns.append(column)
        frame = pd.concat(columns, axis=1).set_axis(self.frame.columns, axis=1)
        if isinstance(self.like, pd.DataFrame):
            return frame
        if isinstance(self.like, np.ndarray) and self.like.ndim > 1:
            return frame.to_numpy().reshape(len(frame), *self.like.shape[1:])
        if len(frame.columns) > 1 or np.ndim(self.like.iloc[0]):
            return pd.Series(object_array(list(frame.to_numpy())), dtype=object)
        return frame.iloc[:, 0]

    def _without(self, column, mask, k):
        if self.instead is not None:
            instead = self.instead[k]
            if column.dtype.kind in "iu" and instead != int(instead):
                column = column.astype(np.float64)
            return column.where(mask, instead)
        if column.dtype.kind in "iub":
            kind = object if column.dtype.kind == "b" else np.float64
            column = column.astype(kind)
        return column.where(mask)


def _as_table(cells) -> pd.DataFrame:
    """Return cells as a frame; vectors in cells become its columns."""
    if isinstance(cells, pd.DataFrame):
        return cells
    if isinstance(cells, pd.Series):
        held = next((cell for cell in cells if np.ndim(cell)), None)
        if held is None:
            return cells.to_frame()
        cells = np.stack([np.asarray(c) for c in cells if np.ndim(c)])
    return pd.DataFrame(cells.reshape(len(cells), -1))


def typical_values(cells) -> list:
    """Return the typical value of each column of some cells."""
    return [_typical(column) for _, column in _as_table(cells).items()]


def _typical(column):
    """Return the median of numbers, else the most frequent value."""
    known = column.dropna()
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return known.median()
    return known.mode().iloc[0]
