"""The embedding of one modality, as a fitted model makes it."""

from __future__ import annotations

import numpy as np
import torch

from skmultimodal.data._containers import take_rows
from skmultimodal.fusion._base import naming
from skmultimodal.training._network import module_key
from skmultimodal.training._outputs import by_row
from skmultimodal.training._tensors import BatchIterator, Tensors, move

__all__ = ["at_present", "encode_by_member", "encode_by_network"]

CHUNK = 1024  # rows prepared at a time


def encode_by_network(model, cells, present, name) -> np.ndarray:
    """Return the embedding that the encoder of a network gives.

    Parameters
    ----------
    model : JointModel
    cells : dict of str to array-like
    present : ndarray of bool of shape (n_samples, n_modalities)
    name : str

    Returns
    -------
    ndarray of shape (n_samples, out_features)
        NaN where the modality is absent.
    """
    here = present[:, model.names.index(name)]
    module = model.net.module_.encoders[module_key(name)].eval()
    rows = np.flatnonzero(here)
    parts = [np.zeros((0, module.out_features), dtype=model.dtype)]

    def step(x, rows):
        return [module(**move(x["inputs"][name], model.net.device))]

    for start in range(0, len(rows), CHUNK):
        part = take_rows(cells[name], rows[start : start + CHUNK])
        with naming(name):
            prepared = model.encoders[name].transform(part)
        tensors = Tensors({name: prepared}, dtype=getattr(torch, model.dtype))
        parts += by_row(step, BatchIterator(tensors), model.n_threads)
    return at_present(np.concatenate(parts), here)


def encode_by_member(models, cells, present, name, names) -> np.ndarray:
    """Return the embedding of one of the models that were fitted apart.

    Raises
    ------
    ValueError
        If the modality has a complete model without an embedding.
    """
    model, here = models[name], present[:, names.index(name)]
    if not hasattr(model, "encode"):
        raise ValueError(
            f"Modality {name!r} has a complete model, {type(model.fitted).__name__}, "
            "and no embedding. Give it an encoder, such as TextEncoder(), or use a "
            "strategy trained as one network."
        )
    rows = np.flatnonzero(here)
    if not len(rows):
        return np.full((len(present), model.n_features), np.nan)
    return at_present(model.encode(take_rows(cells[name], rows)), here)


def at_present(rows, here) -> np.ndarray:
    """Return rows at the true positions of `here`, NaN elsewhere."""
    out = np.full((len(here), rows.shape[1]), np.nan, dtype=rows.dtype)
    out[here] = rows
    return out
