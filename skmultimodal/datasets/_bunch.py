"""What the loaders share: bundled files, and the two forms of the result."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pandas as pd
from sklearn.utils import Bunch

__all__ = ["data_path", "pack", "read_table"]


def data_path(name: str) -> Path:
    """Return the path of a bundled file."""
    return Path(str(files("skmultimodal.datasets") / "data" / name))


def read_table(name: str, *, na_values=()) -> pd.DataFrame:
    """Read a bundled CSV file; only `na_values` mean missing, never the word NA."""
    return pd.read_csv(
        data_path(name), keep_default_na=False, na_values=list(na_values)
    )


def pack(
    name: str,
    columns: dict[str, pd.DataFrame | pd.Series],
    blocks: dict,
    target: pd.Series,
    *,
    as_frame: bool,
    return_X_y: bool,
    **extra,
):
    """Return (X, y) or a Bunch, as a frame or as row-aligned arrays.

    Parameters
    ----------
    name : str
        Stem of the description file.
    columns : dict of str to Series or DataFrame
        Modalities as they appear in a frame; a DataFrame adds several columns.
    blocks : dict of str to array-like of shape (n_samples, ...)
        Modalities as arrays, for MultimodalData.
    target : Series of shape (n_samples,)
    as_frame, return_X_y : bool
    **extra
        Further entries of the Bunch.
    """
    modalities = {
        key: list(part.columns) if isinstance(part, pd.DataFrame) else key
        for key, part in columns.items()
    }
    if as_frame:
        parts = [
            part if isinstance(part, pd.DataFrame) else part.rename(key)
            for key, part in columns.items()
        ]
        data, y = pd.concat(parts, axis=1), target
    else:
        from skmultimodal.data._containers import MultimodalData

        data, y = MultimodalData(blocks), target.to_numpy()
    if return_X_y:
        return data, y
    return Bunch(
        data=data,
        target=y,
        frame=pd.concat([data, target], axis=1) if as_frame else None,
        target_names=sorted(target.unique().tolist()),
        feature_names=list(data),
        modalities=modalities,
        DESCR=data_path(f"{name}.rst").read_text(encoding="utf-8"),
        **extra,
    )
