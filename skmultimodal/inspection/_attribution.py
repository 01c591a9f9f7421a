"""What in a row speaks for a prediction: words, patches, seconds, columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from skmultimodal.inspection._coalitions import fitted_estimator
from skmultimodal.inspection._parts import Parts, cut
from skmultimodal.inspection._play import Game, chosen, play, target_labels, typical
from skmultimodal.inspection._scoring import target_columns

__all__ = ["PartAttributions", "part_attributions"]

WORDS = {
    "method": ("shapley", "gradients"),
    "output": ("score", "probability"),
    "empty": ("blank", "absent"),
}
LEAST = {"windows": 1, "n_orders": 2, "n_steps": 1}


@dataclass
class PartAttributions:
    """What each part of some cells adds, as :func:`part_attributions` finds it.

    Parameters
    ----------
    modality : str
        Whose cells.

    values_ : list of Series
        Of each row what its parts add, in units of the output; they sum to
        ``full_ - base_``. Empty where the modality is absent.

    errors_ : list of Series or None
        Standard errors, where the orders of parts were drawn.

    base_, full_ : Series
        Output of each row without any part of the cell and with all of them.

    target_ : Series
        Class (or column of y) that is explained in each row.

    parts_ : list
        Of each row what the cell holds and where its parts are; None where absent.

    method, output : str
        How it was found, and of what.
    """

    modality: str
    values_: list[pd.Series] = field(repr=False)
    errors_: list[pd.Series] | None = field(repr=False)
    base_: pd.Series = field(repr=False)
    full_: pd.Series = field(repr=False)
    target_: pd.Series = field(repr=False)
    parts_: list[Parts | None] = field(repr=False)
    method: str
    output: str

    def to_frame(self) -> pd.DataFrame:
        """Return one line a part: ``row``, ``part``, ``value`` and ``error``.

        Returns
        -------
        DataFrame
            ``error`` only where the orders of parts were drawn.
        """
        tables = []
        for i, (label, values) in enumerate(
            zip(self.base_.index, self.values_, strict=True)
        ):
            table = pd.DataFrame(
                {"row": label, "part": values.index, "value": values.to_numpy()}
            )
            if self.errors_ is not None:
                table["error"] = self.errors_[i].to_numpy()
            tables.append(table)
        return pd.concat(tables, ignore_index=True)

    def plot(self, row: int = 0, ax: Any = None) -> Any:
        """Draw the parts of one row: coloured words, a heat map, bands, or bars.

        Parameters
        ----------
        row : int, default=0
            Position among the rows.

        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        PartsDisplay
        """
        from skmultimodal.inspection import PartsDisplay

        if self.parts_[row] is None:
            raise ValueError(
                f"Modality {self.modality!r} is absent from row {row}: there is "
                "nothing to draw."
            )
        label = f"{self.modality}: for {self.target_.iloc[row]}"
        return PartsDisplay(self.parts_[row], self.values_[row], label=label).plot(ax)


def part_attributions(
    estimator: Any,
    X: Any,
    modality: str,
    y: Any = None,
    *,
    method: str = "shapley",
    output: str = "score",
    target: Any = "predicted",
    grid: tuple[int, int] = (4, 4),
    segments: Any = None,
    windows: int = 10,
    empty: str = "blank",
    background: Any = None,
    n_orders: int = 32,
    n_steps: int = 32,
    random_state: Any = None,
) -> PartAttributions:
    """Tell what the parts of a modality's cells add to the prediction of each row.

    Parts are the words of a text, the patches of an image, the windows of a sound or
    a series, the columns of a table or the entries of a vector. The other modalities
    of the row stay as they are.

    Read more in the :ref:`User Guide <parts>`.

    Parameters
    ----------
    estimator : fusion estimator
        Fitted, of any strategy.

    X : DataFrame, MultimodalData or dict
        Rows to explain.

    modality : str
        One of `modalities_`.

    y : array-like of shape (n_samples,), default=None
        Labels, for ``target="true"``.

    method : {"shapley", "gradients"}, default="shapley"
        How the parts are weighed.

        - ``"shapley"``: parts are left out; what one adds is its mean over the sets
          of the others. Exact up to 10 parts, above that over random orders.
        - ``"gradients"``: integrated gradients [2]_ of a strategy trained as one
          network, at what its encoder reads. Cheap, and blind to parts that only
          count together.

    output : {"score", "probability"}, default="score"
        What is shared out. ``"score"`` is the log probability less its mean over the
        classes, or the log odds of a label; values are as they are.

    target : {"predicted", "true"} or label or int, default="predicted"
        Class that is explained; the column of y where there are several outputs.

    grid : tuple of two int, default=(4, 4)
        Rows and columns of patches of an image.

    segments : ndarray of int of shape (height, width) or callable, default=None
        Patches of any shape in place of the grid: a label a pixel, or a function that
        returns such an array for an image of shape (height, width, channel).

    windows : int, default=10
        Windows of equal length of a sound or a series.

    empty : {"blank", "absent"}, default="blank"
        What is left where all parts are left out: an empty cell, or none, as the
        strategy treats an absent modality. The difference of the two is spread evenly
        over the parts, also over those that say nothing.

    background : DataFrame, MultimodalData or dict, default=None
        Rows from which a value that is left out of a table is replaced, by the median
        or the most frequent one, where the encoder takes no missing values. None is
        X itself.

    n_orders : int, default=32
        Orders in which more than 10 parts enter, half of them the others backwards.

    n_steps : int, default=32
        Points of the integral of ``"gradients"``.

    random_state : int, RandomState instance or None, default=None
        Seed of the orders.

    Returns
    -------
    PartAttributions

    Raises
    ------
    ValueError
        If there is no such modality, a parameter is unknown, or ``"gradients"`` is
        asked of what is no network.

    See Also
    --------
    explain_row : All modalities of one row together.
    modality_importance : What whole modalities are worth.

    Notes
    -----
    What is left out of a table is a missing value where the encoder takes some; of an
    image it has the mean colour, of a sound it is silence, of a series the mean of
    each channel; a word is deleted with what follows it up to the next one. Rows made
    like that may be strange to the model, as those of any removal are.

    References
    ----------
    .. [1] S. Lundberg, S.-I. Lee, "A unified approach to interpreting model
       predictions", NeurIPS 2017.

    .. [2] M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep
       networks", ICML 2017.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from skmultimodal import FusionRegressor
    >>> from skmultimodal.inspection import part_attributions
    >>> X = pd.DataFrame({"note": ["good", "bad", "good day", "bad day"]})
    >>> model = make_pipeline(CountVectorizer(), Ridge(alpha=1e-6))
    >>> reg = FusionRegressor([("note", model)], fusion="decision")
    >>> found = part_attributions(reg.fit(X, [1, -1, 1, -1]), X[2:3], "note")
    >>> found.values_[0].round(3).abs().to_dict()
    {'good': 1.0, 'day': 0.0}
    """
    estimator = fitted_estimator(estimator)
    if modality not in estimator.modalities_:
        raise ValueError(
            f"{type(estimator).__name__} was fitted with the modalities "
            f"{estimator.modalities_}. Got modality={modality!r}."
        )
    check_options(
        method=method,
        output=output,
        empty=empty,
        windows=windows,
        n_orders=n_orders,
        n_steps=n_steps,
    )
    cells, present = estimator.reader_.read(X)
    options = {
        "grid": grid,
        "segments": segments,
        "windows": windows,
        "typical": typical(estimator, [modality], cells, background),
    }
    here = present[:, estimator.fusion_.names.index(modality)]
    parts = [
        cut(estimator, cells[modality], row, modality, options) if on else None
        for row, on in enumerate(here)
    ]
    whole = estimator.fusion_.response(cells, present)
    columns = target_columns(estimator.task_, whole, y, target)
    if method == "gradients":
        from skmultimodal.inspection._gradients import integrated

        found = integrated(
            estimator.fusion_, cells, present, modality, parts, columns, n_steps, output
        )
    else:
        games = [
            Game(row, {modality: one}, n_orders, random_state)
            for row, one in enumerate(parts)
            if one is not None
        ]
        rows = play(estimator, cells, present, games, columns, output, empty)
        found = _by_row(rows, games, len(parts))
    values, errors, base, full = found
    missing = np.isnan(full)
    task = estimator.task_
    full[missing] = chosen(task, whole, columns, output)[missing]
    base[missing] = full[missing]
    index = X.index if isinstance(X, pd.DataFrame) else pd.RangeIndex(len(parts))
    labels = [[] if one is None else one.labels for one in parts]
    sampled = errors is not None and any(len(one) for one in errors)
    return PartAttributions(
        modality=modality,
        values_=[pd.Series(v, n) for v, n in zip(values, labels, strict=True)],
        errors_=(
            [pd.Series(e, n) for e, n in zip(errors, labels, strict=True)]
            if sampled
            else None
        ),
        base_=pd.Series(base, index),
        full_=pd.Series(full, index),
        target_=pd.Series(target_labels(task, columns), index),
        parts_=parts,
        method=method,
        output=output,
    )


def check_options(**given) -> None:
    """Refuse parameters that are none of those known."""
    for key, value in given.items():
        known = WORDS.get(key)
        if known is not None and value not in known:
            raise ValueError(f"{key!r} must be one of {known}. Got {value!r}.")
        if known is None and (
            not isinstance(value, (int, np.integer)) or value < LEAST[key]
        ):
            raise ValueError(f"{key!r} must be an int >= {LEAST[key]}. Got {value!r}.")


def _by_row(outputs, games, n_rows):
    """Return values, errors, base and full output by row; NaN where none is played."""
    values: list[Any] = [np.zeros(0)] * n_rows
    errors: list[Any] = [np.zeros(0)] * n_rows
    base, full = np.full(n_rows, np.nan), np.full(n_rows, np.nan)
    for one, found in zip(games, outputs, strict=True):
        values[one.row] = one.shares.mean(found)
        error = one.shares.error(found)
        errors[one.row] = np.zeros(len(values[one.row])) if error is None else error
        base[one.row], full[one.row] = found[0], found[-1]
    sampled = any(one.shares.n_pairs > 1 for one in games)
    return values, errors if sampled else None, base, full
