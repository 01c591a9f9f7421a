"""Tables of mixed columns to the numbers and categories that trees take."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skmultimodal.data._table import (
    column_kind,
    read_dates,
    read_labels,
    read_numbers,
    read_truths,
    refuse_infinite,
    seconds,
)

__all__ = ["TableFeatures"]

_RARE = "\0rare"  # no value of a table that people have
_DATE_PARTS = ("year", "month", "day", "day_of_week", "hour")


class TableFeatures(TransformerMixin, BaseEstimator):
    """Turn a table into float and category columns.

    Numbers, truth values and durations become float, dates become year, month, day,
    day of week and hour, everything else becomes a category. Categories are those of
    the training rows; a new one is missing at prediction. A column without a value in
    `fit` is ignored: it becomes zeros. Made for
    ``HistGradientBoostingClassifier(categorical_features="from_dtype")``.

    Parameters
    ----------
    max_categories : int, default=255
        With more distinct values than this, the rarest share one category. The
        default is the most that scikit-learn's boosted trees take.

    as_codes : bool, default=False
        Whether categories become their positions, as numbers, for trees that take
        nothing else.

    Attributes
    ----------
    feature_names_in_ : ndarray of shape (n_columns,), dtype object
    n_features_in_ : int
    categories_ : dict of str to Index
        Categories of each column that is one.
    rare_ : dict of str to frozenset
        Values that share a category, for the columns that have too many.

    See Also
    --------
    ImageFeatures : The same for images.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmultimodal.encoders import TableFeatures
    >>> dates = pd.to_datetime(["2024-05-01", "2024-06-01"])
    >>> X = pd.DataFrame({"sky": ["clear", "fog"], "on": dates})
    >>> TableFeatures().fit(X).get_feature_names_out().tolist()
    ['sky', 'on_year', 'on_month', 'on_day', 'on_day_of_week', 'on_hour']
    """

    reads = "table"
    takes_tables = True

    def __init__(self, max_categories: int = 255, as_codes: bool = False):
        self.max_categories = max_categories
        self.as_codes = as_codes

    def fit(self, X: Any, y: Any = None) -> TableFeatures:
        """Learn the categories.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_columns)
        y : ignored

        Returns
        -------
        self : object
        """
        X = _as_frame(X)
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        self.kinds_ = {name: column_kind(X[name]) for name in X.columns}
        self.categories_: dict[str, pd.Index] = {}
        self.rare_: dict[str, frozenset[str]] = {}
        for name, kind in self.kinds_.items():
            if kind == "category":
                self._fit_categories(name, read_labels(X[name], name))
        return self

    def _fit_categories(self, name, labels):
        counts = labels.value_counts()
        order = sorted(counts.index, key=lambda value: (-counts[value], value))
        rare = order[self.max_categories - 1 :]
        self.rare_[name] = frozenset(rare if len(order) > self.max_categories else ())
        categories = sorted(set(order) - self.rare_[name])
        if self.rare_[name]:
            categories.append(_RARE)
        self.categories_[name] = pd.Index(categories, dtype=object)

    def transform(self, X: Any) -> pd.DataFrame:
        """Return the table in float and category columns.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_columns)

        Returns
        -------
        table : DataFrame of shape (n_samples, n_features)

        Raises
        ------
        ValueError
            When columns of the training table are missing, a number is infinite, or a
            cell is not what its column was in `fit`; the message names the row.
        TypeError
            When a category is a dict, a list, an array or bytes.
        """
        check_is_fitted(self)
        X = _as_frame(X)
        absent = [name for name in self.kinds_ if name not in X.columns]
        if absent:
            raise ValueError(
                f"TableFeatures was fitted with columns that X lacks: {absent}. Pass "
                "them, with NaN where a value is unknown."
            )
        columns = []
        for name, kind in self.kinds_.items():
            column = X[name]
            if kind == "date":
                dates = read_dates(column, name).dt
                columns += [getattr(dates, p).astype(np.float64) for p in _DATE_PARTS]
            elif kind == "category":
                columns.append(self._categorical(name, read_labels(column, name)))
            else:
                columns.append(_READERS[kind](column, name))
        table = pd.DataFrame(dict(enumerate(columns)), index=X.index)
        return table.set_axis(self.get_feature_names_out(), axis=1)

    def _categorical(self, name, labels) -> pd.Series:
        labels = labels.mask(labels.isin(self.rare_[name]), _RARE)
        known = self.categories_[name]
        codes = known.get_indexer(pd.Index(labels, dtype=object))  # -1: missing
        if self.as_codes:
            return pd.Series(np.where(codes < 0, np.nan, codes), index=labels.index)
        values = pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(known))
        return pd.Series(values, index=labels.index)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the columns of the result, dates as ``<name>_year`` and so on.

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        names : ndarray of shape (n_features,), dtype object
        """
        check_is_fitted(self)
        names = []
        for name, kind in self.kinds_.items():
            if kind == "date":
                names += [f"{name}_{part}" for part in _DATE_PARTS]
            else:
                names.append(str(name))
        return np.asarray(names, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def _as_frame(X) -> pd.DataFrame:
    if isinstance(X, pd.DataFrame):
        return X
    if isinstance(X, pd.Series):
        return X.to_frame()
    X = np.asarray(X)
    X = X.reshape(len(X), -1)
    return pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])


def _empty(column, name) -> np.ndarray:
    """Return zeros: a column without a value in `fit` is ignored."""
    return np.zeros(len(column))


def _numbers(column, name, kind="number") -> np.ndarray:
    values = read_numbers(column, name, kind)
    refuse_infinite(values[:, None], [name], column.index)
    return values


_READERS: dict[str, Callable] = {
    "empty": _empty,
    "number": _numbers,
    "point number": partial(_numbers, kind="point number"),
    "comma number": partial(_numbers, kind="comma number"),
    "boolean": read_truths,
    "duration": seconds,
}
