"""Images to frozen features: oriented gradients, local patterns and colours."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from skmultimodal._parameters import POSITIVE_INT, WIDTHS, an_int, check_parameters
from skmultimodal.data._cells import (
    decode_cells,
    decode_image,
    resize_image,
    to_channels,
)
from skmultimodal.data._containers import as_array, cells_and_labels, object_array
from skmultimodal.data._images import frames_of

__all__ = ["ImageFeatures"]

_CHUNK = 256  # images at a time: bounds the memory of the gradient arrays
_CLIP = 0.2  # L2-hys, Dalal & Triggs section 6.4
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_AROUND = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
_BRIGHTER = 0.01  # of brightness in 0..1, so that noise of flat areas is no pattern
_LOCAL_BINS = 3  # of colours, an axis


class ImageFeatures(TransformerMixin, BaseEstimator):
    """Describe images by oriented gradients, local patterns and colours.

    Every image is brought to one size in RGB and described by HOG [1]_ at several
    cell sizes, by a thumbnail and a colour histogram, and, region by region, by
    histograms of local binary patterns [2]_ and of colours. Each of these blocks has a
    norm of about one, so that a kernel on all features hears each of them;
    standardising the features undoes that. Nothing is learnt, so that features can
    be cached row by row.

    Parameters
    ----------
    size : int, default=32
        Height and width that images are resized to, in pixels.
    cell_sizes : tuple of int, default=(8, 4)
        Side of a HOG cell in pixels, one scale each; each divides `size`.
    n_orientations : int, default=9
        Orientation bins over 180 degrees.
    thumbnail : int, default=8
        Side of the thumbnail in pixels; divides `size`. 0 leaves it out.
    color_bins : int, default=4
        Bins an axis of the joint histogram of red, green and blue, of which the
        square root is taken. 0 leaves it out.
    n_regions : int, default=4
        Regions a side; divides `size`. Each has a histogram of the 59 uniform local
        binary patterns of brightness and one of 27 colours, of which the square root
        is taken. 0 leaves them out.
    root : str or path-like, default=None
        Folder that relative paths start from.

    See Also
    --------
    AudioFeatures : The same for sounds.

    Notes
    -----
    Colours of 8 and 16 bit images are read on their scale of 0 to 255; a float
    image has no scale of its own and is stretched over its own smallest and
    largest value. HOG does not depend on the scale.

    Differences from [1]_: orientations share their vote between two bins, cells do
    not; blocks are of 2 x 2 cells with a stride of one cell and have no Gaussian
    window, which is of little effect at these sizes.

    A local binary pattern says which of the eight pixels around one are brighter than
    it, here by more than a hundredth of the range; patterns that are not uniform, with
    more than two changes around the circle, share one bin.

    References
    ----------
    .. [1] N. Dalal, B. Triggs, "Histograms of oriented gradients for human
       detection", CVPR 2005.
    .. [2] T. Ojala, M. Pietikainen, T. Maenpaa, "Multiresolution gray-scale and
       rotation invariant texture classification with local binary patterns", IEEE
       TPAMI 24(7), 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.encoders import ImageFeatures
    >>> images = np.random.default_rng(0).integers(0, 256, (2, 20, 30, 3))
    >>> ImageFeatures().fit_transform(images).shape
    (2, 3720)
    """

    limits: ClassVar[dict] = {
        "size": POSITIVE_INT,
        "cell_sizes": WIDTHS,
        "n_orientations": POSITIVE_INT,
        "thumbnail": an_int(0),
        "color_bins": an_int(0),
        "n_regions": an_int(0),
    }
    reads = "image"
    rowwise = True  # features of a row depend on that row alone

    def __init__(
        self,
        size: int = 32,
        cell_sizes: tuple[int, ...] = (8, 4),
        n_orientations: int = 9,
        thumbnail: int = 8,
        color_bins: int = 4,
        n_regions: int = 4,
        root: str | os.PathLike | None = None,
    ):
        self.size = size
        self.cell_sizes = cell_sizes
        self.n_orientations = n_orientations
        self.thumbnail = thumbnail
        self.color_bins = color_bins
        self.n_regions = n_regions
        self.root = root

    def fit(self, X: Any, y: Any = None) -> ImageFeatures:
        """Check the parameters; nothing is learnt.

        Parameters
        ----------
        X : array-like of images of shape (n_samples,)
        y : ignored

        Returns
        -------
        self : object
        """
        self._check()
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the features of images.

        Parameters
        ----------
        X : ndarray of shape (n_samples, height, width[, channels]) or of cells
            Images: arrays of any size and mode, PIL images, bytes or paths. A list of
            them, or an array (n_frames, height, width, channels), gets the mean of
            their features.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features), dtype float32

        Raises
        ------
        CellError
            When a cell is not an image; the message names the row.
        """
        self._check()
        out = np.empty((len(X), len(self.get_feature_names_out())), dtype=np.float32)
        for start in range(0, len(X), _CHUNK):
            rows = slice(start, start + _CHUNK)
            out[rows] = self._features(X.iloc[rows] if hasattr(X, "iloc") else X[rows])
        return out

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return names such as ``hog8_1_0_2_5`` and ``pattern_0_2_58``.

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        names : ndarray of shape (n_features,), dtype object
            HOG names hold the cell size, the block's row and column, the cell
            within the block and the orientation; ``pattern`` and ``region`` hold row
            and column of the region and the pattern or the colour.
        """
        names = []
        for cell in self.cell_sizes:
            n_blocks = self.size // cell - 1
            shape = (n_blocks, n_blocks, 4, self.n_orientations)
            names += [f"hog{cell}_{i}_{j}_{k}_{o}" for i, j, k, o in np.ndindex(shape)]
        side, bins = self.thumbnail, self.color_bins
        names += [f"pixel_{i}_{j}_{c}" for i, j, c in np.ndindex(side, side, 3)]
        names += [f"color_{r}_{g}_{b}" for r, g, b in np.ndindex(bins, bins, bins)]
        n = self.n_regions
        patterns, colors = (n, n, _N_PATTERNS), (n, n, *3 * (_LOCAL_BINS,))
        names += [f"pattern_{i}_{j}_{k}" for i, j, k in np.ndindex(patterns)]
        names += [f"region_{i}_{j}_{r}_{g}_{b}" for i, j, r, g, b in np.ndindex(colors)]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def _check(self):
        check_parameters(self, self.limits)
        for side in self.cell_sizes:
            if self.size % side or self.size // side < 2:
                raise ValueError(
                    "Each of the cell_sizes of ImageFeatures must divide size and fit "
                    f"in it twice. Got size={self.size} and {side} instead."
                )
            if side % min(self.cell_sizes):
                raise ValueError(
                    "Each of the cell_sizes of ImageFeatures must be a multiple of "
                    f"the smallest. Got {self.cell_sizes} instead."
                )
        for name in ("thumbnail", "n_regions"):
            count = getattr(self, name)
            if count and self.size % count:
                raise ValueError(
                    f"{name} of ImageFeatures must divide size. Got "
                    f"size={self.size} and {name}={count} instead."
                )

    def _features(self, cells) -> np.ndarray:
        """Return the features of a chunk; of several images in a cell their mean."""
        values, labels = cells_and_labels(cells)
        frames = [frames_of(cell) or [cell] for cell in values]
        counts = [len(images) for images in frames]
        if max(counts) == 1:
            return self._of_images([images[0] for images in frames], labels)
        flat = object_array(image for images in frames for image in images)
        features = self._of_images(flat, np.repeat(np.asarray(labels), counts))
        starts = np.cumsum([0, *counts[:-1]])
        return np.add.reduceat(features, starts) / np.array(counts)[:, np.newaxis]

    def _of_images(self, cells, labels) -> np.ndarray:
        decode = partial(_decode, size=(self.size, self.size), root=self.root)
        # (n, size, size, 3) in 0..1
        images = np.stack(decode_cells(cells, decode, labels=labels))
        root = np.sqrt(images)  # gamma compression, section 6.1
        parts = list(_hog(root, self.cell_sizes, self.n_orientations))
        n, side = len(images), self.thumbnail
        if side:
            step = self.size // side
            tiles = images.reshape(n, side, step, side, step, 3)
            parts.append(tiles.mean(axis=(2, 4)).reshape(n, -1) / side)
        if self.color_bins:
            colors = _color_bins(images, self.color_bins)
            shares = _cell_histograms(colors, self.size, self.color_bins**3)
            parts.append(np.sqrt(shares.reshape(n, -1)) / 2)
        if self.n_regions:
            cell = self.size // self.n_regions
            colors = _color_bins(images, _LOCAL_BINS)
            for bins, n_bins in (
                (_binary_patterns(root @ _LUMA), _N_PATTERNS),
                (colors, _LOCAL_BINS**3),
            ):
                shares = _cell_histograms(bins, cell, n_bins)
                parts.append(np.sqrt(shares.reshape(n, -1)) / self.n_regions)
        return np.concatenate(parts, axis=1)


def _decode(cell: Any, size: tuple[int, int], root) -> np.ndarray:
    """Return one image as float32 RGB in 0..1."""
    image = decode_image(cell, root=root)
    is_float = as_array(cell).dtype.kind == "f" if _is_array(cell) else False
    image = resize_image(to_channels(image, 3), size).astype(np.float32)
    if not is_float:
        return image / 255
    low, high = image.min(), image.max()
    return (image - low) / (high - low if high > low else 1)


def _is_array(cell) -> bool:
    return isinstance(cell, list | tuple) or hasattr(cell, "dtype")


def _hog(root: np.ndarray, cell_sizes, n_orientations: int):
    """Yield the block-normalised histograms of each cell size."""
    n, size = root.shape[:2]
    down, across = np.zeros_like(root), np.zeros_like(root)
    down[:, 1:-1] = root[:, 2:] - root[:, :-2]
    across[:, :, 1:-1] = root[:, :, 2:] - root[:, :, :-2]
    norm = np.hypot(down, across)
    strongest = norm.argmax(axis=3)[..., np.newaxis]  # of the three colours
    down, across, norm = (
        np.take_along_axis(values, strongest, axis=3)[..., 0]
        for values in (down, across, norm)
    )
    position = (np.arctan2(down, across) / np.pi % 1) * n_orientations  # unsigned
    position = position.astype(np.float32)
    lower = np.minimum(position.astype(np.intp), n_orientations - 1)
    upper_share = (position - lower) * norm
    finest = min(cell_sizes)
    counts = _cell_histograms(lower, finest, n_orientations, norm - upper_share)
    upper = (lower + 1) % n_orientations
    counts += _cell_histograms(upper, finest, n_orientations, upper_share)
    for cell in cell_sizes:
        k, side = cell // finest, size // cell
        hist = counts.reshape(n, side, k, side, k, n_orientations).sum(axis=(2, 4))
        hist /= k * k
        corners = hist[:, :-1, :-1], hist[:, :-1, 1:], hist[:, 1:, :-1], hist[:, 1:, 1:]
        blocks = np.concatenate(corners, axis=3)  # (n, side - 1, side - 1, 4 * o)
        for _ in range(2):
            blocks /= np.sqrt((blocks**2).sum(axis=3, keepdims=True) + 1e-4)
            np.minimum(blocks, _CLIP, out=blocks)
        blocks /= np.sqrt((blocks**2).sum(axis=3, keepdims=True) + 1e-4)
        yield blocks.reshape(n, -1) / blocks.shape[1]  # norm 1, as every block has


def _cell_histograms(bins, cell: int, n_bins: int, weights=None) -> np.ndarray:
    """Return sums of weights by bin of square cells over their pixels.

    Of shape (n, side, side, n_bins); shares of the pixels without weights.
    """
    n, size = bins.shape[:2]
    side = size // cell
    where = np.arange(size) // cell
    flat = np.arange(n)[:, None, None] * side + where[:, None]
    flat = (flat * side + where) * n_bins + bins
    weights = None if weights is None else weights.ravel()
    counts = np.bincount(flat.ravel(), weights, n * side * side * n_bins)
    shares = counts.astype(np.float32) / np.float32(cell * cell)
    return shares.reshape(n, side, side, n_bins)


def _color_bins(images: np.ndarray, n_bins: int) -> np.ndarray:
    """Return the bin of joint colour of each pixel, (n, size, size)."""
    bins = np.minimum((images * n_bins).astype(np.intp), n_bins - 1)
    return (bins[..., 0] * n_bins + bins[..., 1]) * n_bins + bins[..., 2]


def _binary_patterns(brightness: np.ndarray) -> np.ndarray:
    """Return the pattern around each pixel, (n, size, size); the edge is repeated."""
    size = brightness.shape[1]
    padded = np.pad(brightness, ((0, 0), (1, 1), (1, 1)), mode="edge")
    code = np.zeros(brightness.shape, dtype=np.uint8)
    for bit, (down, right) in enumerate(_AROUND):
        around = padded[:, 1 + down : 1 + down + size, 1 + right : 1 + right + size]
        code |= (around > brightness + _BRIGHTER).astype(np.uint8) << bit
    return _PATTERN_OF[code]


def _uniform_patterns() -> np.ndarray:
    """Return the number of each code of eight bits, of shape (256,)."""
    bits = np.arange(256)[:, np.newaxis] >> np.arange(8) & 1
    changes = (bits != np.roll(bits, 1, axis=1)).sum(axis=1)
    uniform = changes <= 2
    return np.where(uniform, uniform.cumsum() - 1, uniform.sum())


_PATTERN_OF = _uniform_patterns()
_N_PATTERNS = int(_PATTERN_OF.max()) + 1  # 59: 58 uniform ones and the rest
