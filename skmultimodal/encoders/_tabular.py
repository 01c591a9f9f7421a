"""Tables: numbers, categories and dates to an embedding."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from torch import nn

from skmultimodal._parameters import (
    FRACTION,
    NOT_NEGATIVE,
    POSITIVE_INT,
    WIDTHS,
    check_parameters,
    one_of,
)
from skmultimodal.data._cells import AlikeVectors, decode_cells
from skmultimodal.data._containers import as_array, cells_and_labels
from skmultimodal.data._scaling import moments
from skmultimodal.data._table import (
    column_kind,
    read_dates,
    read_labels,
    read_numbers,
    read_truths,
    refuse_beyond,
    seconds,
)
from skmultimodal.encoders._base import BaseEncoder
from skmultimodal.encoders._modules import MLP, Unchanged
from skmultimodal.encoders._numbers import Periodic, PiecewiseLinear, quantile_edges

__all__ = ["TabularEncoder"]

LIKE_NUMBERS = {
    "empty",
    "number",
    "point number",
    "comma number",
    "duration",
}  # a duration is a number of seconds
CATEGORICAL = ("category", "boolean")
MISSING, UNSEEN, FIRST = 0, 1, 2  # codes of a category


class TabularEncoder(BaseEncoder):
    """Embed the columns of a table with a multilayer perceptron.

    Numbers are standardised; missing ones become the mean and, in columns that had
    some in `fit`, set an indicator. Categories (str, category and bool columns) get
    a learned embedding each [1]_, with one more for missing and one for unseen
    values. Dates become numbers: days, season, day of the week and hour. A column
    of equally long vectors is a block of numbers.

    Parameters
    ----------
    hidden_features : tuple of int, default=(64,)
        Widths of the hidden layers.

    out_features : int, default=64
        Width of the embedding.

    embedding_features : int, default=8
        Width of the embedding of each categorical column.

    numeric : {"auto", "linear", "piecewise", "periodic"}, default="auto"
        How numbers enter the network: as they are, as their places in bins between
        quantiles, or as sines and cosines of learned frequencies [2]_. ``"auto"`` is
        linear for a matrix of numbers and piecewise for other tables.

    numeric_features : int, default=16
        Bins, or frequencies, of each number; not used by ``"linear"``.

    min_frequency : float, default=1
        Categories rarer in `fit`, counted with sample weights, are taken as unseen;
        1 keeps all.

    dropout : float, default=0.0
        Dropout of the hidden layers.

    Attributes
    ----------
    numbers_ : list
        Numeric features in order: number columns, then parts of dates.

    categories_ : dict of column to ndarray
        Categories of each categorical column, as seen in `fit`.

    mean_, scale_ : ndarray of shape (n_numbers,)
        Standardisation.

    reach_ : ndarray of shape (2, n_numbers)
        Lowest and highest standardised number that the network is shown.

    indicators_ : ndarray of int
        Numeric features with a missing indicator.

    kinds_ : dict of column to str
        What each column holds: ``"number"``, ``"point number"`` (texts such as
        ``"€ 2.50"``), ``"comma number"`` (``"12,50"``), ``"boolean"``,
        ``"date"``, ``"duration"`` or ``"category"``; or ``"empty"``, without a value in
        `fit`, which is ignored.

    numeric_ : str
        How numbers enter, where `numeric` is ``"auto"``.

    edges_ : list of ndarray
        Edges of the bins of each standardised number, if piecewise.

    Notes
    -----
    A number further beyond the range of `fit` than that range is wide is taken as that
    far: a network goes on along a line, a million times as far as it has learned.

    Input ``(n, n_numbers)`` and ``(n, n_categorical)``; output
    ``(n, out_features)``. Statistics are float64 and weighted, so that integer
    weights equal repeated rows; nothing in the module depends on the batch.

    References
    ----------
    .. [1] C. Guo, F. Berkhahn, "Entity embeddings of categorical variables",
       arXiv:1604.06737, 2016.

    .. [2] Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical
       features in tabular deep learning", NeurIPS, 2022.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmultimodal import TabularEncoder
    >>> X = pd.DataFrame({"height": [1.0, None, 3.0], "sky": ["blue", "grey", "blue"]})
    >>> encoder = TabularEncoder().fit(X)
    >>> encoder.transform(X)["numbers"].shape  # standardised and indicator
    (3, 2)
    """

    reads = "table"
    takes_tables = True
    limits: ClassVar[dict] = {
        "hidden_features": WIDTHS,
        "out_features": POSITIVE_INT,
        "embedding_features": POSITIVE_INT,
        "numeric": one_of("auto", "linear", "piecewise", "periodic"),
        "numeric_features": POSITIVE_INT,
        "min_frequency": NOT_NEGATIVE,
        "dropout": FRACTION,
    }

    def __init__(
        self,
        hidden_features: tuple[int, ...] = (64,),
        out_features: int = 64,
        *,
        embedding_features: int = 8,
        numeric: str = "auto",
        numeric_features: int = 16,
        min_frequency: float = 1,
        dropout: float = 0.0,
    ):
        self.hidden_features = hidden_features
        self.out_features = out_features
        self.embedding_features = embedding_features
        self.numeric = numeric
        self.numeric_features = numeric_features
        self.min_frequency = min_frequency
        self.dropout = dropout

    def fit(self, cells: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn standardisation and categories.

        Parameters
        ----------
        cells : DataFrame or ndarray of shape (n_samples, n_columns)
            Cells of the modality, without absent ones.
        y : object, default=None
            Ignored.
        sample_weight : ndarray of shape (n_samples,), default=None
            Weights of the rows, by which numbers are averaged and categories
            counted.

        Returns
        -------
        self : object
            The fitted encoder.
        """
        check_parameters(self, self.limits)
        frame = _frame(cells)
        if not frame.shape[1]:
            raise ValueError("expected a table of one column or more. Got none.")
        self.columns_ = list(frame.columns)
        weight = np.ones(len(frame)) if sample_weight is None else sample_weight
        self.kinds_ = _kinds(frame)
        self.categories_ = {
            c: _category_values(_labels(frame[c], kind), weight, self.min_frequency)
            for c, kind in self.kinds_.items()
            if kind in CATEGORICAL
        }
        numbers, self.numbers_ = self._numbers(frame)
        known = ~np.isnan(numbers)
        self.mean_, self.scale_ = moments(numbers, weight)
        self.reach_ = _reach((numbers - self.mean_) / self.scale_)
        self.indicators_ = np.flatnonzero(known.any(axis=0) & ~known.all(axis=0))
        self.numeric_ = self.numeric
        if self.numeric == "auto":
            mixed = not LIKE_NUMBERS.issuperset(self.kinds_.values())
            self.numeric_ = "piecewise" if mixed else "linear"
        if self.numeric_ == "piecewise":
            standard = (numbers - self.mean_) / self.scale_
            n_bins = self.numeric_features
            self.edges_ = [quantile_edges(c, weight, n_bins) for c in standard.T]
        return self

    def transform(self, cells: Any) -> dict[str, Any]:
        """Return the numbers and the categories, those there are.

        Parameters
        ----------
        cells : DataFrame or ndarray of shape (n_samples, n_columns)
            Cells of the modality, without absent ones.

        Returns
        -------
        dict
            ``"numbers"``, float64 of shape (n_samples, n_numbers + n_indicators),
            and ``"categories"``, int64 of shape (n_samples, n_categorical), where 0
            is a missing and 1 an unseen category.

        Raises
        ------
        ValueError
            If a column of `fit` is missing, or a number is infinite, larger than 1e37,
            further than 1e12 standard deviations from the mean, or not one.
        """
        frame = self._known_columns(_frame(cells))
        numbers, names = self._numbers(frame)
        refuse_beyond(numbers, names, frame.index, self.mean_, self.scale_)
        standard = (numbers - self.mean_) / self.scale_
        standard = standard.clip(*self.reach_)
        missing = np.isnan(standard)
        standard[missing] = 0.0
        indicators = missing[:, self.indicators_].astype(np.float64)
        inputs = {}
        if self.numbers_:
            inputs["numbers"] = np.concatenate([standard, indicators], axis=1)
        if self.categories_:
            codes = [
                _codes(_labels(frame[c], self.kinds_[c]), values)
                for c, values in self.categories_.items()
            ]
            inputs["categories"] = np.column_stack(codes)
        return inputs

    def build(self) -> nn.Module:
        """Return a new module.

        Returns
        -------
        nn.Module
            ``(n, n_numbers), (n, n_categorical) -> (n, out_features)``.
        """
        sizes = [len(values) + FIRST for values in self.categories_.values()]
        return _Tabular(
            len(self.indicators_),
            self._number_module(),
            sizes,
            self.embedding_features,
            tuple(self.hidden_features),
            self.out_features,
            self.dropout,
        )

    def _number_module(self):
        if self.numeric_ == "piecewise" and self.numbers_:
            return PiecewiseLinear(self.edges_)
        if self.numeric_ == "periodic" and self.numbers_:
            return Periodic(len(self.mean_), self.numeric_features)
        return Unchanged(len(self.mean_))

    def _known_columns(self, frame):
        if list(frame.columns) == self.columns_:
            return frame
        lost = [column for column in self.columns_ if column not in frame]
        if lost:
            raise ValueError(
                f"expected the columns of fit, {self.columns_[:20]}. Got a table "
                f"without {lost[:20]}. Add them, with NaN where unknown."
            )
        return frame[self.columns_]

    def _numbers(self, frame):
        """Return the numeric features (n_samples, n_numbers) and their names."""
        columns, names = [], []
        if _is_block(frame) and {"number", "empty"}.issuperset(self.kinds_.values()):
            empty = [kind == "empty" for kind in self.kinds_.values()]
            block = frame.to_numpy(dtype=np.float64)
            columns = [np.where(empty, np.nan, block) if any(empty) else block]
            names = self.columns_
        for name in [] if columns else self.columns_:
            column, kind = frame[name], self.kinds_[name]
            if kind == "date":
                parts = _date_parts(read_dates(column, name, utc=True))
                columns += list(parts.values())
                names += [f"{name}_{part}" for part in parts]
            elif kind not in CATEGORICAL:
                columns.append(_number_column(column, name, kind))
                names.append(name)
        values = np.column_stack(columns) if columns else np.zeros((len(frame), 0))
        refuse_beyond(values, names, frame.index)
        return values, names


class _Tabular(nn.Module):
    def __init__(
        self, n_indicators, numbers, sizes, embedding, hidden, out_features, dropout
    ):
        super().__init__()
        self.out_features, self.n_indicators = out_features, n_indicators
        self.numbers = numbers
        tables = [nn.Embedding(size, embedding) for size in sizes]
        self.embeddings = nn.ModuleList(tables)
        for table in tables:
            nn.init.normal_(table.weight, std=embedding**-0.5)
            with torch.no_grad():  # what `fit` has not seen says nothing
                table.weight[:FIRST] = 0
        width = numbers.out_features + n_indicators + embedding * len(sizes)
        self.mlp = MLP(width, out_features, hidden, dropout)

    def forward(self, numbers=None, categories=None):
        parts = []
        if numbers is not None:
            n_numbers = numbers.shape[1] - self.n_indicators
            parts.append(self.numbers(numbers[:, :n_numbers]))
            if self.n_indicators:
                parts.append(numbers[:, n_numbers:])
        for i, table in enumerate(self.embeddings):
            parts.append(table(categories[:, i]))
        joined = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        return torch.relu(self.mlp(joined))


def _reach(standard):
    """Return the range of each column, a range wider on both sides, (2, n_columns)."""
    ends = [
        np.fmin.reduce(standard, initial=np.inf),
        np.fmax.reduce(standard, initial=-np.inf),
    ]
    low, high = np.where(np.isfinite(ends), ends, 0.0)
    width = high - low
    return np.stack([low - width, high + width])


def _frame(cells) -> pd.DataFrame:
    """Return the cells as a frame; vectors in cells become its columns."""
    if isinstance(cells, pd.DataFrame) and cells.shape[1] != 1:
        return cells
    values = cells
    if isinstance(cells, (pd.DataFrame, pd.Series)):
        values, labels = cells_and_labels(cells)
        if values.dtype != object or not len(values) or not np.ndim(values[0]):
            return cells if isinstance(cells, pd.DataFrame) else cells.to_frame()
    else:
        values = as_array(values)
        labels = range(len(values))
    if values.dtype == object and values.ndim == 1 and np.ndim(values[0]):
        vectors = decode_cells(values, AlikeVectors(), labels=labels, remedy="")
        return pd.DataFrame(np.stack(vectors), index=labels)
    frame = pd.DataFrame(values.reshape(len(values), -1))
    return frame.infer_objects() if values.dtype == object else frame


def _is_block(frame) -> bool:
    """Whether the frame is one block of numpy numbers, quick to take whole."""
    return all(isinstance(d, np.dtype) and d.kind in "fiu" for d in set(frame.dtypes))


def _kinds(frame) -> dict:
    """Return what each column holds."""
    if not _is_block(frame):
        return {c: column_kind(frame[c]) for c in frame}
    empty = np.isnan(frame.to_numpy(dtype=np.float64)).all(axis=0)
    return {c: "empty" if e else "number" for c, e in zip(frame, empty, strict=True)}


def _labels(column, kind) -> pd.Series:
    """Return the categories of a column as str, None where missing."""
    if kind != "boolean":
        return read_labels(column, column.name)
    truths = pd.Series(read_truths(column, column.name))
    return truths.map({1.0: "True", 0.0: "False"}).astype(object)


def _category_values(labels, weight, min_frequency) -> np.ndarray:
    known = labels.notna().to_numpy()
    values, codes = np.unique(labels[known].to_numpy(object), return_inverse=True)
    if min_frequency <= 1:
        return values
    return values[np.bincount(codes, weight[known], len(values)) >= min_frequency]


def _codes(labels, values) -> np.ndarray:
    """Return 0 for missing, 1 for unseen (-1 in the index), 2 and up for known ones."""
    codes = np.full(len(labels), MISSING, dtype=np.int64)
    known = labels.notna().to_numpy()
    given = pd.Index(labels[known], dtype=object)  # texts that are no Unicode, too
    codes[known] = pd.Index(values, dtype=object).get_indexer(given) + FIRST
    return codes


def _number_column(column, name, kind) -> np.ndarray:
    if kind == "empty":
        return np.full(len(column), np.nan)
    if kind == "duration":
        return seconds(column, name)
    return read_numbers(column, name, kind)


def _date_parts(dates) -> dict[str, np.ndarray]:
    """Return numbers that carry the season, the week, the day and the trend."""
    missing = dates.isna().to_numpy()
    days = dates.dt
    year_angle = 2 * np.pi * (days.day_of_year - 1) / 365.25
    week_angle = 2 * np.pi * days.day_of_week / 7
    hour = days.hour + days.minute / 60
    parts = {
        "days": (dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1),
        "year_sin": np.sin(year_angle),
        "year_cos": np.cos(year_angle),
        "week_sin": np.sin(week_angle),
        "week_cos": np.cos(week_angle),
        "hour": hour,
    }
    return {
        part: np.where(missing, np.nan, np.asarray(values, dtype=np.float64))
        for part, values in parts.items()
    }
