"""Sound: a log-mel spectrogram and a recurrent network to an embedding."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import nn

from skmultimodal._parameters import (
    BOOL,
    FRACTION,
    NONE,
    PATH,
    POSITIVE,
    POSITIVE_INT,
    check_parameters,
    either,
    one_of,
)
from skmultimodal.data._cells import decode_audio, decode_cells
from skmultimodal.data._containers import Ragged, cells_and_labels, evenly
from skmultimodal.data._scaling import moments
from skmultimodal.data._sounds import mel_filters
from skmultimodal.encoders._base import BaseEncoder
from skmultimodal.encoders._recurrent import CELLS, StepEncoder

__all__ = ["AudioEncoder"]

PROBE = 1000  # sounds that the standardisation is learnt from
FLOOR = 1e-6  # smallest mel energy that enters the logarithm
NOISE = 0.1  # standard deviation, where that of a band is 1
AUGMENTATIONS = (None, "light", "strong")


class AudioEncoder(BaseEncoder):
    """Embed sounds: log-mel spectrogram, standardised, then an LSTM.

    Waveforms may come as arrays of any length, ``(waveform, rate)`` pairs, bytes
    or paths; they are averaged to mono and resampled. Neighbouring frames are
    stacked [2]_, so that the network takes fewer, wider steps.

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

    frames_per_step : int, default=2
        Neighbouring frames the network takes at once.

    cell : {"lstm", "gru", "mean", "conv"}, default="lstm"
        What reads the frames.

    hidden_features : int, default=64
        Width of the state, in each direction.

    out_features : int, default=64
        Width of the embedding.

    bidirectional : bool, default=True
        Whether a recurrent cell also reads from the end to the start.

    dropout : float, default=0.0
        Dropout of the pooled state.

    augment : {None, "light", "strong"}, default=None
        What changes sounds at random in training: ``"light"`` shifts each in time
        by up to 1/10 of its length and adds noise to the spectrogram; ``"strong"``
        also masks a block of bands and a block of time [3]_, each up to 1/5.

    root : str, default=None
        Folder to which relative paths refer.

    Attributes
    ----------
    window_, hop_ : int
        Length of the window and step between windows in samples.

    filters_ : ndarray of shape (n_frequencies, n_mels)
        Mel filters.

    mean_, scale_ : ndarray of shape (n_mels,)
        Standardisation of the log-mel energies.

    Notes
    -----
    Input ``(n, n_steps, frames_per_step * n_mels)`` with ``lengths`` ``(n,)``;
    output ``(n, out_features)``. The filters are those of [1]_, over the whole
    band. A sound shorter than a window is padded with silence. A sound has at most
    2**27 samples in its file and after resampling, and is resampled from 100 Hz to
    1 MHz only: ``MAX_SAMPLES``, ``MIN_RATE`` and ``MAX_RATE`` in
    ``skmultimodal.data._sounds``.

    References
    ----------
    .. [1] S. Davis, P. Mermelstein, "Comparison of parametric representations for
       monosyllabic word recognition in continuously spoken sentences", IEEE
       Transactions on Acoustics, Speech, and Signal Processing 28(4), 1980.

    .. [2] H. Sak, A. Senior, K. Rao, F. Beaufays, "Fast and accurate recurrent
       neural network acoustic models for speech recognition", Interspeech, 2015.

    .. [3] D. Park, W. Chan, Y. Zhang, C. Chiu, B. Zoph, E. Cubuk, Q. Le,
       "SpecAugment: a simple data augmentation method for automatic speech
       recognition", Interspeech, 2019.

    Examples
    --------
    >>> from skmultimodal import AudioEncoder
    >>> from skmultimodal.datasets import load_spoken_digits
    >>> X, y = load_spoken_digits(return_X_y=True)
    >>> encoder = AudioEncoder().fit(X["audio"][:50])
    >>> encoder.transform(X["audio"][:1])["steps"].values.shape[1]  # 2 * 40 bands
    80
    """

    reads = "audio"
    limits: ClassVar[dict] = {
        "sampling_rate": POSITIVE_INT,
        "n_mels": POSITIVE_INT,
        "window_seconds": POSITIVE,
        "hop_seconds": POSITIVE,
        "frames_per_step": POSITIVE_INT,
        "cell": one_of(*CELLS),
        "hidden_features": POSITIVE_INT,
        "out_features": POSITIVE_INT,
        "bidirectional": BOOL,
        "dropout": FRACTION,
        "augment": one_of(*AUGMENTATIONS),
        "root": either(NONE, PATH),
    }

    def __init__(
        self,
        sampling_rate: int = 8000,
        *,
        n_mels: int = 40,
        window_seconds: float = 0.025,
        hop_seconds: float = 0.01,
        frames_per_step: int = 2,
        cell: str = "lstm",
        hidden_features: int = 64,
        out_features: int = 64,
        bidirectional: bool = True,
        dropout: float = 0.0,
        augment: str | None = None,
        root: str | os.PathLike | None = None,
    ):
        self.sampling_rate = sampling_rate
        self.n_mels = n_mels
        self.window_seconds = window_seconds
        self.hop_seconds = hop_seconds
        self.frames_per_step = frames_per_step
        self.cell = cell
        self.hidden_features = hidden_features
        self.out_features = out_features
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.augment = augment
        self.root = root

    def fit(self, cells: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the standardisation of the spectrogram.

        Parameters
        ----------
        cells : array-like of sounds of shape (n_samples,)
            Cells of the modality, without absent ones.
        y, sample_weight : object, default=None
            Ignored.

        Returns
        -------
        self : object
            The fitted encoder.

        Raises
        ------
        CellError
            If a cell is not a sound; the message names its row.
        """
        check_parameters(self, self.limits)
        self.window_ = max(round(self.window_seconds * self.sampling_rate), 2)
        self.hop_ = max(round(self.hop_seconds * self.sampling_rate), 1)
        n_fft = 1 << (self.window_ - 1).bit_length()
        self.filters_ = mel_filters(n_fft, self.n_mels, self.sampling_rate)
        values, labels = cells_and_labels(cells)
        rows = evenly(len(values), PROBE)
        frames = self._frames([values[i] for i in rows], [labels[i] for i in rows])
        mean, scale = moments(frames.values)
        self.mean_, self.scale_ = mean.astype(np.float32), scale.astype(np.float32)
        return self

    def transform(self, cells: Any) -> dict[str, Any]:
        """Return the standardised log-mel spectrograms.

        Parameters
        ----------
        cells : array-like of sounds of shape (n_samples,)
            Cells of the modality, without absent ones.

        Returns
        -------
        dict
            ``"steps"``, ragged float32 of shape
            (n_samples, n_steps, frames_per_step * n_mels).

        Raises
        ------
        CellError
            If a cell is not a sound; the message names its row.
        """
        frames = self._frames(*cells_and_labels(cells))
        values = (frames.values - self.mean_) / self.scale_
        return {"steps": _stack(Ragged(values, frames.offsets), self.frames_per_step)}

    def build(self) -> nn.Module:
        """Return a new module.

        Returns
        -------
        nn.Module
            ``(n, n_steps, n_features), (n,) -> (n, out_features)``.
        """
        return _Spectrogram(
            self.augment,
            self.n_mels,
            self.frames_per_step * self.n_mels,
            self.hidden_features,
            self.out_features,
            self.cell,
            self.dropout,
            self.bidirectional,
        )

    def _frames(self, values, labels) -> Ragged:
        """Return log-mel energies, ragged (n_samples, n_frames, n_mels)."""
        rows = decode_cells(values, self._log_mel, labels=labels)
        return Ragged.from_rows(rows, np.float32, item_shape=(self.n_mels,))

    def _log_mel(self, cell) -> np.ndarray:
        waveform, _ = decode_audio(cell, self.sampling_rate, self.root)
        return log_mel(waveform, self.filters_, self.window_, self.hop_)


def _stack(frames: Ragged, n: int) -> Ragged:
    """Join `n` neighbouring frames to one step; zeros fill the last of a row."""
    lengths = -(-frames.lengths // n)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    padded = np.zeros((offsets[-1] * n, frames.values.shape[1]), frames.values.dtype)
    within = np.arange(len(frames.values)) - np.repeat(
        frames.offsets[:-1], frames.lengths
    )
    padded[np.repeat(offsets[:-1] * n, frames.lengths) + within] = frames.values
    return Ragged(padded.reshape(offsets[-1], -1), offsets)


def log_mel(waveform, filters, window: int, hop: int) -> np.ndarray:
    """Return log-mel energies of one waveform, float32 of shape (n_frames, n_mels)."""
    n_fft = 2 * (len(filters) - 1)
    signal = torch.from_numpy(np.array(waveform, dtype=np.float32))
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


class _Spectrogram(StepEncoder):
    """A step network that changes spectrograms at random in training."""

    def __init__(self, augment, n_mels, *args):
        super().__init__(*args)
        self.augment, self.n_mels = augment, n_mels

    def _states(self, steps, lengths, mask):
        if self.augment and self.training:
            strong = self.augment == "strong"
            steps = _augment(steps, lengths, self.n_mels, strong)
        return super()._states(steps, lengths, mask)


def _augment(steps, lengths, n_mels, strong):
    """Shift each row and add noise; if `strong` also mask bands and time.

    What is shifted in or masked is zero, the mean of the standardised energies.
    """
    n, n_steps, width = steps.shape
    options = {"dtype": steps.dtype, "device": steps.device}
    real = lengths.to(steps.dtype)[:, None]  # (n, 1)
    time = torch.arange(n_steps, device=steps.device)[None]
    shift = ((2 * torch.rand(n, 1, **options) - 1) * real / 10).round().long()
    source = time - shift
    inside = (source >= 0) & (source < lengths[:, None]) & (time < lengths[:, None])
    index = source.clamp(0, n_steps - 1)[:, :, None].expand(-1, -1, width)
    kept = inside[:, :, None].to(steps.dtype)
    steps = (steps.gather(1, index) + NOISE * torch.randn_like(steps)) * kept
    if not strong:
        return steps
    steps = steps * ~_block(time, real, options)[:, :, None]
    bands = torch.arange(width, device=steps.device)[None] % n_mels
    all_bands = torch.full_like(real, n_mels)
    return steps * ~_block(bands, all_bands, options)[:, None]


def _block(places, total, options):
    """Return which places lie in a random block of up to 1/5 of `total`."""
    length = torch.rand(len(total), 1, **options) * total / 5
    first = torch.rand(len(total), 1, **options) * (total - length)
    return (places >= first) & (places < first + length)
