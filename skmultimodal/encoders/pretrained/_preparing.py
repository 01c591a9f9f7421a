"""Cells of images, sounds and texts in the form that pretrained models read."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import numpy as np

from skmultimodal.data._cells import (
    decode_audio,
    decode_cells,
    decode_image,
    decode_text,
    resize_image,
    to_channels,
)
from skmultimodal.data._containers import object_array
from skmultimodal.data._files import is_url, join

__all__ = ["identifying", "pixels_of", "strings_of", "waveforms_of"]


def pixels_of(values, labels, module, root=None) -> dict[str, Any]:
    """Return images at a module's size and channels, on the scale 0 to 255."""
    decode = partial(_pixels, module=module, root=root)
    pixels = decode_cells(values, decode, labels=labels)
    return {"pixels": np.stack(pixels).transpose(0, 3, 1, 2)}


def _pixels(cell, module, root) -> np.ndarray:
    image = to_channels(decode_image(cell, root), module.n_channels)
    if image.dtype != np.uint8 and image.max() <= 1:
        image = image * 255
    image = resize_image(image, module.size)
    if image.dtype == np.uint8:
        return image
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def waveforms_of(values, labels, rate, wanted, root=None) -> dict[str, Any]:
    """Return waveforms at the wanted rate; bare arrays are taken to be at `rate`."""

    def decode(cell):
        bare = not isinstance(cell, str | bytes | bytearray | os.PathLike | tuple)
        if bare and rate is not None:
            cell = (cell, rate)
        return decode_audio(cell, wanted, root)[0]

    return {"samples": decode_cells(values, decode, labels=labels)}


def strings_of(values, labels) -> dict[str, Any]:
    """Return texts."""
    return {"text": object_array(decode_cells(values, decode_text, labels=labels))}


def identifying(cell, modality, root=None):
    """Return what identifies a cell: itself, the path of a file, or its pixels."""
    if modality == "text":
        return cell
    if isinstance(cell, str | os.PathLike):
        path = join(root, cell)
        return path if is_url(path) else os.path.abspath(path)
    if hasattr(cell, "getbands"):  # indices of a palette do not identify it
        return np.asarray(cell.convert("RGBA"))
    return cell
