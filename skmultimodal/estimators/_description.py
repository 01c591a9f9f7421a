"""What was understood of X: its modalities, what they hold, why, and their encoders."""

from __future__ import annotations

from collections import Counter
from textwrap import shorten

import numpy as np
import pandas as pd

from skmultimodal.data._cells import is_missing
from skmultimodal.data._columns import find_cells, listed
from skmultimodal.data._containers import MultimodalData
from skmultimodal.data._images import frames_of
from skmultimodal.data._table import column_kind
from skmultimodal.encoders._auto import infer_columns
from skmultimodal.encoders._readable import reads

__all__ = ["Description", "described"]

SHOWN = 12  # columns of a table that are named
PATHS = "paths that end in "
LONGEST = 40  # characters of an example
EXAMPLES = 2
PROBE = 200  # cells looked at in each column


class Description:
    """What :func:`skmultimodal.describe` found; printing it tells.

    Attributes
    ----------
    table_ : DataFrame
        One row per modality: ``kind``, ``columns``, ``why``, ``encoder``, ``absent``
        (rows without it), ``rows`` and ``examples``.
    """

    def __init__(self, table):
        self.table_ = table

    def __repr__(self):
        lines = []
        for name, row in self.table_.iterrows():
            lines += [
                f"{name}: {row['kind']}, {row['columns']}",
                f"  why      {row['why']}",
                f"  encoder  {row['encoder']}",
                f"  absent   {row['absent']:,} of {row['rows']:,} rows",
                f"  examples {row['examples']}",
            ]
        return "\n".join(lines)


def described(reader, X, rows, encoders) -> Description:
    """Return what a reader found in the rows it read of X."""
    named = isinstance(reader.encoders, (list, dict)) and dict(reader.encoders)
    lines = {}
    as_given = find_cells(X, {name: reader.columns_[name] for name in rows.cells})
    for (name, cells), here in zip(rows.cells.items(), rows.present.T, strict=True):
        kind, why = _kind(cells)
        kind = reads(encoders[name]) or kind
        spec = (named or {}).get(name)
        if isinstance(spec, str) and spec != "auto":
            why = f"asked for as {spec!r}; {why}"
        lines[name] = {
            "kind": kind,
            "columns": _columns(reader.columns_[name], cells, kind),
            "why": why
            if spec is None or isinstance(spec, str)
            else "its encoder is given",
            "encoder": _encoder(encoders[name]),
            "absent": int((~here).sum()),
            "rows": len(here),
            "examples": _examples(as_given[name], here),
        }
    return Description(pd.DataFrame.from_dict(lines, orient="index"))


def _kind(cells):
    """Return the kind of the cells of a modality, and the facts behind it."""
    if cells is None:
        return "unknown", "no column of it in X"
    if isinstance(cells, pd.DataFrame) or getattr(cells, "ndim", 1) > 1:
        block = np.shape(cells)[1:]
        if not isinstance(cells, pd.DataFrame) and cells.dtype != object:
            kind = infer_columns(MultimodalData({"it": cells}))["it"].kind
            return kind, f"a block of numbers of shape {block} in each row"
        return "table", "columns that are no images, audio or texts are one table"
    column = pd.Series(cells)
    ((_, inferred),) = infer_columns(pd.DataFrame({"it": column})).items()
    known = [cell for cell in column[:PROBE].to_numpy(object) if not is_missing(cell)]
    return inferred.kind, _facts(inferred.kind, known)


def _facts(kind, cells) -> str:
    """Return what most cells are, in words."""
    if not cells:
        return "no value"
    if kind == "table":
        return "columns that are no images, audio or texts are one table"
    if kind == "text":
        words = np.mean([len(str(cell).split()) for cell in cells])
        share = len(set(cells)) / len(cells)
        return f"texts of {words:.1f} words on average, {share:.0%} of them different"
    forms = Counter(map(_form, cells)).most_common()
    most, count = forms[0]
    if all(form.startswith(PATHS) for form, _ in forms):
        ends = [form.removeprefix(PATHS) for form, _ in forms[:SHOWN]]
        return PATHS + " or ".join(ends)
    return (
        most if count == len(cells) else f"{most} in {count / len(cells):.0%} of cells"
    )


def _form(cell) -> str:
    frames = frames_of(cell)
    if frames is not None:
        return f"several images in a cell, {_form(frames[0])}"
    if isinstance(cell, str):
        return f"{PATHS}.{cell.rpartition('.')[2].lower()}"
    if isinstance(cell, (tuple, list)) or not hasattr(cell, "shape"):
        return f"{type(cell).__name__} objects"
    return f"{len(cell.shape)}-D arrays"


def _columns(where, cells, kind) -> str:
    if isinstance(where, slice):
        return "all columns"
    names = listed(where)
    if isinstance(cells, pd.DataFrame) and kind == "table":
        shown = [f"{c} ({column_kind(cells[c])})" for c in list(cells)[:SHOWN]]
    elif kind == "table" and isinstance(cells, pd.Series):
        shown = [f"{names[0]} ({column_kind(cells)})"]
    else:
        shown = [str(name) for name in names[:SHOWN]]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    several = "s" if len(names) > 1 else ""
    return f"column{several} {', '.join(shown)}{more}"


def _encoder(spec) -> str:
    """Return the classes of what encodes a modality, in order."""
    if isinstance(spec, list):
        return " or ".join(map(_encoder, spec))
    if isinstance(spec, str):
        return spec
    steps = getattr(spec, "steps", None)
    return (
        ", ".join(type(s).__name__ for _, s in steps) if steps else type(spec).__name__
    )


def _examples(cells, present) -> str:
    rows = np.flatnonzero(present)[:EXAMPLES]
    return "; ".join(_example(cells, row) for row in rows)


def _example(cells, row) -> str:
    if isinstance(cells, pd.DataFrame):
        known = cells.iloc[row].dropna()[:3]
        return ", ".join(f"{name}={_short(value)}" for name, value in known.items())
    return _short(cells.iloc[row] if isinstance(cells, pd.Series) else cells[row])


def _short(value) -> str:
    shape = np.shape(value) if hasattr(value, "shape") else ()
    if shape:
        return f"array of shape {shape}"
    if hasattr(value, "item"):
        value = value.item()
    text = repr(value)
    return text if len(text) <= LONGEST else shorten(text, LONGEST, placeholder="...")
