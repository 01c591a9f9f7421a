"""The comparison of modalities, strategies and baselines, as a figure."""

from __future__ import annotations

import pandas as pd

from skmultimodal.inspection._plotting import (
    BLUE,
    GREY,
    VERMILLION,
    Display,
    in_legend,
    tidy,
)

__all__ = ["ComparisonDisplay"]

# kind -> label, colour, marker; any other kind is drawn like a strategy
STYLES = {
    "modality": ("one modality", GREY, "s"),
    "pair": ("two modalities", "#009E73", "^"),
    "strategy": ("fusion strategy", BLUE, "o"),
    "baseline": ("hand-made stack", VERMILLION, "D"),
}


class ComparisonDisplay(Display):
    """Score of every modality, strategy and baseline, with that of each fold.

    Parameters
    ----------
    table : DataFrame
        ``table_`` of a comparison, one row per candidate: ``kind``, ``name``,
        ``score``, ``sd`` and ``fold_0``, ``fold_1``, ...

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
    skmultimodal.model_selection.compare_fusion : Makes the table.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmultimodal.inspection import ComparisonDisplay
    >>> table = pd.DataFrame({
    ...     "kind": ["modality", "strategy"], "name": ["text", "parallel"],
    ...     "score": [0.7, 0.8], "sd": [0.1, 0.1],
    ...     "fold_0": [0.6, 0.7], "fold_1": [0.8, 0.9]})
    >>> ComparisonDisplay(table, scoring="accuracy").plot().ax_.get_xlabel()
    'accuracy (mean, standard deviation; small dots: folds)'
    """

    def __init__(self, table: pd.DataFrame, *, scoring: str = "score"):
        self.table = table
        self.scoring = scoring

    def _size(self):
        return 7, 1.4 + 0.4 * len(self.table)

    def _draw(self, ax):
        table = self.table.iloc[::-1].reset_index(drop=True)
        folds = [c for c in table if c.startswith("fold_")]
        kinds = [*STYLES, *(k for k in table["kind"].unique() if k not in STYLES)]
        for kind in kinds:
            rows = table[table["kind"] == kind]
            if not len(rows):
                continue
            label, colour, marker = STYLES.get(kind, (kind, BLUE, "o"))
            for fold in folds:
                ax.plot(rows[fold], rows.index, ".", color=colour, alpha=0.45, ms=6)
            ax.errorbar(
                rows["score"],
                rows.index,
                xerr=rows["sd"],
                fmt=marker,
                color=colour,
                ms=8,
                capsize=4,
                label=in_legend(label),
            )
        ax.set_yticks(table.index, table["name"])
        ax.set_ylim(-0.6, len(table) - 0.4)
        ax.set_xlabel(f"{self.scoring} (mean, standard deviation; small dots: folds)")
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False)
        tidy(ax, "x")
