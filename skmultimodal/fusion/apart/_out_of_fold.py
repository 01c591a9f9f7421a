"""Out-of-fold predictions of stand-alone models, computed once where cached."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from joblib import Parallel, delayed
from joblib.parallel import get_active_backend

from skmultimodal.data._containers import take_rows
from skmultimodal.fusion.apart._cache import (
    Cache,
    cached,
    model_key,
    rows_key,
)
from skmultimodal.fusion.apart._row_features import with_frozen_features
from skmultimodal.fusion.apart._standalone import NoModel, fit_standalone

__all__ = [
    "best_candidates",
    "fit_models",
    "out_of_fold",
    "out_of_fold_models",
    "respond",
]


def fit_models(problem) -> dict:
    """Return the stand-alone model of each modality, fitted to all rows."""
    labels = [f"{name}, all rows" for name in problem.names]
    silent = replace(problem, bar=None)
    jobs = [(silent, name, None) for name in problem.names]
    models = _fit_all(problem, jobs, labels)
    return dict(zip(problem.names, models, strict=True))


def out_of_fold(problem, folds):
    """Return out-of-fold responses of the stand-alone model of each modality.

    Parameters
    ----------
    problem : FusionProblem
    folds : list of (train, test) positions

    Returns
    -------
    responses : ndarray of shape (n_modalities, n_samples, n_outputs)
        NaN where a modality is absent, a row is in no test part, or its fold has no
        model of the modality, or none that has met the label of the row: what it
        says of that label is nothing to judge it by.
    models : list of dict of str to model
        The models of each fold.
    """
    models = out_of_fold_models(problem, folds)
    shape = (len(problem.names), problem.n_samples, problem.task.n_outputs)
    responses = np.full(shape, np.nan)
    for (train, test), of_fold in zip(folds, models, strict=True):
        held_out = problem.take(test)
        for m, name in enumerate(problem.names):
            part = held_out.select([name])
            responses[m, test] = respond(
                of_fold[name], part.cells[name], part.present[:, 0], problem.memory
            )
            met = problem.target[train[problem.present[train, m]]]
            unmet = problem.task.unmet(held_out.target, met)
            responses[m, test[unmet]] = np.nan
    return responses, models


def out_of_fold_models(problem, folds) -> list[dict]:
    """Return the stand-alone models of each fold."""
    silent = replace(problem, bar=None)  # once: a problem of all folds is sent once
    parts = {name: silent.select([name]) for name in problem.names}
    jobs = [(part, name, rows) for rows, _ in folds for name, part in parts.items()]
    labels = [
        f"{name}, fold {k} of {len(folds)}"
        for k in range(1, len(folds) + 1)
        for name in parts
    ]
    fitted = iter(_fit_all(problem, jobs, labels))
    return [{name: next(fitted) for name in problem.names} for _ in folds]


def best_candidates(problem, folds):
    """Return the problem with the best candidate of each modality that lists some.

    The best has the least out-of-fold loss; the first, where there are no folds.
    """
    chosen = dict(problem.encoders)
    for name, spec in problem.encoders.items():
        if not isinstance(spec, list):
            continue
        losses = [
            _mean_loss(replace(problem.select([name]), encoders={name: one}), folds)
            for one in spec
        ]
        chosen[name] = spec[int(np.argmin(losses))]
    return replace(problem, encoders=chosen)


def _mean_loss(problem, folds) -> float:
    """Return the mean out-of-fold loss of a problem of one modality."""
    if not folds:
        return 0.0
    response = out_of_fold(with_frozen_features(problem), folds)[0][0]
    known = np.isfinite(response).all(axis=1)
    weight = problem.sample_weight
    if not known.any():
        return np.inf
    losses = problem.task.losses(response[known], problem.target[known])
    return np.average(losses, weights=None if weight is None else weight[known])


def respond(model, cells, present, cache=None) -> np.ndarray:
    """Return the responses of one model, NaN where the modality is absent."""
    out = np.full((len(present), model.n_outputs), np.nan)
    if present.any() and not isinstance(model, NoModel):
        rows = np.flatnonzero(present)
        here = cells if present.all() else take_rows(cells, rows)
        key = None if cache is None else (model.key, rows_key(here, model.fitted))
        out[rows] = cached(cache, _response, key, model, here)
    return out


def _response(model, cells):
    return model.response(cells)


def _fit(problem, name, rows):
    """Return the model and, for the caller may be in another process, its cache.

    The rows of a fold are taken here, for all its folds are sent one problem.
    """
    if rows is not None:
        problem = problem.take(rows)
    if rows is not None and not problem.select([name]).present.any():
        return NoModel(problem, name), None
    if problem.memory is None:
        return fit_standalone(problem, name), None
    cache = Cache(problem.memory.memory, is_quiet=True)
    key = model_key(problem, name)
    return cache.call(fit_standalone, key, problem, name, key), cache


def _fit_all(problem, jobs, labels) -> list:
    """Return the models of the jobs, in order; the problem's bar shows their labels."""
    bar = problem.bar
    if problem.n_jobs in (None, 1) or len(jobs) < 2:
        running = (_fit(*job) for job in jobs)
    else:
        # a backend that cannot give results one by one, as ray's, gives a list
        backend = get_active_backend()[0]
        by_one = bar is not None and backend.supports_return_generator
        parallel = Parallel(problem.n_jobs, return_as="generator" if by_one else "list")
        running = iter(parallel(delayed(_fit)(*job) for job in jobs))
    fitted = []
    for label in labels:
        if bar is not None:
            bar.tell(label)
        fitted.append(next(running))
        if bar is not None:
            bar.advance()
    for _, cache in fitted:
        if cache is not None:
            problem.memory.add(cache.info)
            problem.memory.tell(cache.trouble)
    return [model for model, _ in fitted]
