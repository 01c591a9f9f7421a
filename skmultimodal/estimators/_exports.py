"""What becomes of a fitted estimator: a file, a graph, a smaller object."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmultimodal.fusion.apart._cache import Cache

__all__ = ["Exports"]


class Exports:
    """The part of the estimators that saves, trims and exports."""

    _cache: Cache | None

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
        `callbacks` and `memory` are None in the loaded estimator.
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
            regressor, returns), ``scores`` and ``fused_embedding``.

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
