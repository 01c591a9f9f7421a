"""How much pairs of modalities tell together, as a heat map."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skmultimodal.inspection._plotting import ComputedDisplay, figure_and_axes, finish

__all__ = ["InteractionDisplay"]


class InteractionDisplay(ComputedDisplay):
    """Heat map of the interactions between modalities, with the values in it.

    Parameters
    ----------
    interactions : DataFrame of shape (n_modalities, n_modalities)
        Interaction of each pair; NaN is left blank.

    label : str, default="interaction"
        What the values are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the figure.

    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    modality_interaction : Computes the values.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmultimodal.inspection import InteractionDisplay
    >>> names = ["image", "text"]
    >>> table = pd.DataFrame([[0.1, 0.3], [0.3, 0.2]], index=names, columns=names)
    >>> [text.get_text() for text in InteractionDisplay(table).plot().ax_.texts]
    ['0.10', '0.30', '0.30', '0.20']
    """

    def __init__(self, interactions: pd.DataFrame, *, label: str = "interaction"):
        self.interactions = interactions
        self.label = label

    @classmethod
    def _computed(cls, estimator, X, y, **params):
        from skmultimodal.inspection._interaction import LABELS, modality_interaction

        found = modality_interaction(estimator, X, y, **params)
        return cls(found.matrix_, label=LABELS[found.method])

    def plot(self, ax=None, *, cmap=None, values_format=".2f"):
        """Draw the heat map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        cmap : str or matplotlib Colormap, default=None
            Colours; by default shades of blue, and orange to purple around zero
            where there are negative values.

        values_format : str, default=".2f"
            Format of the values in the cells.

        Returns
        -------
        InteractionDisplay
        """
        table = self.interactions
        values = table.to_numpy(dtype=float)
        self.figure_, (self.ax_, *_) = figure_and_axes(
            type(self).__name__, ax, figsize=(6.4, 4.8)
        )
        high = np.nanmax(np.abs(values), initial=0.0) or 1.0
        signed = bool((values < 0).any())
        image = self.ax_.imshow(
            values,
            cmap=cmap or ("PuOr" if signed else "Blues"),
            vmin=-high if signed else 0,
            vmax=high,
        )
        for (i, j), value in np.ndenumerate(values):
            if np.isfinite(value):
                self.ax_.text(
                    j,
                    i,
                    format(value, values_format),
                    ha="center",
                    va="center",
                    color=_ink(image.to_rgba(value)),
                )
        rotation = 30 if max(len(str(name)) for name in table.columns) > 10 else 0
        self.ax_.set_xticks(
            range(table.shape[1]),
            table.columns,
            rotation=rotation,
            ha="right" if rotation else "center",
        )
        self.ax_.set_yticks(range(table.shape[0]), table.index)
        bar = self.figure_.colorbar(image, ax=self.ax_, label=self.label, shrink=0.8)
        finish(self.ax_, bar.ax)
        return self


def _ink(rgba) -> str:
    """Return black or white, whichever is legible on a colour (WCAG luminance)."""
    channels = np.asarray(rgba[:3])
    linear = np.where(
        channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
    )
    return "black" if linear @ [0.2126, 0.7152, 0.0722] > 0.179 else "white"
