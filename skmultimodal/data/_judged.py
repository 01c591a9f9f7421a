"""The rows that choose a parameter, where their predictions are of many outputs."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

__all__ = ["MANY", "judged_rows"]

MANY = 50  # outputs; up to so many, all rows choose
LARGEST = 1_000_000  # predictions, rows times outputs, that otherwise choose
FEWEST = 500  # rows that choose, however many outputs there are


def judged_rows(shape, random_state=None):
    """Return all rows as a slice or, of many rows and outputs, the positions of some.

    A penalty, a temperature or a weight needs some hundred rows. Six thousand rows of
    two thousand classes are gigabytes in the steps of a search for one.

    Parameters
    ----------
    shape : tuple of int
        Rows and outputs.
    random_state : int, RandomState instance or None, default=None

    Examples
    --------
    >>> from skmultimodal.data._judged import judged_rows
    >>> judged_rows((6000, 10))
    slice(None, None, None)
    >>> len(judged_rows((6000, 2000), 0))
    500
    """
    n_samples, n_outputs = shape
    n_judged = max(LARGEST // n_outputs, FEWEST)
    if n_outputs <= MANY or n_samples <= n_judged:
        return slice(None)
    order = check_random_state(random_state).permutation(n_samples)
    return np.sort(order[:n_judged])
