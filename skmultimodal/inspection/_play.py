"""The games that parts of rows play: which sets are asked, and what comes out."""

from __future__ import annotations

import numpy as np

from skmultimodal.data._containers import take_rows
from skmultimodal.inspection._parts import joined, kind_of, takes_gaps, typical_values
from skmultimodal.inspection._shapley import game

__all__ = ["Game", "chosen", "play", "target_labels", "typical"]

BATCH = 2048  # rows put together of parts at a time


def typical(estimator, names, cells, background) -> dict[str, list]:
    """Return what replaces values of tables that take no missing ones, by modality."""
    found = {}
    for name in names:
        if cells[name] is None or takes_gaps(estimator.encoders_[name]):
            continue
        if kind_of(estimator, cells[name], name) not in ("table", "embedding"):
            continue
        stock = cells
        if background is not None:
            stock = estimator.reader_.read(background).cells
        elif len(cells[name]) < 2:
            raise ValueError(
                f"Modality {name!r} takes no missing values: what is left out of it is "
                "replaced by what is typical, which one row does not tell. Pass "
                "'background', such as the training rows."
            )
        found[name] = typical_values(stock[name])
    return found


class Game:
    """The sets of parts of one row that are asked.

    Parameters
    ----------
    row : int
    parts : dict of str to Parts
        Of the modalities whose parts enter.
    n_orders : int
    random_state : int, RandomState instance or None
    """

    def __init__(self, row, parts, n_orders, random_state):
        self.row, self.parts = row, parts
        n_parts = sum(len(one.labels) for one in parts.values())
        self.subsets, self.shares = game(n_parts, n_orders, random_state)

    def masks(self):
        """Return which parts are kept in each set, by modality."""
        stops = np.cumsum([len(one.labels) for one in self.parts.values()])[:-1]
        blocks = np.split(self.subsets, stops, axis=1)
        return dict(zip(self.parts, blocks, strict=True))


def play(estimator, cells, present, games, columns, output, empty) -> list[np.ndarray]:
    """Return the output of every set of every game, each cell made once.

    Parameters
    ----------
    estimator : fusion estimator
    cells : dict of str to array-like
        Of all rows; modalities that do not play stay as they are.
    present : ndarray of bool of shape (n_samples, n_modalities)
    games : list of Game
    columns : ndarray of int of shape (n_samples,)
        Output that is explained in each row.
    output : {"score", "probability"}
    empty : {"blank", "absent"}
    """
    model, size = estimator.fusion_, 0
    values: list[np.ndarray] = []
    batch: list[Game] = []
    for one in games:
        if batch and size + len(one.subsets) > BATCH:
            values += _played(model, cells, present, batch, empty)
            batch, size = [], 0
        batch.append(one)
        size += len(one.subsets)
    if batch:
        values += _played(model, cells, present, batch, empty)
    return [
        chosen(
            estimator.task_, response, np.full(len(response), columns[g.row]), output
        )
        for g, response in zip(games, values, strict=True)
    ]


def _played(model, cells, present, games, empty):
    """Return the responses to the sets of some games, one array each."""
    sizes = [len(one.subsets) for one in games]
    here = np.repeat(present[[one.row for one in games]], sizes, axis=0)
    rows = np.repeat([one.row for one in games], sizes)[:, None]
    rows = np.repeat(rows, len(model.names), axis=1)
    given = dict(cells)
    for name in {name for one in games for name in one.parts}:
        m, blocks, start, n_cells = model.names.index(name), [], 0, 0
        for one, size in zip(games, sizes, strict=True):
            stop = start + size
            rows[start:stop, m] = 0  # of one that lacks the modality: any cell
            if name in one.parts:
                masks = one.masks()[name]
                used, which = np.unique(masks, axis=0, return_inverse=True)
                blocks.append(one.parts[name].kept(used))
                rows[start:stop, m] = n_cells + which.ravel()
                n_cells += len(used)
                if empty == "absent":
                    here[start:stop, m] &= masks.any(axis=1)
            start = stop
        given[name] = joined(blocks)
    unplayed = [m for m, name in enumerate(model.names) if given[name] is cells[name]]
    for m in unplayed:
        name = model.names[m]
        if cells[name] is not None:
            used, rows[:, m] = np.unique(rows[:, m], return_inverse=True)
            given[name] = take_rows(cells[name], used)
    responses = model.response_to_mixed(given, rows, here)
    return np.split(responses, np.cumsum(sizes)[:-1])


def chosen(task, response, columns, output) -> np.ndarray:
    """Return the explained output of each row."""
    table = task.centred(response) if output == "score" else response
    return table[np.arange(len(table)), columns].astype(np.float64)


def target_labels(task, columns) -> np.ndarray:
    """Return the classes, or else the positions, of explained outputs."""
    return task.classes[columns] if task.one_label else columns
