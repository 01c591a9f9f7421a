"""Pictures: a convolutional network to an embedding."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import nn

from skmultimodal._data import cells_and_labels
from skmultimodal._media import decode_cells, decode_image, resize_image, to_channels
from skmultimodal.encoders._base import BaseEncoder

__all__ = ["ImageEncoder"]

LARGEST_NATIVE = 64  # pixels a side that size="auto" keeps


class ImageEncoder(BaseEncoder):
    """Embed pictures with a small convolutional network.

    Each stage is a 3x3 convolution, group normalisation, ReLU and 2x2 maximum
    pooling; two stages are the smallest useful setting. Pictures may come as
    arrays, PIL images, bytes or paths of any size and mode.

    Parameters
    ----------
    channels : tuple of int, default=(32, 64)
        Output channels of the stages, one entry a stage.

    out_features : int, default=64
        Width of the embedding.

    size : "auto", int or (int, int), default="auto"
        Height and width in pixels to which pictures are resized. ``"auto"`` is the
        pictures' own size if it is the same for all and at most 64, else 64.

    n_channels : "auto", 1 or 3, default="auto"
        Colour channels; ``"auto"`` is 1 only if every picture is grey.

    dropout : float, default=0.0
        Dropout before the last layer.

    augment : bool, default=False
        Whether to flip and shift pictures at random in training.

    root : str, default=None
        Folder to which relative paths refer.

    Attributes
    ----------
    size_ : tuple of int
        Height and width in pixels.

    n_channels_ : int
        Colour channels.

    mean_, std_ : ndarray of shape (n_channels,)
        Normalisation, on the scale of the pixels.

    References
    ----------
    .. [1] Y. LeCun et al., "Gradient-based learning applied to document
       recognition", Proceedings of the IEEE, 1998.

    .. [2] Y. Wu, K. He, "Group normalization", ECCV, 2018.

    Examples
    --------
    >>> from skmultimodal import ImageEncoder
    >>> from skmultimodal.datasets import load_emoji
    >>> X, y = load_emoji(return_X_y=True)
    >>> encoder = ImageEncoder().fit(X["image"])
    >>> encoder.transform(X["image"])["pixels"].shape
    (1636, 3, 32, 32)
    """

    def __init__(
        self,
        channels=(32, 64),
        out_features=64,
        *,
        size="auto",
        n_channels="auto",
        dropout=0.0,
        augment=False,
        root=None,
    ):
        self.channels = channels
        self.out_features = out_features
        self.size = size
        self.n_channels = n_channels
        self.dropout = dropout
        self.augment = augment
        self.root = root

    def fit(self, cells, y=None, sample_weight=None):
        """Learn size, channels and normalisation.

        Parameters
        ----------
        cells : array-like of pictures, of shape (n_samples,) or \
                (n_samples, height, width[, channel])
        y, sample_weight : ignored

        Returns
        -------
        self : object
        """
        images = self._images(cells)
        shapes = {image.shape[:2] for image in images}
        if self.size != "auto":
            size = (self.size, self.size) if isinstance(self.size, int) else self.size
        elif len(shapes) == 1 and max(next(iter(shapes))) <= LARGEST_NATIVE:
            size = next(iter(shapes))
        else:
            size = (LARGEST_NATIVE, LARGEST_NATIVE)
        self.size_ = tuple(int(side) for side in size)
        grey = all(image.shape[2] == 1 for image in images)
        auto = 1 if grey else 3
        self.n_channels_ = auto if self.n_channels == "auto" else int(self.n_channels)
        pixels = self._pixels(images)
        flat = pixels.transpose(1, 0, 2, 3).reshape(self.n_channels_, -1)
        self.mean_ = flat.mean(axis=1, dtype=np.float64)
        std = flat.std(axis=1, dtype=np.float64)
        self.std_ = np.where(std > 0, std, 1.0)
        return self

    def transform(self, cells):
        """Return the pictures at one size.

        Parameters
        ----------
        cells : array-like of pictures

        Returns
        -------
        dict
            ``"pixels"``, uint8 or float32 of shape
            (n_samples, channel, height, width).
        """
        return {"pixels": self._pixels(self._images(cells))}

    def build(self):
        """Return a new module.

        Returns
        -------
        nn.Module
            ``(n, channel, height, width) -> (n, out_features)``.
        """
        return _ConvNet(
            self.n_channels_,
            self.size_,
            tuple(self.channels),
            self.out_features,
            self.dropout,
            self.augment,
            self.mean_,
            self.std_,
        )

    def _images(self, cells):
        if isinstance(cells, np.ndarray) and cells.dtype != object and cells.ndim > 2:
            return [decode_image(cell) for cell in cells]
        values, labels = cells_and_labels(cells)
        return decode_cells(
            values, partial(decode_image, root=self.root), labels=labels
        )

    def _pixels(self, images) -> np.ndarray:
        shaped = [
            resize_image(to_channels(image, self.n_channels_), self.size_)
            for image in images
        ]
        if not shaped:
            return np.zeros((0, self.n_channels_, *self.size_), dtype=np.uint8)
        if len({image.dtype for image in shaped}) > 1:
            shaped = [image.astype(np.float32) for image in shaped]
        return np.ascontiguousarray(np.stack(shaped).transpose(0, 3, 1, 2))


class _ConvNet(nn.Module):
    def __init__(
        self, n_channels, size, channels, out_features, dropout, augment, mean, std
    ):
        super().__init__()
        self.out_features, self.augment = out_features, augment
        shape = (1, n_channels, 1, 1)
        self.register_buffer("mean", torch.tensor(mean).reshape(shape))
        self.register_buffer("std", torch.tensor(std).reshape(shape))
        stages, before, side = [], n_channels, min(size)
        for width in channels:
            stages += [
                nn.Conv2d(before, width, 3, padding=1),
                nn.GroupNorm(_groups(width), width),
                nn.ReLU(),
            ]
            if side >= 2:
                stages.append(nn.MaxPool2d(2))
                side //= 2
            before = width
        self.stages = nn.Sequential(*stages)
        with torch.no_grad():
            maps = self.stages(torch.zeros(1, n_channels, *size))
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(maps[0].numel(), out_features)

    def _maps(self, pixels):
        pixels = (pixels.to(self.mean.dtype) - self.mean) / self.std
        if self.augment and self.training:
            pixels = _flip_and_shift(pixels)
        return self.stages(pixels)  # (n, channel, height, width)

    def forward(self, pixels):
        return torch.relu(self.out(self.dropout(self._maps(pixels).flatten(1))))


def _groups(width: int) -> int:
    """Return the largest number of groups up to 8 that divides `width`."""
    return next(g for g in (8, 4, 2, 1) if width % g == 0)


def _flip_and_shift(pixels, fraction=8):
    """Mirror half of the pictures and shift each by up to 1/8 of its side."""
    n, _, height, width = pixels.shape
    mirrored = torch.rand(n, device=pixels.device) < 0.5
    pixels = torch.where(mirrored[:, None, None, None], pixels.flip(3), pixels)
    most = max(height // fraction, 1)
    padded = nn.functional.pad(pixels, (most, most, most, most), mode="replicate")
    top, left = torch.randint(0, 2 * most + 1, (2, n), device=pixels.device)
    rows = top[:, None] + torch.arange(height, device=pixels.device)
    columns = left[:, None] + torch.arange(width, device=pixels.device)
    batch = torch.arange(n, device=pixels.device)[:, None, None]
    shifted = padded.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None]]
    return shifted.permute(0, 3, 1, 2)
