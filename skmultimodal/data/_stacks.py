"""Cells of images as one array, for a network of one's own."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from skmultimodal.data._cells import decode_cells
from skmultimodal.data._containers import cells_and_labels
from skmultimodal.data._images import decode_image, resize_image, to_channels

__all__ = ["stack_images"]


def stack_images(
    cells: Any,
    size: int | tuple[int, int] = 224,
    n_channels: int = 3,
    root: str | os.PathLike | None = None,
) -> np.ndarray:
    """Turn images of any kind and size into one array, as networks of torch take it.

    Give it to :class:`ModuleEncoder` as ``preprocess``, with its parameters bound by
    ``functools.partial``; ``torch.from_numpy`` makes a tensor of the result.

    Parameters
    ----------
    cells : array-like of shape (n_samples,) or (n_samples, height, width[, channel])
        Arrays, PIL images, bytes, paths or URLs, none of them missing.

    size : int or (int, int), default=224
        Height and width in pixels; images are resized, not cropped.

    n_channels : {1, 3, 4}, default=3
        1 is grey, 3 is RGB, and 4 adds alpha.

    root : str or path-like, default=None
        Folder, or URL of one, that relative paths start from.

    Returns
    -------
    ndarray of shape (n_samples, n_channels, height, width), dtype float32
        Pixels in [0, 1]. Images of floats that are all at most 1 are kept; all
        others are on the scale of 0 to 255, and divided by it.

    Raises
    ------
    CellError
        If a cell is not an image; the message names its row.

    See Also
    --------
    ModuleEncoder : Any network as an encoder.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.data import stack_images
    >>> photos = [np.zeros((20, 30), np.uint8), np.full((8, 8, 3), 255, np.uint8)]
    >>> stack_images(photos, size=16).shape
    (2, 3, 16, 16)
    """
    height_width = (size, size) if isinstance(size, int) else (size[0], size[1])

    def pixels(cell):
        image = to_channels(decode_image(cell, root), n_channels)
        whole = image.dtype == np.uint8 or image.max() > 1
        image = resize_image(image, height_width).astype(np.float32)
        return np.moveaxis(image / 255 if whole else image, 2, 0)

    values, labels = cells_and_labels(cells)
    images = decode_cells(values, pixels, labels=labels, remedy="")
    blank = np.zeros((0, n_channels, *height_width), dtype=np.float32)
    return np.stack(images) if images else blank
