"""The result of a comparison: a table, a verdict, a figure and a report."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats
from sklearn.utils import Bunch

from skmultimodal.inspection import ComparisonDisplay
from skmultimodal.inspection._page import written

__all__ = ["FusionComparison", "best_row"]


class FusionComparison:
    """Result of :func:`compare_fusion`.

    Attributes
    ----------
    table_ : DataFrame
        One row per candidate: ``kind``, ``name``, mean ``score`` and its standard
        deviation ``sd`` over folds, ``fit_seconds`` and ``predict_seconds`` as if it
        had no cache to share (features that are computed once per row count where they
        were computed first), trained ``parameters`` (NaN where a model's cannot be
        counted), pickled ``megabytes`` (10^6 bytes; NaN where it cannot be pickled),
        fitted ``weights``, ``error`` (empty unless the candidate failed; its score is
        then NaN), and the score of each fold, ``fold_0``, ``fold_1``, ...

    best_estimator_ : estimator
        The best strategy, fitted to all rows; not fitted with ``refit=False``. Among
        equal scores it is the one with the fewest trained parameters.

    fusion_gain_ : Bunch or None
        Best strategy minus best single modality: ``mean``, ``low`` and ``high`` of
        the 95 % confidence interval, ``p_value`` of the corrected resampled t-test
        over folds [1]_, ``helps`` (the interval is above zero), and the name of the
        ``modality``. None without single modalities or with one fold.

    scoring_ : str
        Name of the score.

    Notes
    -----
    The best of several strategies is chosen by the scores that are then tested, which
    flatters it a little; so is the best modality.

    References
    ----------
    .. [1] C. Nadeau, Y. Bengio, "Inference for the generalization error", Machine
       Learning, 2003.
    """

    def __init__(self, table, best_estimator, test_share, scoring, n_rows):
        self.table_ = table
        self.best_estimator_ = best_estimator
        self.fusion_gain_ = _gain(table, test_share)
        self.scoring_ = scoring
        self._n_rows = n_rows

    def __repr__(self):
        shown = self.table_.drop(columns=self._folds())
        if not shown["error"].any():
            shown = shown.drop(columns="error")
        counts = {"parameters": "{:,.0f}".format}
        return shown.to_string(
            index=False, float_format="{:.3f}".format, formatters=counts
        )

    def _folds(self):
        return [column for column in self.table_ if column.startswith("fold_")]

    def verdict(self) -> str:
        """Return one sentence: which strategy is best, and does fusion help."""
        gain = self.fusion_gain_
        if gain is None:
            return f"Best strategy: {self._best_name()}."
        helps = "Fusion helps" if gain.helps else "No clear gain from fusion"
        found = f"Best strategy: {self._best_name()}. {helps}:"
        if gain.low == gain.high == 0:
            return f"{found} it scores like {gain.modality} alone in every fold."
        interval = f"95 % interval {gain.low:+.3f} to {gain.high:+.3f}, p ="
        interval += f" {gain.p_value:.2g}, paired over folds"
        if gain.low == gain.high:
            interval = "the same in every fold"
        return (
            f"{found} {gain.mean:+.3f} {self.scoring_} over {gain.modality} alone "
            f"({interval})."
        )

    def _best_name(self):
        return self.table_.loc[best_row(self.table_), "name"]

    def plot(self, ax=None):
        """Draw the score of every candidate, with that of each fold.

        Parameters
        ----------
        ax : matplotlib Axes, default=None

        Returns
        -------
        matplotlib Axes
        """
        return ComparisonDisplay(self.table_, scoring=self.scoring_).plot(ax).ax_

    def to_html(self, path: Any = None, *, title: str = "Does fusion help?") -> str:
        """Return a report as one page of HTML that needs no other file.

        It holds the verdict, the figure, the table, the parameters of the best
        strategy and the versions of the packages.

        Parameters
        ----------
        path : str or path-like, default=None
            File to write it to; None writes none.

        title : str, default="Does fusion help?"
            Heading of the page.

        Returns
        -------
        str
            The page.
        """
        from skmultimodal.model_selection._report import report

        return written(report(self, title), path)


def best_row(table):
    """Return the label of the best strategy's row, of equal ones the smallest's."""
    rows = table[(table["kind"] == "strategy") & table["score"].notna()]
    equal = rows[np.isclose(rows["score"], rows["score"].max(), rtol=0, atol=1e-12)]
    return equal.sort_values(["parameters", "megabytes"], kind="stable").index[0]


def _gain(table, test_share):
    """Return the paired gain of the best strategy over the best modality."""
    folds = [column for column in table if column.startswith("fold_")]
    single = table[(table.kind == "modality") & table["score"].notna()]
    if not len(single) or len(folds) < 2:
        return None
    best = table.loc[best_row(table)]
    rival = table.loc[single["score"].idxmax()]
    difference = (best[folds] - rival[folds]).to_numpy(dtype=float)
    k, mean = len(folds), difference.mean()
    error = np.sqrt(difference.var(ddof=1) * (1 / k + test_share))
    if error > 0:
        p_value = 2 * stats.t.sf(abs(mean) / error, k - 1)
    else:
        p_value = 1.0 if mean == 0 else 0.0
    half = stats.t.ppf(0.975, k - 1) * error
    return Bunch(
        mean=mean,
        low=mean - half,
        high=mean + half,
        p_value=p_value,
        helps=bool(mean - half > 0),
        modality=rival["name"],
    )
