import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import clone

from skmultimodal.data import take_rows
from skmultimodal.fusion import BaseFusion, FusionModel
from skmultimodal.utils import POSITIVE


class NeighboursFusion(BaseFusion):
    """Average the training rows, by how near they are in what both rows have."""

    takes_features = True  # encoders="auto" gives dense features
    limits = {"width": POSITIVE}  # noqa: RUF012

    def __init__(self, width=0.5, weights="uniform"):
        self.width = width
        self.weights = weights

    def fit_model(self, problem):
        self.check(problem, ("uniform",))
        return _Neighbours(problem.select(sorted(problem.names)), self)


class _Neighbours(FusionModel):
    def __init__(self, problem, spec):
        self.names, self.task, self.has = problem.names, problem.task, problem.present
        self.width, self.n_features, self.encoders = spec.width, self.task.n_outputs, {}
        self.weights = dict.fromkeys(self.names, 1 / len(self.names))
        if isinstance(spec.weights, dict):
            total = sum(spec.weights[name] for name in self.names)
            self.weights = {name: spec.weights[name] / total for name in self.names}
        for name, here in zip(self.names, problem.present.T, strict=True):
            rows = take_rows(problem.cells[name], here)
            self.encoders[name] = clone(problem.encoders[name]).fit(rows)
        self.known, self.has = (
            self._features(problem.cells, problem.present),
            problem.present,
        )
        self.truth = self.task.truth(problem.target)  # (n_train, n_outputs)
        weight = problem.sample_weight
        self.row_weight = 1.0 if weight is None else weight

    def _features(self, cells, present):
        found = {}
        for name, here in zip(self.names, present.T, strict=True):
            if here.any():
                rows = self.encoders[name].transform(take_rows(cells[name], here))
                found[name] = np.zeros((len(present), rows.shape[1]))
                found[name][here] = rows
        return found

    def response(self, cells, present):
        total = np.zeros((len(present), len(self.has)))  # weighted distance
        shared = np.full_like(total, 1e-12)  # weight of what both rows have
        for name, rows in self._features(cells, present).items():
            m = self.names.index(name)
            both = self.weights[name] * np.outer(present[:, m], self.has[:, m])
            total = total + both * cdist(rows, self.known[name], "sqeuclidean")
            shared = shared + both
        near = shared * np.exp(-total / shared / self.width) + 1e-100
        near *= self.row_weight  # all alike where nothing is shared: the prior
        return near @ self.truth / near.sum(axis=1, keepdims=True)

    def scores(self, cells, present):
        return self.task.scores(self.response(cells, present))

    embedding = scores
