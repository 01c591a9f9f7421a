"""The fitted encoders of a problem, and the tensors they make of its cells."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass, replace
from typing import Any

import joblib
import numpy as np
import pandas as pd
import torch
from sklearn.base import clone

from skmultimodal.data._containers import Ragged, take_rows
from skmultimodal.data._hashing import combine_keys, row_keys
from skmultimodal.encoders._base import as_encoder
from skmultimodal.encoders._shared import shared
from skmultimodal.encoders._supervised import cross_fits, learns_from_y
from skmultimodal.encoders.features._encoder import SCORES, ClassicalEncoder
from skmultimodal.fusion._base import naming, seeded_numpy
from skmultimodal.fusion.apart._cache import cached, makers, rows_key
from skmultimodal.fusion.joint._backbone import pool_weights
from skmultimodal.training._tensors import Tensors

__all__ = ["Preparation"]

LARGEST_DECODED = 64e6  # bytes; larger columns of files are decoded batch by batch


class Preparation:
    """The fitted encoders of a problem, and the tensors they make of cells.

    Parameters
    ----------
    problem : FusionProblem
    rows : ndarray of int, default=None
        Positions of the rows that encoders which learn from y are fitted to, all by
        default. Encoders that do not learn from y are fitted to all rows.
    """

    def __init__(self, problem, rows=None):
        self.names = problem.names
        self.dtype = problem.settings.dtype
        self.encoders, self.templates, self.row_bytes = {}, {}, {}
        self.cross_fitted = {}
        self.prior = problem.task.scores(
            problem.task.prior(problem.target, problem.sample_weight)
        )
        scored = problem.scored or {}
        specs, blocks = {}, {}
        for name in self.names:
            with naming(name):
                specs[name] = as_encoder(problem.encoders[name])
                if isinstance(specs[name], ClassicalEncoder):
                    specs[name] = specs[name].for_rows(problem.n_samples)
        part, labels = problem, None
        if rows is not None and any(map(learns_from_y, specs.values())):
            part = problem.take(np.sort(rows))
        for m, name in enumerate(self.names):
            own = part if learns_from_y(specs[name]) else problem
            cells = scored[name][2] if name in scored else own.cells[name]
            with naming(name), seeded_numpy(problem.seed_of(name)):
                block = self._fit(name, specs[name], own, cells, name in scored)
            if name in scored:
                blocks[name] = block
            elif block is not None:
                labels = row_labels(own) if labels is None else labels
                self.cross_fitted[name] = CrossFitted(labels[own.present[:, m]], block)
        self.pool_weights = pool_weights(problem, rows) if blocks else {}
        if blocks:
            self._score(problem, blocks)

    def _score(self, problem, blocks):
        """Let encoders take their models, and keep the scores of rows left out."""
        labels = row_labels(problem)
        for name, block in blocks.items():
            model, responses, _ = problem.scored[name]
            present = problem.present[:, self.names.index(name)]
            encoder = self.encoders[name]
            encoder.score_by(model, self.prior)
            block[SCORES] = encoder.scores_of(responses[present])
            self.cross_fitted[name] = CrossFitted(labels[present], block, whole=True)
            self.templates[name][SCORES] = _empty(block[SCORES])

    def _fit(self, name, spec, problem, cells, keep):
        """Fit an encoder; return the inputs of the rows if asked, or cross-fitted."""
        present = problem.present[:, self.names.index(name)]
        if not present.any():
            raise ValueError(
                "it is absent from every training row. Leave it out, or set "
                "its encoder to 'drop'."
            )
        cells = _present_cells(cells, present)
        weight = problem.sample_weight
        weight = None if weight is None else weight[present]
        encoder = shared(clone(spec), getattr(cells, "raw", cells))
        crosses, cache, key = keep or cross_fits(encoder), None, None
        if isinstance(encoder, ClassicalEncoder) and problem.memory is not None:
            cache = problem.memory
            plain = makers(), encoder, problem.seed_of(name), weight, crosses
            key = joblib.hash(plain), rows_key(cells, encoder)
        work = encoder, cells, problem.y[present], weight, crosses
        encoder, block = cached(cache, _fitted, key, *work)
        first = encoder.transform(take_rows(cells, slice(0, 1)))
        self.encoders[name] = encoder
        self.templates[name] = {key: _empty(rows) for key, rows in first.items()}
        self.row_bytes[name] = sum(_n_bytes(rows) for rows in first.values())
        return block

    def inputs(self, cells, present) -> dict:
        """Return the prepared inputs of every row; absent rows hold zeros."""
        rows = self._rows(cells, present)
        return {name: modality.take() for name, modality in rows.items()}

    def training_inputs(self, problem) -> dict:
        """Return the same of training rows, cross-fitted where encoders do that."""
        rows = self._rows(problem.cells, problem.present) | self._known(problem)
        return {
            name: modality if isinstance(modality, dict) else modality.take()
            for name, modality in rows.items()
        }

    def _rows(self, cells, present):
        return {
            name: PreparedRows(
                name, self.encoders[name], self.templates[name], cells[name], here
            )
            for name, here in zip(self.names, present.T, strict=True)
        }

    def _known(self, problem, rows=None):
        """Return the inputs of the modalities that were cross-fitted."""
        prepared = self._rows(problem.cells, problem.present)
        wholes = {block.whole for block in self.cross_fitted.values()}
        labels = {w: row_labels(problem, None if w else rows) for w in wholes}
        return {
            name: block.inputs(prepared[name], labels[block.whole])
            for name, block in self.cross_fitted.items()
        }

    def tensors(self, rows, training=False, fitted=None, unit=None) -> Tensors:
        """Return the tensors of a problem (training) or of cells and presence.

        Weights are relative to `unit`, to their mean if None. Files that would fill
        the memory are left to be decoded batch by batch. Training rows that an encoder
        cross-fitted are as it gave them: all, or in the fit that it was fitted in
        those at the positions `fitted`.
        """
        cells, present = (rows.cells, rows.present) if training else rows
        known = self._known(rows, fitted) if training else {}
        inputs = self._rows(cells, present) | known
        for name, modality in inputs.items():
            if name in known:
                continue
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

    def without_rows(self) -> Preparation:
        """Return the same without what only training needs."""
        plain = copy.copy(self)
        plain.cross_fitted, plain.pool_weights = {}, {}
        return plain


class CrossFitted:
    """The inputs that an encoder gave for the rows it was fitted to.

    They are found by the content of the row and y, so that training which goes on
    with these rows meets them again.

    Parameters
    ----------
    labels : ndarray of shape (n_samples, 3)
        See `row_labels`.
    block : dict of str to ndarray or Ragged
        Inputs of these rows.
    whole : bool, default=False
        Whether they are known in all rows of the fit, held-out ones too.
    """

    def __init__(self, labels, block, whole=False):
        self.labels, self.block, self.whole = labels, block, whole

    def inputs(self, prepared, labels) -> dict:
        """Return the inputs of prepared rows, those of the known ones as they were."""
        index = pd.MultiIndex.from_arrays(list(self.labels.T))
        found = index.get_indexer(pd.MultiIndex.from_arrays(list(labels.T))).copy()
        here = prepared.present
        new = here & (found < 0)
        fresh = replace(prepared, present=new).take(np.flatnonzero(new))
        found[new] = len(self.labels) + np.arange(new.sum())
        return {
            key: _expand(_taken(_joined(rows, fresh[key]), found[here]), here)
            for key, rows in self.block.items()
        }


def _fitted(encoder, cells, y, weight, crosses):
    """Return a fitted encoder, and the inputs of the rows where they are wanted."""
    fit = encoder.fit_transform if crosses else encoder.fit
    block = fit(cells, y, sample_weight=weight)
    return encoder, block if crosses else None


def row_labels(problem, rows=None) -> np.ndarray:
    """Return what tells rows apart, (n_samples, 3): two keys and a count of equals.

    Equal are rows of one content and target. The count is -1 outside `rows`, if given.
    """
    names = sorted(problem.names)
    parts = [row_keys(problem.cells[name]) for name in names]
    keys = combine_keys([*parts, row_keys(problem.target)])
    keys = np.ascontiguousarray(keys).view(np.int64).reshape(-1, 2)
    rows = np.arange(len(keys)) if rows is None else np.sort(rows)
    counts = np.full(len(keys), -1)
    counts[rows] = pd.DataFrame(keys[rows]).groupby([0, 1]).cumcount().to_numpy()
    return np.column_stack([keys, counts])


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
        first = take_rows(self.cells, np.flatnonzero(self.present)[:1])
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


def _joined(first, last):
    """Return rows, and others below them."""
    if not isinstance(first, Ragged):
        return np.concatenate([first, last])
    offsets = [first.offsets, first.offsets[-1] + last.offsets[1:]]
    values = np.concatenate([first.values, last.values])
    return Ragged(values, np.concatenate(offsets))


def _taken(rows, index):
    return rows.take(index) if isinstance(rows, Ragged) else rows[index]


def _n_bytes(rows):
    return (rows.values if isinstance(rows, Ragged) else rows).nbytes


def _expand(rows, present):
    """Spread prepared rows over the present positions; zeros elsewhere."""
    if isinstance(rows, Ragged):
        return rows.expand(present)
    out = np.zeros((len(present), *rows.shape[1:]), dtype=rows.dtype)
    out[present] = rows
    return out
