"""Features that need no fitting, computed once per row and not once per fold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skmultimodal.data._containers import CellsWithFeatures, take_rows
from skmultimodal.data._hashing import row_keys
from skmultimodal.encoders.features._row_cache import features_by_row
from skmultimodal.encoders.features._row_features import RowCache
from skmultimodal.fusion._base import naming

__all__ = ["freeze", "with_frozen_features"]


def with_frozen_features(problem):
    """Return the problem with the features of its frozen first steps."""
    cells = {}
    for m, name in enumerate(problem.names):
        given, spec = problem.cells[name], problem.encoders[name]
        with naming(name):
            cells[name] = freeze(given, problem.present[:, m], spec, problem.memory)
    return replace(problem, cells=cells)


def freeze(cells, present, model, cache=None):
    """Return cells as `CellsWithFeatures` where `model` allows it, else as they are.

    It must be a pipeline whose first step says ``rowwise``: it learns nothing, and
    its features of a row depend on that row alone.
    """
    if not isinstance(model, Pipeline) or len(model) < 2 or not present.any():
        return cells
    step = model.steps[0][1]
    if not getattr(step, "rowwise", False):
        return cells
    rows = np.flatnonzero(present)
    found = _features(clone(step), take_rows(cells, rows), cache)
    features = np.zeros((len(present), found.shape[1]), dtype=found.dtype)
    features[rows] = found
    return CellsWithFeatures(cells, features, step)


def _features(step, cells, cache):
    """Return the features of cells, from the cache's folder where it has them."""
    if isinstance(step, RowCache):  # it keeps rows itself
        return step.features(cells, None if cache is None else cache.memory)
    if cache is None:
        return step.transform(cells)
    params = step.get_params()
    return features_by_row(
        (type(step).__name__, sorted(params.items())),
        row_keys(cells, params.get("root")),
        lambda rows: step.transform(take_rows(cells, rows)),
        cache.memory,
    )
