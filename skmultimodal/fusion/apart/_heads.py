"""Any scikit-learn estimator as the head on embeddings of several modalities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from skmultimodal.data._scaling import moments
from skmultimodal.fusion._base import FusionModel, unheard
from skmultimodal.fusion.apart._staged import embed_rows, embeddings_of
from skmultimodal.fusion.apart._standalone import EstimatorModel, fit_standalone
from skmultimodal.fusion.joint._encode import encode_by_member

__all__ = ["fit_head"]

HEAD = "head"


def fit_head(spec, problem):
    """Fit encoders apart, then the head on their out-of-fold embeddings.

    The embeddings of all folds are brought into the space of the encoders fitted
    to all rows, which prediction uses; blocks are standardised and weighted.
    """
    models, embeddings = embeddings_of(problem)
    scaling = {}
    for m, name in enumerate(problem.names):
        here = problem.present[:, m]
        known = embeddings[name][here]
        weight = problem.sample_weight
        weight = None if weight is None else weight[here]
        scaling[name] = moments(known, weight)
    n_modalities = len(problem.names)
    weights = dict.fromkeys(problem.names, 1 / n_modalities)
    if isinstance(spec.weights, dict):
        total = sum(spec.weights[name] for name in problem.names)
        weights = {name: spec.weights[name] / total for name in problem.names}
    return HeadModel(models, scaling, weights, spec.head, embeddings, problem)


class HeadModel(FusionModel):
    """Encoders fitted apart under a scikit-learn head."""

    dtype = "float64"
    head: EstimatorModel
    task: Any
    prior: np.ndarray

    def __init__(self, models, scaling, weights, head, embeddings, problem):
        self.names, self.models = list(models), models
        self.scaling, self.weights = scaling, weights
        self.encoders = {name: model.fitted for name, model in models.items()}
        self.history = [
            {"modality": name, **row}
            for name, model in models.items()
            for row in model.history
        ]
        self.task = problem.task
        self.prior = problem.task.prior(problem.target, problem.sample_weight)
        features = self.joined(embeddings, problem.present)
        self.n_features = features.shape[1]
        inner = replace(
            problem,
            cells={HEAD: features},
            present=np.ones((problem.n_samples, 1), dtype=bool),
            encoders={HEAD: head},
        )
        self.head = fit_standalone(inner, HEAD)

    def joined(self, embeddings, present):
        """Return weighted, standardised blocks side by side, zeros where absent."""
        blocks = []
        for m, name in enumerate(self.names):
            mean, scale = self.scaling[name]
            block = (embeddings[name] - mean) / scale
            weight = len(self.names) * self.weights[name]
            blocks.append(weight * block * present[:, m, None])
        return np.hstack(blocks)

    def feature_names(self):
        return [
            f"{name}__{i}"
            for name in self.names
            for i in range(self.models[name].n_features)
        ]

    def embedding(self, cells, present):
        return self.joined(embed_rows(self.models, cells, present), present)

    def encode(self, cells, present, name):
        return encode_by_member(self.models, cells, present, name, self.names)

    def response(self, cells, present):
        return self._respond(embed_rows(self.models, cells, present), present)

    def responses(self, cells, presences):
        embedded = embed_rows(self.models, cells, np.any(presences, axis=0))
        return [self._respond(embedded, present) for present in presences]

    def _respond(self, embeddings, present):
        response = self.head.response(self.joined(embeddings, present))
        response[unheard(self.weights, self.names, present)] = self.prior
        return response

    def scores(self, cells, present):
        return self.task.scores(self.response(cells, present))
