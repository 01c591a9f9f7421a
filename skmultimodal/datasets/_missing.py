"""Simulate absent modalities: at random, by what is observed, or by the content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import rankdata
from sklearn.utils import check_random_state

from skmultimodal._parameters import is_real
from skmultimodal.data._cells import present_mask
from skmultimodal.data._columns import find_cells
from skmultimodal.data._containers import MultimodalData, object_array

__all__ = ["drop_modalities"]

MECHANISMS = ("mcar", "mar", "mnar")
SLOPE = 2.0  # of the log odds in the standardised rank


def drop_modalities(
    X: Any,
    rate: float | Mapping[str, float],
    *,
    mechanism: str = "mcar",
    driver: Any = None,
    columns: Mapping[str, Any] | None = None,
    at_least_one: bool = True,
    random_state: Any = None,
) -> Any:
    """Return a copy of X in which whole modalities are absent from some rows.

    Whether a modality is absent from a row is drawn apart from the other modalities.
    With the mechanisms of [1]_, its probability is

    - ``"mcar"``, missing completely at random: the rate, in every row;
    - ``"mar"``, missing at random: larger where the `driver` is large, which is
      observed in every row;
    - ``"mnar"``, missing not at random: larger where the modality's own content,
      which is lost with it, is large.

    Read more in the :ref:`User Guide <missing>`.

    Parameters
    ----------
    X : DataFrame, MultimodalData or dict
        Rows with one or more modalities; never changed.

    rate : float or dict of str to float
        Mean probability in [0, 1] with which a present modality is lost. A modality
        that a dict does not name keeps its cells.

    mechanism : {"mcar", "mar", "mnar"}, default="mcar"
        On what the loss depends.

    driver : str or array-like of shape (n_samples,), default=None
        For ``"mar"``: a column or modality of X, which then keeps its cells, or one
        value a row, such as y. None is the first modality whose rate is zero or, if
        there is none, the first modality.

    columns : dict of str to column(s), default=None
        Where each modality lives, as in :class:`~skmultimodal.FusionClassifier`;
        other columns stay as they are. None makes each column a modality.

    at_least_one : bool, default=True
        Whether a row that would lose everything keeps one of the modalities that it
        had, drawn at random. The rates are then somewhat lower than asked for.

    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    Returns
    -------
    DataFrame, MultimodalData or dict
        As X. Lost cells are NaN or None; integers that hold lost cells become
        floats, and a block of integer images a column of arrays.

    Raises
    ------
    TypeError
        If X has no named modalities.
    ValueError
        If a rate, the mechanism, the driver or a name is not what it must be.

    Notes
    -----
    For ``"mar"`` and ``"mnar"`` the probability in row i is
    :math:`\\sigma(a + 2 z_i)`, where :math:`z_i` is the rank of the row's value, ties
    averaged, scaled to mean 0 and variance 1 for distinct values, and :math:`a` is
    chosen so that the mean probability is the rate. The value of a cell is the number
    itself, the length of a text or of encoded bytes, or the mean absolute value of an
    array; of a row of a table, the mean rank of its columns; of anything else its
    place in sorted order. An absent cell has the lowest rank.

    References
    ----------
    .. [1] D. B. Rubin, "Inference and missing data", Biometrika, 1976.
       https://doi.org/10.1093/biomet/63.3.581

    Examples
    --------
    >>> from skmultimodal.datasets import drop_modalities, load_emoji
    >>> X, y = load_emoji(return_X_y=True)
    >>> holes = drop_modalities(X, {"text": 0.3}, random_state=0)
    >>> holes["image"].isna().any(), round(float(holes["text"].isna().mean()), 1)
    (np.False_, 0.3)
    """
    if not isinstance(X, (pd.DataFrame, Mapping)):
        raise TypeError(
            "drop_modalities expected a DataFrame, a MultimodalData or a dict. Got "
            f"{type(X).__name__}. Name the modality it holds: {{'name': X}}."
        )
    if mechanism not in MECHANISMS:
        raise ValueError(
            f"The 'mechanism' parameter of drop_modalities must be one of "
            f"{list(MECHANISMS)}. Got {mechanism!r} instead."
        )
    if driver is not None and mechanism != "mar":
        raise ValueError(f"'driver' is for mechanism='mar'. Got {mechanism!r}.")
    data = X if isinstance(X, pd.DataFrame) else MultimodalData(X)
    names = list(data)
    where = dict(columns) if columns is not None else {name: name for name in names}
    cells = find_cells(data, where)
    rates = _checked_rates(rate, list(where))
    if mechanism == "mar":
        driver, kept = _driver(data, cells, rates, driver)
        rates.update(dict.fromkeys(kept, 0.0))
    rng = check_random_state(random_state)
    present = np.column_stack([present_mask(values) for values in cells.values()])
    lost = np.zeros_like(present)
    for m, (name, values) in enumerate(cells.items()):
        here = np.flatnonzero(present[:, m])
        probability = np.full(len(here), rates[name])
        if mechanism != "mcar" and 0 < rates[name] < 1 and len(here):
            content = driver if mechanism == "mar" else _content(values)
            probability = _probabilities(content[here], rates[name])
        lost[here, m] = rng.uniform(size=len(here)) < probability
    if at_least_one:
        _keep_one(lost, present, rng)
    gone = {name: lost[:, m] for m, name in enumerate(cells)}
    if isinstance(X, pd.DataFrame):
        return _without(X, {c: gone[n] for n in cells for c in _in_frame(X, where[n])})
    blocks = {key: value.copy() for key, value in data.items()}
    for name in cells:
        for key in where[name] if isinstance(where[name], list) else [where[name]]:
            blocks[key] = _emptied(blocks[key], gone[name])
    return MultimodalData(blocks) if isinstance(X, MultimodalData) else blocks


def _checked_rates(rate, names):
    if isinstance(rate, Mapping):
        unknown = [name for name in rate if name not in names]
        if unknown:
            raise ValueError(
                f"'rate' has entries for {unknown}, which are not among the "
                f"modalities {names}."
            )
        rates = {name: rate.get(name, 0.0) for name in names}
    else:
        rates = dict.fromkeys(names, rate)
    for name, value in rates.items():
        if not is_real(value) or not 0 <= value <= 1:
            raise ValueError(
                f"The 'rate' of modality {name!r} must be a number in [0, 1]. "
                f"Got {value!r} instead."
            )
    return rates


def _driver(data, cells, rates, driver):
    """Return one value per row, and the modalities that must keep their cells."""
    n_samples = len(data)
    if driver is None:
        driver = next((name for name in cells if not rates[name]), next(iter(cells)))
    if isinstance(driver, str) or np.ndim(driver) == 0:
        if driver in cells:
            return _content(cells[driver]), [driver]
        return _content(find_cells(data, {"driver": driver})["driver"]), []
    values = _content(np.asarray(driver))
    if len(values) != n_samples:
        raise ValueError(
            f"'driver' must have one value for each of the {n_samples} rows of X. Got "
            f"{len(values)} instead."
        )
    return values, []


def _content(values):
    """Return one number per row that stands for the content of its cell."""
    if isinstance(values, pd.DataFrame):
        ranks = [rankdata(_content(values[c])) for c in values.columns]
        return np.mean(ranks, axis=0)
    values = np.asarray(values)
    if values.ndim > 1 and values.dtype != object:
        rows = np.abs(values.reshape(len(values), -1).astype(np.float64))
        filled = np.nan_to_num(rows).sum(axis=1)
        return filled / np.maximum((~np.isnan(rows)).sum(axis=1), 1)
    if values.dtype.kind in "bifu":
        values = values.astype(np.float64)
        return np.where(np.isnan(values), -np.inf, values)
    present = present_mask(values)
    content = np.full(len(values), -np.inf)
    numbers: Any = [_number(cell) for cell in values[present]]
    if None in numbers:  # dates, categories: their place in sorted order
        numbers = np.unique(values[present].astype(str), return_inverse=True)[1]
    content[present] = numbers
    return content


def _number(cell):
    if isinstance(cell, (str, bytes, bytearray)):
        return float(len(cell))
    if isinstance(cell, tuple) and len(cell) == 2 and np.ndim(cell[0]):
        cell = cell[0]  # a waveform and its rate
    try:
        return float(np.nanmean(np.abs(np.asarray(cell, dtype=np.float64))))
    except (TypeError, ValueError):
        return None


def _probabilities(content, rate):
    """Return probabilities of the given mean that rise with the rank."""
    z = ((rankdata(content) - 0.5) / len(content) - 0.5) * np.sqrt(12)
    shift = brentq(lambda a: expit(a + SLOPE * z).mean() - rate, -60, 60)
    return expit(shift + SLOPE * z)


def _keep_one(lost, present, rng):
    """Give back one modality to each row that would lose all it had."""
    bare = present.any(axis=1) & ~(present & ~lost).any(axis=1)
    for row in np.flatnonzero(bare):
        lost[row, rng.choice(np.flatnonzero(present[row]))] = False


def _in_frame(X, where):
    """Return the columns of a frame that one modality has."""
    found = find_cells(X, {"modality": where})["modality"]
    return list(found.columns) if isinstance(found, pd.DataFrame) else [found.name]


def _without(frame, lost):
    """Return a copy of a frame without the cells that each column has lost."""
    columns = {c: _emptied(frame[c], lost.get(c)) for c in frame.columns}
    return pd.DataFrame(columns, index=frame.index)


def _emptied(values, lost):
    """Return a copy of one column or block without the rows in `lost`."""
    if lost is None or not lost.any():
        return values.copy()
    if isinstance(values, pd.DataFrame):
        return _without(values, dict.fromkeys(values.columns, lost))
    if isinstance(values, pd.Series) and values.dtype != object:
        return values.mask(lost)
    if isinstance(values, pd.Series):
        return pd.Series(_emptied(values.to_numpy(), lost), values.index, object)
    if values.dtype.kind in "iu" and values.ndim > 2:  # images: keep their dtype
        values = object_array(values)
    elif values.dtype.kind in "iu":
        values = values.astype(np.float64)
    elif values.dtype.kind not in "fcOmM":
        values = values.astype(object)
    values = values.copy()
    if values.dtype.kind in "mM":
        values[lost] = np.array("NaT", dtype=values.dtype)
    else:
        values[lost] = None if values.dtype == object else np.nan
    return values
