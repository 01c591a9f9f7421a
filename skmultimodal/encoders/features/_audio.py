"""Sounds to frozen features: cepstral coefficients, pooled over time."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import numpy as np
from scipy.fft import dct
from sklearn.base import BaseEstimator, TransformerMixin

from skmultimodal.data._cells import decode_audio, decode_cells
from skmultimodal.data._sounds import mel_filters

__all__ = ["AudioFeatures"]

_CHUNK = 64  # sounds at a time: bounds the memory of the frames
_FLOOR = 1e-8  # smallest mel energy that enters the logarithm


class AudioFeatures(TransformerMixin, BaseEstimator):
    """Describe sounds of any length by statistics of cepstral coefficients.

    Each sound becomes mel-frequency cepstral coefficients (MFCC) [1]_; their mean,
    standard deviation, the root mean square of their change between frames, and
    what their means over equal segments of the sound differ by from the overall
    mean are the features. The segments keep the order in time that the overall
    statistics lose; without the overall mean they do not depend on the microphone
    and little on the voice [2]_. Nothing is learnt, so that features can be cached
    row by row.

    Parameters
    ----------
    sampling_rate : int, default=8000
        Hertz; files are resampled to it and bare arrays are taken to have it.
    n_mfcc : int, default=20
        Cepstral coefficients, the first of which follows loudness.
    n_mels : int, default=40
        Mel filters.
    n_segments : int, default=8
        Equal parts of the sound that are averaged on their own; 0 for none.
    window_seconds : float, default=0.025
        Length of a frame in seconds.
    hop_seconds : float, default=0.01
        Step between frames in seconds.
    root : str or path-like, default=None
        Folder that relative paths start from.

    See Also
    --------
    ImageFeatures : The same for images.

    Notes
    -----
    Differences from [1]_: filters cover the whole band up to half the sampling
    rate, and more coefficients are kept. A sound shorter than a frame is padded
    with silence.

    References
    ----------
    .. [1] S. Davis, P. Mermelstein, "Comparison of parametric representations for
       monosyllabic word recognition in continuously spoken sentences", IEEE
       Transactions on Acoustics, Speech, and Signal Processing 28(4), 1980.
    .. [2] B. Atal, "Effectiveness of linear prediction characteristics of the speech
       wave for automatic speaker identification and verification", Journal of the
       Acoustical Society of America 55(6), 1974.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.encoders import AudioFeatures
    >>> rng = np.random.default_rng(0)
    >>> sounds = [rng.normal(size=3000), rng.normal(size=5000)]
    >>> AudioFeatures().fit_transform(sounds).shape
    (2, 221)
    """

    reads = "audio"
    rowwise = True  # features of a row depend on that row alone

    def __init__(
        self,
        sampling_rate: int = 8000,
        n_mfcc: int = 20,
        n_mels: int = 40,
        n_segments: int = 8,
        window_seconds: float = 0.025,
        hop_seconds: float = 0.01,
        root: str | os.PathLike | None = None,
    ):
        self.sampling_rate = sampling_rate
        self.n_mfcc = n_mfcc
        self.n_mels = n_mels
        self.n_segments = n_segments
        self.window_seconds = window_seconds
        self.hop_seconds = hop_seconds
        self.root = root

    def fit(self, X: Any, y: Any = None) -> AudioFeatures:
        """Check the parameters; nothing is learnt.

        Parameters
        ----------
        X : array-like of sounds of shape (n_samples,)
        y : ignored

        Returns
        -------
        self : object
        """
        self._check()
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the features of sounds.

        Parameters
        ----------
        X : sequence of sounds of shape (n_samples,)
            Waveforms of any length, ``(waveform, sampling_rate)`` pairs, bytes or
            paths.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features), dtype float32

        Raises
        ------
        CellError
            When a cell is not a sound; the message names the row.
        """
        self._check()
        out = np.empty((len(X), len(self.get_feature_names_out())), dtype=np.float32)
        for start in range(0, len(X), _CHUNK):
            rows = slice(start, start + _CHUNK)
            out[rows] = self._features(X.iloc[rows] if hasattr(X, "iloc") else X[rows])
        return out

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return names such as ``mfcc3_std`` and ``mfcc3_segment0``.

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        names : ndarray of shape (n_features,), dtype object
        """
        kinds = ["mean", "std", "delta_rms"]
        kinds += [f"segment{s}" for s in range(self.n_segments)]
        names = [f"mfcc{c}_{kind}" for kind in kinds for c in range(self.n_mfcc)]
        return np.array([*names, "log_seconds"], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def _check(self):
        if self.n_mfcc > self.n_mels:
            raise ValueError(
                "n_mfcc of AudioFeatures must be at most n_mels. Got "
                f"n_mfcc={self.n_mfcc} and n_mels={self.n_mels} instead."
            )

    def _features(self, cells) -> np.ndarray:
        decode = partial(decode_audio, sampling_rate=self.sampling_rate, root=self.root)
        waveforms = [w for w, _ in decode_cells(cells, decode)]
        window = max(round(self.window_seconds * self.sampling_rate), 2)
        hop = max(round(self.hop_seconds * self.sampling_rate), 1)
        frames, n_frames = _frames(waveforms, window, hop)
        mfcc = _mfcc(frames, self.sampling_rate, self.n_mels, self.n_mfcc)
        starts = np.concatenate([[0], np.cumsum(n_frames)[:-1]])
        mean = _segment_mean(mfcc, starts, n_frames)
        deviation = mfcc - np.repeat(mean, n_frames, axis=0)
        std = np.sqrt(_segment_mean(deviation**2, starts, n_frames))
        delta = np.diff(mfcc, axis=0, append=mfcc[-1:])
        delta[starts + n_frames - 1] = 0  # no change across two sounds
        delta_rms = np.sqrt(_segment_mean(delta**2, starts, n_frames))
        parts = [mean, std, delta_rms]
        for segment in range(self.n_segments):
            first = starts + n_frames * segment // self.n_segments
            last = starts + n_frames * (segment + 1) // self.n_segments
            first = np.minimum(first, starts + n_frames - 1)
            inside = _segment_mean(mfcc, first, np.maximum(last - first, 1))
            parts.append(inside - mean)
        seconds = np.array([len(w) for w in waveforms]) / self.sampling_rate
        return np.column_stack([*parts, np.log(seconds)])


def _frames(waveforms, window: int, hop: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames of all sounds end to end, and how many each has."""
    frames = []
    for waveform in waveforms:
        short = window - len(waveform)
        padded = np.pad(waveform, (0, short)) if short > 0 else waveform
        frames.append(np.lib.stride_tricks.sliding_window_view(padded, window)[::hop])
    return np.concatenate(frames), np.array([len(f) for f in frames])


def _mfcc(frames, sampling_rate: int, n_mels: int, n_mfcc: int) -> np.ndarray:
    """Return cepstral coefficients, (n_frames, n_mfcc)."""
    window = frames.shape[1]
    n_fft = 1 << (window - 1).bit_length()
    spectrum = np.fft.rfft(frames * np.hanning(window).astype(np.float32), n_fft)
    power = spectrum.real**2 + spectrum.imag**2
    energies = power @ mel_filters(n_fft, n_mels, sampling_rate)
    logs = np.log(np.maximum(energies, _FLOOR))
    return dct(logs, type=2, axis=1, norm="ortho")[:, :n_mfcc]


def _segment_mean(values, starts, lengths) -> np.ndarray:
    """Return means of ``values[start:start + length]``, one row a pair."""
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    return (total[starts + lengths] - total[starts]) / lengths[:, np.newaxis]
