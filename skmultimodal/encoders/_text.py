"""Text: tokens and their embeddings, averaged or read in order."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import nn

from skmultimodal._parameters import (
    BOOL,
    FRACTION,
    NOT_NEGATIVE,
    POSITIVE_INT,
    check_parameters,
    one_of,
)
from skmultimodal.data._cells import decode_cells, decode_text
from skmultimodal.data._containers import Ragged, cells_and_labels
from skmultimodal.encoders._base import BaseEncoder
from skmultimodal.encoders._recurrent import CELLS, StepEncoder, step_mask

__all__ = ["TextEncoder"]

# a run of letters with the vowel signs that are no letters to `\w`, or one symbol
LETTER = r"[\w\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff\u0e00-\u109f]"
WORD = re.compile(LETTER + r"{1,64}|[^\w\s]")
PADDING, UNKNOWN, FIRST = 0, 1, 2  # token ids
LEVELS = ("ngram", "word", "char")
AUGMENTATIONS = {None: 0.0, "light": 0.1, "strong": 0.3}  # tokens dropped


class TextEncoder(BaseEncoder):
    """Embed text by its tokens' embeddings, averaged or read by a recurrent network.

    The default averages embeddings of words and of their character n-grams [1]_,
    which knows parts of unseen words and copes with few texts. Choose
    ``level="word", cell="lstm"`` [2]_ for much text in which order matters.

    Parameters
    ----------
    level : {"ngram", "word", "char"}, default="ngram"
        Tokens: words and symbols together with the n-grams of 3 to 5 characters in
        them (1 to 3 in East Asian words); words and symbols; or characters.

    cell : {"mean", "lstm", "gru", "conv"}, default="mean"
        What reads the tokens; ``"mean"`` ignores their order.

    embedding_features : int, default=64
        Width of the embedding of a token.

    hidden_features : int, default=64
        Width of the recurrent state, in each direction; not used by ``"mean"``.

    out_features : int, default=64
        Width of the embedding of a text.

    vocabulary_size : int, default=20000
        Most tokens kept, the most frequent ones.

    min_frequency : int, default=1
        Tokens found less often in `fit` are unknown.

    max_tokens : int, default=256
        Words and symbols (or characters) beyond it are cut off.

    bidirectional : bool, default=True
        Whether a recurrent cell also reads from the last token to the first.

    lowercase : bool, default=True
        Whether case is ignored.

    dropout : float, default=0.0
        Dropout of the pooled state.

    augment : {None, "light", "strong"}, default=None
        What changes texts at random in training: ``"light"`` leaves out each token
        with probability 0.1 and ``"strong"`` with 0.3 [3]_; a network that reads in
        order sees an unknown token in its place.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Id of each token, from 2 on; 0 is padding and 1 an unknown token. Words are
        written ``"<word>"`` where n-grams stand beside them.

    n_truncated_ : int
        Texts of `fit` that were longer than `max_tokens`.

    Notes
    -----
    Input ``(n, n_tokens)`` with ``lengths`` ``(n,)``; output ``(n, out_features)``.

    Differences from [1]_: n-grams have entries of their own in a fitted vocabulary
    and not in a hash table, since an n-gram that `fit` has not seen has an
    untrained vector; such n-grams are left out.

    References
    ----------
    .. [1] P. Bojanowski, E. Grave, A. Joulin, T. Mikolov, "Enriching word vectors
       with subword information", TACL 5, 2017.

    .. [2] S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural
       Computation 9(8), 1997.

    .. [3] M. Iyyer, V. Manjunatha, J. Boyd-Graber, H. Daumé III, "Deep unordered
       composition rivals syntactic methods for text classification", ACL, 2015.

    Examples
    --------
    >>> from skmultimodal import TextEncoder
    >>> encoder = TextEncoder(level="word").fit(["a red car", "a blue car"])
    >>> encoder.vocabulary_
    {'a': 2, 'car': 3, 'blue': 4, 'red': 5}
    >>> encoder.transform(["a green car"])["tokens"].values
    array([2, 1, 3])
    """

    reads = "text"
    limits: ClassVar[dict] = {
        "level": one_of(*LEVELS),
        "cell": one_of(*CELLS),
        "embedding_features": POSITIVE_INT,
        "hidden_features": POSITIVE_INT,
        "out_features": POSITIVE_INT,
        "vocabulary_size": POSITIVE_INT,
        "min_frequency": NOT_NEGATIVE,
        "max_tokens": POSITIVE_INT,
        "bidirectional": BOOL,
        "lowercase": BOOL,
        "dropout": FRACTION,
        "augment": one_of(*AUGMENTATIONS),
    }

    def __init__(
        self,
        level: str = "ngram",
        cell: str = "mean",
        *,
        embedding_features: int = 64,
        hidden_features: int = 64,
        out_features: int = 64,
        vocabulary_size: int = 20000,
        min_frequency: int = 1,
        max_tokens: int = 256,
        bidirectional: bool = True,
        lowercase: bool = True,
        dropout: float = 0.0,
        augment: str | None = None,
    ):
        self.level = level
        self.cell = cell
        self.embedding_features = embedding_features
        self.hidden_features = hidden_features
        self.out_features = out_features
        self.vocabulary_size = vocabulary_size
        self.min_frequency = min_frequency
        self.max_tokens = max_tokens
        self.bidirectional = bidirectional
        self.lowercase = lowercase
        self.dropout = dropout
        self.augment = augment

    def fit(self, cells: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the vocabulary.

        Parameters
        ----------
        cells : array-like of str of shape (n_samples,)
            Cells of the modality, without absent ones.
        y, sample_weight : object, default=None
            Ignored.

        Returns
        -------
        self : object
            The fitted encoder.

        Raises
        ------
        CellError
            If a cell is not a str; the message names its row.
        """
        check_parameters(self, self.limits)
        rows = self._words(cells)
        self.n_truncated_ = sum(len(row) > self.max_tokens for row in rows)
        words = Counter(word for row in rows for word in row[: self.max_tokens])
        counts: Counter[str] = Counter()
        for word, count in words.items():
            for token in _tokens(word, self.level):
                counts[token] += count
        ranked = sorted(counts, key=lambda token: (-counts[token], token))
        kept = [t for t in ranked if counts[t] >= self.min_frequency]
        kept = kept[: self.vocabulary_size]
        self.vocabulary_ = {token: i for i, token in enumerate(kept, FIRST)}
        return self

    def transform(self, cells: Any) -> dict[str, Any]:
        """Return the token ids.

        Parameters
        ----------
        cells : array-like of str of shape (n_samples,)
            Cells of the modality, without absent ones.

        Returns
        -------
        dict
            ``"tokens"``, ragged int64 of shape (n_samples, n_tokens).

        Raises
        ------
        CellError
            If a cell is not a str; the message names its row.
        """
        known, rows = {}, []
        for row in self._words(cells):
            ids = []
            for word in row[: self.max_tokens]:
                if word not in known:
                    known[word] = self._ids(word)
                ids += known[word]
            rows.append(ids)
        return {"tokens": Ragged.from_rows(rows, dtype=np.int64)}

    def build(self) -> nn.Module:
        """Return a new module.

        Returns
        -------
        nn.Module
            ``(n, n_tokens), (n,) -> (n, out_features)``.
        """
        n_tokens = len(self.vocabulary_) + FIRST
        if self.cell == "mean":
            return _Bag(
                n_tokens,
                self.embedding_features,
                self.out_features,
                self.dropout,
                AUGMENTATIONS[self.augment],
            )
        return _Reader(
            n_tokens,
            self.embedding_features,
            self.hidden_features,
            self.out_features,
            self.cell,
            self.dropout,
            self.bidirectional,
            AUGMENTATIONS[self.augment],
        )

    def _ids(self, word: str) -> list[int]:
        ids = [self.vocabulary_.get(t, UNKNOWN) for t in _tokens(word, self.level)]
        if self.level == "ngram":
            return [i for i in ids if i != UNKNOWN]
        return ids

    def _words(self, cells) -> list[list[str]]:
        """Return the words and symbols, or the characters, of each text."""
        values, labels = cells_and_labels(cells)
        normal = partial(_normal, lowercase=self.lowercase)
        split = list if self.level == "char" else WORD.findall
        return [split(text) for text in decode_cells(values, normal, labels=labels)]


def _normal(text, lowercase) -> str:
    text = decode_text(text)
    text = unicodedata.normalize("NFC", text)
    return text.lower() if lowercase else text


def _tokens(word: str, level: str) -> list[str]:
    if level != "ngram":
        return [word]
    marked = f"<{word}>"
    if len(word) == 1:
        return [marked]
    sizes = (1, 2, 3) if max(word) >= "\u2e80" else (3, 4, 5)  # East Asian scripts
    inner = word if sizes[0] == 1 else marked
    grams = [
        inner[i : i + size]
        for size in sizes
        if size < len(marked)
        for i in range(len(inner) - size + 1)
    ]
    return [marked, *grams]


def _embedding(kind, n_tokens, embedding_features, **params):
    """Return a table whose padding and unknown tokens start at zero."""
    table = kind(n_tokens, embedding_features, padding_idx=PADDING, **params)
    nn.init.normal_(table.weight, std=embedding_features**-0.5)
    with torch.no_grad():
        table.weight[:FIRST] = 0
    return table


class _Bag(nn.Module):
    """Mean of the token embeddings, then a layer."""

    def __init__(self, n_tokens, embedding_features, out_features, dropout, lost):
        super().__init__()
        self.out_features, self.lost = out_features, lost
        self.bag = _embedding(
            nn.EmbeddingBag, n_tokens, embedding_features, mode="mean"
        )
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(embedding_features, out_features)

    def forward(self, tokens, lengths):
        tokens = _thinned(self, tokens, PADDING)  # which the mean leaves out
        return torch.relu(self.out(self.dropout(self.bag(tokens))))

    def tokens(self, tokens, lengths):
        tokens = _thinned(self, tokens, PADDING)
        vectors = nn.functional.embedding(tokens, self.bag.weight, PADDING)
        mask = step_mask(lengths, tokens.shape[1])
        return torch.relu(self.out(self.dropout(vectors))), mask


class _Reader(nn.Module):
    """Token embeddings read by a step network."""

    def __init__(
        self,
        n_tokens,
        embedding_features,
        hidden,
        out,
        cell,
        dropout,
        bidirectional,
        lost,
    ):
        super().__init__()
        self.out_features, self.lost = out, lost
        self.embedding = _embedding(nn.Embedding, n_tokens, embedding_features)
        self.steps = StepEncoder(
            embedding_features, hidden, out, cell, dropout, bidirectional
        )

    def forward(self, tokens, lengths):
        return self.steps(self._embedded(tokens), lengths)

    def tokens(self, tokens, lengths):
        return self.steps.tokens(self._embedded(tokens), lengths)

    def _embedded(self, tokens):
        return self.embedding(_thinned(self, tokens, UNKNOWN))


def _thinned(module, tokens, instead):
    """Put `instead` in the place of a share of the tokens, in training."""
    if not (module.lost and module.training):
        return tokens
    lost = torch.rand(tokens.shape, device=tokens.device) < module.lost
    return tokens.masked_fill(lost & (tokens != PADDING), instead)
