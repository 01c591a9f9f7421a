"""What each modality is worth, over all rows and row by row."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skmultimodal.inspection._plotting import (
    BLUE,
    VERMILLION,
    figure_and_axes,
    tidy,
)

__all__ = ["ModalityImportanceDisplay"]


class ModalityImportanceDisplay:
    """Importance of each modality: bars, or one dot per row.

    Parameters
    ----------
    importances : Series
        Importance of each modality.

    std : Series, default=None
        Its standard deviation or error; drawn as error bars.

    per_row : DataFrame of shape (n_samples, n_modalities), default=None
        Importance of each modality in each row; needed for the beeswarm.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the figure.

    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    modality_importance : Computes the values.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmultimodal.inspection import ModalityImportanceDisplay
    >>> display = ModalityImportanceDisplay(pd.Series({"image": 0.1, "text": 0.3}))
    >>> [label.get_text() for label in display.plot().ax_.get_yticklabels()]
    ['image', 'text']
    """

    def __init__(self, importances: pd.Series, *, std=None, per_row=None):
        self.importances = importances
        self.std = std
        self.per_row = per_row

    @classmethod
    def from_estimator(cls, estimator, X, y, *, kind="bar", ax=None, **params):
        """Compute the importances of a fitted estimator, and draw them.

        Parameters
        ----------
        estimator : fusion estimator
            Fitted.

        X : DataFrame, MultimodalData or dict
            Rows, best ones that were not fitted on.

        y : array-like of shape (n_samples,)
            Labels or values.

        kind : {"bar", "beeswarm"}, default="bar"
            What to draw.

        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        **params : dict
            Parameters of :func:`~skmultimodal.inspection.modality_importance`.

        Returns
        -------
        ModalityImportanceDisplay
        """
        from skmultimodal.inspection._importance import modality_importance

        found = modality_importance(estimator, X, y, **params)
        display = cls(found.importances_, std=found.std_, per_row=found.per_row_)
        return display.plot(ax, kind=kind)

    def plot(self, ax=None, *, kind="bar", color="sign"):
        """Draw one line per modality.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        kind : {"bar", "beeswarm"}, default="bar"
            Importances as bars, or one dot per row of the data.

        color : {"sign", "value"}, default="sign"
            Two colours, for what helps and what hurts, or a scale from one to the
            other.

        Returns
        -------
        ModalityImportanceDisplay
        """
        for key, value, known in (
            ("kind", kind, ("bar", "beeswarm")),
            ("color", color, ("sign", "value")),
        ):
            if value not in known:
                raise ValueError(f"{key!r} must be one of {known}. Got {value!r}.")
        if kind == "beeswarm" and self.per_row is None:
            raise ValueError(
                "kind='beeswarm' needs the importances of each row. Pass per_row, or "
                "compute them with modality_importance."
            )
        names = list(self.importances.index)
        self.figure_, (self.ax_, *_) = figure_and_axes(
            type(self).__name__, ax, figsize=(6.4, 1.3 + 0.7 * len(names))
        )
        draw = self._plot_bars if kind == "bar" else self._plot_rows
        draw(self.ax_, names, color)
        self.ax_.axvline(0, color="black", lw=0.8)
        self.ax_.set_yticks(range(len(names)), names)
        self.ax_.set_ylim(len(names) - 0.5, -0.5)
        tidy(self.ax_, "x")
        return self

    def _plot_bars(self, ax, names, color):
        values = self.importances.to_numpy(dtype=float)
        std = None if self.std is None else self.std[names].to_numpy(dtype=float)
        ax.barh(
            range(len(names)),
            values,
            height=0.6,
            xerr=std,
            capsize=4,
            color=_colours(values, color),
        )
        ax.margins(x=0.1)
        error = "" if self.std is None else " (whiskers: standard deviation)"
        ax.set_xlabel("importance" + error)

    def _plot_rows(self, ax, names, color):
        high = float(np.nanmax(np.abs(self.per_row[names].to_numpy()), initial=0.0))
        for row, name in enumerate(names):
            values = self.per_row[name].dropna().to_numpy(dtype=float)
            ax.scatter(
                values,
                row + _spread(values, high),
                s=9,
                c=_colours(values, color, high),
                alpha=0.8,
                linewidths=0,
            )
        ax.margins(x=0.05)
        ax.set_xlabel("importance in each row (right: helps, left: hurts)")


def _colours(values, color, high=None):
    """Return blue for what helps and vermillion for what hurts, or a scale."""
    if color == "sign":
        return np.where(values >= 0, BLUE, VERMILLION)
    from matplotlib import colormaps

    high = high or np.abs(values).max(initial=0.0) or 1.0
    # the ends of the scale only: its middle is white
    share = values / high
    return colormaps["PuOr"](0.5 + np.sign(share) * (0.15 + 0.25 * np.abs(share)))


def _spread(values, high, n_bins=50, widest=0.4, step=0.06):
    """Return offsets that part dots of about the same value, around zero."""
    bins = np.round(values / (high or 1.0) * n_bins).astype(int)
    order = pd.Series(bins).groupby(bins).cumcount().to_numpy()
    offsets = step * ((order + 1) // 2) * np.where(order % 2, 1, -1)
    return offsets * min(1.0, widest / max(np.abs(offsets).max(initial=0.0), 1e-9))
