"""What each modality is worth, over all rows and row by row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from skmultimodal.inspection._coalitions import evaluate, fitted_estimator
from skmultimodal.inspection._scoring import row_values, scoring_name
from skmultimodal.inspection._shapley import Shares, game

__all__ = ["ModalityImportance", "modality_importance"]

METHODS = ("shapley", "permutation", "loo", "unimodal")


@dataclass
class ModalityImportance:
    """Importance of each modality, as :func:`modality_importance` finds it.

    Parameters
    ----------
    importances_ : Series
        Importance of each modality, in units of the score.

    std_ : Series or None
        Standard deviation over repeats, where there are some; standard error of the
        random orders above 10 modalities.

    per_row_ : DataFrame of shape (n_samples, n_modalities) or None
        The same measure on one number per row: the probability (or score) of a
        class, or the value. None for several outputs without `target`.

    values_ : DataFrame
        Score of each set of modalities that was asked.

    method, removal, scoring : str
        How it was found.
    """

    importances_: pd.Series
    std_: pd.Series | None = field(repr=False)
    per_row_: pd.DataFrame | None = field(repr=False)
    values_: pd.DataFrame = field(repr=False)
    method: str
    removal: str
    scoring: str

    @property
    def shares_(self) -> pd.Series:
        """Share of each modality in the sizes of the rows' values; they sum to 1.

        A measure of use and not of merit: MM-SHAP at the level of modalities
        (Parcalabescu and Frank, ACL 2023).
        """
        if self.per_row_ is None:  # an AttributeError, for which there is hasattr
            raise AttributeError(
                "shares_ is of values by row, which several outputs have for one "
                "'target' alone."
            )
        sizes = self.per_row_.abs().mean()
        return sizes / sizes.sum()

    def plot(self, ax: Any = None, *, kind: str = "bar", **kwargs: Any) -> Any:
        """Draw the importances.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        kind : {"bar", "beeswarm"}, default="bar"
            Importances as bars, or one dot per row of the data.

        **kwargs : dict
            Further parameters of :meth:`ModalityImportanceDisplay.plot`.

        Returns
        -------
        ModalityImportanceDisplay
        """
        from skmultimodal.inspection import ModalityImportanceDisplay

        display = ModalityImportanceDisplay(
            self.importances_, std=self.std_, per_row=self.per_row_
        )
        return display.plot(ax, kind=kind, **kwargs)


def modality_importance(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    method: str = "shapley",
    removal: str | None = None,
    scoring: Any = None,
    output: str = "probability",
    target: Any = "true",
    n_repeats: int = 10,
    n_orders: int = 64,
    cv: Any = None,
    sample_weight: Any = None,
    random_state: Any = None,
) -> ModalityImportance:
    """Tell what each modality adds to the score, and to the prediction of each row.

    Read more in the :ref:`User Guide <insight>`.

    Parameters
    ----------
    estimator : fusion estimator
        Fitted. Of a conformal one, the estimator inside is explained.

    X : DataFrame, MultimodalData or dict
        Rows, best ones that were not fitted on.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Labels or values.

    method : {"shapley", "permutation", "loo", "unimodal"}, default="shapley"
        With V the score of a set of modalities:

        - ``"shapley"``: mean of what the modality adds to the sets without it; the
          importances sum to V(all) - V(none). Exact, from 2^M predictions, up to
          10 modalities; above, from those met in `n_orders` random orders.
        - ``"permutation"``: what is lost when its cells are shuffled between rows,
          the perceptual score of [3]_ before it is normalised.
        - ``"loo"``: V(all) - V(all others).
        - ``"unimodal"``: V(it alone) - V(none).

        An importance by ``"unimodal"`` with none by ``"loo"`` means redundancy, the
        reverse synergy.

    removal : {"mask", "mean", "permute", "refit"}, default=None
        How a modality is taken away, see :func:`coalition_values`. None is
        ``"mask"``, and ``"permute"`` for ``method="permutation"``.

    scoring : str, callable or None, default=None
        A scikit-learn scorer. None is accuracy, and R2 for values.

    output : {"probability", "score"}, default="probability"
        What is explained in each row. ``"score"`` is the log probability less its
        mean over the classes, or the log odds of a label; it adds up where the
        strategy is additive.

    target : {"true", "predicted"} or label or int, default="true"
        Class whose probability is explained in each row; the column of y where
        there are several outputs.

    n_repeats : int, default=10
        Repeats of ``removal="permute"`` and rows of ``removal="mean"``.

    n_orders : int, default=64
        Orders in which more than 10 modalities enter, half of them the others
        backwards; each is one prediction per modality.

    cv : int, splitter or None, default=None
        Folds of ``removal="refit"``.

    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows in the scores.

    random_state : int, RandomState instance or None, default=None
        Seed of the choice of rows and of the orders.

    Returns
    -------
    ModalityImportance

    Raises
    ------
    ValueError
        If a parameter is unknown.

    See Also
    --------
    modality_interaction : What modalities tell only together.
    ModalityImportanceDisplay : The figure.

    Notes
    -----
    .. math:: \\phi_m = \\sum_{S \\not\\ni m} \\frac{|S|! (M - |S| - 1)!}{M!}
        [V(S \\cup m) - V(S)]

    References
    ----------
    .. [1] L. Shapley, "A value for n-person games", Contributions to the Theory of
       Games II, 1953.

    .. [2] S. Lundberg, S.-I. Lee, "A unified approach to interpreting model
       predictions", NeurIPS 2017.

    .. [3] I. Gat, I. Schwartz, A. Schwing, "Perceptual score: what data modalities
       does your model perceive?", NeurIPS 2021.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> from skmultimodal.inspection import modality_importance
    >>> X, y = make_multimodal_classification(n_modalities=2, random_state=0)
    >>> clf = FusionClassifier(random_state=0).fit(X, y)
    >>> found = modality_importance(clf, X, y)
    >>> table = found.values_["score"]
    >>> bool(abs(found.importances_.sum() - (table.iloc[-1] - table[0])) < 1e-9)
    True
    """
    estimator = fitted_estimator(estimator)
    if method not in METHODS:
        raise ValueError(f"'method' must be one of {METHODS}. Got {method!r}.")
    if method == "permutation":
        if removal not in (None, "permute"):
            raise ValueError(
                "method='permutation' removes by shuffling: leave removal=None. Got "
                f"{removal!r}."
            )
        removal = "permute"
    if not isinstance(n_orders, (int, np.integer)) or n_orders < 2:
        raise ValueError(f"'n_orders' must be an int of at least 2. Got {n_orders!r}.")
    subsets, shares = _asked(len(estimator.modalities_), method, n_orders, random_state)
    values = evaluate(
        estimator,
        X,
        y,
        subsets,
        scoring=scoring,
        removal=removal or "mask",
        n_repeats=n_repeats,
        cv=cv,
        sample_weight=sample_weight,
        random_state=random_state,
    )
    std, per_row = shares.error(values.scores), None
    if values.repeats is not None:
        std = shares.mean(values.repeats.T).std(axis=1)
    if std is not None:
        std = pd.Series(std, values.names)
    task = estimator.task_
    if task.one_label or task.n_outputs == 1 or target != "true":
        rows = row_values(estimator, values, y, output, target)
        per_row = pd.DataFrame(shares.mean(rows).T, _index(X), values.names)
    return ModalityImportance(
        importances_=pd.Series(shares.mean(values.scores), values.names),
        std_=std,
        per_row_=per_row,
        values_=values.to_frame(),
        method=method,
        removal=values.removal,
        scoring=scoring_name(estimator, scoring),
    )


def _index(X):
    return X.index if isinstance(X, pd.DataFrame) else None


def _asked(m, method, n_orders, random_state):
    """Return the subsets that a method asks for, all modalities last, and `Shares`."""
    if method == "shapley" or m == 1:
        return game(m, n_orders, random_state)
    one, every = np.eye(m, dtype=bool), np.ones((1, m), dtype=bool)
    own = np.arange(m)
    if method == "unimodal":
        subsets = np.vstack([~every, one, every])
        weights = np.zeros((m, len(subsets)))
        weights[own, own + 1], weights[:, 0] = 1, -1
    else:
        subsets = np.vstack([~one, every])
        weights = np.zeros((m, len(subsets)))
        weights[own, own], weights[:, -1] = -1, 1
    return subsets, Shares(weights)
