"""Multivariate series: a recurrent or convolutional network to an embedding."""

from __future__ import annotations

from functools import partial
from typing import Any, Self

import numpy as np
from torch import nn

from skmultimodal._data import Ragged, cells_and_labels
from skmultimodal._media import decode_cells
from skmultimodal.encoders._base import BaseEncoder
from skmultimodal.encoders._recurrent import CELLS, StepEncoder, check_option

__all__ = ["SequenceEncoder"]


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
        check_option(self, "cell", CELLS)
        values, labels = cells_and_labels(cells)
        first = decode_cells(values[:1], _series, labels=labels[:1])[0]
        self.n_channels_ = first.shape[1]
        steps = self._steps(cells).values
        known = ~np.isnan(steps)
        counts = np.maximum(known.sum(axis=0), 1)
        self.mean_ = np.where(known, steps, 0.0).sum(axis=0) / counts
        deviation = np.where(known, steps - self.mean_, 0.0)
        scale = np.sqrt((deviation**2).sum(axis=0) / counts)
        rounding = 10 * np.finfo(np.float64).eps * np.abs(self.mean_)
        self.scale_ = np.where(scale > rounding, scale, 1.0)
        self.gaps_ = np.flatnonzero(~known.all(axis=0))
        return self

    def transform(self, cells: Any) -> dict[str, Any]:
        """Return the standardised steps.

        Parameters
        ----------
        cells : array-like of arrays of shape (time, channel)
            Cells of the modality, without absent ones.

        Returns
        -------
        dict
            ``"steps"``, ragged float32 of shape
            (n_samples, time, n_channels + n_gaps).

        Raises
        ------
        CellError
            If a cell is not a series of the channels of `fit`.
        """
        steps = self._steps(cells)
        values = (steps.values - self.mean_) / self.scale_
        missing = np.isnan(values)
        values[missing] = 0.0
        values = np.concatenate([values, missing[:, self.gaps_]], axis=1)
        return {"steps": Ragged(values.astype(np.float32), steps.offsets)}

    def build(self) -> nn.Module:
        """Return a new module.

        Returns
        -------
        nn.Module
            ``(n, time, channel), (n,) -> (n, out_features)``.
        """
        return StepEncoder(
            self.n_channels_ + len(self.gaps_),
            self.hidden_features,
            self.out_features,
            self.cell,
            self.dropout,
            self.bidirectional,
        )

    def _steps(self, cells) -> Ragged:
        """Return the series, ragged (n_samples, time, n_channels)."""
        values, labels = cells_and_labels(cells)
        decode = partial(_series, n_channels=self.n_channels_)
        rows = decode_cells(values, decode, labels=labels)
        return Ragged.from_rows(rows, np.float64, item_shape=(self.n_channels_,))


def _series(cell, n_channels=None) -> np.ndarray:
    series = np.asarray(cell, dtype=np.float64)
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
    if np.isinf(series).any():
        raise ValueError("expected finite values or NaN, got infinity")
    return series
