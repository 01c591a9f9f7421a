"""Multivariate series: a recurrent or convolutional network to an embedding."""

from __future__ import annotations

import numpy as np
from torch import nn

from skmultimodal._data import Ragged, cells_and_labels
from skmultimodal._media import decode_cells
from skmultimodal.encoders._base import BaseEncoder
from skmultimodal.encoders._recurrent import StepEncoder

__all__ = ["SequenceEncoder"]


class SequenceEncoder(BaseEncoder):
    """Embed (time, channel) series of any length.

    Channels are standardised. Where a channel has gaps (NaN) in `fit`, it gets a
    second channel that marks them, and a gap becomes the mean.

    Parameters
    ----------
    cell : {"gru", "lstm", "conv", "mean"}, default="gru"
        What reads the steps.

    hidden_features : int, default=64
        Width of the recurrent state.

    out_features : int, default=64
        Width of the embedding.

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
        self, cell="gru", *, hidden_features=64, out_features=64, dropout=0.0
    ):
        self.cell = cell
        self.hidden_features = hidden_features
        self.out_features = out_features
        self.dropout = dropout

    def fit(self, cells, y=None, sample_weight=None):
        """Learn the standardisation of the channels.

        Parameters
        ----------
        cells : array-like of arrays of shape (time, channel)
        y, sample_weight : ignored

        Returns
        -------
        self : object
        """
        rows = self._rows(cells)
        self.n_channels_ = rows[0].shape[1]
        values = Ragged.from_rows(self._checked(rows)).values
        self.mean_ = np.nan_to_num(np.nanmean(values, axis=0))
        scale = np.nanstd(values, axis=0)
        self.scale_ = np.where(scale > 0, scale, 1.0)
        self.gaps_ = np.flatnonzero(np.isnan(values).any(axis=0))
        return self

    def transform(self, cells):
        """Return the standardised steps.

        Parameters
        ----------
        cells : array-like of arrays of shape (time, channel)

        Returns
        -------
        dict
            ``"steps"``, ragged float32 of shape
            (n_samples, time, n_channels + n_gaps).
        """
        rows = self._checked(self._rows(cells))
        width = self.n_channels_ + len(self.gaps_)
        steps = Ragged.from_rows(rows, item_shape=(self.n_channels_,))
        values = (steps.values - self.mean_) / self.scale_
        missing = np.isnan(values)
        values = np.concatenate(
            [np.where(missing, 0.0, values), missing[:, self.gaps_]], axis=1
        )
        values = values.reshape(-1, width).astype(np.float32)
        return {"steps": Ragged(values, steps.offsets)}

    def build(self):
        """Return a new module.

        Returns
        -------
        nn.Module
            ``(n, time, channel), (n,) -> (n, out_features)``.
        """
        return _Sequence(
            self.n_channels_ + len(self.gaps_),
            self.hidden_features,
            self.out_features,
            self.cell,
            self.dropout,
        )

    def _rows(self, cells):
        values, labels = cells_and_labels(cells)
        return decode_cells(values, _series, labels=labels)

    def _checked(self, rows):
        for row in rows:
            if row.shape[1] != self.n_channels_:
                raise ValueError(
                    f"expected series of {self.n_channels_} channels. Got shape "
                    f"{row.shape}."
                )
        return rows


def _series(cell) -> np.ndarray:
    series = np.asarray(cell, dtype=np.float64)
    if series.ndim == 1:
        series = series[:, None]
    if series.ndim != 2 or not series.size:
        raise ValueError(
            f"expected a series of shape (time, channel). Got shape {series.shape}."
        )
    if np.isinf(series).any():
        raise ValueError("expected finite values or NaN. Got infinity.")
    return series


class _Sequence(nn.Module):
    def __init__(self, in_features, hidden, out_features, cell, dropout):
        super().__init__()
        self.out_features = out_features
        self.steps = StepEncoder(in_features, hidden, out_features, cell, dropout)

    def forward(self, steps, lengths):
        return self.steps(steps, lengths)
