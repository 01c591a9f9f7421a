"""What accuracy costs, where some modalities are acquired only if needed."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.utils import Bunch

from skmultimodal.inspection._cost_curve import accuracy_cost_curve
from skmultimodal.inspection._plotting import BLUE, figure_and_axes, fitted, tidy
from skmultimodal.inspection._scoring import scoring_name

__all__ = ["AccuracyCostDisplay"]


class AccuracyCostDisplay:
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
    def from_estimator(cls, estimator, X, y, *, ax=None, scoring=None, **params):
        """Compute the curve and draw it.

        Parameters
        ----------
        estimator : FusionClassifier
            Fitted.

        X : DataFrame, MultimodalData, dict or array-like
            Rows that it was not fitted on.

        y : array-like of shape (n_samples,)
            Labels.

        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        scoring : str or callable, default=None
            Score, higher is better; accuracy by default.

        **params : dict
            Parameters of :func:`accuracy_cost_curve`.

        Returns
        -------
        AccuracyCostDisplay
        """
        task = fitted(estimator, "task_", cls.__name__)
        curve = accuracy_cost_curve(estimator, X, y, scoring=scoring, **params)
        name = scoring_name(Bunch(task_=task), scoring)
        return cls(curve, scoring=name).plot(ax)

    def plot(self, ax=None):
        """Draw the curve; points that are not too close carry their threshold.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        AccuracyCostDisplay
        """
        self.figure_, (self.ax_, *_) = figure_and_axes(
            type(self).__name__, ax, figsize=(6.4, 4.8)
        )
        curve = self.curve.sort_values(["cost", "score"])
        self.ax_.plot(curve["cost"], curve["score"], "o-", color=BLUE, ms=5)
        for cost, score, threshold in _spaced(curve):
            self.ax_.annotate(
                f"{threshold:.2g}",
                (cost, score),
                xytext=(7, -11),
                textcoords="offset points",
                fontsize="small",
            )
        self.ax_.margins(x=0.06, y=0.12)
        self.ax_.set_xlabel("mean cost of a row")
        self.ax_.set_ylabel(f"{self.scoring} (numbers: exit threshold)")
        tidy(self.ax_, "both")
        return self


def _spaced(curve, gap=0.08):
    """Return the points to be labelled: a part of the width apart."""
    least = gap * (curve["cost"].max() - curve["cost"].min())
    chosen: list[Any] = []
    for point in curve[["cost", "score", "threshold"]].itertuples(index=False):
        if not chosen or point.cost - chosen[-1].cost > least:
            chosen.append(point)
    return chosen
