"""What a fitted estimator tells of rows: embeddings, terms, and the cache's counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skmultimodal.estimators._reader import Reader
from skmultimodal.fusion._auto import resolve_fusion
from skmultimodal.fusion._base import FusionModel
from skmultimodal.fusion.apart._cache import Cache, CacheInfo

__all__ = ["Answers", "offered"]


def offered(method):
    """Return a check for `available_if`: the fitted strategy offers `method`."""

    def check(self):
        model = getattr(self, "fusion_", None)
        if model is not None:
            return model.offers(method)
        if method != "trained_more" or self.fusion == "auto":
            return True
        return resolve_fusion(self.fusion, type(self).__name__).trains_by_epoch

    return check


class Answers:
    """The part of the estimators that asks the fitted strategy."""

    fusion_: FusionModel
    modalities_: list[str]
    _cache: Cache | None
    _reader: Reader

    @property
    def reader_(self) -> Reader:
        """What reads X for the fitted model: ``reader_.read(X)``."""
        check_is_fitted(self)
        return self._reader.under(self)

    def _response(self, X):
        return self.fusion_.response(*self.reader_.read(X))

    def _ask(self, X, method):
        """Return a result of the fitted model by row."""
        cells, present = self.reader_.read(X)
        return getattr(self.fusion_, method)(cells, present)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns of `transform`.

        Parameters
        ----------
        input_features : object, default=None
            Ignored.

        Returns
        -------
        ndarray of str of shape (n_features_out,)
            ``image__0`` where a column belongs to one modality, else ``fused__0``.
        """
        check_is_fitted(self)
        return np.asarray(self.fusion_.feature_names(), dtype=object)

    def encode(self, X: Any, modality: str) -> np.ndarray:
        """Return the embedding of one modality.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        modality : str
            One of `modalities_`.

        Returns
        -------
        ndarray of shape (n_samples, out_features)
            What its encoder gives, before the fusion; NaN where it is absent.

        Raises
        ------
        ValueError
            If there is no such modality, or it has a complete model and no encoder.
        """
        check_is_fitted(self)
        if modality not in self.modalities_:
            raise ValueError(
                f"{type(self).__name__} was fitted with the modalities "
                f"{self.modalities_}. Got modality={modality!r}."
            )
        cells, present = self.reader_.read(X)
        if cells[modality] is None:
            raise ValueError(f"X has no column for modality {modality!r}.")
        return self.fusion_.encode(cells, present, modality)

    @available_if(offered("modality_weights"))
    def modality_weights(self, X: Any) -> pd.DataFrame:
        """Return how much each modality counted in each row.

        Available where the strategy has such weights: gates, shares of attention,
        of experts, of precision or of evidence, and the weights of decision rules.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        Returns
        -------
        DataFrame of shape (n_samples, n_modalities)
            Zero where a modality is absent, in all of a row that is given the prior.
            Otherwise a row sums to one; but for rules whose weights are factors of
            terms that add up (``"log_pool"``, ``"product"``, ``"dempster"``,
            ``"nnls"`` and residual steps), where an absent modality's is dropped.

        See Also
        --------
        skmultimodal.inspection.modality_importance : What a modality is worth,
            whatever its weight.
        """
        check_is_fitted(self)
        weights = self._ask(X, "modality_weights")
        index = X.index if isinstance(X, pd.DataFrame) else None
        table = pd.DataFrame(weights, index, self.fusion_.names)
        return table[self.modalities_]

    @available_if(offered("contributions"))
    def contributions(self, X: Any) -> dict[str, np.ndarray]:
        """Return the exact additive terms of each modality.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        Returns
        -------
        dict of str to ndarray of shape (n_samples, n_outputs)
            For additive strategies: the terms of the modalities, and of the prior
            where there is one, sum to the scores before the link.
        """
        check_is_fitted(self)
        return self._ask(X, "contributions")

    def cache_info(self):
        """Return what `memory` did for the last fit and the predictions since.

        Returns
        -------
        CacheInfo
            Named tuple of ``hits`` and ``misses``, the numbers of results that were
            found and computed, and ``seconds_saved``. All zero without `memory`.
        """
        check_is_fitted(self)
        return CacheInfo() if self._cache is None else self._cache.info
