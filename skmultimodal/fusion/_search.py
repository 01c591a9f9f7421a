"""A strategy, or an ensemble, chosen by scores on rows that were not fitted on."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import replace
from numbers import Real
from time import perf_counter
from typing import Any

import joblib
import numpy as np
from joblib import Memory
from sklearn.metrics import get_scorer

from skmultimodal._warnings import warn
from skmultimodal.fusion._auto import resolve_fusion
from skmultimodal.fusion._base import BaseFusion
from skmultimodal.fusion._decision import DecisionFusion
from skmultimodal.fusion.apart._cache import Cache
from skmultimodal.fusion.apart._folds import folds_of
from skmultimodal.fusion.apart._trials import EnsembleTrial, Trial, report_of

__all__ = ["AutoFusion"]


class AutoFusion(BaseFusion):
    """Choose the strategy by its out-of-fold score.

    Every candidate is fitted to the same folds and scored on the rows left out; the
    chosen one is then fitted to all rows. Candidates come in order of preference: the
    first that is no worse than the best, up to noise, is taken. With ``ensemble=True``
    the last candidate is an ensemble of the others. Prefer it to
    ``fusion="auto"``, a fixed rule that costs nothing, where modalities may interact
    and there is time for some fits; prefer
    :func:`~skmultimodal.model_selection.compare_fusion` to look for yourself.

    Read more in the :ref:`User Guide <auto_fusion>`.

    Parameters
    ----------
    candidates : "auto" or list of str or strategy, default="auto"
        Aliases or strategies, the preferred first. ``"auto"`` are decision fusion
        with fitted and with equal weights, feature, parallel and sequential fusion.

    max_fits : int, default=25
        Most fits of candidates to folds. A candidate that would exceed it, and all
        after it, are left out. The last fit to all rows is not counted.

    cv : int, splitter, iterable or None, default=None
        Folds. None deals rows by content into five stratified folds.

    scoring : str, callable or None, default=None
        Score, higher is better, as in scikit-learn. None is the negative mean loss:
        log loss of labels, squared error of standardised values.

    tolerance : "1se" or float, default="1se"
        How much worse than the best a preferred candidate may score: ``"1se"`` is
        one standard error of their paired difference over folds.

    max_seconds : float, default=None
        After so many seconds no further candidate is begun. What is chosen may then
        differ from one run to the next.

    ensemble : bool, default=False
        Whether an ensemble of the candidates is one more, the least preferred: the mean
        of their predictions with shares found by greedy selection [2]_ on the rows
        left out, which needs no further fits to folds. Where it is chosen, each of its
        members is fitted to all rows.

    weights : None, default=None
        Each candidate has weights of its own.

    See Also
    --------
    skmultimodal.model_selection.compare_fusion : Scores of strategies, side by side.

    Notes
    -----
    The fitted estimator says why in ``fusion_report_``, one row per candidate:
    ``candidate``, ``score`` and its standard deviation ``sd`` over folds,
    ``nested_score``, ``fits``, ``seconds``, ``chosen`` and ``reason``; ``strategy_`` is
    the chosen strategy, the search itself where that is an ensemble. The score of a
    winner is optimistic, for it was chosen by it. ``nested_score``, given for the
    chosen one, is the mean over folds of the score of what the other folds would have
    chosen.

    With ``ensemble=True`` there are a last row, ``"ensemble"``, if it has more than one
    member, and two columns more:
    ``share``, and ``gain``, by how much the ensemble scores higher than without the
    member, NaN for others. The ensemble's own score is honest: on each fold it has the
    shares that the other folds select.

    Candidates share a cache: rules of decision fusion are compared on the same
    models, and with ``training="staged"`` all networks on the same encoders. A
    candidate that refuses the data is left out. With a single modality, or too few
    rows for folds, the first candidate is taken. The preference for earlier
    candidates is the one-standard-error rule [1]_, on paired differences.

    References
    ----------
    .. [1] L. Breiman, J. Friedman, R. Olshen, C. Stone, "Classification and Regression
       Trees", Wadsworth, 1984, section 3.4.3.

    .. [2] R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes, "Ensemble selection from
       libraries of models", ICML, 2004.

    Examples
    --------
    >>> from skmultimodal import AutoFusion, FusionClassifier, Training
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(n_modalities=2, random_state=0)
    >>> search = AutoFusion(["decision", "parallel"], cv=2)
    >>> clf = FusionClassifier(
    ...     fusion=search, random_state=0, training=Training(max_epochs=3)
    ... ).fit(X, y)
    >>> clf.fusion_report_[["candidate", "fits", "chosen"]]
      candidate  fits  chosen
    0  decision     2    True
    1  parallel     2   False
    """

    takes_models = True
    searches = True

    def __init__(
        self,
        candidates: str | list = "auto",
        *,
        max_fits: int = 25,
        cv: Any = None,
        scoring: Any = None,
        tolerance: str | float = "1se",
        max_seconds: float | None = None,
        ensemble: bool = False,
        weights: None = None,
    ):
        self.candidates = candidates
        self.max_fits = max_fits
        self.cv = cv
        self.scoring = scoring
        self.tolerance = tolerance
        self.max_seconds = max_seconds
        self.ensemble = ensemble
        self.weights = weights

    def fit_model(self, problem: Any) -> Any:
        """Score the candidates, and fit the chosen one to all rows."""
        trials = self._trials()
        choice = len(trials) > 1 and len(problem.names) > 1
        folds = folds_of(problem, self.cv) if choice else []
        if folds:
            self._score(trials, problem, folds)
        why = _why_unscored(trials, problem)
        scored = [trial for trial in trials if trial.scores is not None]
        if self.ensemble and len(scored) > 1 and len(folds) > 1:
            several = EnsembleTrial("ensemble", self, members=scored)
            several.select(problem, folds, self._scorer())
            if max(trial.share for trial in scored) < 1:
                trials.append(several)
        chosen = self._choose(trials, why)
        report = report_of(trials, chosen, self.ensemble)
        if isinstance(chosen, EnsembleTrial):
            return chosen.fit(problem).chosen_by(report, self)
        model = chosen.strategy.fit_model(problem.for_strategy(chosen.strategy))
        return model.chosen_by(report, chosen.strategy)

    def _scorer(self):
        return None if self.scoring is None else get_scorer(self.scoring)

    def _trials(self):
        """Return the candidates as trials, with the parameters checked."""
        if not isinstance(self.max_fits, Real) or self.max_fits < 1:
            raise ValueError(
                "The 'max_fits' parameter of AutoFusion must be an int >= 1. "
                f"Got {self.max_fits!r} instead."
            )
        number = isinstance(self.tolerance, Real) and self.tolerance >= 0
        if not number and not _is(self.tolerance, "1se"):
            raise ValueError(
                "The 'tolerance' parameter of AutoFusion must be '1se' or a number "
                f">= 0. Got {self.tolerance!r} instead."
            )
        if not isinstance(self.ensemble, bool):
            raise ValueError(
                "The 'ensemble' parameter of AutoFusion must be a bool. "
                f"Got {self.ensemble!r} instead."
            )
        if self.weights is not None:
            raise ValueError(
                "The 'weights' parameter of AutoFusion must be None: set those of a "
                f"candidate, such as DecisionFusion(weights=...). Got {self.weights!r}."
            )
        given = self.candidates
        if _is(given, "auto"):
            equal = DecisionFusion(weights="uniform")
            given = ["decision", equal, "feature", "parallel", "sequential"]
        if isinstance(given, str) or not len(given):
            raise ValueError(
                "The 'candidates' parameter of AutoFusion must be 'auto' or a list of "
                f"one strategy or more. Got {self.candidates!r} instead."
            )
        return [
            Trial(_name(item), resolve_fusion(item, "AutoFusion")) for item in given
        ]

    def _score(self, trials, problem, folds):
        """Fit and score the trials on the folds while the budget lasts."""
        start, left = perf_counter(), self.max_fits
        scorer = self._scorer()
        _warn_absent(problem, folds)
        with _shared_cache(problem) as inner:
            for trial in trials:
                late = (
                    self.max_seconds is not None
                    and trial is not trials[0]
                    and perf_counter() - start > self.max_seconds
                )
                if late or left < len(folds):
                    budget = "max_seconds" if late else "max_fits"
                    for other in trials[trials.index(trial) :]:
                        other.skip(f"not tried: {budget}={getattr(self, budget)}")
                    return
                trial.run(inner, folds, scorer)
                left -= trial.fits

    def _choose(self, trials, unscored):
        """Return the first trial that is good enough, and note why."""
        scored = [trial for trial in trials if trial.scores is not None]
        if not scored:
            errors = [trial.error for trial in trials if trial.error is not None]
            if errors:
                raise errors[0]
            trials[0].skip(unscored)
            return trials[0]
        scores = np.stack([trial.scores for trial in scored])
        best, gaps, slacks = self._compared(scores)
        best, chosen = scored[best], scored[int(np.argmax(gaps <= slacks))]
        nested = self._nested(scores)
        for trial, gap, slack in zip(scored, gaps, slacks, strict=True):
            trial.judge(gap, slack, best, chosen, nested)
        return chosen

    def _compared(self, scores):
        """Return the best row of scores, how much worse each is, and what may be."""
        best = int(scores.mean(axis=1).argmax())
        worse = scores[best] - scores  # (n_trials, n_folds)
        slacks = np.full(
            len(scores), 0.0 if _is(self.tolerance, "1se") else self.tolerance
        )
        if _is(self.tolerance, "1se") and scores.shape[1] > 1:
            slacks = worse.std(axis=1, ddof=1) / np.sqrt(scores.shape[1])
        return best, worse.mean(axis=1), slacks

    def _nested(self, scores) -> float:
        """Return the mean score on each fold of what the other folds choose."""
        found = []
        for fold in range(scores.shape[1]):
            _, gaps, slacks = self._compared(np.delete(scores, fold, axis=1))
            found.append(scores[int(np.argmax(gaps <= slacks)), fold])
        return float(np.mean(found))


def _warn_absent(problem, folds) -> None:
    """Warn of modalities that candidates are scored without."""
    for name, here in zip(problem.names, problem.present.T, strict=True):
        without = sum(not here[train].any() for train, _ in folds)
        if without:
            warn(
                f"Modality {name!r} is in {here.sum()} of {len(here)} training rows, "
                f"and absent from all that are learnt from in {without} of "
                f"{len(folds)} folds: these are scored without it."
            )


@contextmanager
def _shared_cache(problem):
    """Yield the problem with a cache, a temporary one where it has none."""
    if problem.memory is not None or not _hashable(problem):
        yield problem
        return
    with tempfile.TemporaryDirectory(prefix="auto_fusion_") as folder:
        yield replace(problem, memory=Cache(Memory(folder, verbose=0)))


def _hashable(problem) -> bool:
    """Whether a cache can tell the encoders apart: it cannot tell lambdas."""
    try:
        joblib.hash([problem.encoders, problem.settings.callbacks])
    except Exception:
        return False
    return True


def _why_unscored(trials, problem) -> str:
    if len(problem.names) == 1:
        return "a single modality: nothing to choose"
    if len(trials) == 1:
        return "the only candidate"
    return "no candidate was scored: the first is taken"


def _name(candidate) -> str:
    if isinstance(candidate, str):
        return candidate
    return " ".join(repr(candidate).split()).removesuffix("()")


def _is(value, word) -> bool:
    return isinstance(value, str) and value == word
