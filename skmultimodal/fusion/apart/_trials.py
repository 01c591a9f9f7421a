"""Candidates that are fitted to folds, and the ensemble of them as one more."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from skmultimodal.fusion.apart._selection import (
    EnsembleModel,
    greedy_shares,
    mean_response,
)
from skmultimodal.training._tasks import Answer

__all__ = ["EnsembleTrial", "Trial", "report_of"]


@dataclass(eq=False)
class Trial:
    """A candidate and how it fared."""

    name: str
    strategy: Any
    scores: np.ndarray | None = None
    responses: list[np.ndarray] = field(default_factory=list, repr=False)  # by fold
    nested_score: float = float("nan")
    fits: int = 0
    seconds: float = 0.0
    reason: str = ""
    error: Exception | None = field(default=None, repr=False)
    share: float = float("nan")  # in the ensemble, if there is one
    gain: float = float("nan")

    def run(self, problem, folds, scorer):
        """Fit to every fold, and score; keep the error of one that refuses."""
        start, n_jobs = perf_counter(), problem.n_jobs
        problem = replace(problem.for_strategy(self.strategy), n_jobs=None)
        jobs = [delayed(_fold_score)(self.strategy, problem, *f, scorer) for f in folds]
        try:
            found = Parallel(n_jobs=n_jobs)(jobs)
            self.scores = np.array([score for score, _ in found])
            self.responses = [response for _, response in found]
            self.fits = len(folds)
        except (ValueError, TypeError) as error:
            self.error, self.reason = error, f"refused: {error}"
        self.seconds = perf_counter() - start

    def skip(self, reason):
        """Note why it was not scored."""
        self.reason = reason

    def count_in(self, share, gain):
        """Note its share in the ensemble, and what it adds to the score."""
        self.share, self.gain = share, gain

    def judge(self, gap, slack, best, chosen, nested_score):
        """Note how it compares; the nested score is that of choosing."""
        self.reason = f"{gap:.3g} worse than {best.name}"
        if self is best:
            self.reason = "best score"
        elif gap <= slack:
            self.reason += f", within the tolerance of {slack:.3g}"
        if self is chosen:
            self.nested_score = nested_score
        elif gap <= slack:
            self.reason += f"; {chosen.name} is preferred"


@dataclass(eq=False)
class EnsembleTrial(Trial):
    """The ensemble of the trials that were scored, as one more."""

    members: list[Trial] = field(default_factory=list, repr=False)

    def select(self, problem, folds, scorer):
        """Find the shares of the members, and score each fold with those of others."""
        start, rows = perf_counter(), [test for _, test in folds]
        known = [m.responses for m in self.members]
        parts = [np.stack(of_fold) for of_fold in zip(*known, strict=True)]
        targets = problem.select([])  # of rows without their cells

        def selected(chosen):
            taken = targets.take(np.concatenate([rows[i] for i in chosen]))
            score = score_of(taken, scorer)
            responses = np.concatenate([parts[i] for i in chosen], axis=1)
            return greedy_shares(responses, score), responses, score

        every, scores = range(len(rows)), []
        for fold in every:
            shares = selected([i for i in every if i != fold])[0]
            score = score_of(targets.take(rows[fold]), scorer)
            scores.append(score(mean_response(parts[fold], shares)))
        self.scores = np.array(scores)
        shares, responses, score = selected(every)
        gains = _gains(responses, shares, score)
        for member, share, gain in zip(self.members, shares, gains, strict=True):
            member.count_in(float(share), float(gain))
        self.seconds = perf_counter() - start

    def fit(self, problem):
        """Return the model of the members, each fitted to all rows."""
        models: dict[str, Any] = {}
        shares: dict[str, float] = {}
        for trial in sorted(self.members, key=lambda member: -member.share):
            if trial.share == 0:
                break
            name = trial.name
            if name in models:  # such as a plain object twice
                name = f"{name} ({len(models) + 1})"
            model = trial.strategy.fit_model(problem.for_strategy(trial.strategy))
            models[name], shares[name] = model.finished(), trial.share
        return EnsembleModel(problem.task, problem.names, models, shares)


def report_of(trials, chosen, ensemble=False) -> pd.DataFrame:
    """Return one row per candidate; with what each is in an ensemble, if asked."""
    shown = ("share", "gain") if ensemble else ()
    return pd.DataFrame(
        {
            "candidate": [trial.name for trial in trials],
            "score": [_of(trial, np.mean) for trial in trials],
            "sd": [_of(trial, np.std, ddof=1) for trial in trials],
            "nested_score": [trial.nested_score for trial in trials],
            "fits": [trial.fits for trial in trials],
            "seconds": [trial.seconds for trial in trials],
            "chosen": [trial is chosen for trial in trials],
            "reason": [trial.reason for trial in trials],
            **{name: [getattr(trial, name) for trial in trials] for name in shown},
        }
    )


def _of(trial, statistic, **params) -> float:
    none = trial.scores is None
    return float("nan") if none else float(statistic(trial.scores, **params))


def _gains(responses, shares, score) -> np.ndarray:
    """Return how much lower the score is without each member; NaN if it has no part."""
    whole = score(mean_response(responses, shares))
    gains = np.full(len(shares), np.nan)
    for i in np.flatnonzero(shares):
        rest = np.where(np.arange(len(shares)) == i, 0.0, shares)
        if rest.any():
            gains[i] = whole - score(mean_response(responses, rest / rest.sum()))
    return gains


def _fold_score(strategy, problem, train, test, scorer) -> tuple:
    """Return the score on the rows left out, and their response."""
    model = strategy.fit_model(problem.take(train).without_absent()).finished()
    held_out = problem.take(test)
    part = held_out.select(model.names)
    response = model.response(part.cells, part.present)
    return score_of(held_out, scorer)(response), response


def score_of(problem, scorer):
    """Return the function that scores a response to the rows of a problem."""
    task, weight = problem.task, problem.sample_weight

    def score(response) -> float:
        if scorer is None:
            losses = task.losses(response, problem.target)
            return -float(np.average(losses, weights=weight))
        extra = {} if weight is None else {"sample_weight": weight}
        return float(scorer(Answer(task, response), None, problem.y, **extra))

    return score
