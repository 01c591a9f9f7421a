"""Rows beyond the memory or the disk of one machine, on Parquet, Dask and Ray."""

from skmultimodal._lazy import attach

_LAZY = {
    "partial_fit_parquet": "distributed._parquet",
    "predict_parquet": "distributed._parquet",
    "predict_dask": "distributed._dask",
    "predict_ray": "distributed._ray",
    "put_on_ray": "distributed._ray",
}

__all__ = list(_LAZY)
__getattr__, __dir__ = attach(__name__, _LAZY)
