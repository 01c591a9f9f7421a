"""What the displays share: colours, axes, and a clear word without matplotlib."""

from __future__ import annotations

from itertools import cycle

from sklearn.pipeline import Pipeline

__all__ = ["BLUE", "GREY", "VERMILLION", "figure_and_axes", "fitted", "styles_of"]

# colours that stay apart for colour-blind readers (Okabe and Ito, 2008), but yellow
BLUE, VERMILLION, GREY = "#0072B2", "#D55E00", "#666666"
COLOURS = (BLUE, VERMILLION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")


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
    """Return an attribute of a fitted estimator, or of one in a search or pipeline."""
    inner = getattr(estimator, "best_estimator_", estimator)
    if isinstance(inner, Pipeline):
        inner = inner[-1]
    if not hasattr(inner, attribute):
        raise ValueError(
            f"{owner} expected a fitted fusion estimator, with {attribute}. Got "
            f"{type(estimator).__name__}; call fit first."
        )
    return getattr(inner, attribute)


def tidy(ax, grid=None):
    """Remove the frame's upper and right side, and add a faint grid."""
    ax.spines[["top", "right"]].set_visible(False)
    if grid:
        ax.grid(axis=grid, alpha=0.3)
        ax.set_axisbelow(True)
