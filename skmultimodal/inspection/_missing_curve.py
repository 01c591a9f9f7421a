"""What is left of the score when modalities go missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import factorial
from typing import Any

import numpy as np
import pandas as pd

from skmultimodal.inspection._coalitions import coalition_values, fitted_estimator
from skmultimodal.inspection._scoring import scoring_name

__all__ = ["MissingModalityCurve", "missing_modality_curve"]


@dataclass
class MissingModalityCurve:
    """Score by rate of missing modalities, as :func:`missing_modality_curve` finds it.

    Parameters
    ----------
    rates_ : ndarray of shape (n_rates,)
        Probabilities with which each modality is missing.

    scores_ : Series
        Expected score at each rate, which is the index.

    area_ : float
        Exact area under the curve from rate 0 to 1.

    worst_case_ : float
        Least score of the sets of at least one modality.

    worst_subset_ : tuple of str
        The set that has it.

    values_ : DataFrame
        Score of each set of modalities.

    scoring : str
        Name of the score.
    """

    rates_: np.ndarray = field(repr=False)
    scores_: pd.Series = field(repr=False)
    area_: float
    worst_case_: float
    worst_subset_: tuple[str, ...]
    values_: pd.DataFrame = field(repr=False)
    scoring: str

    def plot(self, ax: Any = None) -> Any:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        MissingModalityDisplay
        """
        from skmultimodal.inspection import MissingModalityDisplay

        display = MissingModalityDisplay(
            pd.DataFrame({"model": self.scores_}),
            areas={"model": self.area_},
            scoring=self.scoring,
        )
        return display.plot(ax)


def missing_modality_curve(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    scoring: Any = None,
    rates: Any = None,
    sample_weight: Any = None,
) -> MissingModalityCurve:
    """Tell what is expected of a model when its modalities go missing at random.

    Nothing is sampled: each modality is missing from a row with the same
    probability, so that the score is a polynomial in it whose coefficients are the
    scores of all sets of modalities.

    Read more in the :ref:`User Guide <insight>`.

    Parameters
    ----------
    estimator : fusion estimator
        Fitted, with at most 10 modalities. Of a conformal one, the estimator inside
        is asked.

    X : DataFrame, MultimodalData or dict
        Rows, best ones that were not fitted on.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Labels or values.

    scoring : str, callable or None, default=None
        A scikit-learn scorer. None is accuracy, and R2 for values.

    rates : array-like of shape (n_rates,), default=None
        Probabilities, from 0 to 1. None is 21 of them, evenly spaced.

    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    MissingModalityCurve

    Raises
    ------
    ValueError
        If a rate is not between 0 and 1.

    See Also
    --------
    MissingModalityDisplay : The figure, of several estimators.

    Notes
    -----
    With V(S) the score where the modalities S are present in all rows,

    .. math:: V(q) = \\sum_S (1 - q)^{|S|} q^{M - |S|} V(S), \\quad
        \\int_0^1 V(q)\\, dq = \\sum_S \\frac{|S|! (M - |S|)!}{(M + 1)!} V(S)

    which is exact for scores that are means over rows, such as accuracy or log loss.
    For others (AUC, F1, R2) it is the mean over draws in which all rows lack the same.

    References
    ----------
    .. [1] P. Liang et al., "MultiBench: multiscale benchmarks for multimodal
       representation learning", NeurIPS Datasets and Benchmarks 2021 (curves).

    Examples
    --------
    >>> from skmultimodal import FusionClassifier
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> from skmultimodal.inspection import missing_modality_curve
    >>> X, y = make_multimodal_classification(n_modalities=2, random_state=0)
    >>> clf = FusionClassifier(random_state=0).fit(X, y)
    >>> curve = missing_modality_curve(clf, X, y)
    >>> bool(curve.scores_[0.0] == clf.score(X, y))
    True
    """
    estimator = fitted_estimator(estimator)
    rates = np.linspace(0, 1, 21) if rates is None else np.asarray(rates, dtype=float)
    if rates.ndim != 1 or not ((rates >= 0) & (rates <= 1)).all():
        raise ValueError(f"'rates' must be numbers from 0 to 1. Got {rates}.")
    values = coalition_values(
        estimator, X, y, scoring=scoring, sample_weight=sample_weight
    )
    assert values.scores is not None  # there is y
    m, sizes = len(values.names), values.subsets.sum(axis=1)
    scores = (1 - rates[:, None]) ** sizes * rates[:, None] ** (m - sizes)
    shares = [factorial(s) * factorial(m - s) / factorial(m + 1) for s in range(m + 1)]
    something = np.where(sizes > 0, values.scores, np.inf)
    worst = int(something.argmin())
    names = np.array(values.names, dtype=object)
    return MissingModalityCurve(
        rates_=rates,
        scores_=pd.Series(scores @ values.scores, rates),
        area_=float(np.array(shares)[sizes] @ values.scores),
        worst_case_=float(something[worst]),
        worst_subset_=tuple(names[values.subsets[worst]]),
        values_=values.to_frame(),
        scoring=scoring_name(estimator, scoring),
    )
