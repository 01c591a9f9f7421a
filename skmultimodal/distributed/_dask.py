"""Predictions over a Dask DataFrame."""

from __future__ import annotations

from typing import Any

from skmultimodal.distributed._frames import (
    check_method,
    dense,
    import_extra,
    no_predictions,
    predictions,
    seen_columns,
)

__all__ = ["predict_dask"]


def predict_dask(est: Any, rows: Any, *, method: str = "predict") -> Any:
    """Predict every partition of a Dask DataFrame with one fitted model.

    The model travels to each worker once, not once a partition. Nothing is computed
    until the result is, or is written.

    Read more in the :ref:`User Guide <larger>`.

    Parameters
    ----------
    est : estimator
        Fitted. After :meth:`~skmultimodal.FusionClassifier.trim` less is sent.
    rows : dask.dataframe.DataFrame
        The columns seen in `fit`; others are passed over. Made by ``from_pandas``
        with dask's ``dataframe.convert-string`` off, where cells are objects: dask
        turns images into text otherwise.
    method : {"predict", "predict_proba", "decision_function", "transform"}, \
            default="predict"
        What to ask of `est`.

    Returns
    -------
    dask.dataframe.Series or dask.dataframe.DataFrame
        With the index, partitions and divisions of `rows`: a Series named
        ``"prediction"`` where there is one value per row, else one column per class or
        feature, named by it as str.

    Raises
    ------
    ImportError
        If dask is not installed.
    TypeError
        If `rows` is no Dask DataFrame.
    ValueError
        If `est` has no such method.

    See Also
    --------
    predict_parquet : The same from file to file, in one process.
    """
    frames = import_extra("dask.dataframe", "predict_dask", "dask")
    dask = import_extra("dask", "predict_dask", "dask")
    check_method("predict_dask", est, method)
    if not isinstance(rows, frames.DataFrame):
        raise TypeError(
            "predict_dask expected a dask.dataframe.DataFrame. Got "
            f"{type(rows).__name__}. Make one by dask.dataframe.read_parquet or "
            "from_pandas."
        )
    rows = rows[seen_columns(est, rows.columns)]
    meta = no_predictions(est, rows._meta, method)
    model = dask.delayed(est, pure=False, traverse=False)
    return rows.map_partitions(_predicted, model, method, meta, meta=meta)


def _predicted(part, est, method, meta):
    """Return the predictions for a partition, which may have no rows."""
    if not len(part):
        return meta
    return predictions(est, part.apply(dense), method)
