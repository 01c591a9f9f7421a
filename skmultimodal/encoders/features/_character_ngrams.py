"""TF-IDF of the character n-grams of words, each word read once."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.utils.validation import check_is_fitted

__all__ = ["CharacterNgrams"]


class CharacterNgrams(TransformerMixin, BaseEstimator):
    """Turn texts into what ``TfidfVectorizer(analyzer="char_wb")`` makes of them.

    The n-grams of a text are those of its words. They are taken apart once for each
    different word and multiplied by how often the text has it: the same numbers, in a
    time that grows with the words of long texts and not with their characters.

    Parameters
    ----------
    ngram_range : tuple of (int, int), default=(2, 5)
        Shortest and longest n-grams.

    Attributes
    ----------
    counter_ : CountVectorizer
        Of the n-grams of a word.
    tfidf_ : TfidfTransformer

    Examples
    --------
    >>> from skmultimodal.encoders.features._character_ngrams import CharacterNgrams
    >>> CharacterNgrams((2, 2)).fit(["ab ab", "ba"]).get_feature_names_out().tolist()
    [' a', ' b', 'a ', 'ab', 'b ', 'ba']
    """

    def __init__(self, ngram_range: tuple[int, int] = (2, 5)):
        self.ngram_range = ngram_range

    def fit(self, X: Any, y: Any = None) -> CharacterNgrams:
        """Learn n-grams and their weights.

        Parameters
        ----------
        X : iterable of str of length n_samples
        y : ignored

        Returns
        -------
        self : object
        """
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Learn n-grams and their weights, and return the features.

        Parameters
        ----------
        X : iterable of str of length n_samples
        y : ignored

        Returns
        -------
        features : sparse matrix of shape (n_samples, n_features), float32
        """
        words, counts = _words_of(X)
        self.counter_ = CountVectorizer(
            analyzer="char_wb", ngram_range=self.ngram_range, dtype=np.float32
        )
        of_words = self.counter_.fit_transform(words)
        # TfidfVectorizer has the n-grams of a row in the order in which it met them:
        # in the same order, sums over a row are the same to the bit
        met = np.argsort(np.unique(of_words.indices, return_index=True)[1])
        found = counts @ of_words[:, met]
        found.sort_indices()
        columns = met[found.indices].astype(found.indices.dtype)
        found = sparse.csr_matrix((found.data, columns, found.indptr), found.shape)
        self.tfidf_ = TfidfTransformer(sublinear_tf=True)
        return self.tfidf_.fit_transform(found)

    def transform(self, X: Any) -> Any:
        """Return the features.

        Parameters
        ----------
        X : iterable of str of length n_samples

        Returns
        -------
        features : sparse matrix of shape (n_samples, n_features), float32
        """
        check_is_fitted(self)
        words, counts = _words_of(X)
        found = counts @ self.counter_.transform(words)
        found.sort_indices()
        return self.tfidf_.transform(found)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the n-grams.

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        names : ndarray of shape (n_features,), dtype object
        """
        check_is_fitted(self)
        return self.counter_.get_feature_names_out()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def _words_of(texts):
    """Return the different words of some texts and how often each text has each."""
    known: dict[str, int] = {}
    ends, words = [0], []
    for text in texts:
        words += [known.setdefault(word, len(known)) for word in text.lower().split()]
        ends.append(len(words))
    shape = (len(ends) - 1, max(len(known), 1))
    counts = sparse.csr_matrix(
        (np.ones(len(words), dtype=np.float32), words, ends), shape=shape
    )
    counts.sum_duplicates()
    return list(known) or [""], counts
