"""Fixed dense features of every modality under a scikit-learn head, without torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.preprocessing import OneHotEncoder

from skmultimodal.data._containers import Ragged
from skmultimodal.encoders._supervised import learns_from_y
from skmultimodal.fusion.apart._heads import HeadedModel
from skmultimodal.fusion.joint._preparation import Preparation

__all__ = [
    "FoldFeatures",
    "FrozenFeatures",
    "FrozenModel",
    "features_of_fold",
    "shares_of",
    "supervised_names",
]


class FrozenFeatures:
    """Fitted encoders, and the standardised features they give.

    What an encoder prepares for its network is taken as features: floats are
    flattened and standardised, with weights; integers are one-hot encoded.

    Parameters
    ----------
    owner : str
        Name of the strategy, for errors.

    Attributes
    ----------
    n_varying : dict of str to int
        Features that are not constant, hence the total variance of a modality.
    """

    def __init__(self, owner):
        self.owner = owner

    def fit_transform(self, problem) -> dict[str, np.ndarray]:
        """Fit, and return the features of the rows, cross-fitted where encoders do."""
        preparation = Preparation(problem)
        self.preparation = preparation.without_rows()
        self.names, self.encoders = problem.names, self.preparation.encoders
        self.one_hot, self.scaling, self.n_varying = {}, {}, {}
        inputs = preparation.training_inputs(problem)
        weight = problem.sample_weight
        for m, name in enumerate(self.names):
            here = problem.present[:, m]
            for key, rows in inputs[name].items():
                if isinstance(rows, Ragged):
                    raise ValueError(
                        f"Modality {name!r}: {self.owner} needs features of one "
                        f"length. Got rows of different lengths or sparse rows from "
                        f"{type(self.encoders[name]).__name__}. Use a scikit-learn "
                        "transformer with dense output, such as a pipeline of "
                        "TfidfVectorizer and TruncatedSVD."
                    )
                if rows.dtype.kind in "iu":
                    encoder = OneHotEncoder(
                        handle_unknown="ignore", sparse_output=False
                    )
                    self.one_hot[name, key] = encoder.fit(_flat(rows[here]))
            block = self._block(name, inputs[name], here)[here]
            share = None if weight is None else weight[here]
            mean = np.average(block, axis=0, weights=share)
            variance = np.average((block - mean) ** 2, axis=0, weights=share)
            varies = variance > 1e-20
            self.scaling[name] = mean, np.sqrt(np.where(varies, variance, 1.0))
            self.n_varying[name] = int(varies.sum())
        return self._scaled(inputs, problem.present)

    def transform(self, cells, present) -> dict[str, np.ndarray]:
        """Return features (n_samples, n_features) by name, zeros where absent."""
        return self._scaled(self.preparation.inputs(cells, present), present)

    def _scaled(self, inputs, present):
        features = {}
        for m, name in enumerate(self.names):
            mean, scale = self.scaling[name]
            here = present[:, m]
            block = (self._block(name, inputs[name], here) - mean) / scale
            features[name] = np.where(here[:, None], block, 0.0)
        return features

    def _block(self, name, inputs, here):
        """Return the raw features of one modality side by side."""
        parts = []
        for key, rows in inputs.items():
            flat = _flat(rows)
            if (name, key) in self.one_hot:
                encoder, codes = self.one_hot[name, key], flat
                flat = np.zeros((len(codes), sum(map(len, encoder.categories_))))
                if here.any():
                    flat[here] = encoder.transform(codes[here])
            parts.append(flat.astype(np.float64))
        return np.hstack(parts)


@dataclass
class FoldFeatures:
    """Features of the rows to learn from and of the rows held out, in one fold.

    Attributes
    ----------
    train, test : ndarray of int
        Positions of the rows.
    learnt, held_out : dict of str to ndarray of shape (n_samples, n_features)
    n_varying : dict of str to int
    """

    train: np.ndarray
    test: np.ndarray
    learnt: dict[str, np.ndarray]
    held_out: dict[str, np.ndarray]
    n_varying: dict[str, int]


def supervised_names(problem) -> list[str]:
    """Return the modalities whose encoders learn from y."""
    return [name for name in problem.names if learns_from_y(problem.encoders[name])]


def features_of_fold(features, blocks, problem, fold) -> FoldFeatures:
    """Return the features of a fold, as if the rows held out had no y.

    Encoders that learn from y are fitted to the fold; the others stay as they are.

    Parameters
    ----------
    features : FrozenFeatures
        Fitted to the whole problem.
    blocks : dict of str to ndarray of shape (n_samples, n_features)
        Its features.
    problem : FusionProblem
    fold : tuple of (ndarray, ndarray)
    """
    learnt, held_out = ({name: b[rows] for name, b in blocks.items()} for rows in fold)
    n_varying, (train, test) = dict(features.n_varying), fold
    for name in supervised_names(problem):
        part = problem.select([name])
        if not part.present[train].any():  # nothing can be learnt here
            held_out[name] = np.zeros_like(held_out[name])
            continue
        own, new = FrozenFeatures(features.owner), part.take(test)
        learnt |= own.fit_transform(part.take(train))
        held_out |= own.transform(new.cells, new.present)
        n_varying |= own.n_varying
    return FoldFeatures(train, test, learnt, held_out, n_varying)


class FrozenModel(HeadedModel):
    """A head on rows that `joined` makes of fixed features.

    Parameters
    ----------
    features : FrozenFeatures
    problem : FusionProblem
    shares : ndarray of shape (n_modalities,)
        Weights of the modalities.
    """

    def __init__(self, features, problem, shares):
        self.features, self.task = features, problem.task
        self.names, self.encoders = features.names, features.encoders
        self.prior = problem.task.prior(problem.target, problem.sample_weight)
        self.shares, self.history = shares, []
        self.weights = dict(zip(self.names, shares.tolist(), strict=True))

    def features_of(self, cells, present):
        return self.features.transform(cells, present)

    def encode(self, cells, present, name):
        rows = self.features.transform(cells, present)[name]
        here = present[:, self.names.index(name)]
        return np.where(here[:, None], rows, np.nan)

    def response_per_modality(self, cells, present):
        features = self.features.transform(cells, present)
        responses = {}
        for m, name in enumerate(self.names):
            alone = np.zeros_like(present)
            alone[:, m] = present[:, m]
            responses[name] = self._respond(features, alone)
            responses[name][~present[:, m]] = np.nan
        return responses


def shares_of(weights, names) -> np.ndarray:
    """Return given weights, or equal ones, on the simplex."""
    if not isinstance(weights, dict):
        return np.full(len(names), 1 / len(names))
    given = np.array([weights[name] for name in names], dtype=float)
    return given / given.sum()


def _flat(rows):
    return rows.reshape(len(rows), -1)
