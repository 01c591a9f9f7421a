"""Models of the modalities beside a network: what they say of rows left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skmultimodal.data._hashing import combine_keys, row_keys
from skmultimodal.encoders.features._classical import default_model, left_out_model
from skmultimodal.encoders.features._encoder import MOST_ROWS, ClassicalEncoder
from skmultimodal.fusion.apart._folds import folds_of
from skmultimodal.fusion.apart._out_of_fold import fit_models, out_of_fold
from skmultimodal.fusion.apart._row_features import with_frozen_features

__all__ = ["with_scores", "without_scores"]


MOST_OUTPUTS = 200  # scores of more would be wider than features
KERNELS = ("image", "audio", "sequence", "embedding")  # have kernel models
KERNELS_OF_VALUES = KERNELS[:-1]  # of numbers values are often nearly a linear sum


def with_scores(problem):
    """Return the problem with the models that its encoders ask for.

    Kernel models know what they would say of each row without it. The others, those of
    values from blocks of numbers too, are those that `DecisionFusion` fits, to the same
    folds: a cache has them once for both. Where rows do not allow two folds there are
    none.

    Parameters
    ----------
    problem : FusionProblem

    Returns
    -------
    FusionProblem
        Its `scored` has the model of each such modality, the responses of the rows
        by models that have not seen them, (n_samples, n_outputs), and the cells with
        the features that the model made of them.
    """
    regression, n_outputs = not problem.task.has_labels, problem.task.n_outputs
    if problem.n_samples > MOST_ROWS or n_outputs > MOST_OUTPUTS:
        return problem
    kinds = {
        name: spec.kind
        for name, spec in problem.encoders.items()
        if _asks(spec, problem.cells[name])
    }
    folds = folds_of(problem, None) if kinds else []
    if not folds:
        return problem
    plain = not problem.task.wraps_models
    alone = [
        name
        for name, kind in kinds.items()
        if kind in (KERNELS_OF_VALUES if regression else KERNELS)
        and plain
        and _are_apart(problem)
    ]
    n_classes = n_outputs if problem.task.one_label else 2
    models = {
        name: left_out_model(kind, regression)
        if name in alone
        else default_model(kind, regression, n_classes)
        for name, kind in kinds.items()
    }
    part = replace(problem.select(list(models)), encoders=models)
    part = with_frozen_features(part)
    fitted = fit_models(part)
    scored = {}
    for name in alone:
        present = problem.present[:, problem.names.index(name)]
        responses = _left_out(fitted[name], present)
        if responses is not None:
            scored[name] = fitted[name], responses, part.cells[name]
    rest = [name for name in models if name not in scored]
    if rest:
        responses, _ = out_of_fold(part.select(rest), folds)
        scored |= {
            name: (fitted[name], responses[m], part.cells[name])
            for m, name in enumerate(rest)
        }
    return replace(problem, scored=scored)


def _are_apart(problem) -> bool:
    """Whether leaving out one row leaves nothing of it: no row is like another."""
    if problem.groups is not None:
        return False
    names = sorted(problem.names)
    keys = combine_keys(row_keys(problem.cells[name]) for name in names)
    return len(np.unique(keys)) == len(keys)


def _left_out(model, present):
    """Return the leave-one-out responses of a fit, None if the model has none."""
    if not isinstance(getattr(model, "fitted", None), Pipeline):
        return None  # one pipeline a label
    answers = model.fitted[-1].taken_left_out()
    if answers is None:
        return None
    responses = np.full((len(present), model.n_outputs), np.nan)
    responses[present] = model.as_response(answers)
    return responses


def without_scores(problem):
    """Return the problem with encoders that ask for no model.

    One that was fitted to a first chunk would stay as it was for all others.
    """
    encoders = {
        name: clone(spec).set_params(scores=False)
        if isinstance(spec, ClassicalEncoder)
        else spec
        for name, spec in problem.encoders.items()
    }
    return replace(problem, encoders=encoders)


def _asks(spec, cells) -> bool:
    """Whether an encoder takes the scores of a model; several columns have none."""
    if not isinstance(spec, ClassicalEncoder) or not spec.scores:
        return False
    return np.ndim(cells) == 1 or spec.takes_tables
