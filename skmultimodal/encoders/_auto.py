"""Infer the modalities of X: what each column holds and which belong together."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skmultimodal._data import MultimodalData
from skmultimodal._media import is_missing

__all__ = ["Inferred", "default_encoder", "infer_columns"]

PROBE = 200  # cells looked at in each column
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"}
AUDIO_SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif"}
MOSTLY_DISTINCT = 0.5  # share of different cells above which str reads as text
ENOUGH_CELLS = 20  # single words need as many cells to be told from categories
SMALLEST_IMAGE = 5  # pixels a side; smaller 2-D arrays are series


class Inferred(NamedTuple):
    """What a modality holds and where.

    Attributes
    ----------
    kind : {"image", "text", "audio", "sequence", "embedding", "table"}
    columns : column, list of columns or slice
    """

    kind: str
    columns: Any


def infer_columns(X) -> dict[str, Inferred]:
    """Return the modalities of X.

    A column of pictures, sounds, texts, series or vectors is a modality named like
    the column; all other columns are one table. A column of str reads as text if at
    least half of its first 200 cells differ and they have two words or more on
    average (or there are 20 cells or more), else as categories. Strings that all
    end like an image or audio file are paths.

    Parameters
    ----------
    X : DataFrame, MultimodalData or ndarray of shape (n_samples, n_features)

    Returns
    -------
    dict of str to Inferred

    Examples
    --------
    >>> import pandas as pd
    >>> from skmultimodal.encoders._auto import infer_columns
    >>> X = pd.DataFrame({"age": [3, 4], "note": ["a red car", "two blue boats"]})
    >>> infer_columns(X)["note"].kind
    'text'
    """
    if isinstance(X, np.ndarray):
        return {"table": Inferred("table", slice(None))}
    if isinstance(X, MultimodalData):
        kinds = {name: _block_kind(X[name]) for name in X}
        joined = [n for n, kind in kinds.items() if kind in ("number", "category")]
    else:
        kinds = {name: _column_kind(X[name]) for name in X.columns}
        joined = [n for n, kind in kinds.items() if kind in ("number", "category")]
    modalities = {
        str(name): Inferred(kind, name)
        for name, kind in kinds.items()
        if name not in joined
    }
    if joined:
        name = "table" if "table" not in modalities else "table_"
        modalities[name] = Inferred("table", joined)
    return modalities


def _block_kind(values) -> str:
    if isinstance(values, pd.DataFrame):
        return "table"
    if values.dtype == object or values.ndim == 1:
        return _column_kind(pd.Series(values))
    if values.ndim == 2:
        return "embedding"
    small = values.ndim == 3 and min(values.shape[1:3]) < SMALLEST_IMAGE
    return "sequence" if small else "image"


def _column_kind(column: pd.Series) -> str:
    if isinstance(column, pd.DataFrame):
        raise ValueError(f"X has duplicate column names: {list(column.columns)}.")
    if pd.api.types.is_string_dtype(column.dtype) or column.dtype == object:
        values = column.to_numpy(dtype=object)[: 20 * PROBE]
        cells = [cell for cell in values if not is_missing(cell)][:PROBE]
        return _cell_kind(cells) if cells else "number"
    return "number"


def _cell_kind(cells) -> str:
    first = cells[0]
    if isinstance(first, (str, os.PathLike)):
        return _string_kind([os.fspath(c) for c in cells if _is_path(c)])
    if isinstance(first, (bytes, bytearray)):
        audio = first[:4] in (b"RIFF", b"fLaC", b"OggS", b"ID3\x03")
        return "audio" if audio else "image"
    if type(first).__module__.startswith("PIL"):
        return "image"
    if isinstance(first, tuple) and len(first) == 2 and np.ndim(first[0]) == 1:
        return "audio"
    if isinstance(first, (np.ndarray, list)) or np.ndim(first) > 0:
        return _array_kind([np.shape(cell) for cell in cells])
    return "category"


def _is_path(cell) -> bool:
    return isinstance(cell, (str, os.PathLike))


def _string_kind(cells) -> str:
    suffixes = {PurePath(c).suffix.lower() if len(c) < 4096 else "" for c in cells}
    if suffixes <= IMAGE_SUFFIXES:
        return "image"
    if suffixes <= AUDIO_SUFFIXES:
        return "audio"
    words = np.mean([len(cell.split()) for cell in cells])
    distinct = len(set(cells)) / len(cells)
    if distinct >= MOSTLY_DISTINCT and (words >= 2 or len(cells) >= ENOUGH_CELLS):
        return "text"
    return "category"


def _array_kind(shapes) -> str:
    ranks = {len(shape) for shape in shapes}
    if ranks == {1}:
        lengths = {shape[0] for shape in shapes}
        return "embedding" if len(lengths) == 1 and len(shapes) > 1 else "audio"
    if ranks == {3} or ranks == {2, 3}:
        return "image"
    widths = {shape[1] for shape in shapes}
    smallest = min(min(shape) for shape in shapes)
    heights = {shape[0] for shape in shapes}
    if len(widths) == 1 and (len(heights) > 1 or smallest < SMALLEST_IMAGE):
        return "sequence"
    return "image"


def default_encoder(kind: str):
    """Return the default encoder for one kind of modality."""
    from skmultimodal.encoders._audio import AudioEncoder
    from skmultimodal.encoders._image import ImageEncoder
    from skmultimodal.encoders._sequence import SequenceEncoder
    from skmultimodal.encoders._tabular import TabularEncoder
    from skmultimodal.encoders._text import TextEncoder

    return {
        "table": TabularEncoder,
        "embedding": TabularEncoder,
        "image": ImageEncoder,
        "text": TextEncoder,
        "audio": AudioEncoder,
        "sequence": SequenceEncoder,
    }[kind]()
