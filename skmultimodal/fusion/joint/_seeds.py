"""Several networks of one strategy, which answer by their mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.utils import Bunch

from skmultimodal.fusion._base import FusionModel
from skmultimodal.training._network import derived_seed

__all__ = ["SeedsModel", "member_seeds"]

AVERAGED = (
    "response_per_modality",
    "branch_scores",
    "modality_weights",
    "contributions",
    "uncertainty",
)


def member_seeds(seed: int, n_members: int) -> list[int]:
    """Return a seed for each member; the first is the one that a single one has."""
    return [seed, *(derived_seed(seed, f"member {i}") for i in range(1, n_members))]


class SeedsModel(FusionModel):
    """Several models of one strategy; scores are their mean.

    Parameters
    ----------
    members : list of JointModel

    Attributes
    ----------
    history : list of dict
        Records of all members, each with the position of its ``member``.
    """

    def __init__(self, members):
        first = members[0]
        self.members, self.task, self.names = members, first.task, first.names
        self.encoders, self.dtype = first.encoders, first.dtype
        self.weight_unit, self.n_iter = first.weight_unit, first.n_iter
        self.interrupted = any(model.interrupted for model in members)
        self.n_features = sum(model.n_features for model in members)
        self.weights = {
            name: float(np.mean([model.weights[name] for model in members]))
            for name in first.weights
        }
        self.history = [
            {"member": i, **row}
            for i, model in enumerate(members)
            for row in model.history
        ]

    def scores(self, cells, present):
        prepared = self.members[0].prepared(cells, present)  # for all of them
        parts = [model.scores_of(prepared, present) for model in self.members]
        return np.mean(parts, axis=0)

    def response(self, cells, present):
        return self.task.response(self.scores(cells, present))

    def embedding(self, cells, present):
        """Return the embeddings of all members, side by side."""
        parts = [model.embedding(cells, present) for model in self.members]
        return np.hstack(parts)

    def encode(self, cells, present, name):
        """Return the embeddings by all members, side by side."""
        parts = [model.encode(cells, present, name) for model in self.members]
        return np.hstack(parts)

    def feature_names(self):
        return [
            f"member{i}__{name}"
            for i, model in enumerate(self.members)
            for name in model.feature_names()
        ]

    def offers(self, method):
        if method in AVERAGED:
            return self.members[0].offers(method)
        return super().offers(method)

    def response_per_modality(self, cells, present):
        scores = self.branch_scores(cells, present)
        found = {}
        for m, name in enumerate(self.names):
            response = self.task.response(scores[:, m])
            found[name] = np.where(present[:, [m]], response, np.nan)
        return found

    def branch_scores(self, cells, present):
        return self._mean("branch_scores", cells, present)

    def modality_weights(self, cells, present):
        return self._mean("modality_weights", cells, present)

    def contributions(self, cells, present):
        return self._means("contributions", cells, present)

    def uncertainty(self, cells, present):
        return Bunch(**self._means("uncertainty", cells, present))

    def trained_more(self, problem, unit=None):
        seeds = member_seeds(problem.seed, len(self.members))
        return SeedsModel(
            [
                model.trained_more(replace(problem, seed=seed), unit)
                for model, seed in zip(self.members, seeds, strict=True)
            ]
        )

    def trim(self):
        for model in self.members:
            model.trim()

    def _mean(self, method, cells, present):
        parts = [getattr(model, method)(cells, present) for model in self.members]
        return np.mean(parts, axis=0)

    def _means(self, method, cells, present) -> dict:
        parts = [getattr(model, method)(cells, present) for model in self.members]
        return {key: np.mean([part[key] for part in parts], axis=0) for key in parts[0]}
