"""Synthetic multimodal samples whose best possible accuracy is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from skmultimodal._parameters import is_whole

__all__ = [
    "make_multimodal_classification",
    "make_multimodal_regression",
    "make_multimodal_xor",
]


def make_multimodal_classification(
    n_samples: int = 200,
    *,
    n_modalities: int = 3,
    n_features: int | Sequence[int] = 10,
    n_informative: int = 5,
    n_classes: int = 2,
    class_sep: float | Sequence[float] = 1.0,
    noise: float = 1.0,
    missing_rate: float = 0.0,
    as_frame: bool = False,
    random_state: Any = None,
) -> tuple[Any, Any]:
    """Generate classes that every modality shows in part, independently.

    Each modality places its own class centres in its informative features and
    adds Gaussian noise, so the modalities are independent given the class and
    fusing more of them is always better. Classes are balanced.

    Read more in the :ref:`User Guide <datasets>`.

    Parameters
    ----------
    n_samples : int, default=200
        Number of rows.

    n_modalities : int, default=3
        Number of modalities, named ``"m0"``, ``"m1"``, ...

    n_features : int or sequence of n_modalities ints, default=10
        Features of each modality.

    n_informative : int, default=5
        Features that depend on the class: the first ones of each modality. The
        others are noise.

    n_classes : int, default=2
        Number of classes.

    class_sep : float or sequence of n_modalities floats, default=1.0
        Half the root mean square distance between two class centres of a
        modality. With two classes the best accuracy of one modality is
        ``Phi(class_sep / noise)`` and of all together ``Phi(norm(class_sep) /
        noise)``, where ``Phi`` is the standard normal distribution function.
        A modality of 0 is noise.

    noise : float, default=1.0
        Standard deviation of the noise.

    missing_rate : float, default=0.0
        Share of the (row, modality) blocks made absent, completely at random; an
        absent block is all NaN. Every row keeps one modality or more.

    as_frame : bool, default=False
        Whether X is a DataFrame with the columns ``"m0_0"``, ``"m0_1"``, ... and
        y a Series. The default is a MultimodalData of arrays.

    random_state : int, RandomState instance or None, default=None
        Seed of the generator.

    Returns
    -------
    X : MultimodalData or DataFrame of n_samples rows
        Arrays of shape (n_samples, n_features), float64.
    y : ndarray or Series of shape (n_samples,)
        Classes, 0 to ``n_classes - 1``.

    Raises
    ------
    ValueError
        If a size, a sequence's length or `missing_rate` is out of range.

    See Also
    --------
    make_multimodal_xor : Classes that no modality shows alone.

    Examples
    --------
    >>> from skmultimodal.datasets import make_multimodal_classification
    >>> X, y = make_multimodal_classification(n_modalities=2, random_state=0)
    >>> X["m1"].shape, y.shape
    ((200, 10), (200,))
    """
    who = "make_multimodal_classification"
    widths = _per_modality(n_features, n_modalities, "n_features", who)
    seps = _per_modality(class_sep, n_modalities, "class_sep", who)
    _check_informative(n_informative, widths, who)
    if n_classes < 2:
        raise ValueError(
            f"The 'n_classes' of {who} must be 2 or more. Got {n_classes}."
        )
    rng = check_random_state(random_state)
    y = rng.permutation(np.arange(n_samples) % n_classes)
    blocks = []
    for width, sep in zip(widths, seps, strict=True):
        block = noise * rng.standard_normal((n_samples, width))
        block[:, :n_informative] += _centres(n_classes, n_informative, sep, rng)[y]
        blocks.append(block)
    _blank(blocks, missing_rate, rng, who)
    return _as_result(blocks, y, as_frame)


def make_multimodal_regression(
    n_samples: int = 200,
    *,
    n_modalities: int = 3,
    n_features: int | Sequence[int] = 10,
    n_informative: int = 5,
    n_targets: int = 1,
    noise: float = 0.1,
    missing_rate: float = 0.0,
    as_frame: bool = False,
    random_state: Any = None,
) -> tuple[Any, Any]:
    """Generate a target to which every modality adds an equal, linear share.

    The features are independent standard normal and the noiseless target has
    variance 1, so the best R2 of one modality is ``1 / n_modalities / (1 + noise
    ** 2)`` and of all together ``1 / (1 + noise ** 2)``.

    Read more in the :ref:`User Guide <datasets>`.

    Parameters
    ----------
    n_samples : int, default=200
        Number of rows.

    n_modalities : int, default=3
        Number of modalities, named ``"m0"``, ``"m1"``, ...

    n_features : int or sequence of n_modalities ints, default=10
        Features of each modality.

    n_informative : int, default=5
        Features that enter the target: the first ones of each modality.

    n_targets : int, default=1
        Number of targets.

    noise : float, default=0.1
        Standard deviation of the noise added to the target.

    missing_rate : float, default=0.0
        Share of the (row, modality) blocks made absent, completely at random; an
        absent block is all NaN. Every row keeps one modality or more.

    as_frame : bool, default=False
        Whether X is a DataFrame with the columns ``"m0_0"``, ``"m0_1"``, ... and
        y a Series (a DataFrame for several targets). The default is a
        MultimodalData of arrays.

    random_state : int, RandomState instance or None, default=None
        Seed of the generator.

    Returns
    -------
    X : MultimodalData or DataFrame of n_samples rows
        Arrays of shape (n_samples, n_features), float64.
    y : ndarray, Series or DataFrame of shape (n_samples,) or (n_samples, n_targets)
        Targets.

    Raises
    ------
    ValueError
        If a size, a sequence's length or `missing_rate` is out of range.

    Examples
    --------
    >>> from skmultimodal.datasets import make_multimodal_regression
    >>> X, y = make_multimodal_regression(n_targets=2, random_state=0)
    >>> list(X), y.shape
    (['m0', 'm1', 'm2'], (200, 2))
    """
    who = "make_multimodal_regression"
    widths = _per_modality(n_features, n_modalities, "n_features", who)
    _check_informative(n_informative, widths, who)
    if n_targets < 1:
        raise ValueError(
            f"The 'n_targets' of {who} must be 1 or more. Got {n_targets}."
        )
    rng = check_random_state(random_state)
    blocks = [rng.standard_normal((n_samples, width)) for width in widths]
    y = noise * rng.standard_normal((n_samples, n_targets))
    for block in blocks:
        slope = rng.standard_normal((n_informative, n_targets))
        slope /= np.linalg.norm(slope, axis=0) * np.sqrt(n_modalities)
        y += block[:, :n_informative] @ slope
    _blank(blocks, missing_rate, rng, who)
    return _as_result(blocks, y[:, 0] if n_targets == 1 else y, as_frame)


def make_multimodal_xor(
    n_samples: int = 500,
    *,
    n_features: Sequence[int] = (10, 10),
    class_sep: float = 3.0,
    flip_y: float = 0.0,
    as_frame: bool = False,
    random_state: Any = None,
) -> tuple[Any, Any]:
    """Generate classes that no modality shows alone: the XOR of a bit in each.

    Each modality is a block of features around one of two opposite centres, chosen
    by a latent bit; the class is the parity of the bits. One modality, or a sum of
    one score per modality, is right half the time; a model of interactions is right
    nearly always. The idea follows the HD-XOR data of [1]_, of which this is an
    independent, smaller variant.

    Read more in the :ref:`User Guide <datasets>`.

    Parameters
    ----------
    n_samples : int, default=500
        Number of rows; the combinations of bits are balanced.

    n_features : sequence of int, default=(10, 10)
        Features of each modality; as many modalities as entries, named ``"m0"``,
        ``"m1"``, ...

    class_sep : float, default=3.0
        Distance from a centre to the origin, with noise of standard deviation 1: a
        bit is told from its block with accuracy ``Phi(class_sep)``.

    flip_y : float, default=0.0
        Share of the labels that are inverted.

    as_frame : bool, default=False
        Whether X is a DataFrame with the columns ``"m0_0"``, ``"m0_1"``, ... and
        y a Series. The default is a MultimodalData of arrays.

    random_state : int, RandomState instance or None, default=None
        Seed of the generator.

    Returns
    -------
    X : MultimodalData or DataFrame of n_samples rows
        Arrays of shape (n_samples, n_features[i]), float64.
    y : ndarray or Series of shape (n_samples,)
        Classes, 0 and 1.

    Raises
    ------
    ValueError
        If there are fewer than two modalities or `flip_y` is not in [0, 1].

    References
    ----------
    .. [1] L. Wenderoth, K. Hemker, N. Simidjievski and M. Jamnik, "Measuring
       Cross-Modal Interactions in Multimodal Models", AAAI 2025. arXiv:2412.15828

    Examples
    --------
    >>> from skmultimodal.datasets import make_multimodal_xor
    >>> X, y = make_multimodal_xor(n_features=(3, 8), random_state=0)
    >>> X["m0"].shape, X["m1"].shape, y.mean().item()
    ((500, 3), (500, 8), 0.5)
    """
    n_modalities = len(n_features)
    if n_modalities < 2:
        raise ValueError(
            "The 'n_features' of make_multimodal_xor must name 2 modalities or more. "
            f"Got {n_features!r}."
        )
    if not 0 <= flip_y <= 1:
        raise ValueError(
            f"The 'flip_y' of make_multimodal_xor must be in [0, 1]. Got {flip_y}."
        )
    rng = check_random_state(random_state)
    cell = rng.permutation(np.arange(n_samples) % 2**n_modalities)
    bits = cell[:, None] >> np.arange(n_modalities) & 1  # (n_samples, n_modalities)
    blocks = []
    for width, bit in zip(n_features, bits.T, strict=True):
        direction = rng.standard_normal(width)
        direction *= class_sep / np.linalg.norm(direction)
        noise = rng.standard_normal((n_samples, width))
        blocks.append(noise + np.outer(2 * bit - 1, direction))
    y = bits.sum(axis=1) % 2
    flipped = rng.permutation(n_samples)[: round(flip_y * n_samples)]
    y[flipped] = 1 - y[flipped]
    return _as_result(blocks, y, as_frame)


def _per_modality(value, n_modalities, parameter, who) -> list:
    """Return one value per modality, from one for all or a sequence."""
    if n_modalities < 1:
        raise ValueError(
            f"The 'n_modalities' of {who} must be 1 or more. Got {n_modalities}."
        )
    if np.ndim(value) == 0:
        return [value] * n_modalities
    if len(value) != n_modalities:
        raise ValueError(
            f"The {parameter!r} of {who} must be one value or {n_modalities}, one for "
            f"each modality. Got {len(value)}."
        )
    return list(value)


def _check_informative(n_informative, widths, who):
    if not is_whole(n_informative) or not 1 <= n_informative <= min(widths):
        raise ValueError(
            f"The 'n_informative' of {who} must be an int from 1 to the fewest "
            f"features of a modality, {min(widths)}. Got {n_informative!r}."
        )


def _centres(n_classes, n_informative, sep, rng) -> np.ndarray:
    """Return class centres at the root mean square distance of twice `sep`."""
    centres = rng.standard_normal((n_classes, n_informative))
    centres -= centres.mean(axis=0)
    # the mean squared distance of all pairs is 2 n / (n - 1) times the variance
    mean_square = 2 * (centres**2).sum() / (n_classes - 1)
    return centres * (2 * sep / np.sqrt(mean_square))


def _blank(blocks, missing_rate, rng, who):
    """Set whole rows of blocks to NaN, in place, leaving one block in every row."""
    if not 0 <= missing_rate <= 1:
        raise ValueError(
            f"The 'missing_rate' of {who} must be in [0, 1]. Got {missing_rate}."
        )
    if not missing_rate:
        return
    shape = len(blocks[0]), len(blocks)
    absent = rng.random_sample(shape) < missing_rate
    kept = rng.randint(shape[1], size=shape[0])
    absent[np.arange(shape[0]), kept] &= ~absent.all(axis=1)
    for block, rows in zip(blocks, absent.T, strict=True):
        block[rows] = np.nan


def _as_result(blocks, y, as_frame):
    """Return (X, y) as MultimodalData and array, or as pandas objects."""
    if not as_frame:
        from skmultimodal.data._containers import MultimodalData

        return MultimodalData({f"m{i}": block for i, block in enumerate(blocks)}), y
    names = [
        f"m{i}_{j}" for i, block in enumerate(blocks) for j in range(block.shape[1])
    ]
    X = pd.DataFrame(np.hstack(blocks), columns=names)
    if y.ndim == 1:
        return X, pd.Series(y, name="target")
    return X, pd.DataFrame(y, columns=[f"target_{i}" for i in range(y.shape[1])])
