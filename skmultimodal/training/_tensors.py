"""Prepared rows as tensors, and the batches drawn from them."""

from __future__ import annotations

import math
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch

from skmultimodal.data._containers import Ragged, lengths_name

__all__ = ["BatchIterator", "TensorRows", "Tensors", "batches", "move"]

MOST_WORKERS = 4  # threads that decode files
BUCKET_BATCHES = 32  # batches drawn from one pool of rows sorted by length


class Tensors:
    """The prepared modalities of some rows as tensors, made once.

    A batch is an index-select of each tensor; ragged inputs are padded with
    zeros to the longest row of the batch and come with their lengths.

    Parameters
    ----------
    inputs : dict of str to dict of str to ndarray or Ragged
        Prepared inputs by modality and input name. In place of the inner dict, an
        object with a length and a method ``take(rows)`` that returns it for some
        rows is asked for every batch anew.
    present : ndarray of shape (n_samples, n_modalities) or None
        Which modalities each row has; None if every row has all.
    target, weight : ndarray or None
        Encoded target and sample weight of each row.
    dtype : torch.dtype
        Type of the floating inputs wider than it, and of the weights.
    unit : float, default=None
        Weight that counts as one; the mean over the rows if None, so that the plain
        mean of weighted losses over batches of any size is their weighted mean.
    """

    def __init__(
        self,
        inputs,
        present=None,
        target=None,
        weight=None,
        dtype=None,
        unit=None,
    ):
        self.dtype = dtype = dtype or torch.float32
        self.inputs, self.lazy = {}, {}
        for name, block in inputs.items():
            if isinstance(block, dict):
                self.inputs[name] = _tensors(block, dtype)
            else:
                self.lazy[name] = block
        self.present = None if present is None else _tensor(present, dtype)
        self.target = None if target is None else _tensor(target, dtype)
        self.weight = None if weight is None else _tensor(weight, dtype)
        self.unit = unit or mean_of(self.weight)
        first = next(iter(inputs.values()))
        first = next(iter(first.values())) if isinstance(first, dict) else first
        self.n_rows = len(first)
        ragged = [
            value.lengths
            for block in self.inputs.values()
            for value in block.values()
            if isinstance(value, _RaggedTensor)
        ]
        self.lengths = torch.stack(ragged).sum(0) if ragged else None

    def __len__(self):
        return self.n_rows

    def batch(self, rows: torch.Tensor, unit: float | None = None):
        """Return ``(x, target)`` of some rows; weighted, ``(x, (target, weight))``."""
        inputs = {name: _select(block, rows) for name, block in self.inputs.items()}
        for name, block in self.lazy.items():
            taken = _tensors(block.take(rows.numpy()), self.dtype)
            inputs[name] = _select(taken, torch.arange(len(rows)))
        x = {"inputs": inputs}
        if self.present is not None:
            x["present"] = self.present.index_select(0, rows)
        if self.target is None:
            return x, None
        target = self.target.index_select(0, rows)
        if self.weight is None:
            return x, target
        return x, (target, self.weight.index_select(0, rows) / (unit or self.unit))


class TensorRows:
    """Some rows of `Tensors`, without a copy, and with a weight unit of their own."""

    def __init__(self, tensors: Tensors, rows: np.ndarray):
        self.tensors, self.rows = tensors, torch.as_tensor(rows)
        lengths = tensors.lengths
        self.lengths = None if lengths is None else lengths[self.rows]
        self.lazy = tensors.lazy
        weight = tensors.weight
        self.unit = mean_of(None if weight is None else weight[self.rows])

    def __len__(self):
        return len(self.rows)

    def batch(self, rows: torch.Tensor):
        return self.tensors.batch(self.rows[rows], self.unit)


def mean_of(weight: torch.Tensor | None) -> float:
    """Return the mean weight, one if there are none."""
    return 1.0 if weight is None else float(weight.double().mean())


class _RaggedTensor:
    """Ragged rows as tensors; `padded` gathers a batch of them."""

    def __init__(self, values: torch.Tensor, offsets: torch.Tensor):
        if not len(values):
            values = values.new_zeros((1, *values.shape[1:]))
        self.values, self.starts = values, offsets[:-1]
        self.lengths = offsets[1:] - offsets[:-1]

    def __len__(self):
        return len(self.lengths)

    def padded(self, rows):
        lengths = self.lengths.index_select(0, rows)
        shortest, longest = (int(n) for n in lengths.aminmax())
        steps = torch.arange(max(longest, 1))
        index = self.starts.index_select(0, rows)[:, None] + steps
        if shortest < len(steps):
            padding = steps >= lengths[:, None]
            index.masked_fill_(padding, 0)
        values = self.values.index_select(0, index.flatten())
        values = values.unflatten(0, index.shape)  # (n, n_steps, ...)
        if shortest < len(steps):
            padding = padding.reshape(*index.shape, *[1] * (values.ndim - 2))
            values.masked_fill_(padding, 0)
        return values, lengths


def _tensors(block, dtype):
    return {key: _tensor(value, dtype) for key, value in block.items()}


def _select(block, rows):
    """Return some rows of one modality, ragged ones padded, with their lengths."""
    ragged = [key for key, value in block.items() if isinstance(value, _RaggedTensor)]
    selected = {}
    for key, value in block.items():
        if key in ragged:
            selected[key], lengths = value.padded(rows)
            selected[lengths_name(key, ragged)] = lengths
        else:
            selected[key] = value.index_select(0, rows)
    return selected


def _tensor(value, dtype):
    """Return an array as a tensor, without a copy where torch allows it."""
    if isinstance(value, Ragged):
        offsets = torch.from_numpy(np.ascontiguousarray(value.offsets))
        return _RaggedTensor(_tensor(value.values, dtype), offsets)
    value = np.asarray(value)
    if value.dtype.kind == "f":
        value = value.astype(str(dtype).removeprefix("torch."), copy=False)
    if not _rows_in_blocks(value):
        value = np.array(value, order="C")
    if not value.flags.writeable:  # it is only read; torch would warn
        value = np.asarray(_Writable(value))
    return torch.from_numpy(value)


class _Writable:
    """Shows a read-only array as a writable one, without a copy."""

    def __init__(self, array):
        view, self.array = array.__array_interface__, array
        self.__array_interface__ = {**view, "data": (view["data"][0], False)}


def _rows_in_blocks(value) -> bool:
    """Whether each row fills a block of memory, its axes in whatever order."""
    row_bytes = value.itemsize * math.prod(value.shape[1:])
    return value.strides[0] == row_bytes and min(value.strides) >= 0


def move(value, device):
    """Move a batch, a nest of dicts and tuples of tensors, to a device."""
    if value is None or device is None or str(device) == "cpu":
        return value
    if isinstance(value, dict):
        return {key: move(item, device) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(move(item, device) for item in value)
    return value.to(device)


class BatchIterator:
    """Iterate over batches of `Tensors`; shuffled, bucketed by length, or in order.

    Parameters
    ----------
    dataset : Tensors
    batch_size : int, default=64
    shuffle : bool, default=False
    """

    generator: torch.Generator | None = None  # None for torch's own

    def __init__(self, dataset, batch_size=64, shuffle=False):
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle

    def __len__(self):
        return -(-len(self.dataset) // self.batch_size)

    def row_batches(self):
        """Return a list of index tensors, one a batch."""
        n, lengths = len(self.dataset), self.dataset.lengths
        if not self.shuffle:
            order = torch.arange(n) if lengths is None else lengths.argsort(stable=True)
            return list(order.split(self.batch_size))
        order = torch.randperm(n, generator=self.generator)
        if lengths is None:
            return list(order.split(self.batch_size))
        alike = []
        for pool in order.split(self.batch_size * BUCKET_BATCHES):
            by_length = pool[lengths[pool].argsort(stable=True)]
            alike += by_length.split(self.batch_size)
        shuffled = torch.randperm(len(alike), generator=self.generator)
        return [alike[i] for i in shuffled.tolist()]

    def __iter__(self):
        return batches(self.dataset, self.row_batches())


def batches(dataset, row_batches):
    """Yield the batch of each index tensor; lazy ones are made ahead, in threads."""
    if not dataset.lazy:
        yield from map(dataset.batch, row_batches)
        return
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    waiting: deque[Future] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="skmultimodal-batches")
    try:
        for rows in row_batches:
            waiting.append(pool.submit(dataset.batch, rows))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
