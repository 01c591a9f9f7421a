"""The fitted encoders of a problem, and the tensors they make of its cells."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.base import clone

from skmultimodal.data._containers import Ragged, take_rows
from skmultimodal.encoders._base import as_encoder
from skmultimodal.encoders._shared import shared
from skmultimodal.fusion._base import naming
from skmultimodal.training._tensors import Tensors

__all__ = ["Preparation"]

LARGEST_DECODED = 64e6  # bytes; larger columns of files are decoded batch by batch


class Preparation:
    """The fitted encoders of a problem, and the tensors they make of cells."""

    def __init__(self, problem):
        self.names = problem.names
        self.dtype = problem.settings.dtype
        self.encoders, self.templates, self.row_bytes = {}, {}, {}
        for m, name in enumerate(self.names):
            present = problem.present[:, m]
            weight = problem.sample_weight
            with naming(name):
                if not present.any():
                    raise ValueError(
                        "it is absent from every training row. Leave it out, or set "
                        "its encoder to 'drop'."
                    )
                cells = _present_cells(problem.cells[name], present)
                encoder = shared(clone(as_encoder(problem.encoders[name])), cells)
                encoder.fit(
                    cells,
                    problem.y[present],
                    sample_weight=None if weight is None else weight[present],
                )
                first = encoder.transform(take_rows(cells, slice(0, 1)))
            self.encoders[name] = encoder
            self.templates[name] = {key: _empty(rows) for key, rows in first.items()}
            self.row_bytes[name] = sum(_n_bytes(rows) for rows in first.values())

    def inputs(self, cells, present) -> dict:
        """Return the prepared inputs of every row; absent rows hold zeros."""
        rows = self._rows(cells, present)
        return {name: modality.take() for name, modality in rows.items()}

    def _rows(self, cells, present):
        return {
            name: PreparedRows(
                name, self.encoders[name], self.templates[name], cells[name], here
            )
            for name, here in zip(self.names, present.T, strict=True)
        }

    def tensors(self, rows, training=False, unit=None) -> Tensors:
        """Return the tensors of a problem (training) or of cells and presence.

        Weights are relative to `unit`, to their mean if None. Files that would fill
        the memory are left to be decoded batch by batch.
        """
        cells, present = (rows.cells, rows.present) if training else rows
        inputs = self._rows(cells, present)
        for name, modality in inputs.items():
            n_bytes = self.row_bytes[name] * len(modality)
            if n_bytes <= LARGEST_DECODED or not modality.are_files():
                inputs[name] = modality.take()
        weight = rows.sample_weight if training else None
        if weight is None and unit not in (None, 1.0):
            weight = np.ones(len(present))
        return Tensors(
            inputs,
            present=None if present.all() else present,
            target=rows.target if training else None,
            weight=weight,
            dtype=getattr(torch, self.dtype),
            unit=unit,
        )


@dataclass
class PreparedRows:
    """The inputs of one modality, prepared for those rows that are asked for."""

    name: str
    encoder: Any
    template: dict
    cells: Any
    present: np.ndarray

    def __len__(self):
        return len(self.present)

    def are_files(self) -> bool:
        """Whether the encoder opens files, and the first cell is the path of one."""
        params = {key.split("__")[-1] for key in self.encoder.get_params()}
        if "root" not in params or not self.present.any():
            return False
        first = take_rows(self.cells, self.present.argmax()[None])
        cells = np.asarray(first, dtype=object).ravel()
        return any(isinstance(cell, str | os.PathLike) for cell in cells)

    def take(self, rows=None) -> dict:
        """Return the inputs of some rows (positions), of all by default."""
        here = self.present if rows is None else self.present[rows]
        block = self.template
        if here.any():
            cells = self.cells if rows is None else take_rows(self.cells, rows)
            with naming(self.name):
                block = self.encoder.transform(_present_cells(cells, here))
        if here.all():
            return block
        return {key: _expand(values, here) for key, values in block.items()}


def _present_cells(cells, present):
    return cells if present.all() else take_rows(cells, np.flatnonzero(present))


def _empty(rows):
    """Return prepared rows like the given ones, but none of them."""
    if isinstance(rows, Ragged):
        return Ragged(rows.values[:0], np.zeros(1, dtype=np.int64))
    return rows[:0]


def _n_bytes(rows):
    return (rows.values if isinstance(rows, Ragged) else rows).nbytes


def _expand(rows, present):
    """Spread prepared rows over the present positions; zeros elsewhere."""
    if isinstance(rows, Ragged):
        return rows.expand(present)
    out = np.zeros((len(present), *rows.shape[1:]), dtype=rows.dtype)
    out[present] = rows
    return out
