"""Whether sets and intervals hold the truth as often as they say, and how large."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import is_regressor
from sklearn.utils.validation import column_or_1d

from skmultimodal.data._containers import as_container
from skmultimodal.datasets import drop_modalities
from skmultimodal.estimators._rows import check_lengths
from skmultimodal.inspection._plotting import (
    BLUE,
    VERMILLION,
    figure_and_axes,
    finish,
    fitted,
    tidy,
)

__all__ = ["CoverageDisplay"]


class CoverageDisplay:
    """Coverage and size of sets or intervals, by pattern or by rate of loss.

    Coverage is the share of rows whose set or interval holds the truth. Bars of
    two standard errors stand around it: what so few rows tell.

    Parameters
    ----------
    table : DataFrame of shape (n_parts, 3)
        ``coverage``, mean ``size`` and ``count`` of rows, by pattern of present
        modalities or by rate of lost ones, which is the index.

    confidence_level : float, default=0.9
        Coverage that was asked for.

    size_name : str, default="labels in a set"
        What `size` is.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the coverage.

    size_ax_ : matplotlib Axes or None
        Axes of the size.

    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    skmultimodal.ConformalFusionClassifier : Sets of labels.
    skmultimodal.ConformalFusionRegressor : Intervals of values.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skmultimodal import ConformalFusionClassifier, FusionClassifier
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> from skmultimodal.inspection import CoverageDisplay
    >>> X, y = make_multimodal_classification(200, random_state=0)
    >>> models = [(name, LogisticRegression()) for name in X]
    >>> clf = ConformalFusionClassifier(FusionClassifier(models, "decision"))
    >>> _ = clf.fit(X[:150], y[:150])
    >>> display = CoverageDisplay.from_estimator(clf, X[150:], y[150:])
    >>> list(display.table.columns)
    ['coverage', 'size', 'count']
    """

    def __init__(
        self,
        table: pd.DataFrame,
        *,
        confidence_level: float = 0.9,
        size_name: str = "labels in a set",
    ):
        self.table = table
        self.confidence_level = confidence_level
        self.size_name = size_name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        confidence_level=None,
        rates=None,
        random_state=None,
        ax=None,
    ):
        """Compute coverage and size on held-out rows, and draw them.

        Parameters
        ----------
        estimator : ConformalFusionClassifier or ConformalFusionRegressor
            Fitted, on other rows.

        X : DataFrame, MultimodalData or dict
            Rows that were neither fitted nor calibrated on.

        y : array-like of shape (n_samples,)
            Labels or values.

        confidence_level : float, default=None
            That of the estimator if None.

        rates : array-like of shape (n_rates,), default=None
            Rates at which modalities are dropped at random from X; None shows the
            patterns of present modalities that X has.

        random_state : int, RandomState instance or None, default=None
            Seed of what is dropped.

        ax : matplotlib Axes or sequence of two, default=None
            Axes of the coverage, and of the size; None makes a new figure.

        Returns
        -------
        CoverageDisplay

        Raises
        ------
        ValueError
            If y has other rows than X or more than one column, or there are several
            levels.
        """
        inner = fitted(estimator, "estimator_", cls.__name__)
        level = estimator.confidence_level
        level = level if confidence_level is None else confidence_level
        if np.ndim(level):
            raise ValueError(
                f"{cls.__name__} shows one 'confidence_level'. Got {level!r}. Draw one "
                "display a level."
            )
        y = column_or_1d(y)
        check_lengths(X=as_container(X), y=y)
        if rates is None:
            hits, sizes = _hits_and_sizes(estimator, X, y, level)
            found = inner.reader_.read(X)
            names = np.array(list(found.cells), dtype=object)
            labels = [" + ".join(names[row]) or "nothing" for row in found.present]
            table = _summary(hits, sizes, labels)
        else:
            rows = []
            for rate in np.atleast_1d(rates).tolist():
                part = drop_modalities(
                    X, rate, columns=inner.columns_, random_state=random_state
                )
                hits, sizes = _hits_and_sizes(estimator, part, y, level)
                rows.append(_summary(hits, sizes, [rate] * len(y)))
            table = pd.concat(rows)
        regression = is_regressor(estimator)
        name = "width of an interval" if regression else "labels in a set"
        return cls(table, confidence_level=level, size_name=name).plot(ax)

    def plot(self, ax=None):
        """Draw the coverage, and beside it the size.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of two, default=None
            Axes of the coverage, and of the size; a single one shows the coverage
            only. None makes a new figure.

        Returns
        -------
        CoverageDisplay
        """
        self.figure_, axes = figure_and_axes(
            type(self).__name__, ax, figsize=(8, 3.2), ncols=2, sharey=True
        )
        self.ax_, self.size_ax_ = axes[0], axes[1] if len(axes) > 1 else None
        table = self.table[::-1]  # the first on top
        at = np.arange(len(table))
        error = 2 * np.sqrt(
            table["coverage"] * (1 - table["coverage"]) / table["count"]
        )
        self.ax_.errorbar(
            table["coverage"], at, xerr=error, fmt="o", color=BLUE, capsize=3
        )
        self.ax_.axvline(self.confidence_level, ls=":", color=VERMILLION)
        low = min((table["coverage"] - error).min(), self.confidence_level - 0.1)
        self.ax_.set_xlim(max(low - 0.02, -0.02), 1.02)
        self.ax_.set_xlabel(f"coverage (dotted: {self.confidence_level:g})")
        labels = [
            f"{_text(part)} ({n} rows)"
            for part, n in zip(table.index, table["count"], strict=True)
        ]
        self.ax_.set_yticks(at, labels)
        self.ax_.set_ylim(-0.6, len(table) - 0.4)
        tidy(self.ax_, "x")
        if self.size_ax_ is not None:
            self.size_ax_.barh(at, table["size"], height=0.5, color=BLUE)
            self.size_ax_.set_xlabel(self.size_name)
            self.size_ax_.set_yticks(at)
            self.size_ax_.tick_params(labelleft=False)
            tidy(self.size_ax_, "x")
            finish(self.size_ax_)
        return self


def _text(part) -> str:
    return part if isinstance(part, str) else f"{part:.0%} lost"


def _hits_and_sizes(estimator, X, y, level):
    """Return whether each row's set or interval holds its y, and how large it is."""
    if is_regressor(estimator):
        low, high = estimator.predict_interval(X, level).T
        return (low <= y) & (y <= high), high - low
    sets = estimator.predict_set(X, level)
    known = y[:, None] == estimator.classes_
    return (sets & known).any(axis=1), sets.sum(axis=1)


def _summary(hits, sizes, labels):
    rows = pd.DataFrame({"coverage": hits.astype(float), "size": sizes})
    grouped = rows.groupby(pd.Index(labels), sort=False)
    table = grouped.mean().assign(count=grouped.size())
    return table.sort_values("count", ascending=False, kind="stable")
