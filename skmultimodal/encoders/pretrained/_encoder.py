"""Pretrained models as encoders: frozen and cached by row, or fine-tuned."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from skmultimodal.data._cells import decode_cells, decode_text
from skmultimodal.data._containers import Ragged, cells_and_labels, object_array
from skmultimodal.data._scaling import moments
from skmultimodal.encoders._base import BaseEncoder
from skmultimodal.encoders._modules import n_trained
from skmultimodal.encoders.features._row_cache import features_by_row
from skmultimodal.encoders.pretrained._models import (
    FineTuned,
    FrozenHead,
    SentenceModule,
    identity_of,
    loaded,
    tunable,
)
from skmultimodal.training._outputs import by_row
from skmultimodal.training._tensors import BatchIterator, Tensors, move

if TYPE_CHECKING:
    from torch import nn

__all__ = ["PretrainedEncoder", "SentenceTransformerEncoder"]


class PretrainedEncoder(BaseEncoder):
    """What the adapters share: frozen features or fine-tuning, then a head."""

    def fit(self, cells: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the standardisation of frozen features.

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
        self._check_parameters()
        self.n_features_ = self._model().n_features
        if self._frozen:
            features = self._features(cells)
            self.mean_, self.scale_ = moments(features, sample_weight)
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
            ``"features"``, float32 of shape (n_samples, n_features), if frozen;
            else the inputs of the model.

        Raises
        ------
        CellError
            If a cell is not what the model reads; the message names its row.
        """
        if not self._frozen:
            return self._prepared(*cells_and_labels(cells))
        features = (self._features(cells) - self.mean_) / self.scale_
        return {"features": features.astype(np.float32)}

    def build(self) -> nn.Module:
        """Return the head over frozen features, or the model with the head.

        Returns
        -------
        nn.Module
            To ``(n, out_features)``.
        """
        sizes = (tuple(self.hidden_features), self.out_features, self.dropout)
        if self._frozen:
            return FrozenHead(self.n_features_, *sizes)
        module = self._make()(*self._arguments())
        n_last = n_trained(self, self.freeze)
        module = tunable(module, module.core, n_last, self.lora_rank)
        return FineTuned(module, self.n_features_, *sizes)

    @property
    def _frozen(self) -> bool:
        return n_trained(self, self.freeze) == 0

    def _check_parameters(self):
        if self.lora_rank is not None and n_trained(self, self.freeze) is not None:
            raise ValueError(
                f"The 'lora_rank' parameter of {type(self).__name__} trains low-rank "
                f"updates and needs freeze=False. Got freeze={self.freeze!r}."
            )

    def _model(self):
        make, (path, *rest) = self._make(), self._arguments()
        return loaded(make, path, identity_of(path), *rest)

    def _features(self, cells) -> np.ndarray:
        """Return frozen features (n_samples, n_features), each row computed once."""
        values, labels = cells_and_labels(cells)
        labels = np.asarray(labels, dtype=object)
        path, *rest = self._arguments()
        key = (type(self).__name__, identity_of(path), *rest, *self._preparation())
        content = object_array([self._content(cell) for cell in values])
        if not len(content):
            return np.zeros((0, self.n_features_), dtype=np.float32)

        def compute(rows):
            return self._computed([values[row] for row in rows], labels[rows])

        return features_by_row(key, content, compute, self.memory)

    def _computed(self, values, labels) -> np.ndarray:
        """Return what the pretrained model makes of some rows."""
        module = self._model()
        device = "cuda" if torch.cuda.is_available() else "cpu"
        tensors = Tensors({"m": self._prepared(values, labels)})
        module.to(device)

        def step(x, rows):
            return [module(**move(x["inputs"]["m"], device)).float()]

        try:
            (features,) = by_row(step, BatchIterator(tensors, self.batch_size))
        finally:
            module.to("cpu")
        return features

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


class SentenceTransformerEncoder(PretrainedEncoder):
    """Embed text with a pretrained model of sentence-transformers.

    Frozen, which is the default, each distinct text is embedded once, and a head is
    trained over the standardised embeddings. Needs the extra ``pretrained``.

    Parameters
    ----------
    model_name_or_path : str or path-like
        Folder of a saved model, read without the network; or the name of a model on
        a hub, which is downloaded as sentence-transformers does.

    freeze : bool, int or str, default=True
        False trains the whole model within the fusion; a number, or
        ``"all but last 2"``, its last transformer blocks.

    lora_rank : int, default=None
        Rank of low-rank updates [2]_ that are trained in place of the model's
        weights; needs ``freeze=False`` and the package ``peft``.

    max_tokens : int, default=None
        Tokens beyond it are cut off; by default as many as the model takes.

    hidden_features : tuple of int, default=()
        Widths of the hidden layers of the head; none make it linear.

    out_features : int, default=64
        Width of the embedding.

    dropout : float, default=0.0
        Dropout of the hidden layers of the head.

    batch_size : int, default=32
        Rows the frozen model takes at once.

    memory : str, path-like or joblib.Memory, default=None
        Folder in which embeddings are kept from one process to the next. Within a
        process they are kept in any case, up to 256 MiB.

    Attributes
    ----------
    n_features_ : int
        Width of the pretrained embedding.

    mean_, scale_ : ndarray of shape (n_features,)
        Standardisation of frozen embeddings.

    See Also
    --------
    TextEncoder : Learns from the texts at hand alone.

    References
    ----------
    .. [1] N. Reimers, I. Gurevych, "Sentence-BERT: sentence embeddings using Siamese
       BERT-networks", EMNLP, 2019.

    .. [2] E. Hu et al., "LoRA: low-rank adaptation of large language models", ICLR,
       2022.

    Examples
    --------
    >>> from skmultimodal import SentenceTransformerEncoder
    >>> encoder = SentenceTransformerEncoder("models/my-sentences", out_features=32)
    >>> encoder.freeze
    True
    """

    reads = "text"

    def __init__(
        self,
        model_name_or_path: str | os.PathLike,
        *,
        freeze: bool | int | str = True,
        lora_rank: int | None = None,
        max_tokens: int | None = None,
        hidden_features: tuple[int, ...] = (),
        out_features: int = 64,
        dropout: float = 0.0,
        batch_size: int = 32,
        memory: Any = None,
    ):
        self.model_name_or_path = model_name_or_path
        self.freeze = freeze
        self.lora_rank = lora_rank
        self.max_tokens = max_tokens
        self.hidden_features = hidden_features
        self.out_features = out_features
        self.dropout = dropout
        self.batch_size = batch_size
        self.memory = memory

    def _make(self):
        return SentenceModule

    def _arguments(self):
        return (self.model_name_or_path,)

    def _prepared(self, values, labels):
        return self._tokens(values, labels)
