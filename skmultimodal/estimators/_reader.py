"""Read X: which modalities it has, where they live, which cells are absent."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd

from skmultimodal._sklearn import columns_noted
from skmultimodal._warnings import warn
from skmultimodal.data._cells import present_mask
from skmultimodal.data._columns import (
    did_you_mean,
    find_cells,
    missing_columns,
)
from skmultimodal.data._containers import MultimodalData, as_container
from skmultimodal.encoders._readable import all_readable, as_column
from skmultimodal.estimators._layout import Layout, is_numeric, layout_of
from skmultimodal.estimators._rows import Patterns, Rows
from skmultimodal.estimators._tables import (
    of_kinds,
    read_matrix,
    refuse_infinite_block,
    settled,
)

__all__ = ["Reader"]

SETTINGS = (
    "encoders columns missing missing_values on_empty on_error".split()
)  # parameters of the estimators that are a reader's

# Patterns whose new ones were told of. It is no attribute of theirs: predict changes
# nothing, and Python's own memory is lost whenever torch changes its filters.
TOLD: weakref.WeakSet = weakref.WeakSet()


class Reader:
    """Turns X into cells of modalities, and says which are absent.

    Parameters
    ----------
    owner : str
        Whom errors name: the class of the estimator.
    encoders, columns, missing, missing_values, on_empty, on_error
        As parameters of the estimators.

    Attributes
    ----------
    encoders_ : dict of str to estimator
        Encoder of each modality: as given or inferred by :meth:`fit`, fitted after
        :meth:`settle`.
    columns_ : dict of str to column(s)
        Where each modality lives.
    dropped_ : tuple of str
        Modalities switched off with ``"drop"``.
    as_matrix_ : bool
        Whether X was a plain matrix of numbers.
    names_ : list of str
        Modalities in the order of the fitted model, after :meth:`settle`.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        If X had names of str.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmultimodal import ParallelFusion
    >>> from skmultimodal.estimators._reader import Reader
    >>> X = pd.DataFrame({"note": ["good food", None], "price": [9.5, 20.0]})
    >>> reader = Reader("FusionClassifier")
    >>> rows = reader.fit(reader.check(X), ParallelFusion())
    >>> reader.columns_
    {'note': 'note', 'table': ['price']}
    >>> rows.present
    array([[ True,  True],
           [False,  True]])
    """

    def __init__(
        self,
        owner,
        encoders="auto",
        columns=None,
        *,
        missing="mask",
        missing_values=None,
        on_empty="prior",
        on_error="raise",
    ):
        self.owner, self.encoders, self.columns = owner, encoders, columns
        self.missing, self.missing_values = missing, missing_values
        self.on_empty, self.on_error = on_empty, on_error

    @classmethod
    def of(cls, estimator) -> Reader:
        """Return a new reader with the parameters of an estimator."""
        params = {name: getattr(estimator, name) for name in SETTINGS}
        return cls(type(estimator).__name__, **params)

    def under(self, estimator) -> Reader:
        """Return a copy that follows the parameters that an estimator has now."""
        reader = copy.copy(self)
        for name in ("missing", "missing_values", "on_empty", "on_error"):
            setattr(reader, name, getattr(estimator, name))
        return reader

    # -- X as a whole -------------------------------------------------------------

    def check(self, X):
        """Return X as a container; note its names, or refuse others than noted."""
        reset = not hasattr(self, "names_")
        X = as_container(X)
        if not hasattr(X, "shape") and not _is_matrix_like(X):
            raise TypeError(
                f"{self.owner} expected a DataFrame, a MultimodalData, a dict "
                f"or an array of two axes. Got {_described(X)}."
            )
        if isinstance(X, pd.Series) or getattr(X, "ndim", 2) > 2:
            raise ValueError(
                f"{self.owner} expected a DataFrame, a MultimodalData, a dict "
                f"or an array of two axes. Got {type(X).__name__} of shape {X.shape}. "
                "Name the modality it holds: {'name': X}."
            )
        if isinstance(X, pd.DataFrame) and not X.shape[1]:
            raise ValueError(
                f"{self.owner} expected one column or more. Got an X of shape "
                f"{X.shape}."
            )
        if isinstance(X, (pd.DataFrame, MultimodalData)) and not len(X):
            raise ValueError(
                f"{self.owner} found 0 sample(s) in X of shape {X.shape}. It "
                "needs at least one row."
            )
        explicit = not isinstance(self.encoders, str) or self.columns is not None
        if isinstance(X, MultimodalData):
            if reset:
                self.n_features_in_ = len(list(X))
                self.feature_names_in_ = np.array(list(X), dtype=object)
            return X
        if isinstance(X, pd.DataFrame):
            plain = not explicit and is_numeric(X) if reset else self.as_matrix_
            if not plain:
                if reset:
                    vars(self).update(columns_noted(self, X))
                return X
        elif (
            explicit
            and np.dtype(getattr(X, "dtype", float)).kind == "O"
            and X.ndim == 2
        ):
            if reset:
                self.n_features_in_ = X.shape[1]
            return X
        if not reset and not self.as_matrix_:
            raise TypeError(
                f"{self.owner} was fitted on a frame with modalities "
                f"{list(self.columns_)}. Got {type(X).__name__} at predict. Pass a "
                "DataFrame or a MultimodalData with the same columns."
            )
        X, noted = read_matrix(self, X, reset)
        vars(self).update(noted)
        return X

    # -- fit ----------------------------------------------------------------------

    def fit(self, X, strategy, regression=False, n_classes=2) -> Rows:
        """Find the modalities of a checked X, for a strategy; return its rows."""
        layout = self.layout(X, regression)
        encoders, columns = layout.encoders(strategy, n_classes), layout.columns
        self.dropped_, self.kinds_ = layout.dropped, layout.kinds
        self._tell_of_pretrained(layout)
        cells = settled(self, X, columns, self._find(X, columns, encoders), encoders)
        self.encoders_, self.columns_ = encoders, columns
        self.as_matrix_ = is_numeric(X) and isinstance(X, np.ndarray)
        return Rows(cells, self._presence(cells))

    def _tell_of_pretrained(self, layout):
        """Keep which pretrained encoders were chosen; warn where none is installed."""
        self.__dict__.pop("pretrained_report_", None)
        if not layout.chosen:
            return
        from skmultimodal.encoders.pretrained._defaults import pretrained_report

        self.pretrained_report_ = report = pretrained_report(layout.chosen)
        lacking = report[report["reason"].str.startswith("none installed")]
        for name, row in lacking.iterrows():
            what = f"no pretrained encoder of {row.kind}"
            warn(f"Modality {name!r}: {what}, {row.reason}")

    def settle(self, names, encoders, report) -> None:
        """Take over the fitted encoders, the order, and the patterns of a fit."""
        self.names_, self.encoders_ = list(names), encoders
        self.patterns_ = Patterns(names, report)

    def layout(self, X, regression=False) -> Layout:
        """Return the modalities of a checked X and what encodes them."""
        return layout_of(X, self.encoders, self.columns, self.owner, regression)

    def encoders_for(self, X, regression, n_classes=2):
        """Return the function of a strategy that infers encoders; None if given."""
        layout = self.layout(X, regression)
        return partial(layout.encoders, n_classes=n_classes) if layout.follows else None

    @property
    def infers(self) -> bool:
        """Whether columns that nobody names become modalities."""
        return isinstance(self.encoders, (str, dict))

    # -- rows ---------------------------------------------------------------------

    def read_more(self, X) -> Rows:
        """Return further rows to train on, with all columns of the fit."""
        cells = self._find(X, self.columns_, self.encoders_)
        return Rows(cells, self._presence(cells))

    def read(self, X) -> Rows:
        """Return the rows of X for the fitted model; lost columns are absent cells."""
        X = self.check(X)
        columns = {name: self.columns_[name] for name in self.names_}
        gone = {name: missing_columns(X, where) for name, where in columns.items()}
        absent = [name for name, lost in gone.items() if self._is_gone(name, lost)]
        if len(absent) == len(columns):
            lost = sorted({column for columns in gone.values() for column in columns})
            raise ValueError(
                f"X has no column for any modality of {self.owner}: it lacks "
                f"{lost}. Pass the columns seen in fit."
            )
        here = {name: w for name, w in columns.items() if name not in absent}
        cells = self._find(X, here, self.encoders_)
        if absent:
            known = X.columns if isinstance(X, pd.DataFrame) else X
            lost = [column for name in absent for column in gone[name]]
            hints = "".join(did_you_mean(column, known) for column in lost)
            warn(
                f"X has no column for {absent}: absent from every row. The prediction "
                f"rests on {list(cells)}.{hints}"
            )
        n = len(X)
        present = np.zeros((n, len(columns)), dtype=bool)
        found = [i for i, name in enumerate(columns) if name in cells]
        if found:
            present[:, found] = self._presence(cells)
        if not absent:
            self._warn_of_new_patterns(present)
        return Rows({name: cells.get(name) for name in columns}, present)

    def _find(self, X, columns, encoders):
        """Return the cells of each modality, without those that cannot be read."""
        cells = {
            name: as_column(of_kinds(name, found, self.kinds_), encoders[name])
            for name, found in find_cells(X, columns).items()
        }
        if self.on_error == "raise":
            return cells
        return all_readable(cells, encoders, self._absent_texts())

    def _absent_texts(self):
        texts = self.missing_values
        return {texts} if isinstance(texts, str) else set(texts or ())

    def _presence(self, cells):
        for name, values in cells.items():
            _refuse_complex(name, values)
            refuse_infinite_block(name, values)
        texts = self._absent_texts()
        present = np.column_stack(
            [present_mask(v) & ~_is_one_of(v, texts) for v in cells.values()]
        )
        if self.missing == "raise" and not present.all():
            row, column = np.argwhere(~present)[0]
            name = list(cells)[column]
            raise ValueError(
                f"Modality {name!r} is absent from row {row} ({(~present).sum()} "
                "absent cells in all), and missing='raise'. Fill the cells, drop the "
                "rows, or use missing='mask'."
            )
        if self.on_empty == "raise":
            empty = np.flatnonzero(~present.any(axis=1))
            if len(empty):
                raise ValueError(
                    f"Row {empty[0]} has none of the modalities {list(cells)} "
                    f"({len(empty)} such rows in all), and on_empty='raise'. Drop the "
                    "rows, or use on_empty='prior'."
                )
        return present

    def _warn_of_new_patterns(self, present):
        """Warn, once per fit, of patterns of modalities that training never had."""
        if self.patterns_ in TOLD:
            return
        new = self.patterns_.new(present)
        if new:
            TOLD.add(self.patterns_)
            names = self.names_
            held = [
                [n for n, here in zip(names, row, strict=True) if here] for row in new
            ]
            warn(
                "X has rows whose present modalities are "
                f"{' or '.join(map(str, held))} alone. No training row of "
                f"{self.owner} was like that: see missing_report_. "
                "Predictions for such rows are extrapolations."
            )

    def _is_gone(self, name, lost):
        """Whether all columns of a modality are gone; some of a table is an error."""
        where = self.columns_[name]
        wanted = len(where) if isinstance(where, (list, tuple)) else 1
        if lost and len(lost) < wanted:
            raise ValueError(
                f"Modality {name!r} was fitted with columns {list(where)}, of which X "
                f"lacks {lost}. Add them (NaN where unknown)."
            )
        if lost and self.missing == "raise":
            raise ValueError(f"X has no column for modality {name!r}: {lost}.")
        return bool(lost)


def _is_one_of(cells, texts) -> np.ndarray:
    """Tell which cells of one column are one of some texts."""
    if not texts or getattr(cells, "ndim", 1) != 1:
        return np.zeros(len(cells), dtype=bool)
    found = (isinstance(cell, str) and cell in texts for cell in cells)
    return np.fromiter(found, bool, len(cells))


def _is_matrix_like(X) -> bool:
    """Whether scikit-learn may read X as a matrix: lists of numbers or of lists."""
    if not isinstance(X, (list, tuple)):
        return hasattr(X, "__array__")
    return not any(isinstance(row, (str, bytes, Mapping)) for row in X)


def _described(X) -> str:
    if not isinstance(X, (list, tuple)):
        return type(X).__name__
    remedy = "Name what it holds: {'name': X}"
    if isinstance(X[0], Mapping):
        remedy = "Pass pandas.DataFrame(X)"
    return f"a {type(X).__name__} of {type(X[0]).__name__}. {remedy}"


def _refuse_complex(name, values):
    columns = values.items() if isinstance(values, pd.DataFrame) else [(None, values)]
    for column, part in columns:
        if getattr(getattr(part, "dtype", None), "kind", "") == "c":
            where = "" if column is None else f" Got column {column!r}."
            raise ValueError(
                f"Modality {name!r}: Complex data not supported.{where} Pass real and "
                "imaginary parts as numbers of their own."
            )
