"""Does fusion help? Every modality, every strategy and a baseline, on one page."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy import stats
from sklearn.base import clone, is_regressor
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch, _safe_indexing

from skmultimodal._data import as_container
from skmultimodal.encoders._auto import infer_columns
from skmultimodal.fusion._auto import FUSIONS
from skmultimodal.model_selection._handmade import handmade_stack

__all__ = ["FusionComparison", "compare_fusion"]

SEED_STRATEGIES = ("parallel", "sequential", "feature", "decision")


def compare_fusion(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    strategies: str | list = "all",
    modalities: bool = True,
    baseline: bool = True,
    cv: Any = 5,
    scoring: Any = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> FusionComparison:
    """Cross-validate every modality alone and every strategy on the same folds.

    Parameters
    ----------
    estimator : FusionClassifier or FusionRegressor
        Its parameters hold for every candidate; only `fusion`, and `encoders` for
        a modality alone, are changed.

    X : DataFrame, MultimodalData or dict
        Rows with two or more modalities.

    y : array-like of shape (n_samples,)
        Labels or values.

    strategies : "all" or list of str or strategy, default="all"
        Strategies to compare; ``"all"`` are parallel, sequential, feature and
        decision.

    modalities : bool, default=True
        Whether to add each modality alone.

    baseline : bool, default=True
        Whether to add the stack of linear models that one would build by hand.

    cv : int, splitter or iterable, default=5
        Folds, the same for every candidate.

    scoring : str or callable, default=None
        Score, higher is better; by default accuracy or R^2.

    n_jobs : int, default=None
        Parallel jobs, one a candidate and fold.

    progress : bool, default=False
        Whether to show a progress bar (needs rich).

    Returns
    -------
    FusionComparison
        The table of scores and times, the best strategy, and whether it helps.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> from skmultimodal.model_selection import compare_fusion
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> result = compare_fusion(
    ...     FusionClassifier(max_epochs=5, random_state=0), X, y,
    ...     strategies=["parallel", "decision"], baseline=False, cv=2)
    >>> list(result.table_["kind"])
    ['modality', 'modality', 'modality', 'strategy', 'strategy']
    """
    X = as_container(X)
    regression = is_regressor(estimator)
    candidates = _candidates(estimator, X, strategies, modalities, baseline, regression)
    splitter = check_cv(cv, y, classifier=not regression)
    folds = list(splitter.split(np.zeros(len(y)), y))
    jobs = [
        delayed(_evaluate)(row, k, candidate, X, y, train, test, scoring)
        for row, (_, _, candidate) in enumerate(candidates)
        for k, (train, test) in enumerate(folds)
    ]
    labels = [label for _, label, _ in candidates]
    scores = np.full((len(candidates), len(folds)), np.nan)
    seconds = np.zeros((len(candidates), len(folds), 2))
    weights = [[] for _ in candidates]
    # backends that cannot give results one by one, such as that of ray, give a list
    return_as = "generator_unordered" if progress else "list"
    with _bar(progress, len(jobs)) as advance:
        outcomes = Parallel(n_jobs=n_jobs, return_as=return_as)(jobs)
        for row, k, score, fit_s, predict_s, fitted in outcomes:
            scores[row, k], seconds[row, k] = score, (fit_s, predict_s)
            weights[row].append(fitted)
            advance(labels[row])
    table = pd.DataFrame(
        {
            "kind": [kind for kind, _, _ in candidates],
            "name": labels,
            "score": scores.mean(axis=1),
            "sd": scores.std(axis=1, ddof=1) if len(folds) > 1 else 0.0,
            "fit_seconds": seconds[:, :, 0].mean(axis=1),
            "predict_seconds": seconds[:, :, 1].mean(axis=1),
            "weights": [_mean_weights(fitted) for fitted in weights],
            **{f"fold_{k}": scores[:, k] for k in range(len(folds))},
        }
    )
    best = table[table.kind == "strategy"]["score"].idxmax()
    test_share = np.mean([len(test) / len(train) for train, test in folds])
    return FusionComparison(
        table,
        best_estimator=candidates[best][2],
        gain=_gain(table, scores, best, test_share),
        scoring=scoring or ("r2" if regression else "accuracy"),
    )


class FusionComparison:
    """Result of :func:`compare_fusion`.

    Attributes
    ----------
    table_ : DataFrame
        One row a candidate: kind, name, mean score and its standard deviation over
        folds, seconds to fit and to predict, fitted weights, score of each fold.

    best_estimator_ : estimator
        The best strategy, not fitted.

    fusion_gain_ : Bunch
        Best strategy minus best single modality: ``mean``, ``low`` and ``high`` of
        the 95 % confidence interval, ``p_value`` of the corrected resampled t-test
        over folds [1]_, ``helps``.

    scoring_ : str
        Name of the score.

    References
    ----------
    .. [1] C. Nadeau, Y. Bengio, "Inference for the generalization error", Machine
       Learning, 2003.
    """

    def __init__(self, table, best_estimator, gain, scoring):
        self.table_ = table
        self.best_estimator_ = best_estimator
        self.fusion_gain_ = gain
        self.scoring_ = scoring

    def __repr__(self):
        shown = self.table_.drop(
            columns=[c for c in self.table_ if c.startswith("fold_")]
        )
        return shown.to_string(index=False, float_format="{:.3f}".format)

    def verdict(self) -> str:
        """Return one sentence: which strategy is best, and does fusion help."""
        gain = self.fusion_gain_
        if gain is None:
            return f"Best strategy: {self._best_name()}."
        helps = "Fusion helps" if gain.helps else "No clear gain from fusion"
        return (
            f"Best strategy: {self._best_name()}. {helps}: {gain.mean:+.3f} "
            f"{self.scoring_} over {gain.modality} alone (95 % interval "
            f"{gain.low:+.3f} to {gain.high:+.3f}, p = {gain.p_value:.2g}, paired over "
            "folds)."
        )

    def _best_name(self):
        rows = self.table_[self.table_.kind == "strategy"]
        return rows.loc[rows.score.idxmax(), "name"]

    def plot(self, ax=None):
        """Draw the score of every candidate, with that of each fold.

        Parameters
        ----------
        ax : matplotlib Axes, default=None

        Returns
        -------
        matplotlib Axes
        """
        from skmultimodal.inspection import ComparisonDisplay

        return ComparisonDisplay(self.table_, scoring=self.scoring_).plot(ax).ax_


def _candidates(estimator, X, strategies, modalities, baseline, regression):
    """Return (kind, name, estimator) triples."""
    if isinstance(strategies, str):
        strategies = SEED_STRATEGIES if strategies == "all" else [strategies]
    unknown = [s for s in strategies if isinstance(s, str) and s not in FUSIONS]
    if unknown:
        raise ValueError(
            f"Unknown strategy {unknown[0]!r}. Expected 'all' or some of "
            f"{list(FUSIONS)}."
        )
    rows = []
    if modalities:
        rows += [
            ("modality", name, _alone(estimator, X, name))
            for name in _modalities(estimator, X)
        ]
    for strategy in strategies:
        name = strategy if isinstance(strategy, str) else type(strategy).__name__
        candidate = clone(estimator).set_params(fusion=strategy)
        rows.append(("strategy", name, candidate))
    if baseline:
        stack = handmade_stack(X, regression)
        rows.append(("baseline", "hand-made stack", stack))
    return rows


def _modalities(estimator, X) -> list[str]:
    if isinstance(estimator.encoders, str):
        return list(infer_columns(X))
    return [
        name
        for name, encoder in estimator.encoders
        if not (isinstance(encoder, str) and encoder == "drop")
    ]


def _alone(estimator, X, name):
    """Return the estimator restricted to one modality, fitted stand-alone."""
    from skmultimodal.fusion._auto import auto_encoders, auto_fusion

    candidate = clone(estimator)
    if isinstance(estimator.encoders, str):
        inferred = infer_columns(X)
        strategy = auto_fusion("decision", False, type(estimator))
        encoder = auto_encoders(inferred, strategy, False, type(estimator))[name]
        columns = {name: inferred[name].columns}
    else:
        encoder = dict(estimator.encoders)[name]
        columns = (estimator.columns or {}).get(name)
        columns = None if columns is None else {name: columns}
    return candidate.set_params(
        encoders=[(name, encoder)], columns=columns, fusion="decision"
    )


def _evaluate(row, k, candidate, X, y, train, test, scoring):
    """Fit and score one candidate on one fold."""
    y = np.asarray(y)
    model = clone(candidate)
    started = time.perf_counter()
    model.fit(_safe_indexing(X, train), y[train])
    fitted = time.perf_counter()
    score = check_scoring(model, scoring)(model, _safe_indexing(X, test), y[test])
    done = time.perf_counter()
    weights = getattr(model, "fusion_weights_", {})
    return row, k, score, fitted - started, done - fitted, weights


def _mean_weights(fitted) -> str:
    """Return mean weights as text, ``image 0.52, text 0.48``."""
    if not fitted or len(fitted[0]) < 2:
        return ""
    means = pd.DataFrame(fitted).mean()
    return ", ".join(f"{name} {weight:.2f}" for name, weight in means.items())


def _gain(table, scores, best, test_share):
    """Return the paired gain of the best strategy over the best modality."""
    single = table[table.kind == "modality"]
    if not len(single) or scores.shape[1] < 2:
        return None
    rival = single["score"].idxmax()
    difference = scores[best] - scores[rival]
    k, mean = len(difference), difference.mean()
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
        modality=table.loc[rival, "name"],
    )


@contextmanager
def _bar(progress, total):
    """Yield a function that advances a progress bar."""
    if not progress:
        yield lambda label: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as bar:
        task = bar.add_task("starting", total=total)
        yield lambda label: bar.update(task, advance=1, description=label)
