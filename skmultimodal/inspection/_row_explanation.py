"""All modalities of one row: what each part adds, and the training rows nearest by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from skmultimodal.data._containers import as_container
from skmultimodal.inspection._attribution import check_options
from skmultimodal.inspection._coalitions import fitted_estimator
from skmultimodal.inspection._page import written
from skmultimodal.inspection._parts import cell_of, cut
from skmultimodal.inspection._play import Game, play, target_labels, typical
from skmultimodal.inspection._scoring import target_columns

__all__ = ["RowExplanation", "explain_row"]


@dataclass
class RowExplanation:
    """What the parts of one row add, as :func:`explain_row` finds it.

    Parameters
    ----------
    parts_ : dict of str to Series
        By modality what its parts add, in units of the output; all of them sum to
        ``full_ - base_``. Absent modalities are left out.

    modalities_ : Series
        Their sums by modality, zero where one is absent.

    weights_ : Series or None
        Weight of each modality in this row, where the strategy has some.

    base_, full_ : float
        Output without any part and with all of them.

    target_ : label or int
        Class (or column of y) that is explained.

    predictions_ : DataFrame of shape (n_modalities + 1, n_outputs)
        Probabilities or values by each modality, and by ``"fused"``.

    cells_ : dict of str to Bunch or Parts
        What the row holds, decoded.

    neighbours_ : list of dict
        The nearest of the rows given as `background`: ``label``, ``truth``,
        ``distance`` and ``cells``.

    truth_ : label, list of labels, Series or None
        The true one, where `y` was given.

    output : str
        What is shared out.

    of_values : bool
        Whether predictions are values of a regression and not probabilities.
    """

    parts_: dict[str, pd.Series] = field(repr=False)
    modalities_: pd.Series
    weights_: pd.Series | None
    base_: float
    full_: float
    target_: Any
    predictions_: pd.DataFrame = field(repr=False)
    cells_: dict[str, Any] = field(repr=False)
    neighbours_: list[dict[str, Any]] = field(repr=False)
    truth_: Any
    output: str
    of_values: bool = field(repr=False)

    def plot(self, ax: Any = None, *, max_outputs: int = 4) -> Any:
        """Draw the row with its parts coloured, beside what is predicted from each.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes whose place the figure takes; None makes a new figure.

        max_outputs : int, default=4
            Most labels to show.

        Returns
        -------
        RowDisplay
        """
        from skmultimodal.inspection import RowDisplay

        display = RowDisplay(
            self.cells_,
            self.predictions_,
            weights=None if self.weights_ is None else dict(self.weights_),
            truth=self.truth_,
            of_values=self.of_values,
            parts=self.parts_,
        )
        return display.plot(ax, max_outputs=max_outputs)

    def to_html(self, path: Any = None, *, title: str = "One row") -> str:
        """Return the row as one page of HTML that needs no other file.

        All modalities stand beside each other, their parts coloured, above the
        nearest training rows. Whatever cells hold is shown as text.

        Parameters
        ----------
        path : str or path-like, default=None
            File to write the page to.

        title : str, default="One row"
            Heading of the page.

        Returns
        -------
        str
        """
        from skmultimodal.inspection._row_page import row_page

        return written(row_page(self, title), path)


def explain_row(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    output: str = "score",
    target: Any = "predicted",
    grid: tuple[int, int] = (4, 4),
    segments: Any = None,
    windows: int = 10,
    empty: str = "blank",
    background: Any = None,
    background_y: Any = None,
    n_neighbours: int = 3,
    n_orders: int = 32,
    random_state: Any = None,
) -> RowExplanation:
    """Tell what every part of one row adds to its prediction, all modalities together.

    The parts of all modalities enter one game, so that two that tell something only
    together share it, also across modalities.

    Read more in the :ref:`User Guide <parts>`.

    Parameters
    ----------
    estimator : fusion estimator
        Fitted, of any strategy.

    X : DataFrame, MultimodalData or dict
        One row, ``X.iloc[[3]]`` for example.

    y : array-like of shape (1,), default=None
        Its label or value, to be shown, and for ``target="true"``.

    output : {"score", "probability"}, default="score"
        What is shared out, see :func:`part_attributions`.

    target : {"predicted", "true"} or label or int, default="predicted"
        Class that is explained; the column of y where there are several outputs.

    grid, segments, windows : object
        How images, sounds and series are cut, see :func:`part_attributions`.

    empty : {"blank", "absent"}, default="blank"
        What is left of a modality without any of its parts: an empty cell, or none.

    background : DataFrame, MultimodalData or dict, default=None
        Training rows, of which the nearest are shown.

    background_y : array-like of shape (n_samples,), default=None
        Their labels or values.

    n_neighbours : int, default=3
        How many of them are kept; near are those whose fused embedding is.

    n_orders : int, default=32
        Orders in which more than 10 parts enter, half of them the others backwards.

    random_state : int, RandomState instance or None, default=None
        Seed of the orders.

    Returns
    -------
    RowExplanation

    Raises
    ------
    ValueError
        If X has not one row, or a parameter is unknown.

    See Also
    --------
    part_attributions : One modality of many rows.
    RowDisplay : The row without parts.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier
    >>> from skmultimodal.datasets import load_emoji
    >>> from skmultimodal.inspection import explain_row
    >>> X, y = load_emoji(return_X_y=True)
    >>> clf = FusionClassifier(random_state=0).fit(X[::8], y[::8])
    >>> found = explain_row(clf, X[3:4], random_state=0)
    >>> total = sum(values.sum() for values in found.parts_.values())
    >>> bool(abs(total - (found.full_ - found.base_)) < 1e-9)
    True
    """
    estimator = fitted_estimator(estimator)
    check_options(output=output, empty=empty, windows=windows, n_orders=n_orders)
    X = as_container(X)
    if len(X) != 1:
        raise ValueError(
            f"explain_row expected one row, such as X.iloc[[3]]. Got {len(X)} rows."
        )
    task, model = estimator.task_, estimator.fusion_
    cells, present = estimator.reader_.read(X)
    names = [name for m, name in enumerate(model.names) if present[0, m]]
    options = {
        "grid": grid,
        "segments": segments,
        "windows": windows,
        "typical": typical(estimator, names, cells, background),
    }
    parts = {name: cut(estimator, cells[name], 0, name, options) for name in names}
    columns = target_columns(task, model.response(cells, present), y, target)
    one = Game(0, parts, n_orders, random_state)
    outputs = play(estimator, cells, present, [one], columns, output, empty)[0]
    values = one.shares.mean(outputs)
    stops = np.cumsum([len(each.labels) for each in parts.values()])[:-1]
    by_name = {
        name: pd.Series(part, parts[name].labels)
        for name, part in zip(parts, np.split(values, stops), strict=True)
    }
    sums = {
        name: float(by_name[name].sum()) if name in by_name else 0.0
        for name in estimator.modalities_
    }
    weights = None
    if hasattr(estimator, "modality_weights"):
        weights = estimator.modality_weights(X).iloc[0]
    predictions, of_values = predictions_of(estimator, X)
    return RowExplanation(
        parts_={n: by_name[n] for n in estimator.modalities_ if n in by_name},
        modalities_=pd.Series(sums),
        weights_=weights,
        base_=float(outputs[0]),
        full_=float(outputs[-1]),
        target_=target_labels(task, columns)[0],
        predictions_=predictions,
        cells_={
            name: parts[name] if name in parts else cell_of(estimator, X, 0, name)
            for name in estimator.modalities_
        },
        neighbours_=_nearest(estimator, X, background, background_y, n_neighbours),
        truth_=None if y is None else truth_of(estimator, y, 0, predictions),
        output=output,
        of_values=of_values,
    )


def _nearest(estimator, X, background, y, n_neighbours):
    """Return the rows of the background whose fused embedding is nearest."""
    if background is None:
        return []
    background = as_container(background)
    gaps = estimator.transform(background) - estimator.transform(X)
    gaps = np.linalg.norm(gaps, axis=1)
    index = range(len(gaps))
    if isinstance(background, pd.DataFrame):
        index = background.index
    truths = None if y is None else np.asarray(y)
    return [
        {
            "label": index[row],
            "truth": None if truths is None else truths[row],
            "distance": float(gaps[row]),
            "cells": {
                name: cell_of(estimator, background, int(row), name)
                for name in estimator.modalities_
            },
        }
        for row in np.argsort(gaps, kind="stable")[:n_neighbours]
    ]


def predictions_of(estimator, X):
    """Return the predictions for one row as a table, and whether they are values."""
    of_values = not hasattr(estimator, "predict_proba")
    method = "predict_per_modality" if of_values else "predict_proba_per_modality"
    fused = estimator.predict(X) if of_values else estimator.predict_proba(X)
    fused = np.asarray(fused, dtype=float).reshape(-1)
    rows = dict.fromkeys(estimator.modalities_, np.full(len(fused), np.nan))
    if hasattr(estimator, method):
        alone = getattr(estimator, method)(X)
        rows |= {name: np.asarray(part).reshape(-1) for name, part in alone.items()}
    rows["fused"] = fused
    if not of_values:
        columns = list(estimator.classes_)
    else:
        columns = ["y"] if len(fused) == 1 else [f"y{k}" for k in range(len(fused))]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns), of_values


def truth_of(estimator, y, row, predictions):
    """Return the true label, labels or values of one row."""
    true = np.asarray(y)[row]
    if not hasattr(estimator, "predict_proba"):
        return pd.Series(np.ravel(true), index=predictions.columns)
    if np.ndim(true):
        return [label for label, on in zip(predictions, true, strict=True) if on]
    return true
