"""Which rows share a threshold: those of a pattern of present modalities."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["Categories"]


class Categories:
    """Categories of rows, found on the calibration rows.

    Patterns with few rows are pooled. Patterns that no calibration row had belong to
    the pool.

    Parameters
    ----------
    names : list of str
        Modalities, in the order of the columns of `present`.
    present : ndarray of bool of shape (n_samples, n_modalities)
    conflict : ndarray of shape (n_samples,) or None
        How far the modalities of a row disagree; its median halves each pattern.
    by_pattern : bool
        Whether patterns have categories of their own.
    min_rows : int
        Least number of rows of a category.
    """

    def __init__(self, names, present, conflict, by_pattern, min_rows):
        self.names, self.by_pattern = list(names), by_pattern
        self.cuts: dict[tuple, float] = {}
        self.keys: list[tuple] = []
        counts: list[int] = []
        patterns, inverse = self._patterns(present)
        for k, pattern in enumerate(patterns):
            own = inverse == k
            parts = [own]
            if conflict is not None:
                cut = float(np.median(conflict[own]))
                high = own & (conflict > cut)
                if min(high.sum(), (own & ~high).sum()) >= min_rows:
                    self.cuts[pattern], parts = cut, [own & ~high, high]
            for half, part in enumerate(parts):
                self.keys.append((pattern, half))
                counts.append(int(part.sum()))
        self.counts = counts
        self.pooled = [n < min_rows for n in counts]
        if not by_pattern and conflict is None:
            self.pooled = [False]
        self.pool = len(counts)

    def _patterns(self, present) -> tuple[list[tuple[bool, ...]], np.ndarray]:
        """Return the different patterns, and the position of each row's."""
        if not self.by_pattern:
            return [()], np.zeros(len(present), dtype=np.intp)
        rows, inverse = np.unique(present, axis=0, return_inverse=True)
        return [tuple(map(bool, row)) for row in rows], inverse.ravel()

    def of(self, present, conflict=None) -> np.ndarray:
        """Return the category of each row, of shape (n_samples,)."""
        numbers = {
            key: self.pool if rare else k
            for k, (key, rare) in enumerate(zip(self.keys, self.pooled, strict=True))
        }
        patterns, inverse = self._patterns(present)
        low = np.array([numbers.get((p, 0), self.pool) for p in patterns], dtype=int)
        category = low[inverse] if len(present) else np.zeros(0, dtype=int)
        for k, pattern in enumerate(patterns):
            if conflict is not None and pattern in self.cuts:
                high = (inverse == k) & (conflict > self.cuts[pattern])
                category[high] = numbers[pattern, 1]
        return category

    def report(self, thresholds) -> pd.DataFrame:
        """Return count, whether pooled, and the threshold of each category.

        Parameters
        ----------
        thresholds : dict of int to float
            By category, of those that calibration rows have.
        """
        table = pd.DataFrame(
            {
                "count": self.counts,
                "pooled": self.pooled,
                "threshold": [
                    thresholds[self.pool if rare else k]
                    for k, rare in enumerate(self.pooled)
                ],
            }
        )
        levels: dict = {}
        if self.by_pattern:
            columns = zip(*(pattern for pattern, _ in self.keys), strict=True)
            levels = dict(zip(self.names, columns, strict=True))
        if self.cuts:
            levels["conflict"] = [
                ("low", "high")[half] if pattern in self.cuts else "any"
                for pattern, half in self.keys
            ]
        if not levels:
            return table
        return table.set_index(pd.MultiIndex.from_frame(pd.DataFrame(levels)))
