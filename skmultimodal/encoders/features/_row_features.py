"""Frozen features as a transformer that embeds each row once."""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Self

import joblib
import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import get_tags

from skmultimodal.data._containers import take_rows
from skmultimodal.data._hashing import row_keys
from skmultimodal.encoders.features._row_cache import counts_of, features_by_row

__all__ = ["RowCache", "RowCacheInfo"]


class RowCacheInfo(NamedTuple):
    """What a row cache did in this process.

    Attributes
    ----------
    hits, misses : int
        Rows that were found, and rows that had to be embedded.
    kept : int
        Rows that are kept in memory.
    """

    hits: int
    misses: int
    kept: int


class RowCache(TransformerMixin, BaseEstimator):
    """Features of a frozen encoder, of which each distinct row is embedded once.

    Across folds, shuffles, grid points and, with `memory`, processes. A row is known by
    its content, a file by its path, size and time of change. It goes into any pipeline,
    of this library or not.

    Read more in the :ref:`User Guide <pretrained>`.

    Parameters
    ----------
    encoder : PretrainedEncoder or transformer
        What embeds the rows: a frozen :class:`PretrainedEncoder`, or any transformer
        that needs no fitting, so that the features of a row depend on that row alone.

    memory : str, path-like or joblib.Memory, default=None
        Folder in which features are kept from one process to the next. Within a
        process they are kept in any case, up to 256 MiB.

    Attributes
    ----------
    n_features_out_ : int
        Width of the features, after the first `transform`.

    See Also
    --------
    PretrainedEncoder : Reads pretrained models.

    Notes
    -----
    Counts and rows belong to what embeds, whatever object asks: clones share them. A
    function inside the encoder is known by its name: clear the folder if it changes.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal import RowCache
    >>> from skmultimodal.encoders import ImageFeatures
    >>> cache = RowCache(ImageFeatures(size=24))
    >>> images = np.random.default_rng(0).integers(0, 256, (3, 20, 20, 3), "uint8")
    >>> cache.fit_transform(images[[0, 1, 0, 2]]).shape
    (4, 2676)
    >>> cache.cache_info()
    RowCacheInfo(hits=1, misses=3, kept=3)
    """

    rowwise = True  # features of a row depend on that row alone

    def __init__(self, encoder: Any, memory: Any = None):
        self.encoder = encoder
        self.memory = memory

    @property
    def reads(self) -> str | None:
        """What a cell holds, as far as the encoder says."""
        return getattr(self.encoder, "reads", None)

    @property
    def root(self) -> str | os.PathLike | None:
        """Folder to which relative paths refer."""
        return getattr(self.encoder, "root", None)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the encoder; nothing is learnt.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Cells of one modality, or rows of a table.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If the encoder learns from all rows.
        """
        self._check()
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the features of rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Cells of one modality, or rows of a table.

        Returns
        -------
        ndarray of float32 of shape (n_samples, n_features)
        """
        return self.features(X)

    def features(self, X: Any, memory: Any = None) -> np.ndarray:
        """Return the features of rows, kept in `memory` if the cache has no folder.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Cells of one modality, or rows of a table.
        memory : str, path-like or joblib.Memory, default=None
            Folder, where the cache has none of its own.

        Returns
        -------
        ndarray of float32 of shape (n_samples, n_features)
        """
        self._check()
        memory = memory if self.memory is None else self.memory
        encoder = clone(self.encoder)
        if hasattr(encoder, "row_key"):
            found = encoder.features(X, memory)
            self._key = encoder.row_key()
        else:
            self._key = self._transformer_key()
            found = self._transformed(encoder, X, memory)
        self.n_features_out_ = found.shape[1]
        return found

    def cache_info(self) -> RowCacheInfo:
        """Return how many rows were found and how many had to be embedded.

        Returns
        -------
        RowCacheInfo
            Of this process, for all caches around an equal encoder.
        """
        key = getattr(self, "_key", None)
        if key is None and hasattr(self.encoder, "row_key"):
            key = self.encoder.row_key()
        return RowCacheInfo(*counts_of(key or self._transformer_key()))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return names such as ``feature0``.

        Parameters
        ----------
        input_features : object, default=None
            Ignored.

        Returns
        -------
        ndarray of str of shape (n_features,)
        """
        names = [f"feature{i}" for i in range(self.n_features_out_)]
        return np.array(names, dtype=object)

    def _transformed(self, encoder, X, memory):
        def compute(rows):
            rows = take_rows(X, rows)
            found = encoder.fit(rows).transform(rows)
            if issparse(found):
                raise ValueError(
                    f"RowCache keeps dense features. {type(encoder).__name__} gives "
                    "sparse ones: put a step after it that makes them dense and few."
                )
            return np.asarray(found)

        if not hasattr(X, "iloc"):
            X = np.asarray(X) if not hasattr(X, "dtype") else X
        return features_by_row(self._key, row_keys(X, self.root), compute, memory)

    def _transformer_key(self) -> tuple:
        kind = type(self.encoder)
        try:
            digest = joblib.hash(self.encoder.get_params())
        except Exception as error:
            raise ValueError(
                f"RowCache cannot tell {kind.__name__} from others, for its parameters "
                f"cannot be pickled ({error}). Use named functions, not lambdas."
            ) from error
        return (f"{kind.__module__}.{kind.__qualname__}", digest)

    def _check(self):
        encoder = self.encoder
        if getattr(encoder, "rowwise", False):
            return
        if hasattr(encoder, "row_key"):
            raise ValueError(
                "RowCache keeps what a frozen model makes of a row. Leave 'freeze' "
                "at True and 'n_components' at None; put a PCA after the cache."
            )
        if get_tags(encoder).requires_fit:
            raise ValueError(
                "RowCache needs an encoder whose features of a row depend on that row "
                f"alone. {type(encoder).__name__} learns from all rows in fit: put it "
                "after the cache."
            )

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if hasattr(self.encoder, "row_key"):
            tags.input_tags.two_d_array = False
        else:
            tags.input_tags = get_tags(self.encoder).input_tags
        tags.requires_fit = False
        tags.no_validation = True
        return tags
