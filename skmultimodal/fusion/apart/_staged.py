"""Encoders trained apart, embeddings out of fold, and what is fitted on those."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.linalg import orthogonal_procrustes
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.base import clone

from skmultimodal.data._containers import take_rows
from skmultimodal.encoders._base import PassThrough
from skmultimodal.fusion._base import FusionModel, mixed_by_stages
from skmultimodal.fusion.apart._folds import folds_of
from skmultimodal.fusion.apart._out_of_fold import fit_models, out_of_fold_models
from skmultimodal.fusion.apart._standalone import warn_unjudged
from skmultimodal.fusion.joint._encode import encode_by_member
from skmultimodal.fusion.joint._model import fit_network

__all__ = [
    "aligned",
    "cross_fit_embedding",
    "cross_fitted_weights",
    "embed_rows",
    "embeddings_of",
    "fit_staged",
]


def aligned(embedding, fold_rows, final_rows):
    """Rotate and scale a fold's embedding into the space of the final model.

    Parameters
    ----------
    embedding : ndarray of shape (n_samples, n_features)
        Embedding by the model of the fold.
    fold_rows, final_rows : ndarray of shape (n_train, n_features)
        Embeddings of the fold's training rows by the two models.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        After the Procrustes rotation between the two about their means, and the one
        scale that goes with it: a fold trains on fewer rows, hence to smaller values.
        Where the widths differ, the narrower rows are filled with zeros.
    """
    width = final_rows.shape[1]
    missing = max(width - fold_rows.shape[1], 0), max(fold_rows.shape[1] - width, 0)
    embedding, fold_rows = (
        np.pad(rows, ((0, 0), (0, missing[0]))) for rows in (embedding, fold_rows)
    )
    final_rows = np.pad(final_rows, ((0, 0), (0, missing[1])))
    centre, goal = fold_rows.mean(axis=0), final_rows.mean(axis=0)
    rotation, overlap = orthogonal_procrustes(fold_rows - centre, final_rows - goal)
    size = ((fold_rows - centre) ** 2).sum()
    scale = overlap / size if size > 0 else 1.0
    return (scale * (embedding - centre) @ rotation + goal)[:, :width]


def embeddings_of(problem, cv=None):
    """Return stand-alone networks and their out-of-fold embeddings, in one space.

    Folds and refit start from the same initialisation, and the embeddings of each
    fold are rotated to those of the refit.

    Returns
    -------
    models : dict of str to StandaloneNetwork
        Fitted to all rows.
    embeddings : dict of str to ndarray of shape (n_samples, n_features)
        Zeros where the modality is absent.
    """
    models = fit_models(problem)
    embeddings = {}
    for m, name in enumerate(problem.names):
        rows = np.flatnonzero(problem.present[:, m])
        final = models[name].embedding(_rows(problem, name, rows))
        embeddings[name] = np.zeros((problem.n_samples, final.shape[1]))
        embeddings[name][rows] = final
    folds = folds_of(problem, cv)
    whole = {name: values.copy() for name, values in embeddings.items()}
    judged = set() if folds else set(problem.names)
    for (train, test), of_fold in zip(
        folds, out_of_fold_models(problem, folds), strict=True
    ):
        for m, name in enumerate(problem.names):
            here = problem.present[:, m]
            known, new = train[here[train]], test[here[test]]
            if len(new) and not len(known):
                embeddings[name][new] = 0.0  # as if absent
            elif len(new):
                judged.add(name)
                embeddings[name][new] = aligned(
                    of_fold[name].embedding(_rows(problem, name, new)),
                    of_fold[name].embedding(_rows(problem, name, known)),
                    whole[name][known],
                )
    warn_unjudged(problem, [name for name in problem.names if name not in judged])
    return models, embeddings


def cross_fit_embedding(strategy, problem, final):
    """Return out-of-fold fused embeddings, in the space of the `final` model."""
    whole = final.embedding(*_of(problem, final))
    embedding = whole.copy()
    for train, test in folds_of(problem, None):
        of_fold = strategy.fit_model(problem.take(train).without_absent()).finished()
        held_out, of_train = (
            of_fold.embedding(*_of(problem.take(rows), of_fold))
            for rows in (test, train)
        )
        missing = whole.shape[1] - held_out.shape[1]  # of a modality not in the fold
        held_out, of_train = (
            np.pad(rows, ((0, 0), (0, missing))) for rows in (held_out, of_train)
        )
        embedding[test] = aligned(held_out, of_train, whole[train])
    return embedding


def _of(problem, model):
    """Return cells and presence in the order of a model."""
    part = problem.select(model.names)
    return part.cells, part.present


def embed_rows(models, cells, present) -> dict[str, np.ndarray]:
    """Return the embeddings by stand-alone networks, zeros where absent."""
    embedded = {}
    for m, (name, model) in enumerate(models.items()):
        embedded[name] = np.zeros((len(present), model.n_features))
        rows = np.flatnonzero(present[:, m])
        if len(rows):
            embedded[name][rows] = model.embedding(take_rows(cells[name], rows))
    return embedded


def _rows(problem, name, rows):
    return take_rows(problem.cells[name], rows)


def fit_staged(spec, problem):
    """Train each encoder once on its own, then the fusion on their embeddings."""
    models, embeddings = embeddings_of(problem, getattr(spec, "cv", None))
    inner = replace(
        problem,
        cells=embeddings,
        encoders={name: PassThrough() for name in problem.names},
        settings=problem.settings.replace(mode="joint"),
    )
    return StagedModel(models, fit_network(spec, inner).finished())


class StagedModel(FusionModel):
    """Encoders trained apart under a fusion trained on their embeddings."""

    def __init__(self, models, inner):
        self.models, self.inner = models, inner
        self.names, self.weights = inner.names, inner.weights
        self.encoders = {name: models[name].fitted for name in self.names}
        self.history = [{"modality": "", **row} for row in inner.history] + [
            {"modality": name, **row}
            for name in self.names
            for row in models[name].history
        ]
        self.n_iter, self.n_features = inner.n_iter, inner.n_features
        self.dtype = inner.dtype

    def feature_names(self):
        return self.inner.feature_names()

    @property
    def net(self):
        return self.inner.net

    def offers(self, method):
        return method != "trained_more" and self.inner.offers(method)

    def _embedded(self, cells, present):
        return embed_rows(self.models, cells, present)

    def scores(self, cells, present):
        return self.inner.scores(self._embedded(cells, present), present)

    def response(self, cells, present):
        return self.inner.response(self._embedded(cells, present), present)

    def responses(self, cells, presences):
        union = np.any(presences, axis=0)
        return self.inner.responses(self._embedded(cells, union), presences)

    def response_to_mixed(self, cells, rows, present):
        return mixed_by_stages(self, cells, rows, present)

    def stage_input(self, cells, name):
        """Return the embeddings of cells that are all present."""
        return self.models[name].embedding(cells)

    def response_of_stages(self, inputs, present):
        """Return the response to given embeddings, absent ones left out."""
        cells = {name: inputs.get(name) for name in self.names}
        return self.inner.response(cells, present)

    def embedding(self, cells, present):
        return self.inner.embedding(self._embedded(cells, present), present)

    def encode(self, cells, present, name):
        return encode_by_member(self.models, cells, present, name, self.names)

    def response_per_modality(self, cells, present):
        return self.inner.response_per_modality(self._embedded(cells, present), present)

    def branch_scores(self, cells, present):
        """Return the scores of each branch, (n_samples, n_modalities, n_outputs)."""
        return self.inner.branch_scores(self._embedded(cells, present), present)

    def modality_weights(self, cells, present):
        return self.inner.modality_weights(self._embedded(cells, present), present)

    def contributions(self, cells, present):
        return self.inner.contributions(self._embedded(cells, present), present)

    def uncertainty(self, cells, present):
        return self.inner.uncertainty(self._embedded(cells, present), present)


def cross_fitted_weights(spec, problem, fit) -> dict[str, float]:
    """Return simplex weights that minimise the out-of-fold loss of branch scores.

    The strategy is fitted to each fold with equal weights, and scores are summed as
    its network sums them; equal weights are also the answer where no two folds are
    possible.
    """
    names = problem.names
    uniform = dict.fromkeys(names, 1 / len(names))
    folds = folds_of(problem, getattr(spec, "cv", None)) if len(names) > 1 else []
    if not folds:
        return uniform
    task = problem.task
    branches = np.zeros((problem.n_samples, len(names), task.n_scores))
    base = np.zeros((problem.n_samples, task.n_scores))
    present, share = np.zeros_like(problem.present), problem.sample_weight
    equal = clone(spec).set_params(weights="uniform")
    for train, test in folds:
        known = problem.take(train).without_absent()
        part = problem.take(test).select(known.names)
        where = np.ix_(test, [names.index(name) for name in known.names])
        present[where] = part.present
        terms = fit(equal, known).finished().contributions(part.cells, part.present)
        summed = np.stack([terms[name] for name in known.names], axis=1)
        # under equal weights a term is its branch by the number of branches
        branches[where] = summed * part.present.sum(axis=1)[:, None, None]
        base[test] = terms.get("prior", 0.0)
    judged = present.any(axis=0)
    warn_unjudged(problem, np.array(names)[~judged].tolist())

    def loss(logits):
        weights = softmax(logits) * present
        weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-30)
        scores = base + np.einsum("nm,nmk->nk", weights, branches)
        losses = task.losses(task.response(scores), problem.target)
        return np.average(losses, weights=share)

    found = minimize(loss, np.zeros(len(names)), method="BFGS")
    weights = softmax(np.where(judged, found.x, -np.inf))
    return dict(zip(names, weights.tolist(), strict=True))
