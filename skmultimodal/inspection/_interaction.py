"""What modalities tell only together."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pandas as pd

from skmultimodal.inspection._coalitions import (
    all_subsets,
    evaluate,
    fitted_estimator,
)
from skmultimodal.inspection._scoring import make_score, row_values
from skmultimodal.inspection._shapley import shapley_weights

__all__ = ["ModalityInteraction", "modality_interaction"]

METHODS = ("intershap", "shape", "emap")
LABELS = {
    "intershap": "size of the interaction",
    "shape": "cooperation (score)",
    "emap": "score lost without the interaction",
}


@dataclass
class ModalityInteraction:
    """Interactions between modalities, as :func:`modality_interaction` finds them.

    Parameters
    ----------
    matrix_ : DataFrame of shape (n_modalities, n_modalities)
        Interaction of each pair; on the diagonal what a modality does by itself,
        NaN for ``"emap"``.

    score_ : float
        The measure over all modalities: a share for ``"intershap"``, in units of
        the score for ``"shape"`` and ``"emap"``.

    method, removal : str
        How it was found.
    """

    matrix_: pd.DataFrame = field(repr=False)
    score_: float
    method: str
    removal: str

    def plot(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw the matrix as a heat map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        **kwargs : dict
            Further parameters of :meth:`InteractionDisplay.plot`.

        Returns
        -------
        InteractionDisplay
        """
        from skmultimodal.inspection import InteractionDisplay

        display = InteractionDisplay(self.matrix_, label=LABELS[self.method])
        return display.plot(ax, **kwargs)


def modality_interaction(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    method: str = "intershap",
    removal: str | None = None,
    scoring: Any = None,
    output: str = "score",
    target: Any = "predicted",
    n_repeats: int = 30,
    cv: Any = None,
    sample_weight: Any = None,
    random_state: Any = None,
) -> ModalityInteraction:
    """Tell how much of what a model does comes from modalities together.

    Read more in the :ref:`User Guide <insight>`.

    Parameters
    ----------
    estimator : fusion estimator
        Fitted, with two modalities or more and at most 10.

    X : DataFrame, MultimodalData or dict
        Rows, best ones that were not fitted on.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Labels or values; ``"intershap"`` does without.

    method : {"intershap", "shape", "emap"}, default="intershap"
        - ``"intershap"`` [1]_: share of the Shapley interactions between modalities
          in all effects on the prediction, from 0 (additive) to 1 (nothing but
          interaction).
        - ``"shape"`` [2]_: score with all modalities, less what each adds to the
          prior alone. Positive where they complete each other, negative where they
          repeat each other.
        - ``"emap"`` [3]_: score lost when the prediction is replaced by the closest
          sum of one term per modality. 0 where interactions are not needed.

    removal : {"mask", "mean", "permute", "refit"}, default=None
        How a modality is taken away, see :func:`coalition_values`. None is
        ``"mask"`` for ``"shape"`` and ``"mean"`` otherwise; ``"emap"`` takes only
        ``"mean"``.

    scoring : str, callable or None, default=None
        A scikit-learn scorer. None is accuracy, and R2 for values.

    output : {"probability", "score"}, default="score"
        What ``"intershap"`` explains. In probabilities even an additive strategy
        has interactions, made by the link.

    target : {"true", "predicted"} or label or int, default="predicted"
        Class that ``"intershap"`` explains; the column of several outputs.

    n_repeats : int, default=30
        Rows that lend their cells to each row. ``"emap"`` is exact where it is the
        number of rows.

    cv : int, splitter or None, default=None
        Folds of ``removal="refit"``.

    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows in scores and means.

    random_state : int, RandomState instance or None, default=None
        Seed of the choice of rows.

    Returns
    -------
    ModalityInteraction

    Raises
    ------
    ValueError
        If a parameter is unknown, there is one modality only, or y is missing.

    See Also
    --------
    modality_importance : What each modality is worth.
    partial_information : Synergy and redundancy in the data, not in a model.
    InteractionDisplay : The figure.

    Notes
    -----
    With f the explained number of a row, averaged over what is taken away, and
    :math:`\\Delta_{ij}(S) = f(S \\cup ij) - f(S \\cup i) - f(S \\cup j) + f(S)`,

    .. math:: \\phi_{ij} = \\sum_{S \\not\\ni i, j}
        \\frac{|S|! (M - |S| - 2)!}{2 (M - 1)!} \\Delta_{ij}(S), \\quad
        \\phi_{ii} = \\phi_i - \\sum_{j \\ne i} \\phi_{ij}

    and InterSHAP is :math:`\\sum_{i \\ne j} \\Phi_{ij} / \\sum_{ij} \\Phi_{ij}` with
    :math:`\\Phi_{ij} = \\mathrm{mean}\\, |\\phi_{ij}|` over the rows.

    Differences from [1]_: the mean of sizes, not the size of the mean, which
    vanishes for values and for a fixed class whatever the model does. Differences
    from [3]_: for more than two modalities the sum of M main effects;
    the matrix has what is lost without the term of one pair.

    References
    ----------
    .. [1] L. Wenderoth, K. Hemker, N. Simidjievski, M. Jamnik, "Measuring
       cross-modal interactions in multimodal models", AAAI 2025.

    .. [2] P. Hu, X. Li, Y. Zhou, "SHAPE: an unified approach to evaluate the
       contribution and cooperation of individual modalities", IJCAI 2022.

    .. [3] J. Hessel, L. Lee, "Does my multimodal model learn cross-modal
       interactions? It's harder to tell than you might think!", EMNLP 2020.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> from skmultimodal.inspection import modality_interaction
    >>> X, y = make_multimodal_classification(n_modalities=2, random_state=0)
    >>> clf = FusionClassifier(fusion="decision", random_state=0)  # adds scores up
    >>> clf = clf.fit(X, y)
    >>> abs(round(modality_interaction(clf, X, random_state=0).score_, 3))
    0.0
    """
    estimator = fitted_estimator(estimator)
    if method not in METHODS:
        raise ValueError(f"'method' must be one of {METHODS}. Got {method!r}.")
    if len(estimator.modalities_) < 2:
        raise ValueError(
            "An interaction needs two modalities or more. The estimator has "
            f"{estimator.modalities_}."
        )
    if y is None and method != "intershap":
        raise ValueError(f"method={method!r} compares scores. Pass y.")
    if method == "emap" and removal not in (None, "mean"):
        raise ValueError(
            f"method='emap' is defined by removal='mean'. Got {removal!r} instead."
        )
    values = evaluate(
        estimator,
        X,
        y,
        all_subsets(estimator),
        scoring=scoring,
        removal=removal or ("mask" if method == "shape" else "mean"),
        n_repeats=n_repeats,
        cv=cv,
        sample_weight=sample_weight,
        random_state=random_state,
    )
    if method == "intershap":
        rows = row_values(estimator, values, y, output, target)
        matrix, score = _intershap(values.subsets, rows, sample_weight)
    elif method == "shape":
        matrix, score = _cooperation(values)
    else:
        score_of = make_score(estimator, X, np.asarray(y), scoring, sample_weight)
        matrix, score = _emap(estimator.task_, values, score_of)
    matrix = pd.DataFrame(matrix, values.names, values.names)
    return ModalityInteraction(matrix, float(score), method, values.removal)


def interaction_weights(subsets, i, j) -> np.ndarray:
    """Return the weights of all subsets in the Shapley interaction of two."""
    m, sizes = subsets.shape[1], subsets.sum(axis=1)
    sizes = sizes - subsets[:, i] - subsets[:, j]  # without the two
    table = [factorial(s) * factorial(m - s - 2) for s in range(m - 1)]
    sign = np.where(subsets[:, i] == subsets[:, j], 1, -1)
    return sign * np.array(table)[sizes] / (2 * factorial(m - 1))


def _intershap(subsets, rows, sample_weight=None):
    """Return the mean sizes of all effects in the rows, and the share of pairs."""
    m = subsets.shape[1]
    effects = np.zeros((m, m, rows.shape[1]))
    for i, j in combinations(range(m), 2):
        effects[i, j] = effects[j, i] = interaction_weights(subsets, i, j) @ rows
    own = shapley_weights(subsets) @ rows - effects.sum(axis=1)
    effects[np.arange(m), np.arange(m)] = own
    sizes = np.average(np.abs(effects), axis=2, weights=sample_weight)
    between = sizes.sum() - np.trace(sizes)
    return sizes, between / sizes.sum() if sizes.sum() > 0 else np.nan


def _cooperation(values):
    names, scores = values.names, values.scores
    none = scores[values.position()]
    alone = np.array([scores[values.position(name)] - none for name in names])
    matrix = np.diag(alone)
    for (i, a), (j, b) in combinations(enumerate(names), 2):
        together = scores[values.position(a, b)] - none
        matrix[i, j] = matrix[j, i] = together - alone[i] - alone[j]
    return matrix, scores[values.position(*names)] - none - alone.sum()


def _emap(task, values, score_of):
    """Return what is lost without each pair's term, and without all interactions."""
    rows, names = values.row_scores(task), values.names
    alone = [rows[values.position(name)] for name in names]
    # each row's own average cancels the choice of rows that lend; its level is that
    # over all pairings of cells
    none = rows[values.position()]
    none = none - none.mean(axis=0) + np.mean(alone, axis=(0, 1))

    def score(row_scores):
        return score_of(task.of_centred(row_scores))

    full = rows[values.position(*names)]
    best, matrix = score(full), np.full((len(names), len(names)), np.nan)
    for (i, a), (j, b) in combinations(enumerate(names), 2):
        term = rows[values.position(a, b)] - alone[i] - alone[j] + none
        matrix[i, j] = matrix[j, i] = best - score(full - term)
    return matrix, best - score(sum(alone) - (len(names) - 1) * none)
