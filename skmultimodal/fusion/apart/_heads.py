"""Any scikit-learn estimator as the head on features of several modalities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from skmultimodal.data._scaling import moments
from skmultimodal.fusion._base import FusionModel, unheard
from skmultimodal.fusion.apart._staged import embed_rows, embeddings_of
from skmultimodal.fusion.apart._standalone import EstimatorModel, fit_standalone
from skmultimodal.fusion.joint._encode import encode_by_member

__all__ = ["HeadedModel", "fit_head"]

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


class HeadedModel(FusionModel):
    """A head of scikit-learn on rows that are made of features of each modality."""

    dtype = "float64"
    head: EstimatorModel
    task: Any
    prior: np.ndarray

    def features_of(self, cells, present) -> dict[str, np.ndarray]:
        """Return features (n_samples, n_features) by name, zeros where absent."""
        raise NotImplementedError

    def joined(self, features, present) -> np.ndarray:
        """Return the rows of the head, of shape (n_samples, n_features)."""
        raise NotImplementedError

    def fit_head(self, head, rows, problem):
        """Fit the head to given rows."""
        inner = replace(
            problem,
            cells={HEAD: rows},
            present=np.ones((len(rows), 1), dtype=bool),
            encoders={HEAD: head},
        )
        self.head, self.n_features = fit_standalone(inner, HEAD), rows.shape[1]

    def embedding(self, cells, present):
        return self.joined(self.features_of(cells, present), present)

    def response(self, cells, present):
        return self._respond(self.features_of(cells, present), present)

    def responses(self, cells, presences):
        features = self.features_of(cells, np.any(presences, axis=0))
        return [
            self._respond(
                {
                    name: np.where(present[:, m, None], features[name], 0.0)
                    for m, name in enumerate(self.names)
                },
                present,
            )
            for present in presences
        ]

    def _respond(self, features, present):
        response = self.head.response(self.joined(features, present))
        response[unheard(self.weights, self.names, present)] = self.prior
        return response

    def scores(self, cells, present):
        return self.task.scores(self.response(cells, present))


class HeadModel(HeadedModel):
    """Encoders fitted apart under a scikit-learn head."""

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
        self.fit_head(head, self.joined(embeddings, problem.present), problem)

    def features_of(self, cells, present):
        return embed_rows(self.models, cells, present)

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

    def encode(self, cells, present, name):
        return encode_by_member(self.models, cells, present, name, self.names)
