"""What is left of the score when modalities go missing."""

from __future__ import annotations

import pandas as pd

from skmultimodal.inspection._plotting import (
    COLOURS,
    MARKERS,
    ComputedDisplay,
    in_legend,
    tidy,
)

__all__ = ["MissingModalityDisplay"]

LINES = ("-", "--", "-.", ":")


class MissingModalityDisplay(ComputedDisplay):
    """Score against the share of modalities that are missing.

    Parameters
    ----------
    curves : DataFrame of shape (n_rates, n_curves)
        Score of each estimator (column) at each rate of missing modalities (index).

    areas : Series or dict, default=None
        Area under each curve; written in the legend.

    scoring : str, default="score"
        Name of the score.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the figure.

    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    missing_modality_curve : Computes the values.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmultimodal.inspection import MissingModalityDisplay
    >>> curves = pd.DataFrame({"parallel": [0.9, 0.6, 0.2]}, index=[0, 0.5, 1])
    >>> display = MissingModalityDisplay(curves, areas={"parallel": 0.575}).plot()
    >>> display.ax_.get_legend().get_texts()[0].get_text()
    'parallel, area 0.575'
    """

    def __init__(self, curves: pd.DataFrame, *, areas=None, scoring: str = "score"):
        self.curves = curves
        self.areas = areas
        self.scoring = scoring

    @classmethod
    def _computed(cls, estimator, X, y, **params):
        from skmultimodal.inspection._missing_curve import missing_modality_curve

        # a dict names several fits
        several = isinstance(estimator, dict)
        fits = estimator if several else {type(estimator).__name__: estimator}
        curves, areas = {}, {}
        for name, fit in fits.items():
            found = missing_modality_curve(fit, X, y, **params)
            curves[name], areas[name] = found.scores_, found.area_
        return cls(pd.DataFrame(curves), areas=areas, scoring=found.scoring)

    def _draw(self, ax):
        for k, (name, scores) in enumerate(self.curves.items()):
            area = "" if self.areas is None else f", area {self.areas[name]:.3f}"
            ax.plot(
                scores.index,
                scores,
                LINES[k % len(LINES)],
                color=COLOURS[k % len(COLOURS)],
                marker=MARKERS[k % len(MARKERS)],
                ms=4,
                markevery=max(len(scores) // 10, 1),
                label=in_legend(f"{name}{area}"),
            )
        ax.set_xlabel("share of modalities missing")
        ax.set_ylabel(self.scoring)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), frameon=False, ncols=2)
        tidy(ax, "both")
