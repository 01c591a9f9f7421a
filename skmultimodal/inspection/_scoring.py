"""Scores of given predictions, and what is explained of each row."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import check_scoring

from skmultimodal.training._tasks import Answer

__all__ = ["make_score", "row_values", "scoring_name", "target_columns"]


def make_score(estimator, X, y, scoring, sample_weight):
    """Return a function from a response to its score."""
    task = estimator.task_
    if scoring is None and task.one_label:
        # the default is so cheap that a scorer's checks would cost more than it
        target = np.asarray(task.encode(y))
        return lambda response: float(
            np.average(
                task.merits(response, target, sample_weight), weights=sample_weight
            )
        )
    scorer = check_scoring(Answer(task), task.scorer() if scoring is None else scoring)
    extra = {} if sample_weight is None else {"sample_weight": sample_weight}

    def score(response):
        return float(scorer(Answer(task, response), X, y, **extra))

    return score


def scoring_name(estimator, scoring) -> str:
    """Return the name of a scoring for tables and figures."""
    if scoring is None:
        return estimator.task_.scoring
    return (
        scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
    )


def row_values(estimator, values, y, output, target) -> np.ndarray:
    """Return one number per row for each subset, of shape (n_subsets, n_samples).

    Parameters
    ----------
    estimator : fusion estimator
    values : CoalitionValues
    y : array-like or None
    output : {"probability", "score"}
    target : {"true", "predicted"} or label or int
        The class; a column where there are several outputs.
    """
    if output not in ("probability", "score"):
        raise ValueError(f"'output' must be 'probability' or 'score'. Got {output!r}.")
    task = estimator.task_
    table = values.responses
    if output == "score":
        table = values.row_scores(task)
    columns = target_columns(task, values.responses[-1], y, target)
    return table[:, np.arange(len(columns)), columns]


def target_columns(task, response, y, target) -> np.ndarray:
    """Return which output is explained in each row.

    Parameters
    ----------
    task : Classification, Multilabel or Regression
    response : ndarray of shape (n_samples, n_outputs)
        To the whole rows, for ``"predicted"``.
    y : array-like or None
    target : {"true", "predicted"} or label or int
    """
    n_samples = len(response)
    if not task.one_label:
        if task.n_outputs == 1:
            return np.zeros(n_samples, dtype=int)
        if isinstance(target, (int, np.integer)) and 0 <= target < task.n_outputs:
            return np.full(n_samples, target)
        raise ValueError(
            f"y has {task.n_outputs} outputs: 'target' must be the column to explain, "
            f"an int below {task.n_outputs}. Got {target!r}."
        )
    if isinstance(target, str) and target == "true":
        if y is None:
            raise ValueError("target='true' needs y. Pass it, or target='predicted'.")
        return task.encode(np.asarray(y))
    if isinstance(target, str) and target == "predicted":
        return task.chosen(response)
    if np.isin(target, task.classes):
        return np.full(n_samples, np.searchsorted(task.classes, target))
    raise ValueError(
        "'target' must be 'true', 'predicted' or one of the classes "
        f"{task.classes[:10].tolist()}. Got {target!r}."
    )
