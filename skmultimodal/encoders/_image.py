"""Images: a convolutional network to an embedding."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import nn

from skmultimodal._parameters import (
    FRACTION,
    NONE,
    PATH,
    POSITIVE_INT,
    WIDTHS,
    check_parameters,
    either,
    one_of,
)
from skmultimodal.data._cells import (
    decode_cells,
    decode_image,
    resize_image,
    to_channels,
)
from skmultimodal.data._containers import cells_and_labels, evenly
from skmultimodal.data._scaling import beyond, moments
from skmultimodal.encoders._base import FRAMES, BaseEncoder

__all__ = ["ImageEncoder"]

LARGEST_NATIVE = 64  # pixels a side that size="auto" keeps
SMALLEST_POOLED = 8  # maps of a smaller side are not pooled any more
GRID = 4  # most rows and columns of the last maps
PROBE = 1000  # images that sizes and statistics are learnt from
AUGMENTATIONS = (None, "light", "strong")


def _are_channels(value):
    return WIDTHS[1](value) and len(value)


def _is_size(value):
    if isinstance(value, str):
        return value == "auto"
    return POSITIVE_INT[1](value) or (WIDTHS[1](value) and len(value) == 2)


class ImageEncoder(BaseEncoder):
    """Embed images with a small convolutional network.

    Each stage is a 3x3 convolution [1]_, group normalisation [2]_, ReLU and 2x2
    maximum pooling; two stages are the smallest useful setting. Images may come
    as arrays, PIL images, bytes or paths of any size and mode.

    Parameters
    ----------
    channels : tuple of int, default=(16, 32, 64)
        Output channels of the stages, one entry per stage.

    out_features : int, default=64
        Width of the embedding.

    size : "auto", int or (int, int), default="auto"
        Height and width in pixels to which images are resized. ``"auto"`` is the
        images' own size if it is the same for all and at most 64, else 64.

    n_channels : "auto", 1 or 3, default="auto"
        Colour channels; ``"auto"`` is 1 only if every image is grey.

    dropout : float, default=0.5
        Dropout before the last layer.

    augment : {None, "light", "strong"}, default=None
        What changes images at random in training: ``"light"`` mirrors half of
        them and shifts each by up to 1/8 of its side; ``"strong"`` also turns,
        zooms and recolours. Leave it out where left and right differ in meaning.

    frames : {"mean", "attention"}, default="mean"
        How the embeddings of several images of a row, in one cell or in several
        columns, become one. ``"attention"`` learns which of them matter, by gated
        attention [3]_; it changes nothing where a row has one image.

    root : str or path-like, default=None
        Folder to which relative paths refer.

    Attributes
    ----------
    size_ : tuple of int
        Height and width in pixels.

    n_channels_ : int
        Colour channels.

    mean_, std_ : ndarray of shape (n_channels,)
        Normalisation, on the scale of the pixels.

    Notes
    -----
    Input ``(n, channel, height, width)``; output ``(n, out_features)``. The tokens
    of the module are the places of the last maps (4 x 4 or fewer): what each adds
    to the embedding. `fit` looks at 1000 images, evenly spread, where there are
    more; images are decoded one at a time.

    References
    ----------
    .. [1] Y. LeCun et al., "Gradient-based learning applied to document
       recognition", Proceedings of the IEEE, 1998.

    .. [2] Y. Wu, K. He, "Group normalization", ECCV, 2018.

    .. [3] M. Ilse, J. Tomczak, M. Welling, "Attention-based deep multiple instance
       learning", ICML, 2018.

    Examples
    --------
    >>> from skmultimodal import ImageEncoder
    >>> from skmultimodal.datasets import load_emoji
    >>> X, y = load_emoji(return_X_y=True)
    >>> encoder = ImageEncoder().fit(X["image"])
    >>> encoder.transform(X["image"])["pixels"].shape
    (1636, 3, 32, 32)
    """

    reads = "image"
    limits: ClassVar[dict] = {
        "channels": ("a tuple of one int >= 1 or more", _are_channels),
        "out_features": POSITIVE_INT,
        "size": ("'auto', an int >= 1 or a tuple of two", _is_size),
        "n_channels": ("'auto', 1 or 3", lambda v: v in ("auto", 1, 3)),
        "dropout": FRACTION,
        "augment": one_of(*AUGMENTATIONS),
        "frames": one_of(*FRAMES),
        "root": either(NONE, PATH),
    }

    def __init__(
        self,
        channels: tuple[int, ...] = (16, 32, 64),
        out_features: int = 64,
        *,
        size: str | int | tuple[int, int] = "auto",
        n_channels: str | int = "auto",
        dropout: float = 0.5,
        augment: str | None = None,
        frames: str = "mean",
        root: str | os.PathLike | None = None,
    ):
        self.channels = channels
        self.out_features = out_features
        self.size = size
        self.n_channels = n_channels
        self.dropout = dropout
        self.augment = augment
        self.frames = frames
        self.root = root

    def fit(self, cells: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn size, channels and normalisation.

        Parameters
        ----------
        cells : array-like of images, of shape (n_samples,) or \
                (n_samples, height, width[, channel])
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
            If a cell is not an image; the message names its row.
        """
        check_parameters(self, self.limits)
        values, labels = cells_and_labels(cells)
        rows = evenly(len(values), PROBE)
        values = [values[row] for row in rows]
        labels = [labels[row] for row in rows]
        size: Any = self.size  # as given, until what is "auto" is found
        n_channels: Any = self.n_channels
        if "auto" in (size, n_channels):
            shapes = decode_cells(values, self._shape, labels=labels)
            size = _common_size(shapes) if size == "auto" else size
            if n_channels == "auto":
                n_channels = 1 if all(shape[2] == 1 for shape in shapes) else 3
        self.size_: tuple[int, int] = (
            (size, size) if np.ndim(size) == 0 else tuple(size)
        )
        self.n_channels_: int = n_channels
        pixels = self._pixels(values, labels)
        by_channel = np.moveaxis(pixels, 1, -1).reshape(-1, n_channels)
        self.mean_, self.std_ = moments(by_channel)
        return self

    def transform(self, cells: Any) -> dict[str, Any]:
        """Return the images at one size.

        Parameters
        ----------
        cells : array-like of images
            Cells of the modality, without absent ones.

        Returns
        -------
        dict
            ``"pixels"``, uint8 or float32 of shape
            (n_samples, channel, height, width).

        Raises
        ------
        CellError
            If a cell is not an image; the message names its row.
        ValueError
            If a pixel is further than 1e12 standard deviations from the mean.
        """
        values, labels = cells_and_labels(cells)
        pixels = self._pixels(values, labels)
        if pixels.dtype.kind == "f":
            mean, std = (v[:, None, None] for v in (self.mean_, self.std_))
            found = beyond(pixels, mean, std)
            if found is not None:
                (row, *_), what = found
                raise ValueError(f"row {labels[row]!r}: a pixel {what}. Replace it.")
        return {"pixels": pixels}

    def build(self) -> nn.Module:
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

    def _shape(self, cell):
        return decode_image(cell, self.root).shape

    def _shaped(self, cell):
        image = to_channels(decode_image(cell, self.root), self.n_channels_)
        return resize_image(image, self.size_)

    def _pixels(self, values, labels) -> np.ndarray:
        shape = (*self.size_, self.n_channels_)
        if _is_ready(values, shape):  # no copy
            return values.reshape(-1, *shape).transpose(0, 3, 1, 2)
        images = decode_cells(values, self._shaped, labels=labels)
        if not images:
            return np.zeros((0, self.n_channels_, *self.size_), dtype=np.uint8)
        # one float image makes all of them float
        return np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2))


def _is_ready(values, shape) -> bool:
    """Whether `values` is one uint8 array of images of the given shape."""
    if not isinstance(values, np.ndarray) or values.dtype != np.uint8:
        return False
    return values.shape[1:] in (shape, shape[:2] if shape[2] == 1 else shape)


def _common_size(shapes) -> tuple[int, int]:
    """Return the size of all images if it is one and small, else a square."""
    sizes = {shape[:2] for shape in shapes}
    if len(sizes) == 1 and max(max(size) for size in sizes) <= LARGEST_NATIVE:
        return sizes.pop()
    return LARGEST_NATIVE, LARGEST_NATIVE


class _ConvNet(nn.Module):
    def __init__(
        self, n_channels, size, channels, out_features, dropout, augment, mean, std
    ):
        super().__init__()
        self.out_features, self.augment = out_features, augment
        shape = (1, n_channels, 1, 1)
        self.register_buffer("mean", torch.tensor(mean).float().reshape(shape))
        self.register_buffer("std", torch.tensor(std).float().reshape(shape))
        stages, before = [], n_channels
        for width in channels:
            stages += [
                nn.Conv2d(before, width, 3, padding=1),
                nn.GroupNorm(_groups(width), width),
                nn.ReLU(),
            ]
            if min(size) >= SMALLEST_POOLED:
                stages.append(nn.MaxPool2d(2))
                size = (size[0] // 2, size[1] // 2)
            before = width
        grid = (min(size[0], GRID), min(size[1], GRID))
        self.stages = nn.Sequential(*stages, nn.AdaptiveAvgPool2d(grid))
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(before * grid[0] * grid[1], out_features)
        # pools several times faster
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # no stub

    def _maps(self, pixels):
        pixels = (pixels.to(self.mean.dtype) - self.mean) / self.std
        if self.augment and self.training:
            pixels = _augment(pixels, strong=self.augment == "strong")
        return self.dropout(self.stages(pixels))  # (n, channel, rows, columns)

    def forward(self, pixels):
        return torch.relu(self.out(self._maps(pixels).flatten(1)))

    def tokens(self, pixels):
        """Return what each place of the maps adds to the embedding."""
        maps = self._maps(pixels).flatten(2)  # (n, channel, n_tokens)
        weight = self.out.weight.unflatten(1, maps.shape[1:])
        tokens = torch.einsum("nct,oct->nto", maps, weight) + self.out.bias
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        return torch.relu(tokens), mask


def _groups(width: int) -> int:
    """Return the largest number of groups up to 8 that divides `width`."""
    return next(g for g in (8, 4, 2, 1) if width % g == 0)


def _augment(pixels, strong):
    """Mirror and shift each image; if `strong` also turn, zoom and recolour it."""
    n, options = len(pixels), {"dtype": pixels.dtype, "device": pixels.device}

    def uniform(*shape):
        return 2 * torch.rand(n, *shape, **options) - 1

    mirror = torch.where(uniform() < 0, -1.0, 1.0).to(pixels.dtype)
    angle, zoom = uniform() * 0.25 * strong, 1 + uniform() * 0.2 * strong
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    matrix = torch.stack([mirror * cos, -mirror * sin, sin, cos], dim=1)
    shift = uniform(2, 1) / 4  # of an image that is 2 wide and high
    matrix = torch.cat([matrix.reshape(n, 2, 2), shift], dim=2)  # (n, 2, 3)
    grid = nn.functional.affine_grid(matrix, pixels.shape, align_corners=False)
    pixels = nn.functional.grid_sample(
        pixels, grid, padding_mode="border", align_corners=False
    )
    if strong:
        shape = (pixels.shape[1], 1, 1)
        pixels = pixels * (1 + uniform(*shape) / 4) + uniform(*shape) / 4
    return pixels
