"""Does fusion help? Every modality, every strategy and a baseline, on one page."""

from __future__ import annotations

import tempfile
import time
import warnings
from contextlib import contextmanager
from itertools import combinations
from typing import Any

import joblib
import numpy as np
import pandas as pd
from joblib import Memory, Parallel, delayed
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing

from skmultimodal._warnings import UnusedWarning, warn
from skmultimodal.data._columns import find_cells
from skmultimodal.data._containers import MultimodalData, as_container
from skmultimodal.encoders._readable import all_readable
from skmultimodal.estimators._left_out import warn_of_columns
from skmultimodal.estimators._reader import Reader
from skmultimodal.fusion._auto import FUSIONS, SEARCHES, resolve_fusion
from skmultimodal.model_selection._comparison import FusionComparison, best_row
from skmultimodal.model_selection._handmade import handmade_stack
from skmultimodal.model_selection._size import count_trained, pickled_megabytes
from skmultimodal.training._ordinal import Ordinal
from skmultimodal.training._quantiles import Quantiles
from skmultimodal.training._survival import Survival

__all__ = ["compare_fusion"]

ORDER = ("baseline", "strategy", "pair", "modality")  # of computation
SEED_STRATEGIES = ("parallel", "sequential", "feature", "decision")


def compare_fusion(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    strategies: str | list = "all",
    modalities: bool = True,
    pairs: bool = False,
    baseline: bool = True,
    cv: Any = 5,
    scoring: Any = None,
    n_jobs: int | None = None,
    refit: bool = True,
    progress: bool = False,
) -> FusionComparison:
    """Cross-validate every modality alone and every strategy on the same folds.

    Candidates share one cache: models that several of them need, as decision fusion
    and each modality alone do, are fitted once per fold. Without a `memory` of the
    estimator it is a temporary one, removed at the end; the scores are the same.

    Parameters
    ----------
    estimator : FusionClassifier or FusionRegressor
        Its parameters hold for every candidate; only `fusion`, and `encoders` for
        a modality alone or a pair, are changed.

    X : DataFrame, MultimodalData or dict
        Rows with two or more modalities.

    y : array-like of shape (n_samples,)
        Labels or values.

    strategies : "all", str or list of str or strategy, default="all"
        Strategies to compare, as aliases or objects; ``"all"`` are parallel,
        sequential, feature and decision.

    modalities : bool, default=True
        Whether to add each modality alone.

    pairs : bool, default=False
        Whether to add each pair of modalities, under decision fusion, where there
        are three modalities or more.

    baseline : bool, default=True
        Whether to add the stack of linear models that one would build by hand.

    cv : int, splitter or iterable, default=5
        Folds, the same for every candidate.

    scoring : str or callable, default=None
        Score, higher is better; by default accuracy or R^2.

    n_jobs : int, default=None
        Parallel jobs, one per candidate and fold.

    refit : bool, default=True
        Whether the best strategy is fitted to all rows.

    progress : bool, default=False
        Whether to show a progress bar (needs rich).

    Returns
    -------
    FusionComparison
        The table of scores and times, the best strategy, and whether it helps.

    Raises
    ------
    ValueError
        If a strategy is unknown, or none can be fitted.

    Warns
    -----
    UserWarning
        If a candidate cannot be fitted or scored: its score is NaN, and its row of
        the table holds the error.

    Examples
    --------
    >>> from skmultimodal import FusionClassifier, Training
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> from skmultimodal.model_selection import compare_fusion
    >>> X, y = make_multimodal_classification(random_state=0)
    >>> result = compare_fusion(
    ...     FusionClassifier(random_state=0, training=Training(max_epochs=5)),
    ...     X,
    ...     y,
    ...     strategies=["parallel", "decision"],
    ...     baseline=False,
    ...     cv=2,
    ... )
    >>> list(result.table_["kind"])
    ['modality', 'modality', 'modality', 'strategy', 'strategy']
    """
    X, y = _readable(estimator, as_container(X)), np.asarray(y)
    regression = is_regressor(estimator)
    own = _own_scoring(estimator)
    if own is not None and scoring is None and baseline:
        raise ValueError(
            f"The score of the estimator is {own}, and that of the hand-made stack is "
            "not. Use baseline=False, or give 'scoring'."
        )
    rows = _strategies(estimator, strategies)
    if modalities or pairs:
        rows = [*_parts(estimator, X, y, modalities, pairs), *rows]
    if baseline:
        rows.append(("baseline", "hand-made stack", handmade_stack(X, regression)))
    splitter = check_cv(cv, y, classifier=is_classifier(estimator))
    folds = list(splitter.split(np.zeros(len(y)), y))
    labels = [label for _, label, _ in rows]
    done = [[None] * len(folds) for _ in rows]
    # a backend that cannot give results one by one, as ray's, gives a list
    return_as = "generator_unordered" if progress else "list"
    with _shared_memory(estimator) as memory, _bar(progress, labels, folds) as advance:
        # long fits go first: none is to be the last, while others have nothing to do
        order = sorted(range(len(rows)), key=lambda row: ORDER.index(rows[row][0]))
        jobs = [
            delayed(_evaluate)((row, k), rows[row][2], memory, X, y, *fold, scoring)
            for row in order
            for k, fold in enumerate(folds)
        ]
        for (row, k), outcome in Parallel(n_jobs=n_jobs, return_as=return_as)(jobs):
            done[row][k] = outcome
            advance(f"{labels[row]}, fold {k}", outcome["score"])
    table = _table(rows, done)
    _tell_failures(table)
    best = rows[best_row(table)][2]
    return FusionComparison(
        table,
        best_estimator=_fitted(best, X, y) if refit else best,
        test_share=np.mean([len(test) / len(train) for train, test in folds]),
        scoring=_scoring_name(scoring, regression, own),
        n_rows=len(y),
    )


def _own_scoring(estimator):
    """Return the name of a score that a plain classifier or regressor has not."""
    if getattr(estimator, "loss", None) == "quantile":
        return Quantiles.scoring
    if hasattr(estimator, "predict_survival_function"):
        return Survival.scoring
    plain = getattr(estimator, "ordinal", False)
    return None if isinstance(plain, bool) and not plain else Ordinal.scoring


def _scoring_name(scoring, regression, own) -> str:
    if scoring is None and own is not None:
        return own
    if scoring is None:
        return "r2" if regression else "accuracy"
    if isinstance(scoring, str):
        return scoring
    return getattr(scoring, "__name__", "score")


def _table(rows, done) -> pd.DataFrame:
    """Return one row per candidate, of means over folds and the score of each."""
    outcomes = {key: [[o[key] for o in line] for line in done] for key in done[0][0]}
    scores = np.array(outcomes["score"])
    means = {
        key: np.mean(outcomes[key], axis=1)
        for key in ("fit_seconds", "predict_seconds", "parameters", "megabytes")
    }
    return pd.DataFrame(
        {
            "kind": [kind for kind, _, _ in rows],
            "name": [label for _, label, _ in rows],
            "score": scores.mean(axis=1),
            "sd": scores.std(axis=1, ddof=1) if scores.shape[1] > 1 else 0.0,
            **means,
            "weights": [_mean_weights(fitted) for fitted in outcomes["weights"]],
            "error": [
                "; ".join(dict.fromkeys(filter(None, e))) for e in outcomes["error"]
            ],
            **{f"fold_{k}": scores[:, k] for k in range(scores.shape[1])},
        }
    )


def _tell_failures(table):
    """Warn of candidates that failed; refuse where no strategy is left."""
    failed = table[table["error"] != ""]
    strategies = failed[failed["kind"] == "strategy"]
    if len(strategies) == (table["kind"] == "strategy").sum():
        name, error = strategies.iloc[0][["name", "error"]]
        raise ValueError(f"No strategy could be compared. {name!r} failed: {error}")
    for name, error in zip(failed["name"], failed["error"], strict=True):
        warn(f"compare_fusion: {name!r} failed and has no score: {error}")


def _strategies(estimator, strategies) -> list:
    """Return (kind, name, estimator) of each strategy."""
    if isinstance(strategies, str):
        strategies = SEED_STRATEGIES if strategies == "all" else [strategies]
    known = {*FUSIONS, *SEARCHES, "auto"}
    unknown = [s for s in strategies if isinstance(s, str) and s not in known]
    if unknown:
        raise ValueError(
            f"Unknown strategy {unknown[0]!r}. Expected 'all' or some of "
            f"{list(FUSIONS)}."
        )
    if not len(strategies):
        raise ValueError(
            "compare_fusion needs one strategy or more. Got an empty list of "
            "'strategies'; use 'all' or some of their names."
        )
    rows = []
    for strategy in strategies:
        name = strategy
        if not isinstance(strategy, str):
            resolve_fusion(strategy, type(estimator).__name__)
            name = " ".join(repr(strategy).split()).removesuffix("()")
        rows.append(("strategy", name, clone(estimator).set_params(fusion=strategy)))
    return rows


def _parts(estimator, X, y, modalities, pairs) -> list:
    """Return (kind, name, estimator) of each modality alone and of each pair."""
    labels = is_classifier(estimator) and y.ndim == 1
    n_classes = len(np.unique(y)) if labels else 2
    encoders, columns = _specified(estimator, X, n_classes)
    whole = clone(estimator).set_params(
        encoders=list(encoders.items()), columns=columns or None, fusion="decision"
    )
    rows = []
    if modalities:
        rows += [("modality", name, whole.restricted(name)) for name in encoders]
    if pairs and len(encoders) > 2:
        rows += [
            ("pair", " + ".join(pair), whole.restricted(pair))
            for pair in combinations(encoders, 2)
        ]
    return rows


def _specified(estimator, X, n_classes=2):
    """Return encoders for decision fusion and columns of each modality in use."""
    decision = resolve_fusion("decision", type(estimator).__name__)
    layout = Reader.of(estimator).layout(X, is_regressor(estimator))
    layout = layout._replace(plain=False)
    return layout.encoders(decision, n_classes), layout.columns


def _readable(estimator, X):
    """Return X without unreadable cells, told of once and not for each candidate."""
    encoders, columns = _specified(estimator, X)
    if len(columns) > 1:
        warn_of_columns(Reader.of(estimator), X, columns)
    if estimator.on_error == "raise":
        return X
    texts = estimator.missing_values
    passed = {texts} if isinstance(texts, str) else set(texts or ())
    cells = find_cells(X, columns)
    for name, values in all_readable(cells, encoders, passed).items():
        if values is not cells[name]:
            X = _with_cells(X, columns[name], values)
    return X


def _with_cells(X, where, values):
    """Return X with other cells in the columns of one modality."""
    labels = list(where) if isinstance(where, (list, tuple)) else [where]
    if isinstance(X, pd.DataFrame) and set(labels) <= set(X.columns):
        return X.assign(**{where: values}) if labels == [where] else X.assign(**values)
    if isinstance(X, MultimodalData):
        parts = values if isinstance(where, (list, tuple)) else {where: values}
        return MultimodalData({**X, **{key: parts[key] for key in labels}})
    return X  # positions: each candidate tells of its own


def _fitted(model, X, y):
    """Return the model fitted, without what was told once, or holds for others."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedWarning)
        return model.fit(X, y)


def _evaluate(place, candidate, memory, X, y, train, test, scoring):
    """Fit and score one candidate on one fold; an error is part of the outcome."""
    try:
        return place, _outcome(candidate, memory, X, y, train, test, scoring)
    except Exception as error:  # whatever a candidate raises is its own matter
        lost = ("score", "fit_seconds", "predict_seconds", "parameters", "megabytes")
        said = f"{type(error).__name__}: {error}"
        return place, dict.fromkeys(lost, np.nan) | {"weights": {}, "error": said}


def _outcome(candidate, memory, X, y, train, test, scoring) -> dict:
    model = clone(candidate)
    if memory is not None and hasattr(model, "cache_info"):
        model.set_params(memory=memory)
    started = time.perf_counter()
    _fitted(model, _safe_indexing(X, train), y[train])
    fit_seconds, saved = time.perf_counter() - started, _seconds_saved(model)
    started = time.perf_counter()
    score = check_scoring(model, scoring)(model, _safe_indexing(X, test), y[test])
    predict_seconds = time.perf_counter() - started
    return {
        "error": "",
        "score": score,
        # what came from the cache counts as if it had been computed
        "fit_seconds": fit_seconds + saved,
        "predict_seconds": predict_seconds + _seconds_saved(model) - saved,
        "parameters": count_trained(model),
        "megabytes": pickled_megabytes(model),
        "weights": getattr(model, "fusion_weights_", {}),
    }


def _seconds_saved(model) -> float:
    return model.cache_info().seconds_saved if hasattr(model, "cache_info") else 0.0


def _mean_weights(fitted) -> str:
    """Return mean weights as text, ``image 0.52, text 0.48``."""
    if min(map(len, fitted)) < 2:
        return ""
    means = pd.DataFrame(fitted).mean()
    return ", ".join(f"{name} {weight:.2f}" for name, weight in means.items())


@contextmanager
def _shared_memory(estimator):
    """Yield a temporary cache, or None where the estimator has its own or needs none.

    A cache cannot tell lambdas apart.
    """
    try:
        joblib.hash(estimator)
        needed = estimator.memory is None
    except Exception:
        needed = False
    if not needed:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="compare_fusion_") as folder:
        yield Memory(folder, verbose=0)


@contextmanager
def _bar(progress, labels, folds):
    """Yield a function that advances a progress bar; without a terminal, lines."""
    if not progress:
        yield lambda label, score: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    console, started, done = Console(), time.perf_counter(), 0
    total = len(labels) * len(folds)
    if not console.is_terminal:
        print(f"0/{total} fits: {', '.join(labels)}", flush=True)

        def tell(label, score):
            nonlocal done
            done += 1
            seconds = time.perf_counter() - started
            print(f"{done}/{total} {label}: {score:.3f} ({seconds:.0f} s)", flush=True)

        yield tell
        return
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(f"{labels[0]}, fold 0", total=total)
        yield lambda label, score: bar.update(task, advance=1, description=label)
