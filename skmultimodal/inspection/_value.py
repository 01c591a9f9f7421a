"""What to expect from acquiring a modality that a row lacks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from skmultimodal.data._containers import take_rows
from skmultimodal.inspection._coalitions import fitted_estimator

__all__ = ["value_of_information"]

EPS = 1e-12


def value_of_information(
    estimator: Any,
    X: Any,
    *,
    background: Any = None,
    utility: str = "entropy",
    n_draws: int = 30,
    random_state: Any = None,
) -> pd.DataFrame:
    """Tell what each row is expected to gain from a modality that it lacks.

    The missing cells are drawn from rows that have them, with weights that say how
    well they go with what is known of the row, and the model predicts with each.

    Read more in the :ref:`User Guide <insight>`.

    Parameters
    ----------
    estimator : fusion estimator
        Fitted.

    X : DataFrame, MultimodalData or dict
        Rows, some of which lack modalities.

    background : DataFrame, MultimodalData or dict, default=None
        Rows to draw from, such as those of the training. None is X itself.

    utility : {"entropy", "accuracy"}, default="entropy"
        What a prediction is worth: minus its entropy in bits, or the probability of
        its most probable class. For values it is the squared error that goes away,
        whatever is said here.

    n_draws : int, default=30
        Cells drawn for each row.

    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    Returns
    -------
    DataFrame of shape (n_samples, n_modalities)
        Expected gain; NaN where the row has the modality.

    Raises
    ------
    ValueError
        If no row of the background has a modality that is asked for, or the estimator
        predicts quantiles or times of events.

    See Also
    --------
    modality_importance : What modalities are worth that are there.

    Notes
    -----
    With :math:`S` what a row has and :math:`m` what it lacks, the gain is
    :math:`E[U(p(y | x_S, x_m))] - U(p(y | x_S))` [1]_ with :math:`x_m` drawn from
    :math:`p(x_m | x_S) \\propto p(x_m) \\sum_c p(c | x_m) p(c | x_S) / p(c)`: as if
    modalities were independent given the class. All probabilities are the model's,
    with absent modalities left out; a gain is only as good as they are calibrated,
    and where it is negative they contradict each other. For values, where the model
    gives no distribution, cells are drawn with equal weights and the gain is the
    variance of the predictions, by which the mean squared error falls if they are
    conditional means.

    References
    ----------
    .. [1] R. Howard, "Information value theory", IEEE Transactions on Systems
       Science and Cybernetics 2, 1966. https://doi.org/10.1109/TSSC.1966.300074

    Examples
    --------
    >>> from skmultimodal import FusionClassifier
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> from skmultimodal.inspection import value_of_information
    >>> X, y = make_multimodal_classification(missing_rate=0.2, random_state=0)
    >>> clf = FusionClassifier(random_state=0).fit(X, y)
    >>> value_of_information(clf, X, random_state=0).shape
    (200, 3)
    """
    estimator = fitted_estimator(estimator)
    if utility not in ("entropy", "accuracy"):
        raise ValueError(f"'utility' must be 'entropy' or 'accuracy'. Got {utility!r}.")
    model, task = estimator.fusion_, estimator.task_
    if task.wraps_models:
        raise ValueError(
            "value_of_information is for labels and for means. Got an estimator of "
            f"{task.needs_loss}."
        )
    cells, present = estimator.reader_.read(X)
    stock, stocked = (
        (cells, present) if background is None else estimator.reader_.read(background)
    )
    random = check_random_state(random_state)
    before = model.response(cells, present)
    prior = model.responses(cells, [np.zeros_like(present)])[0][0]
    gains = pd.DataFrame(
        np.nan,
        X.index if isinstance(X, pd.DataFrame) else range(len(present)),
        estimator.modalities_,
    )
    for m, name in enumerate(model.names):
        lacks = np.flatnonzero(~present[:, m])
        if not len(lacks):
            continue
        donors = np.flatnonzero(stocked[:, m])
        if not len(donors):
            raise ValueError(
                f"Modality {name!r} is absent from every row to draw from. Pass a "
                "background, such as the training rows, that has it."
            )
        drawn = random.choice(donors, (n_draws, len(lacks)))
        own = {n: None if c is None else take_rows(c, lacks) for n, c in cells.items()}
        here = present[lacks].copy()
        here[:, m] = True
        after = np.stack(
            [
                model.response({**own, name: take_rows(stock[name], rows)}, here)
                for rows in drawn
            ]
        )  # (n_draws, n_lacking, n_outputs)
        if not task.has_labels:
            gain = after.var(axis=0).mean(axis=1)
        else:
            alone = np.zeros_like(stocked)
            alone[:, m] = stocked[:, m]
            told = model.response(stock, alone)[drawn]
            weights = _agreement(task, told, before[lacks], prior)
            expected = (weights * _utility(task, after, utility)).sum(axis=0)
            gain = expected - _utility(task, before[lacks], utility)
        gains.iloc[lacks, gains.columns.get_loc(name)] = gain
    return gains


def _agreement(task, *responses):
    """Return the weight of each draw, which sum to one in each row."""
    told, known, prior = map(task.distributions, responses)
    ratio = told * known / np.maximum(prior, EPS)
    weights = ratio.sum(axis=-1).prod(axis=-1)
    return weights / np.maximum(weights.sum(axis=0), EPS)


def _utility(task, response, utility):
    """Return what each prediction is worth; the sum over labels."""
    shares = task.distributions(response)
    if utility == "accuracy":
        worth = shares.max(axis=-1)
    else:
        worth = (shares * np.log2(np.maximum(shares, EPS))).sum(axis=-1)
    return worth.sum(axis=-1)
