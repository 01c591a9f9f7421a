"""Multivariate series: a recurrent or convolutional network to an embedding."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import nn

from skmultimodal._parameters import (
    BOOL,
    FRACTION,
    POSITIVE_INT,
    check_parameters,
    one_of,
)
from skmultimodal.data._cells import decode_cells
from skmultimodal.data._containers import Ragged, as_array, cells_and_labels
from skmultimodal.data._scaling import beyond, moments
from skmultimodal.encoders._base import BaseEncoder
from skmultimodal.encoders._recurrent import CELLS, StepEncoder

__all__ = ["SequenceEncoder"]

FAR = 100  # standard deviations between a channel's mean and zero
PART = 1 << 17  # values looked at in one go


class SequenceEncoder(BaseEncoder):
    """Embed (time, channel) series of any length.

    Channels are standardised. A gap (NaN) becomes the mean, and a channel with gaps
    in `fit` gets a second one that marks them.

    Parameters
    ----------
    cell : {"gru", "lstm", "conv", "mean"}, default="gru"
        What reads the steps: a recurrent cell [1]_, two 1-D convolutions, or a
        layer that is averaged and ignores their order.

    hidden_features : int, default=64
        Width of the state, in each direction.

    out_features : int, default=64
        Width of the embedding.

    bidirectional : bool, default=True
        Whether a recurrent cell also reads from the last step to the first.

    dropout : float, default=0.0
        Dropout of the pooled state.

    Attributes
    ----------
    n_channels_ : int
        Channels of a step.

    mean_, scale_ : ndarray of shape (n_channels,)
        Standardisation.

    offset_ : ndarray of shape (n_channels,)
        What `transform` subtracts: the mean where it is far from zero, else 0.

    gaps_ : ndarray of int
        Channels with gaps in `fit`.

    References
    ----------
    .. [1] K. Cho et al., "Learning phrase representations using RNN
       encoder-decoder for statistical machine translation", EMNLP, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal import SequenceEncoder
    >>> series = [np.ones((5, 2)), np.zeros((3, 2))]
    >>> SequenceEncoder().fit(series).transform(series)["steps"].lengths
    array([5, 3])
    """

    limits: ClassVar[dict] = {
        "cell": one_of(*CELLS),
        "hidden_features": POSITIVE_INT,
        "out_features": POSITIVE_INT,
        "bidirectional": BOOL,
        "dropout": FRACTION,
    }

    def __init__(
        self,
        cell: str = "gru",
        *,
        hidden_features: int = 64,
        out_features: int = 64,
        bidirectional: bool = True,
        dropout: float = 0.0,
    ):
        self.cell = cell
        self.hidden_features = hidden_features
        self.out_features = out_features
        self.bidirectional = bidirectional
        self.dropout = dropout

    def fit(self, cells: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the standardisation of the channels.

        Parameters
        ----------
        cells : array-like of arrays of shape (time, channel)
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
            If a cell is not a series, or its channels are not those of the first;
            the message names the row.
        """
        check_parameters(self, self.limits)
        values, labels = cells_and_labels(cells)
        first = decode_cells(values[:1], _series, labels=labels[:1], remedy="")[0]
        self.n_channels_ = first.shape[1]
        steps = self._steps(cells).values
        self.mean_, self.scale_ = moments(steps)
        self.gaps_ = np.flatnonzero(np.isnan(steps).any(axis=0))
        # far from zero, float32 would round the differences away
        far = np.abs(self.mean_) > FAR * self.scale_
        self.offset_ = np.where(far, self.mean_, 0.0)
        return self

    def transform(self, cells: Any) -> dict[str, Any]:
        """Return the steps; the module standardises them.

        Parameters
        ----------
        cells : array-like of arrays of shape (time, channel)
            Cells of the modality, without absent ones.

        Returns
        -------
        dict
            ``"steps"``, ragged float32 of shape (n_samples, time, n_channels); not
            a copy where `cells` is one float32 array.

        Raises
        ------
        CellError
            If a cell is not a series of the channels of `fit`.
        ValueError
            If a number is further than 1e12 standard deviations from the mean.
        """
        steps = self._steps(cells)
        start = 0
        for part in _parts(steps.values):
            found = beyond(part, self.mean_, self.scale_)
            if found is not None:
                (step, channel), what = found
                row = np.searchsorted(steps.offsets, start + step, side="right") - 1
                raise ValueError(
                    f"row {cells_and_labels(cells)[1][row]!r}: a step of channel "
                    f"{channel} {what}. Replace it, or use NaN for a missing value."
                )
            start += len(part)
        values = steps.values - self.offset_ if self.offset_.any() else steps.values
        return {"steps": Ragged(values.astype(np.float32, copy=False), steps.offsets)}

    def build(self) -> nn.Module:
        """Return a new module.

        Returns
        -------
        nn.Module
            ``(n, time, channel), (n,) -> (n, out_features)``.
        """
        return _SeriesEncoder(
            self.mean_ - self.offset_,
            self.scale_,
            self.gaps_,
            hidden_features=self.hidden_features,
            out_features=self.out_features,
            cell=self.cell,
            dropout=self.dropout,
            bidirectional=self.bidirectional,
        )

    def _steps(self, cells) -> Ragged:
        """Return the series, ragged (n_samples, time, n_channels)."""
        values, labels = cells_and_labels(cells)
        if _is_block(values, self.n_channels_):  # a view
            steps = values.reshape(-1, self.n_channels_)
            if all(beyond(part) is None for part in _parts(steps)):
                return Ragged(steps, np.arange(len(values) + 1) * values.shape[1])
        decode = partial(_series, n_channels=self.n_channels_)
        rows = decode_cells(values, decode, labels=labels, remedy="")
        return Ragged.from_rows(rows, np.float64, item_shape=(self.n_channels_,))


class _SeriesEncoder(StepEncoder):
    """A `StepEncoder` of standardised steps; gaps are the mean, and marked."""

    def __init__(self, mean, scale, gaps, **kwargs):
        super().__init__(len(mean) + len(gaps), **kwargs)
        self.register_buffer("mean", torch.tensor(mean).float())
        self.register_buffer("scale", torch.tensor(scale).float())
        self.gaps = gaps.tolist()

    def standardised(self, steps):
        """Return the steps as the cell reads them, (n, n_steps, in_features)."""
        missing = steps.isnan()
        steps = ((steps - self.mean) / self.scale).masked_fill(missing, 0.0)
        if not self.gaps:
            return steps
        return torch.cat([steps, missing[..., self.gaps].to(steps.dtype)], dim=-1)

    def _states(self, steps, lengths, mask):
        return super()._states(self.standardised(steps), lengths, mask)


def _is_block(values, n_channels) -> bool:
    """Whether `values` is one array of series of equal length."""
    shape: tuple[int, ...] = getattr(values, "shape", ())
    numbers = isinstance(values, np.ndarray) and values.dtype.kind in "fiu"
    return numbers and len(shape) == 3 and shape[2] == n_channels and shape[1] > 0


def _parts(values):
    """Return views of the rows, a few at a time."""
    return np.array_split(values, max(values.size // PART, 1))


def _series(cell, n_channels=None) -> np.ndarray:
    series = as_array(cell).astype(np.float64)
    if series.ndim == 1:
        series = series[:, None]
    if series.ndim != 2 or not series.size:
        raise ValueError(
            f"expected a series of shape (time, channel), got shape {series.shape}"
        )
    if n_channels not in (None, series.shape[1]):
        raise ValueError(
            f"expected a series of {n_channels} channels, got shape {series.shape}"
        )
    found = beyond(series)
    if found is not None:
        (step, channel), what = found
        raise ValueError(
            f"expected finite numbers, but step {step} of channel {channel} {what}"
        )
    return series
