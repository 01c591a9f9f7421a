"""Text: tokens, their embeddings and a recurrent network to one embedding."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter

import numpy as np
import pandas as pd
from torch import nn

from skmultimodal._data import Ragged, cells_and_labels
from skmultimodal.encoders._base import BaseEncoder
from skmultimodal.encoders._recurrent import CELLS, StepEncoder

__all__ = ["TextEncoder"]

WORD = re.compile(r"\w+|[^\w\s]")
UNKNOWN, FIRST = 0, 1  # token ids; padding is told by the lengths
LEVELS = ("word", "char", "ngram")


class TextEncoder(BaseEncoder):
    """Embed text with token embeddings and a recurrent network, or their mean.

    Parameters
    ----------
    level : {"word", "char", "ngram"}, default="word"
        Tokens: words and punctuation; characters; or words together with their
        character n-grams (3 to 5), hashed, which knows parts of unseen words [2]_.

    cell : {"lstm", "gru", "mean", "conv"}, default="lstm"
        What reads the tokens.

    embedding_features : int, default=64
        Width of the embedding of a token.

    hidden_features : int, default=64
        Width of the recurrent state.

    out_features : int, default=64
        Width of the embedding of a text.

    vocabulary_size : int, default=20000
        Most tokens kept, the most frequent ones; number of hash buckets for
        ``"ngram"``.

    max_tokens : int, default=256
        Tokens beyond it are cut off.

    lowercase : bool, default=True
        Whether case is ignored.

    dropout : float, default=0.0
        Dropout of the pooled state.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Id of each token; empty for ``"ngram"``.

    n_truncated_ : int
        Texts of `fit` that were longer than `max_tokens`.

    References
    ----------
    .. [1] S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural
       Computation, 1997.

    .. [2] P. Bojanowski et al., "Enriching word vectors with subword information",
       TACL, 2017.

    Examples
    --------
    >>> from skmultimodal import TextEncoder
    >>> encoder = TextEncoder().fit(["a red car", "a blue car"])
    >>> encoder.vocabulary_
    {'a': 1, 'car': 2, 'blue': 3, 'red': 4}
    >>> encoder.transform(["a green car"])["tokens"].values
    array([1, 0, 2])
    """

    def __init__(
        self,
        level="word",
        cell="lstm",
        *,
        embedding_features=64,
        hidden_features=64,
        out_features=64,
        vocabulary_size=20000,
        max_tokens=256,
        lowercase=True,
        dropout=0.0,
    ):
        self.level = level
        self.cell = cell
        self.embedding_features = embedding_features
        self.hidden_features = hidden_features
        self.out_features = out_features
        self.vocabulary_size = vocabulary_size
        self.max_tokens = max_tokens
        self.lowercase = lowercase
        self.dropout = dropout

    def fit(self, cells, y=None, sample_weight=None):
        """Learn the vocabulary.

        Parameters
        ----------
        cells : array-like of str of shape (n_samples,)
        y, sample_weight : ignored

        Returns
        -------
        self : object
        """
        for name, options in (("level", LEVELS), ("cell", CELLS)):
            if getattr(self, name) not in options:
                raise ValueError(
                    f"The {name!r} parameter of TextEncoder must be one of "
                    f"{list(options)}. Got {getattr(self, name)!r} instead."
                )
        rows = self._tokens(cells)
        self.n_truncated_ = sum(len(row) > self.max_tokens for row in rows)
        self.vocabulary_ = {}
        if self.level != "ngram":
            counts = Counter(token for row in rows for token in row)
            ranked = sorted(counts, key=lambda token: (-counts[token], token))
            self.vocabulary_ = {
                token: i
                for i, token in enumerate(ranked[: self.vocabulary_size], FIRST)
            }
        return self

    def transform(self, cells):
        """Return the token ids.

        Parameters
        ----------
        cells : array-like of str of shape (n_samples,)

        Returns
        -------
        dict
            ``"tokens"``, ragged int64 of shape (n_samples, n_tokens).
        """
        rows = [row[: self.max_tokens] for row in self._tokens(cells)]
        ids = [[self._id(token) for token in row] for row in rows]
        return {"tokens": Ragged.from_rows(ids, dtype=np.int64)}

    def build(self):
        """Return a new module.

        Returns
        -------
        nn.Module
            ``(n, n_tokens), (n,) -> (n, out_features)``.
        """
        known = len(self.vocabulary_) or self.vocabulary_size
        return _Text(
            known + FIRST,
            self.embedding_features,
            self.hidden_features,
            self.out_features,
            self.cell,
            self.dropout,
        )

    def _id(self, token: str) -> int:
        if self.level == "ngram":
            return FIRST + zlib.crc32(token.encode()) % self.vocabulary_size
        return self.vocabulary_.get(token, UNKNOWN)

    def _tokens(self, cells) -> list[list[str]]:
        values, labels = cells_and_labels(_as_cells(cells))
        rows = []
        for label, text in zip(labels, values, strict=True):
            if not isinstance(text, str):
                raise TypeError(
                    f"row {label!r}: expected str as text. Got "
                    f"{type(text).__name__}."
                )
            text = unicodedata.normalize("NFC", text)
            rows.append(_split(text.lower() if self.lowercase else text, self.level))
        return rows


def _as_cells(cells):
    if isinstance(cells, (pd.Series, pd.DataFrame, np.ndarray)):
        return cells
    return np.array(list(cells), dtype=object)


def _split(text: str, level: str) -> list[str]:
    if level == "char":
        return list(text)
    words = WORD.findall(text)
    if level == "word":
        return words
    tokens = []
    for word in words:
        marked = f"<{word}>"
        tokens.append(marked)
        for size in (3, 4, 5):
            tokens += [marked[i : i + size] for i in range(len(marked) - size + 1)]
    return tokens


class _Text(nn.Module):
    def __init__(self, n_tokens, embedding, hidden, out_features, cell, dropout):
        super().__init__()
        self.out_features = out_features
        self.embedding = nn.Embedding(n_tokens, embedding)
        nn.init.normal_(self.embedding.weight, std=embedding**-0.5)
        self.steps = StepEncoder(embedding, hidden, out_features, cell, dropout)

    def forward(self, tokens, lengths):
        return self.steps(self.embedding(tokens), lengths)
