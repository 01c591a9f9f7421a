"""Sound: a log-mel spectrogram and a recurrent network to an embedding."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from skmultimodal._data import Ragged, cells_and_labels
from skmultimodal._media import decode_audio, decode_cells
from skmultimodal.encoders._base import BaseEncoder
from skmultimodal.encoders._sequence import _Sequence

__all__ = ["AudioEncoder", "mel_filters"]

FLOOR = 1e-6  # smallest mel energy that enters the logarithm


class AudioEncoder(BaseEncoder):
    """Embed sounds: log-mel spectrogram, standardised, then an LSTM.

    Waveforms may come as arrays of any length, ``(waveform, rate)`` pairs, bytes
    or paths; they are averaged to mono and resampled.

    Parameters
    ----------
    sampling_rate : int, default=8000
        Rate in Hz of the waveforms given as arrays; others are resampled to it.

    n_mels : int, default=40
        Mel bands.

    window_seconds : float, default=0.025
        Length of the analysis window in seconds.

    hop_seconds : float, default=0.01
        Step between windows in seconds.

    cell : {"lstm", "gru", "mean", "conv"}, default="lstm"
        What reads the frames.

    hidden_features : int, default=64
        Width of the recurrent state.

    out_features : int, default=64
        Width of the embedding.

    dropout : float, default=0.0
        Dropout of the pooled state.

    Attributes
    ----------
    filters_ : ndarray of shape (n_frequencies, n_mels)
        Mel filters.

    mean_, scale_ : ndarray of shape (n_mels,)
        Standardisation of the log-mel energies.

    References
    ----------
    .. [1] S. Davis, P. Mermelstein, "Comparison of parametric representations for
       monosyllabic word recognition", IEEE TASSP, 1980.

    Examples
    --------
    >>> from skmultimodal import AudioEncoder
    >>> from skmultimodal.datasets import load_spoken_digits
    >>> X, y = load_spoken_digits(return_X_y=True)
    >>> encoder = AudioEncoder().fit(X["audio"][:50])
    >>> encoder.transform(X["audio"][:1])["steps"].values.shape[1]  # mel bands
    40
    """

    def __init__(
        self,
        sampling_rate=8000,
        *,
        n_mels=40,
        window_seconds=0.025,
        hop_seconds=0.01,
        cell="lstm",
        hidden_features=64,
        out_features=64,
        dropout=0.0,
    ):
        self.sampling_rate = sampling_rate
        self.n_mels = n_mels
        self.window_seconds = window_seconds
        self.hop_seconds = hop_seconds
        self.cell = cell
        self.hidden_features = hidden_features
        self.out_features = out_features
        self.dropout = dropout

    def fit(self, cells, y=None, sample_weight=None):
        """Learn the standardisation of the spectrogram.

        Parameters
        ----------
        cells : array-like of sounds of shape (n_samples,)
        y, sample_weight : ignored

        Returns
        -------
        self : object
        """
        window = max(int(self.window_seconds * self.sampling_rate), 2)
        self.n_fft_ = 1 << (window - 1).bit_length()
        self.filters_ = mel_filters(self.n_fft_, self.n_mels, self.sampling_rate)
        values = self._frames(cells).values
        self.mean_ = values.mean(axis=0)
        scale = values.std(axis=0)
        self.scale_ = np.where(scale > 0, scale, np.float32(1))
        return self

    def transform(self, cells):
        """Return the standardised log-mel spectrograms.

        Parameters
        ----------
        cells : array-like of sounds of shape (n_samples,)

        Returns
        -------
        dict
            ``"steps"``, ragged float32 of shape (n_samples, n_frames, n_mels).
        """
        frames = self._frames(cells)
        values = (frames.values - self.mean_) / self.scale_
        return {"steps": Ragged(values, frames.offsets)}

    def build(self):
        """Return a new module.

        Returns
        -------
        nn.Module
            ``(n, n_frames, n_mels), (n,) -> (n, out_features)``.
        """
        return _Sequence(
            self.n_mels,
            self.hidden_features,
            self.out_features,
            self.cell,
            self.dropout,
        )

    def _frames(self, cells) -> Ragged:
        """Return log-mel energies, ragged (n_samples, n_frames, n_mels)."""
        decode = partial(decode_audio, sampling_rate=self.sampling_rate)
        values, labels = cells_and_labels(cells)
        waveforms = [wave for wave, _ in decode_cells(values, decode, labels=labels)]
        rows = [
            log_mel(
                waveform,
                self.filters_,
                self.n_fft_,
                max(int(self.window_seconds * self.sampling_rate), 2),
                max(int(self.hop_seconds * self.sampling_rate), 1),
            )
            for waveform in waveforms
        ]
        return Ragged.from_rows(rows, dtype=np.float32, item_shape=(self.n_mels,))


def log_mel(waveform, filters, n_fft, window, hop) -> np.ndarray:
    """Return log-mel energies of one waveform, float32 of shape (n_frames, n_mels)."""
    signal = torch.from_numpy(waveform)
    if len(signal) < n_fft:
        signal = torch.nn.functional.pad(signal, (0, n_fft - len(signal)))
    spectrum = torch.stft(
        signal,
        n_fft,
        hop_length=hop,
        win_length=window,
        window=torch.hann_window(window),
        center=False,
        return_complex=True,
    )
    power = spectrum.abs().square().T  # (n_frames, n_frequencies)
    energies = power @ torch.from_numpy(filters)
    return energies.clamp(min=FLOOR).log().numpy()


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
    """

    def mel(hertz):
        return 2595.0 * np.log10(1.0 + hertz / 700.0)

    frequencies = mel(np.linspace(0, sampling_rate / 2, n_fft // 2 + 1))
    edges = np.linspace(0, mel(sampling_rate / 2), n_mels + 2)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (frequencies[:, None] - left) / (centre - left)
    falling = (right - frequencies[:, None]) / (right - centre)
    return np.clip(np.minimum(rising, falling), 0, None).astype(np.float32)
