"""Decode, resize and recolour images."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from skmultimodal.data._containers import as_array
from skmultimodal.data._files import source_of
from skmultimodal.data._scaling import beyond

__all__ = ["decode_image", "frames_of", "resize_image", "to_channels"]

_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601 luma
_RGB_MODES = {"CMYK", "YCbCr", "LAB", "HSV", "RGBX"}
_ALPHA_MODES = {"LA", "PA", "La", "RGBa"}


def decode_image(cell: Any, root: str | os.PathLike | None = None) -> np.ndarray:
    """Turn any image cell into an array of height, width and channels.

    Integers end as uint8 in 0..255, with two exceptions that keep their precision:
    16 bit images become float32 on the same scale (65535 becomes 255), and float
    images are kept as they are, as float32. Truth values become 0 and 255.

    Parameters
    ----------
    cell : array-like, PIL image, bytes, str or path-like
        An array of shape (height, width) or (height, width, channels); a PIL image
        or an encoded file, whose EXIF orientation is applied and whose palette is
        resolved; or its path, or its URL where fsspec is installed.
    root : str or path-like, default=None
        Folder, or URL of one, that a relative path starts from.

    Returns
    -------
    image : ndarray of shape (height, width, channels), uint8 or float32
        One channel (grey), three (RGB) or four (RGB and alpha).

    Raises
    ------
    ValueError
        When the shape or a value is not that of an image.
    TypeError
        When the cell or its dtype is not one of those above.
    OSError
        When the file is missing or is not an image.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.data._images import decode_image
    >>> decode_image(np.full((2, 4), 65535, dtype=np.uint16))[0, 0]
    array([255.], dtype=float32)
    """
    if isinstance(cell, str | os.PathLike):
        return _open_image(source_of(cell, root))
    if isinstance(cell, bytes | bytearray):
        return _open_image(io.BytesIO(cell))
    if hasattr(cell, "getbands"):  # a PIL image
        return _from_pil(cell)
    if isinstance(cell, list | tuple) or hasattr(cell, "__array__"):
        return _check_image(as_array(cell))
    raise TypeError(
        "expected an image as array, PIL image, bytes or path, "
        f"got {type(cell).__name__}"
    )


def frames_of(cell: Any) -> list | None:
    """Return the images of a cell that holds several; None if it holds one.

    Parameters
    ----------
    cell : object
        Several are an array (n_frames, height, width, channels), or a list, tuple or
        1-D array of images in any form that `decode_image` takes. Missing ones are
        left out.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.data._images import frames_of
    >>> len(frames_of(np.zeros((5, 8, 8, 3)))), len(frames_of(["a.png", None]))
    (5, 1)
    """
    objects = isinstance(cell, np.ndarray) and cell.dtype == object
    if isinstance(cell, list | tuple) or objects:
        frames = [frame for frame in cell if frame is not None]
        return frames if frames and all(map(_may_be_image, frames)) else None
    if getattr(cell, "ndim", 0) == 4:
        return list(as_array(cell))
    return None


def _may_be_image(part) -> bool:
    named = isinstance(part, str | os.PathLike | bytes | bytearray)
    return named or hasattr(part, "getbands") or getattr(part, "ndim", 0) >= 2


def _open_image(source: Path | io.BytesIO) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(source) as image:
            return _from_pil(image)
    except Image.UnidentifiedImageError as error:
        raise OSError("cannot identify image file, by Pillow") from error
    except (SyntaxError, EOFError) as error:  # what Pillow's plug-ins raise
        raise OSError(f"broken image file: {error}") from error
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error


def _from_pil(image: Any) -> np.ndarray:
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    mode = image.mode
    if mode.startswith("I"):  # 16 bit files open as "I;16" or "I"
        return _check_image(np.asarray(image).astype(np.float32) / 257)
    if mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif mode == "1":
        image = image.convert("L")
    elif mode in _ALPHA_MODES:
        image = image.convert("RGBA")
    elif mode in _RGB_MODES:
        image = image.convert("RGB")
    return _check_image(np.asarray(image))


def _check_image(image: np.ndarray) -> np.ndarray:
    if image.ndim == 2:
        image = image[:, :, np.newaxis]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or image.size == 0:
        raise ValueError(
            "expected an image of shape (height, width) or (height, width, channels) "
            f"with 1, 3 or 4 channels, got {image.shape}"
        )
    if image.dtype == np.uint8:
        return image
    if image.dtype == bool:
        return image.astype(np.uint8) * np.uint8(255)
    if image.dtype == np.uint16:
        return image.astype(np.float32) / 257
    if image.dtype.kind in "iu":
        if image.min() < 0 or image.max() > 255:
            raise ValueError(
                f"expected integer pixels in 0..255, got {image.min()}..{image.max()} "
                f"of dtype {image.dtype}; pass uint16 for 16 bit images"
            )
        return image.astype(np.uint8)
    if image.dtype.kind != "f":
        raise TypeError(f"expected numeric pixels, got dtype {image.dtype}")
    if not np.isfinite(image).all():
        raise ValueError("expected finite pixels, got NaN or infinity")
    found = beyond(image)
    if found is not None:
        raise ValueError(f"expected pixels in 0..255 or in [0, 1], but one {found[1]}")
    return image.astype(np.float32, copy=False)


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize an image, averaging where it shrinks.

    Parameters
    ----------
    image : ndarray of shape (height, width, channels), uint8 or float32
        As `decode_image` returns it.
    size : tuple of two int
        New height and width, in pixels.

    Returns
    -------
    resized : ndarray of shape (size[0], size[1], channels)
        In the dtype of `image`; `image` itself where the size is right already.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.data._images import resize_image
    >>> resize_image(np.zeros((8, 6, 3), dtype=np.uint8), (4, 4)).shape
    (4, 4, 3)
    """
    height, width = size
    if image.shape[:2] == (height, width):
        return image
    from PIL import Image

    bilinear = Image.Resampling.BILINEAR  # never overshoots, antialiased
    if image.dtype == np.uint8:
        squeezed = image[:, :, 0] if image.shape[2] == 1 else image
        resized = Image.fromarray(squeezed).resize((width, height), bilinear)
        return np.asarray(resized).reshape(height, width, -1)
    planes = [
        Image.fromarray(np.ascontiguousarray(image[:, :, channel], dtype=np.float32))
        for channel in range(image.shape[2])
    ]
    parts = [np.asarray(p.resize((width, height), bilinear)) for p in planes]
    return np.stack(parts, axis=2)


def to_channels(image: np.ndarray, n_channels: int) -> np.ndarray:
    """Change the number of channels of an image.

    Grey is repeated; colours become grey by luma (0.299, 0.587, 0.114); an alpha
    channel is laid over white, and a new one is opaque. White and opaque are 255
    for uint8 and for floats above 1, and 1 for floats within 0..1.

    Parameters
    ----------
    image : ndarray of shape (height, width, 1 or 3 or 4)
        As `decode_image` returns it.
    n_channels : {1, 3, 4}
        Wanted number of channels.

    Returns
    -------
    image : ndarray of shape (height, width, n_channels)
        In the dtype of the input.

    Raises
    ------
    ValueError
        When `n_channels` is none of 1, 3 and 4.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.data._images import to_channels
    >>> clear = np.zeros((1, 1, 4), dtype=np.uint8)
    >>> to_channels(clear, 3).ravel()
    array([255, 255, 255], dtype=uint8)
    """
    if n_channels not in (1, 3, 4):
        raise ValueError(f"n_channels must be 1, 3 or 4. Got {n_channels!r} instead.")
    if image.shape[2] == n_channels:
        return image
    is_unit = image.dtype != np.uint8 and image.max(initial=0) <= 1
    white = np.float32(1 if is_unit else 255)
    if image.shape[2] == 4:
        alpha = image[:, :, 3:] / white
        flat = image[:, :, :3] * alpha + white * (1 - alpha)
        image = _as_dtype(flat, image.dtype)
    if n_channels == 1:
        if image.shape[2] == 1:
            return image
        return _as_dtype((image @ _GREY)[:, :, np.newaxis], image.dtype)
    if image.shape[2] == 1:
        image = np.repeat(image, 3, axis=2)
    if n_channels == 4:
        opaque = np.full_like(image[:, :, :1], white)
        image = np.concatenate([image, opaque], axis=2)
    return image


def _as_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Cast, rounding where the target holds integers."""
    return (values.round() if dtype == np.uint8 else values).astype(dtype)
