"""One row: what it holds, and what each modality and the fusion make of it."""

from __future__ import annotations

import numpy as np

from skmultimodal.data._containers import as_container, take_rows
from skmultimodal.inspection._cell_drawing import (
    MAX_LINES,
    NARROW,
    SMALL,
    WIDE,
    cut_off,
    draw_cell,
    laid_out,
    write,
)
from skmultimodal.inspection._coalitions import fitted_estimator
from skmultimodal.inspection._parts import cell_of
from skmultimodal.inspection._plotting import figure_and_axes, finish, styles_of, tidy
from skmultimodal.inspection._row_explanation import predictions_of, truth_of

__all__ = ["RowDisplay"]


class RowDisplay:
    """Image, sound, text and table of one row beside what is predicted from each.

    The true label is set in bold.

    Parameters
    ----------
    cells : dict of str to Bunch
        For each modality its ``kind`` ("image", "audio", "text", "sequence",
        "embedding", "table" or "absent"), its ``value``, and the ``rate`` of a sound
        in hertz or None. Images and sounds are decoded; a table is a Series.

    predictions : DataFrame of shape (n_modalities + 1, n_outputs)
        Probabilities or values by each modality, and by ``"fused"`` in the last
        row; NaN where there is none. The columns are labels or outputs.

    weights : dict of str to float, default=None
        Fitted weight of each modality.

    truth : label, list of labels or Series, default=None
        The true label, the true labels of several, or the values by output.

    of_values : bool, default=False
        Whether predictions are values of a regression and not probabilities.

    parts : dict of str to Series, default=None
        By modality what each part of its cell adds, as :func:`explain_row` finds it;
        the cells are then those of the explanation.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes of shape (n_modalities + 1, 2)
        On the left what the row holds, on the right what is predicted.

    figure_ : matplotlib Figure
        Figure of the axes.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier
    >>> from skmultimodal.datasets import load_emoji
    >>> from skmultimodal.inspection import RowDisplay
    >>> X, y = load_emoji(return_X_y=True)
    >>> clf = FusionClassifier(random_state=0).fit(X[::8], y[::8])
    >>> display = RowDisplay.from_estimator(clf, X, 3, y)
    >>> {name: cell.kind for name, cell in display.cells.items()}
    {'image': 'image', 'text': 'text'}
    """

    def __init__(
        self,
        cells,
        predictions,
        *,
        weights=None,
        truth=None,
        of_values=False,
        parts=None,
    ):
        self.cells = cells
        self.predictions = predictions
        self.weights = weights
        self.truth = truth
        self.of_values = of_values
        self.parts = parts or {}

    @classmethod
    def from_estimator(cls, estimator, X, row, y=None, *, max_outputs=4, ax=None):
        """Predict one row with a fitted estimator, and draw it.

        Parameters
        ----------
        estimator : FusionClassifier or FusionRegressor
            Fitted.

        X : DataFrame, MultimodalData, dict or array-like
            Rows; all of them help to tell images from audio and texts.

        row : int
            Position of the row in X.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Labels or values of X; the row's own is shown as the truth.

        max_outputs : int, default=4
            Most labels to show: those with the highest probability in the fusion,
            the true one, and the first choice of each modality.

        ax : matplotlib Axes, default=None
            Axes whose place the figure takes; None makes a new figure.

        Returns
        -------
        RowDisplay
        """
        estimator = fitted_estimator(estimator)
        X = as_container(X)
        if not -len(X) <= row < len(X):
            raise ValueError(
                f"{cls.__name__} expected the position of a row of X, below {len(X)}. "
                f"Got {row}."
            )
        row %= len(X)
        predictions, of_values = predictions_of(estimator, take_rows(X, [row]))
        truth = None if y is None else truth_of(estimator, y, row, predictions)
        display = cls(
            {name: cell_of(estimator, X, row, name) for name in estimator.modalities_},
            predictions,
            weights=estimator.fusion_weights_,
            truth=truth,
            of_values=of_values,
        )
        return display.plot(ax, max_outputs=max_outputs)

    def plot(self, ax=None, *, max_outputs=4):
        """Draw one line per modality, and the fusion below.

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
        n_lines = len(self.cells) + 1
        self.figure_, (place, *_) = figure_and_axes(
            type(self).__name__, ax, figsize=(6.4, max(4.8, 1.2 * n_lines))
        )
        place.set_axis_off()
        grid = place.get_subplotspec().subgridspec(n_lines, 2)
        self.ax_ = grid.subplots()
        shown = self._shown(max_outputs)
        styles = styles_of(self.cells)
        for (left, right), name in zip(self.ax_, [*self.cells, "fused"], strict=True):
            cell = self.cells.get(name)
            title = name
            if cell is not None and self.weights is not None:
                title = f"{name}, weight {self.weights[name]:.2f}"
            left.set_title(title, loc="left", fontsize=SMALL + 1)
            if cell is None:
                write(left, self._summary())
            else:
                left.set_axis_off()
                if cell.kind != "text":
                    left.set_axis_on()
                    draw_cell(left, cell, self.parts.get(name))
            if self.predictions.loc[name].isna().any():
                absent = cell is not None and cell.kind == "absent"
                why = "absent" if absent else "none of its own"
                write(right, f"prediction: {why}", color="dimgrey")
            else:
                self._plot_prediction(right, name, shown, styles[name]["color"])
        texts = [name for name, cell in self.cells.items() if cell.kind == "text"]
        if any(name in self.parts for name in texts):
            laid_out(self.figure_)
        for (left, _), name in zip(self.ax_, self.cells, strict=False):
            if name in texts:
                draw_cell(left, self.cells[name], self.parts.get(name))
        finish(*self.ax_.flat)
        return self

    def _shown(self, max_outputs):
        """Return the columns to draw, the most probable in the fusion first."""
        table = self.predictions
        if self.of_values:
            return list(table.columns)
        ranked = table.loc["fused"].sort_values(ascending=False, kind="stable").index
        firsts = [r.idxmax() for _, r in table.dropna().iterrows()]
        wanted = [ranked[0], *self._true_labels(), *firsts, *ranked]
        chosen = list(dict.fromkeys(wanted))[:max_outputs]
        return sorted(chosen, key=list(ranked).index)

    def _true_labels(self):
        if self.truth is None or self.of_values:
            return []
        return self.truth if isinstance(self.truth, list) else [self.truth]

    def _summary(self):
        fused = self.predictions.loc["fused"]
        if self.of_values:
            lines = [f"{key}: {value:.4g}" for key, value in fused.items()]
            if self.truth is not None:
                lines += [f"true {k}: {v:.4g}" for k, v in self.truth.items()]
            return "\n".join(lines[:MAX_LINES])
        lines = [f"prediction: {fused.idxmax()}"]
        if isinstance(self.truth, list):
            lines = [f"true: {', '.join(map(str, self.truth)) or 'none'}"]
        elif self.truth is not None:
            lines.append(f"true: {self.truth}")
        return "\n".join(cut_off(line, WIDE) for line in lines)

    def _plot_prediction(self, ax, name, shown, colour):
        values = self.predictions.loc[name, shown].to_numpy(dtype=float)
        ax.barh(range(len(shown)), values, height=0.7, color=colour)
        ends = np.maximum(values, 0)  # where the numbers stand
        if self.of_values and self.truth is not None:
            ends = np.maximum(ends, self.truth[shown])
        for row, (value, end) in enumerate(zip(values, ends, strict=True)):
            ax.annotate(
                f"{value:.4g}" if self.of_values else f"{value:.2f}",
                (end, row),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=SMALL - 1,
            )
        true = self._true_labels()
        labels = [cut_off(str(key), NARROW) for key in shown]
        ax.set_yticks(range(len(shown)), labels, fontsize=SMALL)
        for label, key in zip(ax.get_yticklabels(), shown, strict=True):
            label.set_fontweight("bold" if key in true else "normal")
        ax.set_ylim(len(shown) - 0.4, -0.6)
        ax.tick_params(axis="x", labelsize=SMALL - 1)
        if not self.of_values:
            ax.set_xlim(0, 1.2)
            ax.set_xticks([0, 0.5, 1])
        else:
            known = self.predictions[shown].to_numpy(dtype=float)
            ends = [0, np.nanmin(known), np.nanmax(known)]
            if self.truth is not None:
                true = self.truth[shown].to_numpy(dtype=float)
                rows = np.arange(len(shown))
                ax.vlines(true, rows - 0.45, rows + 0.45, color="black", lw=2)
                ends += [true.min(), true.max()]
            span = (max(ends) - min(ends)) or 1.0
            ax.set_xlim(min(ends) - 0.05 * span, max(ends) + 0.3 * span)
        tidy(ax)
