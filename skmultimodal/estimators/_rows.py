"""Rows of X by modality: their cells, and the patterns of what is present."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

__all__ = ["Patterns", "Rows", "check_lengths", "count_patterns"]


class Rows(NamedTuple):
    """Rows of X by modality.

    Attributes
    ----------
    cells : dict of str to array-like
        Cells of each modality; None where X has no column for it.
    present : ndarray of bool of shape (n_samples, n_modalities)
        Whether a row has a modality; columns in the order of `cells`.
    """

    cells: dict[str, Any]
    present: np.ndarray


class Patterns:
    """The patterns of present modalities that training rows had."""

    def __init__(self, names, report):
        self.names = list(names)
        seen = report.index.to_frame()[self.names].to_numpy(dtype=bool)
        self.known = sorted({tuple(map(bool, row)) for row in seen})

    def new(self, present) -> list[tuple[bool, ...]]:
        """Return patterns of rows, not without any modality, that are not known."""
        found = {tuple(map(bool, row)) for row in np.unique(present, axis=0)}
        return sorted(row for row in found - set(self.known) if any(row))


def count_patterns(names, present, before=None) -> pd.DataFrame:
    """Return count and share of rows by pattern of present modalities."""
    patterns, counts = np.unique(present, axis=0, return_counts=True)
    index = pd.MultiIndex.from_arrays(list(patterns.T), names=list(names))
    count = pd.Series(counts, index)
    if before is not None:
        count = count.add(before["count"], fill_value=0).astype(counts.dtype)
    count = count.sort_values(ascending=False, kind="stable")
    return pd.DataFrame({"count": count, "share": count / count.sum()})


def check_lengths(**parts) -> None:
    """Refuse parts of the input whose numbers of rows differ, with their names."""
    rows = {name: _num_rows(name, part) for name, part in parts.items()}
    rows = {name: n for name, n in rows.items() if n is not None}
    if len(set(rows.values())) > 1:
        counts = ", ".join(f"{name} has {n}" for name, n in rows.items())
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: {counts}. "
            "Give each row of X one entry."
        )


def _num_rows(name, part):
    if part is None:
        return None
    shape = getattr(part, "shape", None)
    if shape is None:
        shape = (len(part),) if hasattr(part, "__len__") else np.asarray(part).shape
    if shape == ():
        raise TypeError(
            f"{name!r} must have one entry for each row of X. Got {part!r} instead."
        )
    return shape[0]
