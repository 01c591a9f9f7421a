"""What encoders with a pretrained model share: frozen and cached by row, or tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skmultimodal.data._cells import decode_cells, decode_text
from skmultimodal.data._containers import Ragged, cells_and_labels, object_array
from skmultimodal.data._scaling import moments
from skmultimodal.encoders._base import BaseEncoder
from skmultimodal.encoders.features._row_cache import features_by_row
from skmultimodal.encoders.pretrained._loading import identity_of, loaded

if TYPE_CHECKING:
    from torch import nn

__all__ = ["BasePretrained"]


class BasePretrained(BaseEncoder):
    """What the adapters share: frozen features or fine-tuning, then a head.

    A subclass says which module reads a model (`_make`), with what arguments
    (`_arguments`, the path first) and what that module takes of cells (`_prepared`).
    """

    n_components: int | None = None
    precision: str = "single"
    verbose: int = 0

    def fit(self, cells: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the standardisation of frozen features, and their main components.

        Parameters
        ----------
        cells : array-like of shape (n_samples,)
            Cells of the modality, without absent ones.
        y : object, default=None
            Ignored.
        sample_weight : ndarray of shape (n_samples,), default=None
            Weights of the rows in the statistics.

        Returns
        -------
        self : object
            The fitted encoder.

        Raises
        ------
        CellError
            If a cell is not what the model reads; the message names its row.
        ImportError
            If the package of the model is not installed.
        ValueError
            If a parameter is not what it must be, or there is no such model.
        """
        self._settle(cells)
        self.n_features_ = self._model().n_features
        if self._frozen:
            features = self.features(cells)
            self.mean_, self.scale_ = moments(features, sample_weight)
            if self.n_components is not None:
                self.components_ = self._fit_components(features, sample_weight)
        return self

    def transform(self, cells: Any) -> dict[str, Any]:
        """Return standardised frozen features, or what the model reads.

        Parameters
        ----------
        cells : array-like of shape (n_samples,)
            Cells of the modality, without absent ones.

        Returns
        -------
        dict
            ``"features"``, float32 of shape (n_samples, n_features) or, where they are
            reduced, (n_samples, n_components), if frozen; else the inputs of the model.

        Raises
        ------
        CellError
            If a cell is not what the model reads; the message names its row.
        """
        if not self._frozen:
            return self._prepared(*cells_and_labels(cells))
        features = self._standardised(self.features(cells))
        if self.n_components is not None:
            features = features @ self.components_.T
        return {"features": features.astype(np.float32)}

    def features(self, cells: Any, memory: Any = None) -> np.ndarray:
        """Return what the frozen model makes of cells; each row is computed once.

        Parameters
        ----------
        cells : array-like of shape (n_samples,)
            Cells of the modality, without absent ones.
        memory : str, path-like or joblib.Memory, default=None
            Folder to keep features in, where the encoder has none of its own.

        Returns
        -------
        ndarray of float32 of shape (n_samples, n_features)
        """
        if not hasattr(self, "n_features_"):
            self._settle(cells)
        values, labels = cells_and_labels(cells)
        labels = np.asarray(labels, dtype=object)
        content = object_array([self._content(cell) for cell in values])
        if not len(content):
            return np.zeros((0, self._model().n_features), dtype=np.float32)

        def compute(rows):
            return self._computed([values[row] for row in rows], labels[rows])

        memory = memory if self.memory is None else self.memory
        bar = self._name() if self.verbose else None
        return features_by_row(self.row_key(), content, compute, memory, bar)

    def row_key(self) -> tuple:
        """Return what the frozen features of a row depend on beside the row."""
        path, *rest = self._arguments()
        return (type(self).__name__, identity_of(path), *rest, *self._preparation())

    def build(self) -> nn.Module:
        """Return the head over frozen features, or the model with the head.

        Returns
        -------
        nn.Module
            To ``(n, out_features)``.
        """
        from skmultimodal.encoders._modules import n_trained
        from skmultimodal.encoders.pretrained._models import (
            FineTuned,
            FrozenHead,
            tunable,
        )

        sizes = (tuple(self.hidden_features), self.out_features, self.dropout)
        if self._frozen:
            return FrozenHead(self.n_components or self.n_features_, *sizes)
        module = self._make()(*self._arguments())
        n_last = n_trained(self, self.freeze)
        module = tunable(module, module.core, n_last, self.lora_rank)
        return FineTuned(module, self.n_features_, *sizes)

    @property
    def rowwise(self) -> bool:
        """Whether the features of a row depend on that row alone."""
        return self._frozen and self.n_components is None

    @property
    def _frozen(self) -> bool:
        if self.freeze is True:
            return True  # without torch
        from skmultimodal.encoders._modules import n_trained

        return n_trained(self, self.freeze) == 0

    def _settle(self, cells):
        """Check the parameters, and settle what the cells decide."""
        self._check_parameters()

    def _check_parameters(self):
        if self.lora_rank is not None and self._frozen:
            raise ValueError(
                f"The 'lora_rank' parameter of {type(self).__name__} trains low-rank "
                "updates and needs freeze=False, or the last blocks that get them, "
                f"such as freeze=2. Got freeze={self.freeze!r}."
            )

    def _model(self):
        make, (path, *rest) = self._make(), self._arguments()
        return loaded(make, path, identity_of(path), *rest)

    def _standardised(self, features):
        return (features - self.mean_) / self.scale_

    def _fit_components(self, features, weight):
        """Return the main axes of the standardised features, (n_components, d)."""
        n, d = features.shape
        if self.n_components > min(n, d):
            raise ValueError(
                f"n_components={self.n_components} of {type(self).__name__} is more "
                f"than {n} rows of {d} features have. Ask for fewer."
            )
        centred = self._standardised(features)
        weight = np.ones(n) if weight is None else np.asarray(weight, dtype=float)
        covariance = (centred * (weight / weight.sum())[:, None]).T @ centred
        axes = np.linalg.eigh(covariance)[1][:, ::-1][:, : self.n_components].T
        largest = np.abs(axes).argmax(axis=1)[:, None]
        return axes * np.sign(np.take_along_axis(axes, largest, axis=1))

    def _computed(self, values, labels) -> np.ndarray:
        """Return what the pretrained model makes of some rows."""
        module = self._model()
        if hasattr(module, "run"):  # by another runtime than torch
            return module.run(self._prepared(values, labels))
        from skmultimodal.encoders.pretrained._running import run

        if module.ahead:
            inputs = _Ahead(self._prepared, values, labels)
        else:
            inputs = self._prepared(values, labels)
        return run(module, inputs, self.batch_size, self.precision)

    def _tokens(self, values, labels) -> dict[str, Any]:
        """Return token ids of texts, cut off where the model ends."""
        module = self._model()
        texts = decode_cells(values, decode_text, labels=labels)
        ids = module.tokenizer(
            texts, truncation=True, max_length=self.max_tokens or module.max_tokens
        )["input_ids"]
        return {"tokens": Ragged.from_rows(ids, dtype=np.int64)}

    def _preparation(self) -> tuple:
        """Return parameters beside the model on which frozen features depend."""
        return (self.max_tokens,)

    def _content(self, cell):
        """Return what identifies a cell."""
        return cell

    def _name(self) -> str:
        return str(self._arguments()[0])


class _Ahead:
    """Rows whose inputs are made batch by batch, in threads beside the model."""

    def __init__(self, prepare, values, labels):
        self.prepare, self.values, self.labels = prepare, values, labels

    def __len__(self):
        return len(self.values)

    def take(self, rows):
        """Return the inputs of some rows."""
        return self.prepare([self.values[row] for row in rows], self.labels[rows])
