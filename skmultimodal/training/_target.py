"""What y may be, checked before a task is made of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from skmultimodal.data._containers import as_array, is_odd_array

__all__ = ["checked_target"]

LARGEST = 10**300  # what fits in float64, with room


def checked_target(y):
    """Return y as scikit-learn reads it, or say in which row a value is missing.

    Sparse matrices, tensors, masked arrays and matrices become arrays.
    """
    if issparse(y):
        y = y.toarray()
        y = y.ravel() if y.shape[1] == 1 else y
    if is_odd_array(y):
        y = as_array(y)
    if getattr(getattr(y, "dtype", None), "names", None):
        names = list(y.dtype.names)
        raise ValueError(
            f"y is a structured array of the fields {names}. Pass one of them, "
            f"y[{names[0]!r}]."
        )
    try:
        values = np.asarray(y)
    except ValueError:  # of unequal lengths
        return y
    what, bad = "", np.zeros(0, dtype=bool)
    if values.dtype.kind == "f":
        what, bad = "NaN", np.isnan(values)
        if not bad.any():
            what = f"infinity or a value too large for {values.dtype!r}"
            bad = np.isinf(values)
    elif values.dtype == object:
        what = f"a number of more than {len(str(LARGEST))} digits"
        large = [isinstance(v, int) and abs(v) > LARGEST for v in values.ravel()]
        bad = np.reshape(large, values.shape)
    if bad.any():
        row = np.argwhere(bad)[0, 0]
        label = y.index[row] if isinstance(y, (pd.Series, pd.DataFrame)) else row
        label = label.item() if isinstance(label, np.generic) else label
        raise ValueError(
            f"Input y contains {what}. The first is in row {label!r}. Replace it, or "
            "leave out the row."
        )
    return y
