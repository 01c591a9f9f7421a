"""Pretrained sentence models as encoders of text."""

from __future__ import annotations

import os
from typing import Any

from skmultimodal.encoders.pretrained._base import BasePretrained

__all__ = ["SentenceTransformerEncoder"]


class SentenceTransformerEncoder(BasePretrained):
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
        weights, in all blocks with ``freeze=False`` or in the last ones, ``freeze=2``.
        Needs the package ``peft``.

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
        from skmultimodal.encoders.pretrained._models import SentenceModule

        return SentenceModule

    def _arguments(self):
        return (self.model_name_or_path,)

    def _prepared(self, values, labels):
        return self._tokens(values, labels)
