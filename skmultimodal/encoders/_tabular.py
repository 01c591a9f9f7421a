"""Tables: numbers, categories and dates to an embedding."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import nn

from skmultimodal.encoders._base import BaseEncoder
from skmultimodal.encoders._modules import MLP

__all__ = ["TabularEncoder"]


class TabularEncoder(BaseEncoder):
    """Embed the columns of a table with a multilayer perceptron.

    Numbers are standardised, missing ones become the mean and set an indicator.
    Categories (str, category and bool columns) get a learned embedding each, with
    one more for unseen and one for missing values. Dates become numbers. With no
    dropout and no batch statistics, a plain float64 matrix gives exactly
    repeatable, weight-equivalent fits.

    Parameters
    ----------
    hidden_features : tuple of int, default=(64,)
        Widths of the hidden layers.

    out_features : int, default=64
        Width of the embedding.

    embedding_features : int, default=8
        Width of the embedding of each categorical column.

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

    indicators_ : ndarray of int
        Numeric features with a missing indicator.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmultimodal import TabularEncoder
    >>> X = pd.DataFrame({"height": [1.0, None, 3.0], "sky": ["blue", "grey", "blue"]})
    >>> encoder = TabularEncoder().fit(X)
    >>> encoder.transform(X)["numbers"].shape  # standardised and indicator
    (3, 2)
    """

    def __init__(
        self,
        hidden_features=(64,),
        out_features=64,
        *,
        embedding_features=8,
        dropout=0.0,
    ):
        self.hidden_features = hidden_features
        self.out_features = out_features
        self.embedding_features = embedding_features
        self.dropout = dropout

    def fit(self, cells, y=None, sample_weight=None):
        """Learn standardisation and categories.

        Parameters
        ----------
        cells : DataFrame or ndarray of shape (n_samples, n_columns)
        y : ignored
        sample_weight : ndarray of shape (n_samples,), default=None

        Returns
        -------
        self : object
        """
        frame = _frame(cells)
        self.dates_ = [c for c in frame if _is_date(frame[c])]
        self.categorical_ = [
            c for c in frame if c not in self.dates_ and _is_category(frame[c])
        ]
        self.categories_ = {c: _category_values(frame[c]) for c in self.categorical_}
        numbers, self.numbers_ = self._numbers(frame)
        weight = np.ones(len(frame)) if sample_weight is None else sample_weight
        known = ~np.isnan(numbers)
        total = np.maximum(weight @ known, 1e-300)
        filled = np.where(known, numbers, 0.0)
        self.mean_ = weight @ filled / total
        deviation = np.where(known, numbers - self.mean_, 0.0)
        scale = np.sqrt(weight @ deviation**2 / total)
        tiny = 10 * np.finfo(np.float64).eps * np.abs(self.mean_)
        self.scale_ = np.where(scale > tiny, scale, 1.0)
        self.indicators_ = np.flatnonzero(~known.all(axis=0))
        return self

    def transform(self, cells):
        """Return ``numbers`` and, where there are some, ``categories``.

        Parameters
        ----------
        cells : DataFrame or ndarray of shape (n_samples, n_columns)

        Returns
        -------
        dict
            ``"numbers"``, float64 of shape (n_samples, n_numbers + n_indicators),
            and ``"categories"``, int64 of shape (n_samples, n_categorical), where 0
            is a missing and 1 an unseen category.
        """
        frame = _frame(cells)
        numbers, _ = self._numbers(frame)
        standard = (numbers - self.mean_) / self.scale_
        missing = np.isnan(standard)
        standard[missing] = 0.0
        indicators = missing[:, self.indicators_].astype(np.float64)
        inputs = {"numbers": np.concatenate([standard, indicators], axis=1)}
        if self.categorical_:
            codes = [_codes(frame[c], v) for c, v in self.categories_.items()]
            inputs["categories"] = np.column_stack(codes)
        return inputs

    def build(self):
        """Return a new module.

        Returns
        -------
        nn.Module
            ``(n, n_numbers), (n, n_categorical) -> (n, out_features)``.
        """
        sizes = [len(values) + 2 for values in self.categories_.values()]
        return _Tabular(
            len(self.mean_) + len(self.indicators_),
            sizes,
            self.embedding_features,
            tuple(self.hidden_features),
            self.out_features,
            self.dropout,
        )

    def _numbers(self, frame):
        """Return the numeric features (n_samples, n_numbers) and their names."""
        columns, names = [], []
        for column in frame:
            if column in self.dates_:
                parts = _date_parts(frame[column])
                columns += list(parts.values())
                names += [f"{column}_{part}" for part in parts]
            elif column not in self.categorical_:
                columns.append(_number_column(frame[column], column))
                names.append(column)
        if not columns:
            return np.zeros((len(frame), 0)), names
        return np.column_stack(columns), names


class _Tabular(nn.Module):
    def __init__(self, n_numbers, sizes, embedding, hidden, out_features, dropout):
        super().__init__()
        self.out_features = out_features
        self.embeddings = nn.ModuleList(nn.Embedding(s, embedding) for s in sizes)
        for table in self.embeddings:
            nn.init.normal_(table.weight, std=embedding**-0.5)
        width = n_numbers + embedding * len(sizes)
        self.mlp = MLP(width, out_features, hidden, dropout)

    def forward(self, numbers, categories=None):
        parts = [numbers]
        for i, table in enumerate(self.embeddings):
            parts.append(table(categories[:, i]))
        joined = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        return torch.relu(self.mlp(joined))


def _frame(cells) -> pd.DataFrame:
    if isinstance(cells, pd.DataFrame):
        return cells
    if isinstance(cells, pd.Series):
        return cells.to_frame()
    cells = np.asarray(cells)
    if cells.dtype == object and cells.ndim == 1 and len(cells) and np.ndim(cells[0]):
        cells = np.stack([np.asarray(cell) for cell in cells])
    cells = cells.reshape(len(cells), -1)
    frame = pd.DataFrame(cells)
    return frame.infer_objects() if cells.dtype == object else frame


def _is_date(column) -> bool:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return True
    if column.dtype != object:
        return False
    return pd.api.types.infer_dtype(column, skipna=True) in ("datetime", "date")


def _is_category(column) -> bool:
    dtype = column.dtype
    if pd.api.types.is_bool_dtype(dtype) or isinstance(dtype, pd.CategoricalDtype):
        return True
    if dtype == object:
        kind = pd.api.types.infer_dtype(column, skipna=True)
        return kind not in ("floating", "integer", "mixed-integer-float", "empty")
    return not (
        pd.api.types.is_numeric_dtype(dtype)
        or pd.api.types.is_timedelta64_dtype(dtype)
    )


def _category_values(column) -> np.ndarray:
    return np.unique(column.dropna().astype(str).to_numpy(dtype=object))


def _codes(column, values) -> np.ndarray:
    """Return 0 for missing, 1 for unseen, 2 and up for known categories."""
    codes = np.zeros(len(column), dtype=np.int64)
    known = column.notna().to_numpy()
    given = column[known].astype(str).to_numpy(dtype=object)
    codes[known] = pd.Index(values).get_indexer(given) + 2
    return codes


def _number_column(column, name) -> np.ndarray:
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        return column.dt.total_seconds().to_numpy(dtype=np.float64)
    try:
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"column {name!r} was numbers in fit. Got {column.dtype} values that are "
            f"not: {error}."
        ) from error
    if np.isinf(values).any():
        row = column.index[np.isinf(values)][0]
        raise ValueError(
            f"column {name!r} has an infinite value in row {row!r}. Replace it, or "
            "use NaN for a missing one."
        )
    return values


def _date_parts(column) -> dict[str, np.ndarray]:
    """Return numbers that carry the season, the week, the day and the trend."""
    dates = pd.to_datetime(column, utc=True)
    missing = dates.isna().to_numpy()
    days = dates.dt
    year_angle = 2 * np.pi * (days.dayofyear - 1) / 365.25
    week_angle = 2 * np.pi * days.dayofweek / 7
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
