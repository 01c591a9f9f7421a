"""What an encoder is, and how any scikit-learn transformer becomes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator, clone
from sklearn.utils import get_tags

from skmultimodal.data._containers import Ragged
from skmultimodal.data._scaling import beyond, moments
from skmultimodal.encoders._readable import first_step
from skmultimodal.encoders._supervised import cross_fits

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FRAMES", "BaseEncoder"]

FRAMES = ("mean", "attention")


class BaseEncoder(BaseEstimator):
    """Specification of how one modality becomes an embedding.

    An encoder has a preprocessing part, fitted inside the fit of a fusion
    estimator and hence inside each fold, and a torch part. It holds
    hyperparameters and what the preprocessing learnt, never a torch object, so
    that it clones, hashes and pickles like any scikit-learn estimator.

    A subclass writes three methods.

    ``fit(cells, y=None, sample_weight=None)``
        Learn the preprocessing (vocabulary, scaling, mel filters) from the cells
        of one modality: a Series, an ndarray of shape ``(n_samples, ...)`` or,
        for tables, a DataFrame. Absent cells never reach it. Return ``self``.
    ``transform(cells)``
        Return the prepared input, ``{input name: rows}``: ndarrays of shape
        ``(n_samples, ...)`` or ``Ragged`` rows.
    ``build()``
        Return a new ``nn.Module`` with an attribute ``out_features``.

    The module is called with one keyword argument an input and returns the
    embedding, ``(n_samples, out_features)``. Ragged rows arrive padded with
    zeros, ``(n_samples, n_steps, ...)``, next to ``lengths``, an int64 tensor of
    shape ``(n_samples,)`` in which a row may have no step at all; where several
    inputs are ragged (nodes and edges), next to ``<input name>_lengths`` of each.
    Floating inputs arrive in the dtype of the module's parameters; integers stay
    as they are. A module of sequences may also offer ``tokens(**inputs)``, which
    returns ``(n_samples, n_tokens, out_features)`` and the mask of real tokens.

    Where the preprocessing learns from y, say so by the tag that y is required
    (``tags.target_tags.required = True`` in ``__sklearn_tags__``): strategies that
    choose something from y then fit the encoder inside the folds they choose by. A
    fourth method, ``fit_transform(cells, y, sample_weight)``, returns the prepared
    input of the rows of `fit` where `transform` would show a row its own y.

    Attributes
    ----------
    reads : {"image", "audio", "text", "table"} or None
        Class attribute. What a cell holds, by which ``on_error="missing"`` tells
        cells that cannot be read; None leaves that to a look at the cells.
    takes_tables : bool
        Class attribute. Whether cells may be a DataFrame of several columns that
        hold more than numbers. By default such a modality is embedded column by
        column, with the same weights, and averaged.
    frames : {"mean", "attention"}
        What becomes of several images of a row, in a cell or in several columns: their
        embeddings are averaged, or weighted by gated attention. Encoders of images
        have it as a parameter.
    limits : dict of str to tuple of (str, callable)
        Class attribute. What parameters must be, by name: in words, and as a function
        that says whether a value is. The library's own encoders check it in `fit`.

    See Also
    --------
    ModuleEncoder : Any ``nn.Module`` as an encoder, without a subclass.
    """

    reads: str | None = None
    takes_tables: bool = False
    frames: str = "mean"
    limits: ClassVar[dict] = {}

    def fit(self, cells: Any, y: Any = None, sample_weight: Any = None) -> BaseEncoder:
        """Learn the preprocessing; the default learns nothing."""
        return self

    def transform(self, cells: Any) -> dict[str, np.ndarray | Ragged]:
        """Return the prepared input of `cells`."""
        raise NotImplementedError

    def build(self) -> nn.Module:
        """Return a new torch module for the prepared input."""
        raise NotImplementedError


class TransformerEncoder(BaseEncoder):
    """Frozen features of a scikit-learn transformer, then a linear embedding.

    Dense features are standardised. A missing one becomes the mean, and a column
    with missing ones in `fit` gets a second that marks them. Sparse features enter
    the network through an embedding bag and are never densified whole.

    Parameters
    ----------
    transformer : transformer
        Any scikit-learn transformer of the modality's cells.

    out_features : int, default=64
        Width of the embedding.
    """

    def __init__(self, transformer: Any, out_features: int = 64):
        self.transformer = transformer
        self.out_features = out_features

    @property
    def takes_tables(self) -> bool:  # type: ignore[override]  # nobody sets it
        """Whether the transformer, or its first step, takes tables."""
        return get_tags(first_step(self.transformer)).input_tags.two_d_array

    @property
    def wraps(self) -> Any:
        """The transformer, which decides whether the encoder learns from y."""
        return self.transformer

    def fit(self, cells: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the transformer and the scaling of its features."""
        self._fit(cells, y, sample_weight)
        return self

    def fit_transform(
        self, cells: Any, y: Any = None, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Fit, and return the inputs of these rows, cross-fitted where they are."""
        return self._inputs(self._fit(cells, y, sample_weight), cells)

    def _fit(self, cells, y, sample_weight):
        """Fit, and return the features of the rows of fit."""
        self.transformer_ = clone(self.transformer)
        if cross_fits(self.transformer):
            features = self.transformer_.fit_transform(cells, y)
            if isinstance(features, tuple):  # partial least squares adds scores of y
                features = features[0]
        else:
            features = self.transformer_.fit(cells, y).transform(cells)
        self.n_features_ = features.shape[1]
        self.sparse_ = issparse(features)
        if not self.sparse_:
            self._fit_scale(self._dense(features, cells), sample_weight)
        return features

    def _fit_scale(self, features, sample_weight):
        known = ~np.isnan(features)
        self.gaps_ = np.flatnonzero(~known.all(axis=0))
        self.mean_, self.scale_ = moments(features, sample_weight)

    def transform(self, cells: Any) -> dict[str, Any]:
        """Return ``features``, or ``indices`` and ``values`` of sparse features."""
        return self._inputs(self.transformer_.transform(cells), cells)

    def _inputs(self, features, cells):
        if not self.sparse_:
            features = self._dense(features, cells, self.mean_, self.scale_)
            features = (features - self.mean_) / self.scale_
            missing = np.isnan(features)
            features[missing] = 0.0
            return {"features": np.hstack([features, missing[:, self.gaps_]])}
        features = csr_array(features)
        return {
            "indices": Ragged(features.indices.astype(np.int64), features.indptr),
            "values": Ragged(features.data, features.indptr),
        }

    def build(self) -> nn.Module:
        """Return the module that embeds the features."""
        from skmultimodal.encoders._modules import DenseFeatures, SparseFeatures

        if self.sparse_:
            return SparseFeatures(self.n_features_, self.out_features)
        return DenseFeatures(self.n_features_ + len(self.gaps_), self.out_features)

    def _dense(self, features, cells, *scaling) -> np.ndarray:
        features = np.asarray(features, dtype=np.float64)
        found = beyond(features, *scaling)
        if found is not None:
            (row, column), what = found
            label = cells.index[row] if hasattr(cells, "index") else row
            raise ValueError(
                f"row {label!r}: column {column} of what "
                f"{type(self.transformer).__name__} gives {what}. Replace the value "
                "that it reads, use NaN for a missing one, or scale or clip it."
            )
        return features


class PassThrough(BaseEncoder):
    """Hands numbers that are embeddings already to the network as they are."""

    takes_tables = True

    def fit(self, cells: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Record the width."""
        self.out_features_ = cells.shape[1]
        return self

    def transform(self, cells: Any) -> dict[str, Any]:
        """Return ``values``, the cells themselves."""
        return {"values": cells}

    def build(self) -> nn.Module:
        """Return the module that returns its input."""
        from skmultimodal.encoders._modules import Unchanged

        return Unchanged(self.out_features_)


def as_encoder(spec) -> BaseEncoder:
    """Return `spec` if it can build a module, else wrap it as frozen features."""
    if hasattr(spec, "build"):
        return spec
    if not hasattr(spec, "transform"):
        raise TypeError(
            "expected an encoder or a scikit-learn transformer. Got "
            f"{type(spec).__name__}; a complete model needs fusion='decision'."
        )
    return TransformerEncoder(spec)
