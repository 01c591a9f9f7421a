"""Score against cost, where rows that are sure skip later modalities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from skmultimodal.fusion.apart._cascade import certainty, prices_of
from skmultimodal.inspection._coalitions import fitted_estimator
from skmultimodal.inspection._scoring import make_score

__all__ = ["accuracy_cost_curve"]

THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.999, 1.01)


def accuracy_cost_curve(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    thresholds: Any = THRESHOLDS,
    cost: dict[str, float] | None = None,
    scoring: Any = None,
    sample_weight: Any = None,
) -> pd.DataFrame:
    """Return score and mean cost of a cascade for each exit threshold.

    A row exits after the first of its modalities that makes it sure, as with
    ``SequentialFusion(exit_threshold=...)``; the estimator needs no such threshold,
    and is not fitted again. Modalities are looked at in the order of
    ``estimator.fusion_.names``.

    Parameters
    ----------
    estimator : FusionClassifier
        Fitted.

    X : DataFrame, MultimodalData, dict or array-like
        Rows that it was not fitted on.

    y : array-like of shape (n_samples,)
        Labels.

    thresholds : array-like of shape (n_thresholds,), default=(0, 0.5, ..., 1.01)
        Probabilities at which a row is sure. At 0 it uses its first modality, above 1
        it uses all.

    cost : dict of str to float, default=None
        Price of each modality; None takes those of the strategy, or 1 each.

    scoring : str or callable, default=None
        Score, higher is better; accuracy by default.

    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    DataFrame
        One row a threshold: ``threshold``, mean ``cost`` of a row, ``score``, and mean
        number of modalities looked at, ``n_modalities``.

    Raises
    ------
    ValueError
        If the estimator predicts values, or `cost` does not name its modalities.

    See Also
    --------
    AccuracyCostDisplay : The figure.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> from skmultimodal.inspection import accuracy_cost_curve
    >>> X, y = make_multimodal_classification(n_modalities=2, random_state=0)
    >>> clf = FusionClassifier(random_state=0).fit(X, y)
    >>> accuracy_cost_curve(clf, X, y, thresholds=[0, 1.01])["cost"].tolist()
    [1.0, 2.0]
    """
    inner = fitted_estimator(estimator)
    model, task = inner.fusion_, inner.task_
    if not task.has_labels:
        raise ValueError(
            "accuracy_cost_curve is for labels: a value comes without a probability, "
            "hence no row is ever sure."
        )
    whole = getattr(model, "whole", model)
    if cost is None and hasattr(inner.strategy_, "cost"):
        cost = inner.strategy_.cost
    prices = prices_of(model.names, cost)
    cells, present = inner.reader_.read(X)
    steps = np.tri(len(model.names), dtype=bool)
    responses = np.stack(whole.responses(cells, [present & first for first in steps]))
    score = make_score(inner, X, y, scoring, sample_weight)
    rows = []
    for threshold in np.asarray(thresholds, dtype=float):
        stage = _exits(task, responses, present, threshold)
        seen = present & steps[stage]
        rows.append(
            {
                "threshold": threshold,
                "cost": np.average(seen @ prices, weights=sample_weight),
                "score": score(responses[stage, np.arange(len(stage))]),
                "n_modalities": np.average(seen.sum(axis=1), weights=sample_weight),
            }
        )
    return pd.DataFrame(rows)


def _exits(task, responses, present, threshold) -> np.ndarray:
    """Return the stage after which each row exits."""
    sure = np.stack([certainty(task, response) >= threshold for response in responses])
    sure &= present.T  # only what was looked at can make sure
    sure[-1] = True
    return sure.argmax(axis=0)
