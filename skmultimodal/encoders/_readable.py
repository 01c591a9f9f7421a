"""What the first step of an encoder or a model sees, and cells it cannot read."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils import get_tags

from skmultimodal._warnings import warn
from skmultimodal.data._cells import (
    CellError,
    decode_audio,
    decode_cells,
    decode_image,
    decode_text,
    is_missing,
)
from skmultimodal.data._containers import cells_and_labels
from skmultimodal.data._images import frames_of
from skmultimodal.encoders._auto import infer_columns

__all__ = [
    "Unreadable",
    "all_readable",
    "as_column",
    "first_step",
    "is_model",
    "reads",
    "takes_texts",
    "without_unreadable",
]


def first_step(spec):
    """Return the first part of an encoder or model, which sees the cells."""
    while True:
        if isinstance(spec, list):
            spec = spec[0]
        elif getattr(spec, "steps", None):
            spec = spec.steps[0][1]
        elif getattr(spec, "transformer_list", None):
            spec = spec.transformer_list[0][1]
        elif hasattr(spec, "encoder_"):
            spec = spec.encoder_
        elif hasattr(spec, "estimator") and hasattr(spec.estimator, "fit"):
            spec = spec.estimator
        elif getattr(spec, "estimators", None):
            first = spec.estimators[0]
            spec = first[1] if isinstance(first, tuple) else first
        else:
            return spec


def is_model(spec) -> bool:
    """Whether `spec` predicts by itself: a classifier or regressor, not an encoder."""
    return hasattr(spec, "predict") and not hasattr(spec, "build")


def as_column(cells, spec):
    """Return a table of one column as that column, unless `spec` takes tables.

    A column named in a list of one is what it is when named alone, except for what
    reads tables, such as a ColumnTransformer. A cell that is an array or an image is
    no cell of a table.
    """
    if isinstance(cells, np.ndarray):
        table = cells.dtype == object and cells.ndim == 2
    else:
        table = isinstance(cells, pd.DataFrame)
    if not table or cells.shape[1] != 1:
        return cells
    column = cells.iloc[:, 0] if isinstance(cells, pd.DataFrame) else cells[:, 0]
    candidates = spec if isinstance(spec, list) else [spec]
    if not all(map(_takes_tables, candidates)):
        return column
    held = next((cell for cell in column if not is_missing(cell)), None)
    return cells if pd.api.types.is_scalar(held) else column


def _takes_tables(spec) -> bool:
    first = first_step(spec)
    if hasattr(first, "takes_tables"):
        return first.takes_tables
    return not hasattr(first, "__sklearn_tags__") or bool(
        get_tags(first).input_tags.two_d_array
    )


class Unreadable(NamedTuple):
    """Cells that were taken out.

    Attributes
    ----------
    count, total : int
        Unreadable cells, and all cells that hold something.
    first : CellError or None
        Where the first one is and why it cannot be read.
    """

    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs
    total: int
    first: CellError | None


def without_unreadable(cells, spec, passed_over=()):
    """Replace the cells that the decoder of a modality refuses by None.

    Parameters
    ----------
    cells : Series, DataFrame or ndarray
        Cells of one modality.
    spec : encoder, transformer, model or list of these
        What reads them; its attribute ``reads``, or else the cells themselves, say
        whether they are images, audio or texts. Anything else is left alone.
    passed_over : set of str
        Texts that stand for absent cells.

    Returns
    -------
    cells : Series, DataFrame or ndarray
        The given ones if all can be read.
    unreadable : Unreadable

    Examples
    --------
    >>> import pandas as pd
    >>> from skmultimodal import TextEncoder
    >>> from skmultimodal.encoders._readable import without_unreadable
    >>> cells, bad = without_unreadable(pd.Series(["a", 3]), TextEncoder())
    >>> cells.tolist(), str(bad.first)
    (['a', None], 'row 1: expected a text as str, got int')
    """
    first = first_step(spec)
    if isinstance(cells, pd.DataFrame):
        if getattr(first, "takes_tables", False):
            return cells, Unreadable(0, 0, None)
        parts = {c: without_unreadable(cells[c], spec, passed_over) for c in cells}
        found = [bad for _, bad in parts.values()]
        errors = [bad.first for bad in found if bad.first is not None]
        count, total = sum(bad.count for bad in found), sum(bad.total for bad in found)
        if count:
            cells = pd.DataFrame({c: part for c, (part, _) in parts.items()})
        return cells, Unreadable(count, total, errors[0] if errors else None)
    decode = None if _is_block(cells) else _decoder(first, cells)
    if decode is None:
        return cells, Unreadable(0, 0, None)
    values, labels = cells_and_labels(cells)
    bad, error, total = [], None, 0
    for i, (label, cell) in enumerate(zip(labels, values, strict=True)):
        if is_missing(cell) or (isinstance(cell, str) and cell in passed_over):
            continue
        total += 1
        try:
            decode_cells([cell], decode, labels=[label])
        except CellError as reason:
            bad.append(i)
            error = error or reason
    if bad:
        kept = np.array(values, dtype=object)
        kept[bad] = None
        if isinstance(cells, pd.Series):
            kept = pd.Series(kept, index=cells.index, dtype=object)
        cells = kept
    return cells, Unreadable(len(bad), total, error)


def all_readable(cells, encoders, passed_over=()) -> dict:
    """Return the cells of each modality with None for the unreadable, and warn."""
    found = {}
    for name, given in cells.items():
        found[name], bad = without_unreadable(given, encoders[name], passed_over)
        if bad.count:
            warn(
                f"Modality {name!r}: {bad.count} of {bad.total} cells cannot be read "
                "and count as absent (on_error='missing'). The first is "
                f"{bad.first}."
            )
    return found


def _is_block(cells) -> bool:
    return isinstance(cells, np.ndarray) and cells.dtype != object


def _decoder(first, cells):
    """Return the function that reads one cell, or None."""
    kind = getattr(first, "reads", None)
    if kind is None and not getattr(first, "takes_tables", False):
        column = pd.Series(cells).to_frame("column").astype(object)
        kind = infer_columns(column).popitem()[1].kind
    root = getattr(first, "root", None)
    if kind == "image":
        return partial(_decode_images, root=root)
    if kind == "audio":
        rate = getattr(first, "sampling_rate", None) or 8000
        return partial(decode_audio, sampling_rate=rate, root=root)
    return decode_text if kind == "text" and takes_texts(first) else None


def _decode_images(cell, root):
    for image in frames_of(cell) or [cell]:
        decode_image(image, root)


def reads(spec) -> str | None:
    """Return what the first part of an encoder or model says that it reads."""
    return getattr(first_step(spec), "reads", None)


def takes_texts(first) -> bool:
    """Whether the first part of an encoder or model reads texts."""
    if hasattr(first, "reads"):
        return True
    tags = get_tags(first).input_tags
    return tags.string and not (tags.two_d_array or tags.three_d_array)
