"""Responses of a network for several presences, each row encoded once."""

from __future__ import annotations

import numpy as np
import torch

from skmultimodal.training._net import threads
from skmultimodal.training._network import module_key
from skmultimodal.training._outputs import by_row
from skmultimodal.training._tensors import move

__all__ = ["response_to_embeddings", "responses_of_network", "weights_of_network"]


def responses_of_network(model, cells, presences) -> list[np.ndarray]:
    """Return the response of a network for each presence of the same cells.

    Parameters
    ----------
    model : JointModel
    cells : dict of str to array-like
    presences : list of ndarray of bool of shape (n_samples, n_modalities)

    Returns
    -------
    list of ndarray of shape (n_samples, n_outputs)
        As ``model.response`` gives them; a row without any modality has the prior.
    """

    def fuse(module, embeddings, here):
        return module.complete_and_fuse(embeddings, here).scores

    found = _on_each_presence(model, cells, presences, fuse)
    return [
        model.task.response(model.with_prior(scores, present))
        for scores, present in zip(found, presences, strict=True)
    ]


def weights_of_network(model, cells, present) -> np.ndarray:
    """Return the weights of the modalities in each row, (n_samples, n_modalities)."""

    def weigh(module, embeddings, here):
        return module.row_weights(embeddings, here)

    return _on_each_presence(model, cells, [present], weigh)[0]


def _on_each_presence(model, cells, presences, ask):
    """Return what `ask(module, embeddings, present)` gives, rows encoded once."""
    tensors = model.preparation.tensors((cells, np.any(presences, axis=0)))
    module, device = model.net.module_.eval(), model.net.device
    masks = [None if p.all() else torch.from_numpy(p) for p in presences]

    def step(x, rows):
        inputs = move(x["inputs"], device)
        embeddings = {name: module.encode(name, inputs[name]) for name in module.names}
        here = [None if mask is None else mask[rows].to(device) for mask in masks]
        return [ask(module, embeddings, mask) for mask in here]

    iterator = model.net.get_iterator(tensors, training=False)
    return by_row(step, iterator, model.n_threads)


def response_to_embeddings(model, embeddings, present) -> np.ndarray:
    """Return the response of a network to embeddings.

    Parameters
    ----------
    model : JointModel
    embeddings : dict of str to ndarray of shape (n_samples, out_features)
        Modalities that are absent from all rows may be left out.
    present : ndarray of bool of shape (n_samples, n_modalities)
    """
    module, device = model.net.module_.eval(), model.net.device
    given = {}
    for name in module.names:
        rows = embeddings.get(name)
        if rows is None:
            width = module.encoders[module_key(name)].out_features
            rows = np.zeros((len(present), width), dtype=model.dtype)
        given[name] = torch.from_numpy(rows).to(device)
    with torch.inference_mode(), threads(model.n_threads):
        mask = torch.from_numpy(present).to(device)
        scores = module.complete_and_fuse(given, mask).scores.cpu().numpy()
    return model.task.response(model.with_prior(scores, present))
