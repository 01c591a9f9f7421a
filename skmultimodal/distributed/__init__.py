"""Rows beyond the memory or the disk of one machine, on Parquet, Dask and Ray."""

from typing import TYPE_CHECKING

from skmultimodal._lazy import attach

if TYPE_CHECKING:
    from skmultimodal.distributed._dask import predict_dask as predict_dask
    from skmultimodal.distributed._parquet import (
        partial_fit_parquet as partial_fit_parquet,
    )
    from skmultimodal.distributed._parquet import predict_parquet as predict_parquet
    from skmultimodal.distributed._ray import predict_ray as predict_ray
    from skmultimodal.distributed._ray import put_on_ray as put_on_ray

_LAZY = {
    "partial_fit_parquet": "distributed._parquet",
    "predict_parquet": "distributed._parquet",
    "predict_dask": "distributed._dask",
    "predict_ray": "distributed._ray",
    "put_on_ray": "distributed._ray",
}

__all__ = list(_LAZY)
if not TYPE_CHECKING:  # a checker would take any name for defined
    __getattr__, __dir__ = attach(__name__, _LAZY)
