"""What the displays share: colours, axes, and a clear word without matplotlib."""

from __future__ import annotations

from itertools import cycle
from typing import Any, Self

from sklearn.pipeline import Pipeline

__all__ = [
    "BLUE",
    "GREY",
    "VERMILLION",
    "ComputedDisplay",
    "Display",
    "figure_and_axes",
    "finish",
    "fitted",
    "in_legend",
    "styles_of",
    "tidy",
]

# colours that stay apart for colour-blind readers (Okabe and Ito, 2008), but yellow
BLUE, VERMILLION, GREY = "#0072B2", "#D55E00", "#666666"
COLOURS = (BLUE, VERMILLION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")


class Display:
    """What the displays share; one draws itself in `_draw`, on as much as `_size`."""

    def _size(self) -> tuple[float, float]:
        """Return width and height of a new figure, in inches."""
        return 6.4, 4.8

    def _draw(self, ax) -> None:
        raise NotImplementedError

    def plot(self, ax: Any = None) -> Self:
        """Draw the figure.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        self : object
            With the attributes ``ax_`` and ``figure_``.
        """
        self.figure_, (self.ax_, *_) = figure_and_axes(
            type(self).__name__, ax, figsize=self._size()
        )
        self._draw(self.ax_)
        return self


class ComputedDisplay(Display):
    """A display whose values a function of this package computes."""

    @classmethod
    def _computed(cls, estimator, X, y, **params) -> Self:
        raise NotImplementedError

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, ax: Any = None, **params: Any
    ) -> Self:
        """Compute the values for a fitted estimator, and draw them.

        Parameters
        ----------
        estimator : fusion estimator
            Fitted; a dict names several, where the display takes them.

        X : DataFrame, MultimodalData or dict
            Rows, best ones that were not fitted on.

        y : array-like of shape (n_samples,)
            Labels or values.

        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        **params : dict
            Parameters of the function under See Also that computes the values.

        Returns
        -------
        self : object
            The drawn display.
        """
        return cls._computed(estimator, X, y, **params).plot(ax)


def styles_of(names) -> dict[str, dict]:
    """Return colour and marker of each modality; those of the fusion are black."""
    pairs = zip(cycle(COLOURS), cycle(MARKERS), strict=False)
    styles = {"fused": {"color": "black", "marker": "*"}}
    for name, (colour, marker) in zip(
        (name for name in names if name != "fused"), pairs, strict=False
    ):
        styles[name] = {"color": colour, "marker": marker}
    return styles


def figure_and_axes(owner, ax=None, figsize=None, **grid):
    """Return the figure and the list of axes to draw on.

    `ax` is None for a new figure with the given grid, one Axes, or a sequence.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{owner}.plot needs matplotlib: pip install 'skmultimodal[plot]'"
        ) from error
    if ax is not None:
        axes = [ax] if hasattr(ax, "plot") else list(ax)
        return axes[0].figure, axes
    figure, axes = plt.subplots(
        figsize=figsize, layout="constrained", squeeze=False, **grid
    )
    return figure, list(axes.flat)


def fitted(estimator, attribute, owner):
    """Return an attribute of a fitted estimator, or of one in another.

    That is a search, a pipeline, or a conformal one that has no such attribute.
    """
    inner = getattr(estimator, "best_estimator_", estimator)
    if isinstance(inner, Pipeline):
        inner = inner[-1]
    if not hasattr(inner, attribute):
        inner = getattr(inner, "estimator_", inner)
    if not hasattr(inner, attribute):
        raise ValueError(
            f"{owner} expected a fitted fusion estimator, with {attribute}. Got "
            f"{type(estimator).__name__}; call fit first."
        )
    return getattr(inner, attribute)


def in_legend(name) -> str:
    """Return a label that the legend shows, for it leaves out those that begin by _."""
    return f" {name}" if str(name).startswith("_") else str(name)


def finish(*axes):
    """Have all text drawn as it is written, for a name may hold $ or half a formula.

    To be called when everything is drawn. Ticks that matplotlib numbers itself are
    left alone: their exponents are formulas.
    """
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    for ax in axes:
        numbered = [
            label
            for axis in (ax.xaxis, ax.yaxis)
            if not isinstance(
                axis.get_major_formatter(), FixedFormatter | FuncFormatter
            )
            for label in axis.get_ticklabels()
        ]
        for text in ax.findobj(Text):
            if text not in numbered:
                text.set_parse_math(False)


def tidy(ax, grid=None):
    """Finish axes, without the frame's upper and right side, with a faint grid."""
    finish(ax)
    ax.spines[["top", "right"]].set_visible(False)
    if grid:
        ax.grid(axis=grid, alpha=0.3)
        ax.set_axisbelow(True)
