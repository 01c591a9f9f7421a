"""Infer the modalities of X: what each column holds and which belong together."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skmultimodal.data._cells import is_missing
from skmultimodal.data._containers import MultimodalData, as_array
from skmultimodal.data._files import is_url
from skmultimodal.data._images import frames_of
from skmultimodal.data._words import written_kind

__all__ = ["KINDS", "Inferred", "infer_columns"]

KINDS = ("image", "text", "audio", "sequence", "embedding", "table")

PROBE = 200  # cells looked at in each column
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"}
AUDIO_SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif"}
OTHER_SUFFIXES = set(
    ".mp4 .m4v .mov .avi .mkv .webm .wmv .mpg .mpeg .flv .pdf .doc .docx .odt .ppt "
    ".pptx .xls .xlsx .epub .m4a .aac .wma .heic .svg .psd .dcm .npy .npz .zip".split()
)
MOST = 0.9  # share of cells that say what a column holds
AUDIO_MAGIC = (b"fLaC", b"OggS", b"ID3")
SMALLEST_IMAGE = 6  # pixels a side; smaller 2-D arrays are series
WIDEST_IMAGE = 4  # times the other side; longer 2-D arrays are series
SHORTEST_SOUND = 128  # samples; nine in ten shorter arrays of one length are vectors
LONGEST_VECTOR = 4096  # equally long 1-D arrays above it are sounds


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

    A column of images, audio, texts, series or vectors is a modality named like
    the column; all other columns are one table, named ``"table"``, but for those
    without a value. The first 200 cells that are not missing decide, by the type that
    most of them have:

    - str or paths of which nine in ten end like image or sound files are those, and
      an error if they end like videos or documents; numbers, ISO dates and truth
      values written as str are of a table; other str are text if half of
      the cells differ, half of them hold letters, and they have two words or twenty
      characters on average or are at least 20; else categories;
    - 1-D arrays of one length up to 4096 are vectors, others sounds; a block of
      numbers of a MultimodalData is a vector a row;
    - 2-D arrays are series if one side is below 6 or four times shorter than the
      other, or only the first side varies; else, and if uint8, images;
    - 3-D arrays, PIL images and other bytes than sounds are images, and so are lists
      of images or of their paths, and 4-D arrays of frames.

    Parameters
    ----------
    X : DataFrame, MultimodalData or ndarray of shape (n_samples, n_features)

    Returns
    -------
    dict of str to Inferred

    Raises
    ------
    ValueError
        If two columns have one name, or a column holds files that are not read.

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
    names = list(X) if isinstance(X, MultimodalData) else list(X.columns)
    kinds = {name: _kind(X[name], name) for name in names}
    # a whole block is a table of its own, single columns are joined to one
    joined = [
        name
        for name, kind in kinds.items()
        if kind == "table" and getattr(X[name], "ndim", 1) == 1
    ]
    empty = [name for name in joined if not pd.Series(X[name]).notna().any()]
    if len(empty) < len(names):  # else an error will say so
        joined = [name for name in joined if name not in empty]
    modalities = {
        str(name): Inferred(kind, name)
        for name, kind in kinds.items()
        if name not in joined and name not in empty
    }
    if joined:
        name = "table" if "table" not in modalities else "table_"
        modalities[name] = Inferred("table", joined)
    return modalities


def _kind(values, name) -> str:
    """Return the kind of one column or block."""
    if isinstance(values, pd.DataFrame):
        if name in values.columns and not values.columns.is_unique:
            raise ValueError(f"X has two columns named {name!r}. Rename one.")
        return "table"
    if values.ndim > 1:
        return _block_kind(values)
    column = pd.Series(values)
    is_object = pd.api.types.is_object_dtype(column.dtype)
    if not (is_object or pd.api.types.is_string_dtype(column.dtype)):
        return "table"
    values = column.to_numpy(dtype=object)
    known = (cell for cell in values if not is_missing(cell))
    cells = list(islice(known, PROBE))
    return _cell_kind(cells, name) if cells else "table"


def _block_kind(values) -> str:
    if values.ndim == 2:
        return "table" if values.dtype == object else "embedding"
    return _array_kind([values.shape[1:]], values.dtype)


def _cell_kind(cells, name) -> str:
    """Return the kind of cells by the type that most have; readers refuse the rest."""
    groups = [_group(cell) for cell in cells]
    most = max(groups, key=groups.count)
    cells = [c for c, group in zip(cells, groups, strict=True) if group == most]
    if most == "string":
        return _string_kind([os.fspath(cell) for cell in cells], name)
    if most == "bytes":
        first = cells[0]
        is_wave = first[:4] == b"RIFF" and first[8:12] == b"WAVE"
        return "audio" if is_wave or first.startswith(AUDIO_MAGIC) else "image"
    if most == "array":
        return _array_kind([np.shape(cell) for cell in cells], as_array(cells[0]).dtype)
    return most


def _group(cell) -> str:
    """Return the type of a cell, as far as it matters; what is not media is table."""
    if isinstance(cell, (str, os.PathLike)):
        return "string"
    if isinstance(cell, (bytes, bytearray)):
        return "bytes"
    if hasattr(cell, "getbands"):  # a PIL image
        return "image"
    if _are_images(cell):
        return "image"
    if isinstance(cell, (list, tuple)):
        if isinstance(cell, tuple) and len(cell) == 2 and any(map(_has_items, cell)):
            return "audio"  # waveform and rate
        try:
            cell = np.asarray(cell)
        except ValueError:  # of unequal lengths
            return "table"
        return "array" if cell.dtype.kind in "biufc" else "table"
    return "array" if np.ndim(cell) else "table"


def _are_images(cell) -> bool:
    """Whether a cell holds several images; of texts, those that end like one."""
    frames = frames_of(cell)
    if frames is None:
        return False
    names = [os.fspath(f) for f in frames if isinstance(f, (str, os.PathLike))]
    suffixes = {PurePath(_name_of_file(name)).suffix.lower() for name in names}
    return suffixes <= IMAGE_SUFFIXES


def _has_items(part) -> bool:
    return hasattr(part, "__len__") and not isinstance(part, str)


def _string_kind(cells, name) -> str:
    named = [cell for cell in cells if cell]
    files = [PurePath(_name_of_file(cell)).suffix.lower() for cell in named]
    least = MOST * len(files)
    for kind, known in (("image", IMAGE_SUFFIXES), ("audio", AUDIO_SUFFIXES)):
        if files and sum(suffix in known for suffix in files) >= least:
            return kind
    known = IMAGE_SUFFIXES | AUDIO_SUFFIXES | OTHER_SUFFIXES
    if files and sum(suffix in known for suffix in files) >= least:
        endings = ", ".join(sorted(set(files)))
        others = [i for i, suffix in enumerate(files) if suffix in OTHER_SUFFIXES]
        raise ValueError(
            f"Modality {name!r}: its cells are paths of {endings} files, such as "
            f"{named[others[0] if others else 0]!r}. Files of images, or of audio, are "
            "read. Turn others into images, waveforms or texts first, leave the column "
            "out of X, or give 'encoders' with one of your own for it."
        )
    written, odd = written_kind(cells)
    if written != "category" or odd is not None:
        return "table"
    distinct = len(set(cells)) / len(cells)
    letters = np.mean([any(map(str.isalpha, cell)) for cell in cells])
    words = np.mean([len(cell.split()) for cell in cells])
    length = np.mean([len(cell) for cell in cells])
    reads = words >= 2 or length >= 20 or len(cells) >= 20
    return "text" if distinct >= 0.5 and letters >= 0.5 and reads else "table"


def _name_of_file(cell) -> str:
    """Return the end of a path; of a URL without query and fragment."""
    if is_url(cell):
        cell = cell.partition("?")[0].partition("#")[0]
    return cell[-64:]


def _array_kind(shapes, dtype) -> str:
    ranks = [len(shape) for shape in shapes]
    rank = max(ranks, key=ranks.count)  # readers refuse the others
    shapes = [shape for shape in shapes if len(shape) == rank]
    if rank == 1:
        lengths = [shape[0] for shape in shapes]
        usual = max(lengths, key=lengths.count)
        if usual < SHORTEST_SOUND and lengths.count(usual) >= MOST * len(lengths):
            return "embedding"
        short = max(lengths) <= LONGEST_VECTOR
        return "embedding" if len(set(lengths)) == 1 and short else "audio"
    if rank != 2 or dtype == np.uint8:
        return "image"
    heights, widths = (np.array(sides) for sides in zip(*shapes, strict=True))
    short, long = np.minimum(heights, widths), np.maximum(heights, widths)
    narrow = short.min() < SMALLEST_IMAGE or (long > WIDEST_IMAGE * short).any()
    only_first = len(set(widths)) == 1 and len(set(heights)) > 1
    return "sequence" if narrow or only_first else "image"
