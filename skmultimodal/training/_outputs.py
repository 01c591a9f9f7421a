"""What a network gives of all rows: batch by batch, in the order of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from skmultimodal.training._net import threads
from skmultimodal.training._tensors import batches

__all__ = ["by_row", "predict_outputs"]


def by_row(step, iterator, n_threads=None) -> list[Any]:
    """Return what `step` gives of batches, joined in the order of the rows.

    Parameters
    ----------
    step : callable
        Takes the input of a batch and the positions of its rows, and returns a list
        of tensors of shape (n_rows, ...), or None.
    iterator : BatchIterator
        Its batches may come in any order.
    n_threads : int, default=None

    Returns
    -------
    list of ndarray of shape (n_samples, ...) or None
    """
    order, parts = iterator.row_batches(), []
    with torch.inference_mode(), threads(n_threads):
        made = batches(iterator.dataset, order)
        for rows, (x, _) in zip(order, made, strict=True):
            parts.append([_array(value) for value in step(x, rows)])
    back: slice | np.ndarray = slice(None)
    if iterator.dataset.lengths is not None:
        back = torch.cat(order).argsort().numpy()
    columns = zip(*parts, strict=True)
    return [None if c[0] is None else np.concatenate(c)[back] for c in columns]


def _array(value):
    return None if value is None else value.cpu().numpy()


def predict_outputs(net, tensors, fields, n_threads=None) -> dict:
    """Return the named fields of the module's output as ndarrays, row-aligned.

    Parameters
    ----------
    net : FusionNet or TrainedNet
    tensors : Tensors or TensorRows
    fields : sequence of str
        Fields of the output, ``"scores"`` for example.

    Returns
    -------
    dict of str to ndarray of shape (n_samples, ...) or None
    """

    def step(x, rows):
        output = net.infer(x)
        return [getattr(output, field) for field in fields]

    net.module_.eval()
    iterator = net.get_iterator(tensors, training=False)
    return dict(zip(fields, by_row(step, iterator, n_threads), strict=True))
