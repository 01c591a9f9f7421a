"""What a strategy is fitted to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skmultimodal.data._containers import bytes_of, take_rows
from skmultimodal.training._network import derived_seed
from skmultimodal.training._settings import TrainingSettings

__all__ = ["FusionProblem"]


@dataclass(frozen=True)
class FusionProblem:
    """Everything a strategy needs to fit: validated rows, encoders and settings.

    The estimators make it. It is never changed: its methods return another one.

    Parameters
    ----------
    cells : dict of str to array-like
        Raw cells of each modality: a Series, a DataFrame or an ndarray.

    present : ndarray of bool of shape (n_samples, n_modalities)
        Whether a row has a modality; columns in the order of `cells`.

    encoders : dict of str to estimator
        Unfitted specification of each modality: a :class:`BaseEncoder`, a transformer,
        or a complete model where the strategy ``takes_models``.

    task : Classification, Multilabel or Regression
        What y is. ``task.response(scores)`` gives probabilities or values,
        ``task.scores(response)`` is its inverse, ``task.losses(response, target)`` has
        the loss of each row, ``task.prior(target, sample_weight)`` is the response
        where nothing is observed, ``task.truth(target)`` that which would be right,
        ``task.n_outputs`` the number of columns, ``task.has_labels`` whether y is
        labels, whose responses are probabilities, and ``task.one_label`` whether it is
        one label per row.

    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Labels or values as given.

    target : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        The same, encoded by the task: indices of classes, an indicator of labels, or
        standardised values.

    sample_weight : ndarray of shape (n_samples,) or None
        Weights of the rows; all are above zero.

    groups : ndarray of shape (n_samples,) or None
        Rows of one group never fall on both sides of a split.

    settings : TrainingSettings
        What :class:`~skmultimodal.Training` comes to for these rows.

    seed : int
        Drawn from the `random_state` of the estimator.

    dropped : tuple of str, default=()
        Modalities switched off with ``"drop"``.

    missing : {"mask", "impute", "raise"}, default="mask"
        As in the estimator; ``"impute"`` reaches only strategies with ``imputes``.

    memory : Cache or None, default=None
        The `memory` of the estimator, with counts of what was found there.

    n_jobs : int or None, default=None
        As in the estimator.

    encoders_for : callable or None, default=None
        From another strategy to the encoders that suit it, where they are inferred.

    bar : FitBar or None, default=None
        Is told of the models that are fitted apart, with `verbose`.

    scored : dict or None, default=None
        By modality a fitted model beside its encoder, the out-of-fold responses
        of these very rows, and their cells with the model's features; lost where rows
        or modalities are selected.
    """

    cells: dict[str, Any]
    present: np.ndarray
    encoders: dict[str, Any]
    task: Any
    y: np.ndarray
    target: np.ndarray
    sample_weight: np.ndarray | None
    groups: np.ndarray | None
    settings: TrainingSettings
    seed: int
    dropped: tuple[str, ...] = ()
    missing: str = "mask"
    memory: Any = None
    n_jobs: int | None = None
    encoders_for: Any = None
    bar: Any = None
    scored: Any = None

    @property
    def names(self) -> list[str]:
        """Names of the modalities, in the order of the columns of `present`."""
        return list(self.cells)

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return len(self.target)

    def __sizeof__(self) -> int:
        """Return the bytes of the cells: dask sends what is large only once."""
        return sum(bytes_of(cells) for cells in self.cells.values())

    def seed_of(self, name: str) -> int:
        """Return the seed of one modality, whatever the others are."""
        return derived_seed(self.seed, name)

    def select(self, names) -> FusionProblem:
        """Return the problem restricted to some modalities, in the given order."""
        columns = [self.names.index(name) for name in names]
        return replace(
            self,
            cells={name: self.cells[name] for name in names},
            present=self.present[:, columns],
            encoders={name: self.encoders[name] for name in names},
            scored=None,
        )

    def for_strategy(self, strategy) -> FusionProblem:
        """Return the problem with encoders that suit a strategy, unless given."""
        if self.encoders_for is None:
            return self
        suited = self.encoders_for(strategy=strategy)
        return replace(self, encoders={name: suited[name] for name in self.names})

    def with_settings(self, settings) -> FusionProblem:
        """Return the problem with other training settings."""
        return replace(self, settings=settings)

    def for_task(self, task) -> FusionProblem:
        """Return the problem with its targets in the encoding of a fitted task."""
        return replace(self, task=task, target=task.encode(self.y))

    def for_one_epoch(self) -> FusionProblem:
        """Return the problem with settings for a single pass over the rows."""
        once = {"max_epochs": 1, "early_stopping": False, "lr_schedule": "constant"}
        return self.with_settings(self.settings.replace(**once))

    def of_positive_weight(self) -> FusionProblem:
        """Return the problem without the rows of weight zero."""
        weight = self.sample_weight
        if weight is None or weight.all():
            return self
        return self.take(np.flatnonzero(weight))

    def without_absent(self) -> FusionProblem:
        """Return the problem without the modalities that none of its rows has."""
        found: Any = self.present.any(axis=0)
        if found.all() or not found.any():
            return self
        names = [name for name, here in zip(self.names, found, strict=True) if here]
        absent = [name for name in self.names if name not in names]
        return replace(self.select(names), dropped=(*self.dropped, *absent))

    def says_less(self, whole) -> bool:
        """Whether a label is constant in these rows, and not in all of `whole`."""
        if not self.task.has_labels:
            return False
        varies = [
            np.ptp(each.target.reshape(each.n_samples, -1), axis=0) > 0
            for each in (self, whole)
        ]
        return bool((~varies[0] & varies[1]).any())

    def take(self, rows) -> FusionProblem:
        """Return the problem restricted to some rows (positions)."""
        weight, groups = self.sample_weight, self.groups
        return replace(
            self,
            cells={name: take_rows(cells, rows) for name, cells in self.cells.items()},
            present=self.present[rows],
            y=self.y[rows],
            target=self.target[rows],
            sample_weight=None if weight is None else weight[rows],
            groups=None if groups is None else groups[rows],
            scored=None,
        )
