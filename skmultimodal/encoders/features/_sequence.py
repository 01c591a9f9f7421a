"""Series to frozen features: statistics of each channel, overall and over time."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from skmultimodal.data._cells import CellError, decode_cells
from skmultimodal.data._containers import as_array, cells_and_labels

__all__ = ["SequenceFeatures"]


class SequenceFeatures(TransformerMixin, BaseEstimator):
    """Describe series of any length by statistics of each channel.

    Mean, standard deviation, smallest and largest value, mean absolute change from
    step to step, and means over equal segments; and the logarithm of the number of
    steps. Missing steps are left out; a segment without any value has the mean of its
    channel, a channel without any has zeros. Nothing is learnt.

    Parameters
    ----------
    n_segments : int, default=8
        Equal parts of the series that are averaged on their own; 0 for none.

    See Also
    --------
    AudioFeatures : Features of sounds.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.encoders import SequenceFeatures
    >>> series = [np.zeros((5, 3)), np.ones((9, 3))]
    >>> SequenceFeatures().fit_transform(series).shape
    (2, 40)
    """

    rowwise = True  # features of a row depend on that row alone

    def __init__(self, n_segments: int = 8):
        self.n_segments = n_segments

    def fit(self, X: Any, y: Any = None) -> SequenceFeatures:
        """Return the transformer; nothing is learnt.

        Parameters
        ----------
        X : sequence of series of shape (n_samples,)
        y : ignored

        Returns
        -------
        self : object
        """
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the features of series.

        Parameters
        ----------
        X : sequence of arrays of shape (n_steps,) or (n_steps, n_channels)
            Steps may differ between rows, channels may not.

        Returns
        -------
        features : ndarray of shape (n_samples, n_channels * n_statistics + 1)
            In float32; the last one is the logarithm of the number of steps.

        Raises
        ------
        CellError
            When a cell is not a series; the message names the row.
        """
        series = decode_cells(X, _series, remedy="")
        n_channels = [one.shape[1] for one in series]
        usual = max(n_channels, key=n_channels.count)
        for label, n in zip(cells_and_labels(X)[1], n_channels, strict=True):
            if n != usual:
                raise CellError(
                    None,
                    label,
                    f"expected as many channels as most rows, {usual}, got {n}",
                )
        rows = [self._describe(one) for one in series]
        return np.array(rows, dtype=np.float32)

    def _describe(self, series) -> np.ndarray:
        channels = [self._channel(values) for values in series.T]
        return np.concatenate([*channels, [np.log(len(series))]])

    def _channel(self, values) -> list[float]:
        known = values[~np.isnan(values)]
        if not len(known):
            known = values = np.zeros(len(values))
        mean = known.mean()
        change = np.abs(np.diff(known)).mean() if len(known) > 1 else 0.0
        means = []
        for segment in np.array_split(values, self.n_segments or 1):
            inside = segment[~np.isnan(segment)]
            means.append(inside.mean() if len(inside) else mean)
        overall = [mean, known.std(), known.min(), known.max(), change]
        return overall + means[: self.n_segments]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _series(cell) -> np.ndarray:
    """Return a series of shape (n_steps, n_channels)."""
    series = as_array(cell).astype(np.float64)
    if series.ndim not in (1, 2) or series.size == 0:
        raise ValueError(
            "expected a series of shape (n_steps,) or (n_steps, n_channels), "
            f"got {series.shape}"
        )
    if np.isinf(series).any():
        raise ValueError("expected finite values or NaN, got infinity")
    return series.reshape(len(series), -1)
