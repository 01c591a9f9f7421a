"""Order of the stages, and stages fitted to what earlier ones leave."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar
from torch import nn

from skmultimodal.data._containers import take_rows
from skmultimodal.encoders._base import PassThrough
from skmultimodal.fusion._base import FusionModel, mixed_by_stages
from skmultimodal.fusion.apart._cascade import prices_of
from skmultimodal.fusion.apart._folds import folds_of
from skmultimodal.fusion.apart._out_of_fold import out_of_fold
from skmultimodal.fusion.apart._standalone import warn_unjudged
from skmultimodal.fusion.joint._model import fit_network
from skmultimodal.training._network import FusionModule, FusionOutput
from skmultimodal.training._settings import JointTraining

__all__ = ["fit_residual", "stage_order"]

OFFSET = "offset "  # the blank keeps it apart from names that users type


def stage_order(problem, order, cv, cost=None) -> list[str]:
    """Return the names of the modalities in the order of the stages."""
    names = problem.names
    if isinstance(order, str) and order == "given":
        return names
    if isinstance(order, str) and order in ("best_first", "worst_first"):
        losses = unimodal_losses(problem, cv)
        ranked = sorted(names, key=lambda name: losses[name])
        return ranked if order == "best_first" else ranked[::-1]
    if isinstance(order, str) and order == "auto":
        return order_by_gain(problem, cv, cost)
    listed = list(order) if isinstance(order, (list, tuple)) else None
    if listed is not None:
        listed = [name for name in listed if name not in problem.dropped]
        if sorted(listed) == sorted(names):
            return listed
    raise ValueError(
        "The 'order' parameter of SequentialFusion must be 'given', 'auto', "
        f"'best_first', 'worst_first' or a list of all modalities {names}. "
        f"Got {order!r} instead."
    )


def order_by_gain(problem, cv, cost) -> list[str]:
    """Return the names by what each takes off the prior's loss for its price."""
    task, losses = problem.task, unimodal_losses(problem, cv)
    prior = task.prior(problem.target, problem.sample_weight)
    prior = np.broadcast_to(prior, (problem.n_samples, task.n_outputs))
    nothing = task.losses(prior, problem.target)
    nothing = np.average(nothing, weights=problem.sample_weight)
    prices = prices_of(problem.names, cost, problem.dropped)
    worth = {
        name: gain / max(price, 1e-12) if gain > 0 else gain
        for (name, loss), price in zip(losses.items(), prices, strict=True)
        for gain in [nothing - loss]
    }
    return sorted(problem.names, key=lambda name: -worth[name])


def unimodal_losses(problem, cv) -> dict[str, float]:
    """Return the mean out-of-fold loss of each modality alone."""
    folds = folds_of(problem, cv)
    if not folds:
        return dict.fromkeys(problem.names, 0.0)
    responses, _ = out_of_fold(problem, folds)
    losses = {}
    for name, response in zip(problem.names, responses, strict=True):
        known = np.isfinite(response).all(axis=1)
        if not known.any():  # not known to be good for anything
            losses[name] = np.inf
            continue
        weight = problem.sample_weight
        rows = problem.task.losses(response[known], problem.target[known])
        weight = None if weight is None else weight[known]
        losses[name] = float(np.average(rows, weights=weight))
    return losses


class _Stage:
    """Specification of a stage: the offset plus a linear head on an embedding."""

    def joint_training(self, settings):
        return JointTraining()

    def build_for(self, task, in_features, joint):
        return _StageModule(in_features, task.n_scores)


class _StageModule(FusionModule):
    def __init__(self, in_features, n_outputs):
        super().__init__(in_features)
        self.name = next(name for name in self.names if name != OFFSET)
        self.head = nn.Linear(in_features[self.name], n_outputs)
        nn.init.zeros_(self.head.weight)  # a stage starts from what is there
        nn.init.zeros_(self.head.bias)

    def forward(self, embeddings, present=None):
        step = self.head(embeddings[self.name])
        if present is not None:
            step = step * present[:, self.names.index(self.name), None]
        scores = embeddings[OFFSET] + step
        return FusionOutput(scores, embeddings[self.name], step[:, None])


class _Step:
    """A fitted stage that gives its additive step for cells of its modality."""

    def __init__(self, problem, name, offset):
        present = problem.present[:, problem.names.index(name)]
        part = replace(
            problem,
            cells={name: problem.cells[name], OFFSET: offset},
            present=np.column_stack([present, np.ones_like(present)]),
            encoders={name: problem.encoders[name], OFFSET: PassThrough()},
            seed=problem.seed_of(name),
        )
        self.name, self.model = name, fit_network(_Stage(), part).finished()
        self.n_scores = problem.task.n_scores

    def __call__(self, cells, present):
        here = {self.name: present, OFFSET: np.ones_like(present)}
        outputs = self.model._outputs(
            {self.name: cells, OFFSET: np.zeros((len(present), self.n_scores))},
            np.column_stack([here[name] for name in self.model.names]),
            ["branch_scores"],
        )
        steps = outputs["branch_scores"][:, 0].astype(np.float64)
        return np.where(present[:, None], steps, 0.0)


def fit_residual(problem, spec):
    """Fit stage after stage, each to the out-of-fold scores of those before it."""
    if spec.weights in ("last", "cv"):
        raise ValueError(
            f"weights={spec.weights!r} needs mode='state'. In residual mode the "
            "stages add up: use 'learned', 'uniform' or a dict."
        )
    task, weight = problem.task, problem.sample_weight
    prior = task.prior(problem.target, weight)
    base = np.asarray(task.scores(prior), dtype=np.float64)
    scores = np.tile(base, (problem.n_samples, 1))
    folds = folds_of(problem, spec.cv)
    steps, raw, history = [], [], []
    for m, name in enumerate(problem.names):
        step = _Step(problem, name, scores)
        present = problem.present[:, m]
        out, judged = np.zeros_like(scores), not folds
        for train, test in folds:
            if not present[train].any():
                continue  # nothing known of its rows to hold out
            judged = judged or present[test].any()
            of_fold = _Step(problem.take(train), name, scores[train])
            out[test] = of_fold(take_rows(problem.cells[name], test), present[test])
        if not folds:
            out = step(problem.cells[name], present)
        length = 1.0
        if not judged and not isinstance(spec.weights, dict):
            length = 0.0
            warn_unjudged(problem, [name])
        elif spec.weights == "learned":
            length = _line_search(task, scores, out, problem.target, weight)
        elif isinstance(spec.weights, dict):
            length = float(spec.weights[name])
        scores = scores + length * out
        steps.append(step)
        raw.append(length)
        history += [{"modality": name, **row} for row in step.model.history]
    return ResidualModel(problem, steps, np.array(raw), base, history)


def _line_search(task, scores, step, target, weight):
    """Return the step length in [0, 2] with the least loss on held-out rows."""

    def loss(length):
        response = task.response(scores + length * step)
        return np.average(task.losses(response, target), weights=weight)

    return float(minimize_scalar(loss, bounds=(0.0, 2.0), method="bounded").x)


class ResidualModel(FusionModel):
    """Stages whose scores add up, starting from the prior."""

    dtype = "float64"

    def __init__(self, problem, steps, lengths, base, history):
        self.task, self.names = problem.task, problem.names
        self.steps, self.lengths, self.base = steps, lengths, base
        self.encoders = {step.name: step.model.encoders[step.name] for step in steps}
        total = lengths.sum()
        share = lengths / total if total > 0 else np.full(len(steps), 1 / len(steps))
        self.weights = dict(zip(self.names, share.tolist(), strict=True))
        self.history = history
        self.n_iter = sum(step.model.n_iter for step in steps)
        self.n_features = len(self.names) * self.task.n_scores

    def _terms(self, cells, present):
        """Return the scaled steps, of shape (n_samples, n_modalities, n_outputs)."""
        terms = [
            length * _absent_as_zero(step, cells[step.name], present[:, m])
            for m, (step, length) in enumerate(
                zip(self.steps, self.lengths, strict=True)
            )
        ]
        return np.stack(terms, axis=1)

    def feature_names(self):
        outputs = self.task.output_names()
        return [f"{name}__{output}" for name in self.names for output in outputs]

    def scores(self, cells, present):
        return self.base + self._terms(cells, present).sum(axis=1)

    def response(self, cells, present):
        return self.task.response(self.scores(cells, present))

    def responses(self, cells, presences):
        terms = self._terms(cells, np.any(presences, axis=0))
        return [
            self.task.response(self.base + (terms * present[:, :, None]).sum(axis=1))
            for present in presences
        ]

    def response_to_mixed(self, cells, rows, present):
        return mixed_by_stages(self, cells, rows, present)

    def stage_input(self, cells, name):
        """Return the scaled step of cells that are all present."""
        m = self.names.index(name)
        return self.lengths[m] * self.steps[m](cells, np.ones(len(cells), dtype=bool))

    def response_of_stages(self, inputs, present):
        """Return the response to given steps; those of absent modalities are zero."""
        return self.task.response(self.base + sum(inputs.values()))

    def embedding(self, cells, present):
        return self._terms(cells, present).reshape(len(present), -1)

    def encode(self, cells, present, name):
        m = self.names.index(name)
        step = next(step for step in self.steps if step.name == name)
        return step.model.encode(cells, present[:, m : m + 1], name)

    def response_per_modality(self, cells, present):
        responses = {}
        for m, term in enumerate(np.moveaxis(self._terms(cells, present), 1, 0)):
            responses[self.names[m]] = self.task.response(self.base + term)
            responses[self.names[m]][~present[:, m]] = np.nan
        return responses

    def modality_weights(self, cells, present):
        return present * np.array([self.weights[name] for name in self.names])

    def contributions(self, cells, present):
        terms = self._terms(cells, present)
        named = {name: terms[:, m] for m, name in enumerate(self.names)}
        return {"prior": np.tile(self.base, (len(terms), 1)), **named}


def _absent_as_zero(step, cells, present):
    if cells is None or not present.any():
        return np.zeros((len(present), step.n_scores))
    return step(cells, present)
