"""Decode the cells people really have: images, sounds, and what is missing."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

__all__ = [
    "CellError",
    "decode_audio",
    "decode_cells",
    "decode_image",
    "is_missing",
    "present_mask",
    "resample",
    "resize_image",
    "to_channels",
]

_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601 luma
_PCM_SCALE = {"int8": 128.0, "int16": 32768.0, "int32": 2147483648.0}
_RGB_MODES = {"CMYK", "YCbCr", "LAB", "HSV", "RGBX"}
_ALPHA_MODES = {"LA", "PA", "La", "RGBa"}


class CellError(ValueError):
    """Say which cell could not be read, and why.

    Parameters
    ----------
    modality : str or None
        Name of the modality the cell belongs to, where it is known.
    label : object
        Row label of the cell, as in the index of X.
    reason : str
        What was expected and what was found.

    Examples
    --------
    >>> from skmultimodal._media import CellError
    >>> print(CellError("image", 17, "expected 1, 3 or 4 channels, got 2"))
    Modality 'image', row 17: expected 1, 3 or 4 channels, got 2
    """

    def __init__(self, modality: str | None, label: Any, reason: str):
        super().__init__(modality, label, reason)  # all three: errors are pickled
        self.modality = modality
        self.label = label
        self.reason = reason

    def __str__(self) -> str:
        row = f"row {self.label!r}: {self.reason}"
        return row if self.modality is None else f"Modality {self.modality!r}, {row}"


def decode_cells(
    cells: Sequence[Any],
    decode: Callable[[Any], Any],
    *,
    modality: str | None = None,
    labels: Iterable[Any] | None = None,
    on_error: str = "raise",
) -> list[Any]:
    """Apply a decoder to each cell, naming the row of the one that fails.

    Parameters
    ----------
    cells : sequence of length n_samples
        Raw cells of one modality.
    decode : callable
        From one cell to its decoded value. Its ValueError, TypeError and OSError
        are reported; any other exception is a defect and passes through.
    modality : str, default=None
        Name used in the message; None leaves it to the caller.
    labels : iterable of length n_samples, default=None
        Row labels used in the message; None means the index of a Series, and
        positions otherwise.
    on_error : {"raise", "missing"}, default="raise"
        What a bad cell becomes: an error, or None.

    Returns
    -------
    decoded : list of length n_samples
        One value a cell.

    Raises
    ------
    CellError
        When a cell cannot be decoded and `on_error` is "raise".

    Examples
    --------
    >>> from skmultimodal._media import decode_cells
    >>> decode_cells(["1", "2"], int, modality="count")
    [1, 2]
    """
    if labels is None:
        labels = cells.index if isinstance(cells, pd.Series) else range(len(cells))
    decoded = []
    for label, cell in zip(labels, cells, strict=True):
        try:
            decoded.append(decode(cell))
        except (ValueError, TypeError, OSError) as error:
            if on_error == "missing":
                decoded.append(None)
                continue
            raise CellError(modality, label, _reason(error, cell)) from error
    return decoded


def _reason(error: Exception, cell: Any) -> str:
    """Return the text of an error, with the file unless it is named already."""
    reason = str(error)
    if isinstance(cell, str | os.PathLike) and os.fspath(cell) not in reason:
        reason += f" (file {os.fspath(cell)!r})"
    return reason


def is_missing(cell: Any) -> bool:
    """Tell whether a cell holds nothing.

    Parameters
    ----------
    cell : object
        None, NaN, NaT, NA, an array without elements and an array of NaN only are
        missing; so is a ``(waveform, rate)`` pair whose waveform is. The empty
        string is a text and not missing.

    Returns
    -------
    missing : bool
        True for an absent cell.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal._media import is_missing
    >>> is_missing(np.full((8, 8), np.nan)), is_missing("")
    (True, False)
    """
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return True
    if isinstance(cell, str | bytes | bytearray):
        return False
    if isinstance(cell, float | np.floating):
        return bool(np.isnan(cell))
    if isinstance(cell, np.datetime64 | np.timedelta64):
        return bool(np.isnat(cell))
    if isinstance(cell, tuple) and len(cell) == 2 and np.ndim(cell[0]):
        return is_missing(cell[0])
    if isinstance(cell, list | tuple):
        return len(cell) == 0 or all(map(is_missing, cell))
    if hasattr(cell, "__array__"):
        values = np.asarray(cell)
        if values.size == 0:
            return True
        if values.dtype.kind == "f":
            first = values.flat[0]
            return bool(first != first and np.isnan(values).all())
    return False


def present_mask(cells: Any) -> np.ndarray:
    """Tell which rows of a modality hold something.

    Parameters
    ----------
    cells : ndarray of shape (n_samples, ...), Series, DataFrame or sequence
        The cells of one modality. A row of a DataFrame or of an array of rank two
        or more is absent when every value in it is missing; integers never are.

    Returns
    -------
    present : ndarray of shape (n_samples,), dtype bool
        False where the modality is absent.

    See Also
    --------
    is_missing : The rule for one cell.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal._media import present_mask
    >>> present_mask([np.zeros(3), None, np.array([np.nan, np.nan])])
    array([ True, False, False])
    """
    if isinstance(cells, pd.DataFrame):
        return ~cells.isna().to_numpy().all(axis=1)
    if isinstance(cells, pd.Series) and cells.dtype != object:
        return cells.notna().to_numpy(dtype=bool)
    if getattr(cells, "ndim", 1) >= 2 and hasattr(cells, "dtype"):
        if isinstance(cells, np.ndarray) and cells.dtype == object:
            return ~pd.isna(cells).reshape(len(cells), -1).all(axis=1)
        present = np.ones(cells.shape[0], dtype=bool)
        if isinstance(cells, np.ndarray) and cells.dtype.kind == "f" and cells.size:
            flat = cells.reshape(len(cells), -1)
            suspects = np.flatnonzero(np.isnan(flat[:, 0]))  # the rest are present
            present[suspects] = ~np.isnan(flat[suspects]).all(axis=1)
        return present
    if isinstance(cells, np.ndarray) and cells.dtype != object:
        return ~pd.isna(cells)
    return np.fromiter((not is_missing(cell) for cell in cells), bool, len(cells))


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
        resolved; or the path of one.
    root : str or path-like, default=None
        Folder that a relative path starts from.

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
    >>> from skmultimodal._media import decode_image
    >>> decode_image(np.full((2, 4), 65535, dtype=np.uint16))[0, 0]
    array([255.], dtype=float32)
    """
    if isinstance(cell, str | os.PathLike):
        return _open_image(Path(root or "", cell))
    if isinstance(cell, bytes | bytearray):
        return _open_image(io.BytesIO(cell))
    if hasattr(cell, "getbands"):  # a PIL image
        return _from_pil(cell)
    if isinstance(cell, list | tuple) or hasattr(cell, "__array__"):
        return _check_image(np.asarray(cell))
    raise TypeError(
        "expected an image as array, PIL image, bytes or path, "
        f"got {type(cell).__name__}"
    )


def _open_image(source: Path | io.BytesIO) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(source) as image:
            return _from_pil(image)
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
    image = image.astype(np.float32, copy=False)
    if not np.isfinite(image).all():
        raise ValueError("expected finite pixels, got NaN or infinity")
    return image


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
    >>> from skmultimodal._media import resize_image
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
    return np.stack([p.resize((width, height), bilinear) for p in planes], axis=2)


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
    >>> from skmultimodal._media import to_channels
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


def decode_audio(
    cell: Any,
    sampling_rate: int | None = None,
    root: str | os.PathLike | None = None,
) -> tuple[np.ndarray, int]:
    """Turn any sound cell into a mono waveform and its sampling rate.

    Parameters
    ----------
    cell : array-like, tuple, bytes, str or path-like
        An array of shape (n_samples,) or (n_samples, n_channels), whose channels
        are averaged; integers are scaled to [-1, 1]. Or a pair of such an array
        and its sampling rate, an encoded file (WAV, FLAC, OGG), or its path.
    sampling_rate : int, default=None
        Wanted rate in hertz. A cell that carries its own rate is resampled to it;
        a bare array is taken to have it. None keeps the cell's own rate.
    root : str or path-like, default=None
        Folder that a relative path starts from.

    Returns
    -------
    waveform : ndarray of shape (n_samples,), dtype float32
        The sound, in [-1, 1] if it was stored as integers.
    sampling_rate : int
        Samples a second.

    Raises
    ------
    ValueError
        When the shape or a value is not that of a sound, or no rate is known.
    TypeError
        When the cell or its dtype is not one of those above.
    OSError
        When the file is missing or is not a sound.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal._media import decode_audio
    >>> waveform, rate = decode_audio((np.zeros(441, dtype=np.int16), 44100), 8000)
    >>> waveform.shape, rate
    ((80,), 8000)
    """
    if isinstance(cell, str | os.PathLike):
        waveform, rate = _open_audio(Path(root or "", cell))
    elif isinstance(cell, bytes | bytearray):
        waveform, rate = _open_audio(io.BytesIO(cell))
    elif isinstance(cell, tuple) and len(cell) == 2 and np.ndim(cell[0]):
        waveform, rate = np.asarray(cell[0]), int(cell[1])
    elif isinstance(cell, list | tuple) or hasattr(cell, "__array__"):
        if sampling_rate is None:
            raise ValueError("expected a sampling rate with a bare array, got None")
        waveform, rate = np.asarray(cell), int(sampling_rate)
    else:
        raise TypeError(
            "expected a sound as array, (array, rate), bytes or path, "
            f"got {type(cell).__name__}"
        )
    waveform = _check_waveform(waveform)
    if rate <= 0:
        raise ValueError(f"expected a positive sampling rate, got {rate}")
    if sampling_rate is None:
        return waveform, rate
    return resample(waveform, rate, sampling_rate), int(sampling_rate)


def _open_audio(source: Path | io.BytesIO) -> tuple[np.ndarray, int]:
    import soundfile

    if isinstance(source, Path) and not source.is_file():
        raise FileNotFoundError(f"no such file: {str(source)!r}")
    try:
        return soundfile.read(source, dtype="float32")
    except soundfile.LibsndfileError as error:
        raise OSError(f"not a readable sound file: {error.error_string}") from error


def _check_waveform(waveform: np.ndarray) -> np.ndarray:
    shape = waveform.shape
    if waveform.ndim not in (1, 2) or waveform.size == 0:
        raise ValueError(
            "expected a waveform of shape (n_samples,) or (n_samples, n_channels), "
            f"got {shape}"
        )
    if waveform.ndim == 2 and shape[1] > max(shape[0], 2):
        raise ValueError(
            f"expected shape (n_samples, n_channels), got {shape}; transpose it"
        )
    name = waveform.dtype.name
    if name in _PCM_SCALE:
        waveform = (waveform / _PCM_SCALE[name]).astype(np.float32)
    elif name == "uint8":  # 8 bit WAV is unsigned, with silence at 128
        waveform = (waveform.astype(np.float32) - 128) / 128
    elif waveform.dtype.kind != "f":
        raise TypeError(
            f"expected samples of float or of 8, 16 or 32 bit integers, got {name}"
        )
    waveform = waveform.astype(np.float32, copy=False)
    if not np.isfinite(waveform).all():
        raise ValueError("expected finite samples, got NaN or infinity")
    return waveform if waveform.ndim == 1 else waveform.mean(axis=1)


def resample(waveform: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """Change the sampling rate of a waveform by polyphase filtering.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,)
        The sound.
    rate, new_rate : int
        Present and wanted sampling rates, in hertz.

    Returns
    -------
    waveform : ndarray of shape (ceil(n_samples * new_rate / rate),), float32
        The sound at the new rate; the input itself where the rates agree.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal._media import resample
    >>> resample(np.ones(160, dtype=np.float32), 16000, 8000).shape
    (80,)
    """
    rate, new_rate = int(rate), int(new_rate)
    if rate == new_rate:
        return waveform
    from scipy.signal import resample_poly

    divisor = math.gcd(rate, new_rate)
    resampled = resample_poly(waveform, new_rate // divisor, rate // divisor)
    return resampled.astype(np.float32, copy=False)
