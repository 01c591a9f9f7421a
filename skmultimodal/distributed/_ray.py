"""Ray: rows put in its object store once, predictions over a Ray Dataset."""

from __future__ import annotations

from typing import Any

import pandas as pd

from skmultimodal.data._containers import MultimodalData, as_container
from skmultimodal.distributed._frames import (
    check_method,
    frame_of,
    import_extra,
    predictions,
    seen_columns,
)

__all__ = ["predict_ray", "put_on_ray"]


class _FrameOnRay(pd.DataFrame):
    """A frame that travels as a reference; what is made of it is a plain frame."""

    _reference: Any

    @property
    def _constructor(self):
        return pd.DataFrame

    def __reduce__(self):
        return _get, (self._reference,)


class _DataOnRay(MultimodalData):
    """Modalities that travel as a reference; their parts are plain ones."""

    _reference: Any

    def __reduce__(self):
        return _get, (self._reference,)


def _get(reference):
    return import_extra("ray", "put_on_ray", "ray").get(reference)


def put_on_ray(X: Any) -> Any:
    """Put rows in Ray's object store once, for every task of a search.

    Ray's backend of joblib copies the arguments of each task. The result is used
    like `X` and pickled as a reference: workers of one machine read the arrays from
    memory that they share, other machines fetch them once.

    Read more in the :ref:`User Guide <larger>`.

    Parameters
    ----------
    X : DataFrame, MultimodalData or dict
        Rows with one or more modalities.

    Returns
    -------
    DataFrame or MultimodalData
        Equal to `X`; to be used while Ray runs. Rows taken from it are plain.

    Raises
    ------
    ImportError
        If ray is not installed.
    TypeError
        If `X` is neither of these.
    """
    ray = import_extra("ray", "put_on_ray", "ray")
    X = as_container(X)
    shared: _FrameOnRay | _DataOnRay
    if isinstance(X, pd.DataFrame):
        shared = _FrameOnRay(X)
    elif isinstance(X, MultimodalData):
        shared = _DataOnRay(dict(X))
    else:
        raise TypeError(
            "put_on_ray expected a DataFrame, a MultimodalData or a dict. Got "
            f"{type(X).__name__}; ray.put takes anything else."
        )
    object.__setattr__(shared, "_reference", ray.put(X))  # no column of the frame
    return shared


def predict_ray(
    est: Any,
    rows: Any,
    *,
    method: str = "predict",
    batch_rows: int = 4096,
    concurrency: int | tuple[int, int] = 1,
) -> Any:
    """Predict a Ray Dataset batch by batch with one fitted model.

    The model is put in the object store once; each of the actors that predict reads
    it when it starts.

    Read more in the :ref:`User Guide <larger>`.

    Parameters
    ----------
    est : estimator
        Fitted. After :meth:`~skmultimodal.FusionClassifier.trim` less is sent.
    rows : ray.data.Dataset
        The columns seen in `fit`; others are passed over.
    method : {"predict", "predict_proba", "decision_function", "transform"}, \
            default="predict"
        What to ask of `est`.
    batch_rows : int, default=4096
        Most rows that an actor predicts at a time.
    concurrency : int or tuple of two int, default=1
        Number of actors, or its least and its most.

    Returns
    -------
    ray.data.Dataset
        One column ``"prediction"``, or one per class or feature, named by it.

    Raises
    ------
    ImportError
        If ray is not installed.
    ValueError
        If `est` has no such method.

    See Also
    --------
    predict_dask : The same for Dask.
    """
    ray = import_extra("ray", "predict_ray", "ray")
    check_method("predict_ray", est, method)
    return rows.map_batches(
        _Predictor,
        fn_constructor_args=(ray.put(est), method),
        batch_size=batch_rows,
        batch_format="pyarrow",
        zero_copy_batch=True,
        compute=ray.data.ActorPoolStrategy(**_pool(concurrency)),
    )


def _pool(concurrency):
    if isinstance(concurrency, int):
        return {"size": concurrency}
    least, most = concurrency
    return {"min_size": least, "max_size": most}


class _Predictor:
    """An actor that predicts batches."""

    def __init__(self, reference, method):
        self.est, self.method = _get(reference), method

    def __call__(self, batch):
        batch = batch.select(seen_columns(self.est, batch.column_names))
        found = predictions(self.est, frame_of(batch), self.method)
        found = found.to_frame() if isinstance(found, pd.Series) else found
        return import_extra("pyarrow", "predict_ray", "ray").Table.from_pandas(
            found, preserve_index=False
        )
