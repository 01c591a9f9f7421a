"""One row: what it holds, and what each modality and the fusion make of it."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skmultimodal.data._cells import present_mask
from skmultimodal.data._columns import find_cells, missing_columns
from skmultimodal.data._containers import MultimodalData, as_container, take_rows
from skmultimodal.data._images import decode_image, frames_of, to_channels
from skmultimodal.data._sounds import decode_audio
from skmultimodal.encoders._auto import infer_columns
from skmultimodal.inspection._plotting import figure_and_axes, finish, styles_of, tidy

__all__ = ["RowDisplay"]

SMALL = 8  # points
MAX_LINES = 5
WIDE, NARROW = 36, 19  # characters of a line of text, of an entry of a table


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
        self, cells, predictions, *, weights=None, truth=None, of_values=False
    ):
        self.cells = cells
        self.predictions = predictions
        self.weights = weights
        self.truth = truth
        self.of_values = of_values

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
        check_is_fitted(estimator)
        X = as_container(X)
        if not -len(X) <= row < len(X):
            raise ValueError(
                f"{cls.__name__} expected the position of a row of X, below {len(X)}. "
                f"Got {row}."
            )
        row %= len(X)
        predictions, of_values = _predictions(estimator, take_rows(X, [row]))
        truth = None if y is None else _truth(estimator, y, row, predictions)
        display = cls(
            {name: _cell(estimator, X, row, name) for name in estimator.modalities_},
            predictions,
            weights=estimator.fusion_weights_,
            truth=truth,
            of_values=of_values,
        )
        return display.plot(ax, max_outputs=max_outputs)

    def plot(self, ax=None, *, max_outputs=4):
        """Draw one line a modality, and the fusion below.

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
                _write(left, self._summary())
            else:
                DRAW[cell.kind](left, cell)
            if self.predictions.loc[name].isna().any():
                absent = cell is not None and cell.kind == "absent"
                why = "absent" if absent else "none of its own"
                _write(right, f"prediction: {why}", color="dimgrey")
            else:
                self._plot_prediction(right, name, shown, styles[name]["color"])
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
        return "\n".join(_cut(line, WIDE) for line in lines)

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
        labels = [_cut(str(key), NARROW) for key in shown]
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


def _predictions(estimator, X):
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


def _truth(estimator, y, row, predictions):
    """Return the true label, labels or values of one row."""
    true = np.asarray(y)[row]
    if not hasattr(estimator, "predict_proba"):
        return pd.Series(np.ravel(true), index=predictions.columns)
    if np.ndim(true):
        return [label for label, on in zip(predictions, true, strict=True) if on]
    return true


def _cell(estimator, X, row, name):
    """Return what one row holds of a modality: kind, value and rate."""
    where = estimator.columns_[name]
    if missing_columns(X, where):
        return Bunch(kind="absent", value=None, rate=None)
    cells = find_cells(X, {name: where})[name]
    one = take_rows(cells, [row])
    if not present_mask(one)[0]:
        return Bunch(kind="absent", value=None, rate=None)
    if isinstance(one, pd.DataFrame):
        return Bunch(kind="table", value=one.iloc[0], rate=None)
    kind = next(iter(infer_columns(MultimodalData({name: cells})).values())).kind
    value = one.iloc[0] if isinstance(one, pd.Series) else one[0]
    if kind == "table":
        value = value if np.ndim(value) else pd.Series({where: value})
        return Bunch(kind=kind, value=pd.Series(value), rate=None)
    encoder = estimator.encoders_[name]
    if kind == "image":
        value = (frames_of(value) or [value])[0]
        value = decode_image(value, getattr(encoder, "root", None))
        return Bunch(kind=kind, value=value, rate=None)
    if kind == "audio":
        return _sound(value, encoder)
    return Bunch(kind=kind, value=value, rate=None)


def _sound(value, encoder):
    root = getattr(encoder, "root", None)
    if not isinstance(value, np.ndarray):  # knows its own rate
        value, rate = decode_audio(value, root=root)
        return Bunch(kind="audio", value=value, rate=rate)
    params = encoder.get_params() if hasattr(encoder, "get_params") else {}
    rates = (params[key] for key in params if key.split("__")[-1] == "sampling_rate")
    known = next(filter(None, rates), None)
    value, _ = decode_audio(value, known or 1)
    return Bunch(kind="audio", value=value, rate=known)


def _write(ax, text, x=0.0, **style):
    """Write lines at the upper left; what does not fit is clipped, not drawn over."""
    ax.set_axis_off()
    ax.text(
        x,
        0.97,
        text,
        va="top",
        fontsize=SMALL,
        transform=ax.transAxes,
        clip_on=True,
        **style,
    )


def _draw_absent(ax, cell):
    _write(ax, "absent from this row", color="dimgrey", style="italic")


def _draw_text(ax, cell):
    lines = textwrap.wrap(str(cell.value), WIDE, max_lines=MAX_LINES, placeholder=" …")
    _write(ax, "\n".join(lines) or "(empty text)")


def _draw_table(ax, cell):
    width = NARROW if len(cell.value) > MAX_LINES else WIDE
    entries = [_cut(f"{key}: {_short(v)}", width) for key, v in cell.value.items()]
    if len(entries) > 2 * MAX_LINES:
        left_out = len(entries) - 2 * MAX_LINES + 1
        entries = [*entries[:-left_out], f"and {left_out} more"]
    _write(ax, "\n".join(entries[:MAX_LINES]))
    if len(entries) > MAX_LINES:
        _write(ax, "\n".join(entries[MAX_LINES:]), x=0.5)


def _cut(text, width):
    return text if len(text) <= width else text[: width - 1] + "…"


def _short(value):
    if isinstance(value, (float, np.floating)):
        return "?" if np.isnan(value) else f"{value:.4g}"
    return "?" if pd.isna(value) else str(value)


def _draw_image(ax, cell):
    image = cell.value
    if image.shape[2] == 4:
        image = to_channels(image, 3)
    if image.dtype != np.uint8 and image.shape[2] == 3 and image.max() > 1:
        image = image / 255
    ax.imshow(image[:, :, 0] if image.shape[2] == 1 else image, cmap="gray", vmin=0)
    ax.set_anchor("W")
    ax.set(xticks=[], yticks=[])


def _draw_sound(ax, cell):
    steps = np.arange(len(cell.value))
    ax.plot(steps / (cell.rate or 1), cell.value, color="dimgrey", lw=0.6)
    unit = "seconds" if cell.rate else "samples"
    ax.set_xlabel(unit, fontsize=SMALL - 1, labelpad=1)
    ax.set_yticks([])
    ax.tick_params(labelsize=SMALL - 1)
    tidy(ax)


def _draw_series(ax, cell):
    ax.plot(np.asarray(cell.value, dtype=float), lw=0.8)
    ax.tick_params(labelsize=SMALL - 1)
    tidy(ax)


DRAW = {
    "absent": _draw_absent,
    "audio": _draw_sound,
    "embedding": _draw_series,
    "image": _draw_image,
    "sequence": _draw_series,
    "table": _draw_table,
    "text": _draw_text,
}
