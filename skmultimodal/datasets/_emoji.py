"""Emoji: an image and a name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from skmultimodal.datasets._bunch import data_path, pack, read_table

__all__ = ["load_emoji"]

_TILE = 32  # pixels a side
_TILES_PER_ROW = 48


def load_emoji(
    *, return_X_y: bool = False, as_frame: bool = True
) -> Bunch | tuple[Any, Any]:
    """Load emoji images and names, to tell the group of the emoji.

    A classification task with two modalities that complement each other.

    =================   =======================================
    Classes                                                   8
    Samples                                                1636
    Majority class                                       23.6 %
    Modalities          image (32, 32, 3) of uint8 RGB; text
    =================   =======================================

    Read more in the :ref:`User Guide <datasets>`.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(X, y)`` and not a Bunch.

    as_frame : bool, default=True
        Whether X is a DataFrame (one cell an image) and y a Series. If False, X
        is a MultimodalData and y an array.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the entries

        data : DataFrame or MultimodalData of 1636 rows
            ``"image"``: arrays of shape (32, 32, 3), uint8, 0 to 255.
            ``"text"``: the name, as in ``"grinning face"``.
        target : Series or ndarray of shape (1636,)
            The group, as in ``"smileys-emotion"``.
        frame : DataFrame of 1636 rows, or None
            `data` and `target` side by side, with ``as_frame=True``.
        target_names : list of str
            The 8 groups, sorted.
        feature_names : list of str
            Column (or modality) names of `data`.
        modalities : dict
            Modality to column, as the parameter ``columns`` of the estimators.
        emoji, subgroup : ndarray of shape (1636,)
            The character itself and the finer category.
        DESCR : str
            Description, sources and licences.

    (X, y) : tuple, if ``return_X_y=True``
        `data` and `target` of the above.

    Notes
    -----
    Images: Noto Emoji [1]_, Apache License 2.0. Names and groups: emojibase
    [2]_, MIT, from the Unicode data files (Unicode License). Flags are left out.

    References
    ----------
    .. [1] Google, "Noto Emoji", from the npm package emoji-datasource-google
       16.0.0.
    .. [2] M. Johnson, "Emojibase", npm package emojibase-data 17.0.0.

    Examples
    --------
    >>> from skmultimodal.datasets import load_emoji
    >>> X, y = load_emoji(return_X_y=True)
    >>> X.shape, X["image"][0].shape, X["text"][100], y[100]
    ((1636, 2), (32, 32, 3), 'cherry blossom', 'animals-nature')
    """
    from PIL import Image

    table = read_table("emoji.csv.gz")
    with Image.open(data_path("emoji.png")) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    grid = pixels.reshape(-1, _TILE, _TILES_PER_ROW, _TILE, 3).swapaxes(1, 2)
    images = grid.reshape(-1, _TILE, _TILE, 3)[: len(table)]
    return pack(
        "emoji",
        {"image": pd.Series(list(images), dtype=object), "text": table["name"]},
        {"image": images, "text": table["name"].to_numpy(dtype=object)},
        table["group"].rename("target"),
        as_frame=as_frame,
        return_X_y=return_X_y,
        emoji=table["emoji"].to_numpy(dtype=object),
        subgroup=table["subgroup"].to_numpy(dtype=object),
    )
