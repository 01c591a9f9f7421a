"""Decode and resample sounds."""

from __future__ import annotations

import io
import math
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from skmultimodal._parameters import is_real
from skmultimodal.data._containers import as_array
from skmultimodal.data._files import source_of
from skmultimodal.data._scaling import beyond

__all__ = [
    "MAX_RATE",
    "MAX_SAMPLES",
    "MIN_RATE",
    "decode_audio",
    "mel_filters",
    "resample",
]

# A header of a few bytes can ask for hours of sound, or for a filter of 320 GiB. As
# Pillow's MAX_IMAGE_PIXELS, these may be raised where the sounds are to be trusted.
MAX_SAMPLES = 2**27  # of a file, all channels, and after resampling: 4.6 h at 8 kHz
LARGEST_TERM = 2**16  # of the ratio of two rates
MIN_RATE, MAX_RATE = 100, 1_000_000  # Hz, of what is to be resampled

_PCM_SCALE = {"int8": 128.0, "int16": 32768.0, "int32": 2147483648.0}


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
        and its sampling rate, an encoded file (WAV, FLAC, OGG), its path, or its
        URL where fsspec is installed.
    sampling_rate : int, default=None
        Wanted rate in hertz. A cell that carries its own rate is resampled to it;
        a bare array is taken to have it. None keeps the cell's own rate.
    root : str or path-like, default=None
        Folder, or URL of one, that a relative path starts from.

    Returns
    -------
    waveform : ndarray of shape (n_samples,), dtype float32
        The sound, in [-1, 1] if it was stored as integers.
    sampling_rate : int
        Samples a second.

    Raises
    ------
    ValueError
        When the shape or a value is not that of a sound, no rate is known, the sound
        has more than ``MAX_SAMPLES`` samples in its file or after resampling, or is
        to be resampled from below ``MIN_RATE`` or above ``MAX_RATE``.
    TypeError
        When the cell, its dtype or its rate is not one of those above.
    OSError
        When the file is missing or is not a sound.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.data._sounds import decode_audio
    >>> waveform, rate = decode_audio((np.zeros(441, dtype=np.int16), 44100), 8000)
    >>> waveform.shape, rate
    ((80,), 8000)
    """
    if isinstance(cell, str | os.PathLike):
        waveform, rate = _open_audio(source_of(cell, root))
    elif isinstance(cell, bytes | bytearray):
        waveform, rate = _open_audio(io.BytesIO(cell))
    elif isinstance(cell, tuple) and len(cell) == 2 and np.ndim(cell[0]):
        waveform, rate = as_array(cell[0]), _check_rate(cell[1])
    elif isinstance(cell, tuple) and len(cell) == 2 and np.ndim(cell[1]):
        raise ValueError("expected (array, rate), got (rate, array); swap them")
    elif isinstance(cell, list | tuple) or hasattr(cell, "__array__"):
        if sampling_rate is None:
            raise ValueError("expected a sampling rate with a bare array, got None")
        waveform, rate = as_array(cell), int(sampling_rate)
    else:
        raise TypeError(
            "expected a sound as array, (array, rate), bytes or path, "
            f"got {type(cell).__name__}"
        )
    waveform = _check_waveform(waveform)
    if sampling_rate is None:
        return waveform, rate
    return resample(waveform, rate, sampling_rate), int(sampling_rate)


def _open_audio(source: Path | io.BytesIO) -> tuple[np.ndarray, int]:
    import soundfile

    if isinstance(source, Path) and not source.is_file():
        raise FileNotFoundError(f"no such file: {str(source)!r}")
    try:
        with soundfile.SoundFile(source) as sound:
            _check_length(sound.frames * sound.channels)
            return sound.read(dtype="float32"), sound.samplerate
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
    if not np.isfinite(waveform).all():
        raise ValueError("expected finite samples, got NaN or infinity")
    found = beyond(waveform)
    if found is not None:
        raise ValueError(f"expected samples in [-1, 1], but one {found[1]}")
    waveform = waveform.astype(np.float32, copy=False)
    return waveform if waveform.ndim == 1 else waveform.mean(axis=1)


def _check_rate(rate: Any) -> int:
    if not is_real(rate):
        raise TypeError(f"expected a sampling rate in hertz, got {rate!r}")
    if not 0 < rate < math.inf or rate != int(rate):
        raise ValueError(f"expected a positive whole sampling rate, got {rate}")
    return int(rate)


def _check_length(n_samples: int, rates: str = "") -> None:
    if n_samples > MAX_SAMPLES:
        raise ValueError(
            f"expected a sound of at most {MAX_SAMPLES:,} samples, got {n_samples:,}"
            f"{rates}; cut it into parts"
        )


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

    Raises
    ------
    ValueError
        When the rate is below ``MIN_RATE`` or above ``MAX_RATE``, or the result would
        have more than ``MAX_SAMPLES`` samples.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.data._sounds import resample
    >>> resample(np.ones(160, dtype=np.float32), 16000, 8000).shape
    (80,)
    """
    rate, new_rate = int(rate), int(new_rate)
    if rate == new_rate:
        return waveform
    if not MIN_RATE <= rate <= MAX_RATE:
        raise ValueError(
            f"expected a rate from {MIN_RATE:,} to {MAX_RATE:,} Hz for a sound that is "
            f"resampled to {new_rate:,} Hz, got {rate:,}; correct the rate"
        )
    n_samples = -(-len(waveform) * new_rate // rate)
    _check_length(n_samples, f" from {rate:,} to {new_rate:,} Hz")
    from scipy.signal import resample_poly

    # the filter is as long as the terms: 999,983 Hz would take 12 s and 1 GB
    ratio = Fraction(new_rate, rate).limit_denominator(LARGEST_TERM)
    resampled = resample_poly(waveform, ratio.numerator, ratio.denominator)[:n_samples]
    missing = n_samples - len(resampled)  # where the ratio is not quite the exact one
    return np.pad(resampled, (0, missing)).astype(np.float32, copy=False)


def mel_filters(n_fft: int, n_mels: int, sampling_rate: int) -> np.ndarray:
    """Return triangular filters evenly spaced on the mel scale.

    Parameters
    ----------
    n_fft : int
        Length of the Fourier transform in samples.
    n_mels : int
        Number of filters.
    sampling_rate : int
        Hz.

    Returns
    -------
    ndarray of float32 of shape (n_fft // 2 + 1, n_mels)

    Examples
    --------
    >>> from skmultimodal.data._sounds import mel_filters
    >>> mel_filters(256, 40, 8000).shape
    (129, 40)
    """

    def mel(hertz):
        return 2595.0 * np.log10(1.0 + hertz / 700.0)

    frequencies = mel(np.linspace(0, sampling_rate / 2, n_fft // 2 + 1))
    edges = np.linspace(0, mel(sampling_rate / 2), n_mels + 2)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (frequencies[:, None] - left) / (centre - left)
    falling = (right - frequencies[:, None]) / (right - centre)
    return np.clip(np.minimum(rising, falling), 0, None).astype(np.float32)
