"""What the three fusion estimators give once fitted: answers, files, graphs."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skmultimodal.estimators._base import BaseFusionEstimator, offered
from skmultimodal.estimators._layout import is_drop
from skmultimodal.fusion.apart._cache import CacheInfo

__all__ = ["FittedFusion"]

RESTRICTED = (
    "%(name)s finds its modalities in X. Fit it before restricting it to some of them, "
    "or give 'encoders' as a list."
)


class FittedFusion(BaseFusionEstimator):
    """A fusion estimator with all that its fitted model offers; not used directly."""

    def _fit_with_folds(self, X, y, sample_weight, groups, cv):
        """Fit; return the problem, and models that have not seen some of its rows."""
        with self._all_or_nothing():
            strategy, problem, reader = self._problem(X, y, sample_weight, groups)
            model, of_folds = strategy.fit_folds(problem, cv)
            self._keep(model, strategy, problem, reader)
        return problem, of_folds

    @property
    def net_(self):
        """The net, for strategies trained jointly."""
        return self.fusion_.net

    @property
    def fusion_report_(self):
        """Why :class:`AutoFusion` chose the strategy, or what the members add."""
        if not hasattr(self.fusion_, "report"):
            raise AttributeError(
                f"{type(self).__name__} has no fusion_report_: this fit neither chose "
                "among strategies nor let members stand beside a weighted sum."
            )
        return self.fusion_.report

    # -- answers ------------------------------------------------------------------

    def _response(self, X):
        return self.fusion_.response(*self.reader_.read(X))

    def _ask(self, X, method):
        """Return a result of the fitted model by row."""
        cells, present = self.reader_.read(X)
        return getattr(self.fusion_, method)(cells, present)

    def transform(self, X: Any) -> np.ndarray:
        """Return the fused embedding.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
        """
        check_is_fitted(self)
        return self._ask(X, "embedding")

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns of `transform`.

        Parameters
        ----------
        input_features : object, default=None
            Ignored.

        Returns
        -------
        ndarray of str of shape (n_features_out,)
            ``image__0`` where a column belongs to one modality, ``image__chair`` where
            it is the score of a class by one modality, else ``fused__0``.
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
            ``"nnls"``, ``"competence"`` and residual steps), where an absent modality's
            is dropped.

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
            Of parallel, residual sequential and cooperative fusion: the terms of the
            modalities, and of the prior where there is one, sum to the scores before
            the link.
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

    # -- files, graphs and smaller estimators -----------------------------------------

    def save(self, path: Any) -> Self:
        """Write the fitted estimator to a file that runs no code when loaded.

        Parameters
        ----------
        path : str or path-like
            The file, replaced as a whole or not at all.

        Returns
        -------
        self : object

        Raises
        ------
        TypeError
            If the estimator holds what is no plain value and has no name by which it
            can be imported, a lambda for example; pickle and joblib do not help with
            lambdas either, but save what is defined in ``__main__``.
        OSError
            If the file cannot be written; an earlier one is then as it was.
        ImportError
            If safetensors is not installed.

        See Also
        --------
        load : Reads the file.

        Notes
        -----
        What only training needs is left out, as by :meth:`trim`; the parameters
        `callbacks`, `checkpoint` and `memory` are None in the loaded estimator.
        """
        from skmultimodal.persistence._file import save

        check_is_fitted(self)
        save(self, path)
        return self

    def trim(self) -> Self:
        """Drop what prediction does not need: optimisers, callbacks, caches.

        Predictions stay as they are. `partial_fit`, and `fit` with ``warm_start``,
        then raise a ValueError.

        Returns
        -------
        self : object
        """
        from skmultimodal.persistence._file import trim

        check_is_fitted(self)
        trim(self)
        self._cache = None
        return self

    def to_onnx(self, path: Any, X: Any) -> Any:
        """Write the trained network as an ONNX graph of prepared tensors.

        The graph has what a strategy trained as one network computes; reading cells
        and preparing them stays with :meth:`onnx_inputs`.

        Parameters
        ----------
        path : str, path-like or None
            The file; None writes none.

        X : DataFrame, MultimodalData, dict or array-like
            Two rows or more by which the graph is traced. The graph then takes any
            number of rows, and sequences of any length; those that a recurrent cell
            reads, padded to the longest of X.

        Returns
        -------
        torch.onnx.ONNXProgram
            With the outputs ``response`` (what `predict_proba`, or `predict` of a
            regressor, returns; of `FusionSurvival` the hazards), ``scores`` and
            ``fused_embedding``.

        Raises
        ------
        ValueError
            If the strategy is not one network, as decision fusion and staged training
            are not; if it imputes more than 6 modalities; or if torch cannot trace it,
            as where a computation branches by what is in the rows.
        ImportError
            If onnx or onnxscript is not installed.
        """
        from skmultimodal.persistence._onnx import to_onnx

        check_is_fitted(self)
        return to_onnx(self, X, path)

    def onnx_inputs(
        self, X: Any, n_steps: dict[str, int] | None = None
    ) -> dict[str, np.ndarray]:
        """Return the arrays with which the graph of `to_onnx` is fed.

        Parameters
        ----------
        X : DataFrame, MultimodalData, dict or array-like
            Rows with the modalities seen in `fit`.

        n_steps : dict of str to int, default=None
            Steps to which sequences are padded, by modality; for those that a
            recurrent cell reads, the number that the graph was exported with.

        Returns
        -------
        dict of str to ndarray
            ``"present"``, bool of shape (n_samples, n_modalities), columns in the order
            of ``fusion_.names``, and ``"<modality>.<input>"``, of shape
            (n_samples, ...), for every input that its encoder prepares. Sequences are
            padded with zeros, (n_samples, n_steps, ...), and come with
            ``"<modality>.lengths"``, int64 of shape (n_samples,), or
            ``"<modality>.<input>_lengths"`` where an encoder prepares several.

        Raises
        ------
        ValueError
            If the strategy is not one network, or a row has more steps.
        """
        from skmultimodal.persistence._onnx import onnx_inputs

        check_is_fitted(self)
        return onnx_inputs(self, X, n_steps or {})

    def restricted(self, names: str | list[str]) -> Self:
        """Return an unfitted copy that uses only some of the modalities.

        Parameters
        ----------
        names : str or list of str
            The modalities to keep; the others get ``"drop"`` as their encoder. X stays
            as it is, and its other columns are passed over.

        Returns
        -------
        estimator : object
            Of the same class and with the same parameters otherwise.

        Raises
        ------
        ValueError
            If a name is not one of the modalities, or there is none.
        NotFittedError
            If encoders are inferred from X, which only `fit` sees.

        Examples
        --------
        >>> from skmultimodal import FusionClassifier, TabularEncoder, TextEncoder
        >>> encoders = [("note", TextEncoder()), ("table", TabularEncoder())]
        >>> FusionClassifier(encoders).restricted("note").encoders
        [('note', TextEncoder()), ('table', 'drop')]
        """
        names = [names] if isinstance(names, str) else list(names)
        doubled = hasattr(self, "pretrained_report_")  # two modalities of one column
        inferred = isinstance(self.encoders, (str, dict)) or doubled
        if inferred:
            check_is_fitted(self, msg=RESTRICTED)
        known = [name for name, spec in self._encoders if not is_drop(spec)]
        known = self.modalities_ if inferred else known
        unknown = [name for name in names if name not in known]
        if unknown or not names:
            raise ValueError(
                f"'names' must be some of the modalities {known} of "
                f"{type(self).__name__}. Got {names}."
            )
        gone = {name: "drop" for name in known if name not in names}
        if not gone:
            return clone(self)
        if doubled:
            specs = {name: clone(self.encoders_[name]) for name in known} | gone
            return clone(self).set_params(
                encoders=list(specs.items()), columns=dict(self.columns_)
            )
        encoders: Any = {**dict(self._encoders), **gone}
        if not inferred:
            encoders = list(encoders.items())
        return clone(self).set_params(encoders=encoders)
