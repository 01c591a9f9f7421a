"""What each part of one cell adds: words, patches, windows, columns in colours."""

from __future__ import annotations

from typing import Any

import pandas as pd

from skmultimodal.inspection._cell_drawing import SMALL, draw_cell, laid_out
from skmultimodal.inspection._plotting import Display, finish

__all__ = ["PartsDisplay"]

HEIGHTS = {"image": 4.0, "audio": 2.2, "sequence": 2.2}


class PartsDisplay(Display):
    """One cell with its parts in colours: blue for the prediction, vermillion against.

    A text has coloured words, an image a heat map, a sound or a series bands, a table
    bars.

    Parameters
    ----------
    parts : Parts
        What the cell holds and where its parts are, one of ``parts_`` of
        :class:`PartAttributions`.

    values : Series
        What each part adds.

    label : str, default=""
        Title of the figure.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the figure.

    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    part_attributions : Computes the values.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier
    >>> from skmultimodal.datasets import load_emoji
    >>> from skmultimodal.inspection import part_attributions
    >>> X, y = load_emoji(return_X_y=True)
    >>> clf = FusionClassifier(random_state=0).fit(X[::8], y[::8])
    >>> display = part_attributions(clf, X[:1], "text").plot()
    >>> type(display).__name__
    'PartsDisplay'
    """

    def __init__(self, parts: Any, values: pd.Series, *, label: str = ""):
        self.parts = parts
        self.values = values
        self.label = label

    def _size(self):
        if self.parts.kind == "text":
            return 6.4, 0.8 + 0.27 * (len(self.parts.value) // 65)
        bars = 1.2 + 0.28 * min(len(self.values), 12)
        return 6.4, HEIGHTS.get(self.parts.kind, bars)

    def _draw(self, ax):
        ax.set_title(self.label, loc="left", fontsize=SMALL + 2)
        if self.parts.kind == "text":
            laid_out(self.figure_)
        draw_cell(ax, self.parts, self.values)
        finish(ax)
