"""Responses of a network for several presences, each row encoded once."""

from __future__ import annotations

import numpy as np
import torch

from skmultimodal.training._net import threads
from skmultimodal.training._network import module_key
from skmultimodal.training._tensors import batches

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
    rows = model.net.get_iterator(tensors, training=False).row_batches()
    masks = [None if p.all() else torch.from_numpy(p) for p in presences]
    parts: list[list[np.ndarray]] = [[] for _ in presences]
    with torch.inference_mode(), threads(model.n_threads):
        made = batches(tensors, rows)
        for index, (x, _) in zip(rows, made, strict=True):
            embeddings = {
                name: module.encode(name, _moved(x["inputs"][name], device))
                for name in module.names
            }
            for mask, found in zip(masks, parts, strict=True):
                here = None if mask is None else mask[index].to(device)
                found.append(ask(module, embeddings, here).cpu().numpy())
    back: slice | np.ndarray = slice(None)
    if tensors.lengths is not None:
        back = torch.cat(rows).argsort().numpy()
    return [np.concatenate(part)[back] for part in parts]


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


def _moved(inputs, device):
    return {key: value.to(device) for key, value in inputs.items()}
