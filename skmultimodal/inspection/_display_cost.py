"""What accuracy costs, where some modalities are acquired only if needed."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.utils import Bunch

from skmultimodal.inspection._cost_curve import accuracy_cost_curve
from skmultimodal.inspection._plotting import BLUE, ComputedDisplay, fitted, tidy
from skmultimodal.inspection._scoring import scoring_name

__all__ = ["AccuracyCostDisplay"]


class AccuracyCostDisplay(ComputedDisplay):
    """Score against mean cost of a row, one point a threshold.

    Parameters
    ----------
    curve : DataFrame
        One row a threshold: mean ``cost`` of a row, ``score``, ``threshold``.

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
    accuracy_cost_curve : Makes the curve.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmultimodal.inspection import AccuracyCostDisplay
    >>> curve = pd.DataFrame(
    ...     {"cost": [1, 2], "score": [0.7, 0.9], "threshold": [0.5, 0.9]})
    >>> AccuracyCostDisplay(curve).plot().ax_.get_xlabel()
    'mean cost of a row'
    """

    def __init__(self, curve: pd.DataFrame, *, scoring: str = "score"):
        self.curve = curve
        self.scoring = scoring

    @classmethod
    def _computed(cls, estimator, X, y, *, scoring=None, **params):
        task = fitted(estimator, "task_", cls.__name__)
        curve = accuracy_cost_curve(estimator, X, y, scoring=scoring, **params)
        name = scoring_name(Bunch(task_=task), scoring)
        return cls(curve, scoring=name)

    def _draw(self, ax):
        curve = self.curve.sort_values(["cost", "score"])
        ax.plot(curve["cost"], curve["score"], "o-", color=BLUE, ms=5)
        for cost, score, threshold in _spaced(curve):
            ax.annotate(
                f"{threshold:.2g}",
                (cost, score),
                xytext=(7, -11),
                textcoords="offset points",
                fontsize="small",
            )
        ax.margins(x=0.06, y=0.12)
        ax.set_xlabel("mean cost of a row")
        ax.set_ylabel(f"{self.scoring} (numbers: exit threshold)")
        tidy(ax, "both")


def _spaced(curve, gap=0.08):
    """Return the points to be labelled: a part of the width apart."""
    least = gap * (curve["cost"].max() - curve["cost"].min())
    chosen: list[Any] = []
    for point in curve[["cost", "score", "threshold"]].itertuples(index=False):
        if not chosen or point.cost - chosen[-1].cost > least:
            chosen.append(point)
    return chosen
