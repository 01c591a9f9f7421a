"""What two modalities tell about y: both, one only, or together only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_consistent_length, check_random_state

__all__ = ["PartialInformation", "decompose", "partial_information"]

ATOMS = ("redundant", "unique_1", "unique_2", "synergistic")
MOST_STEPS = 50  # Newton steps at one height of the barrier
TOLERANCE = 1e-8  # sum of the last barrier's weights, below which rounding wins


@dataclass
class PartialInformation:
    """Information of two modalities about y, in bits.

    Parameters
    ----------
    redundant : float
        What either tells.

    unique_1, unique_2 : float
        What only one of them tells.

    synergistic : float
        What only both together tell.

    total : float
        The sum, which is the mutual information of both with y.

    n_bins : tuple of int
        Distinct values of X1, X2 and y after binning.

    null_ : DataFrame of shape (n_permutations, 4) or None
        The same four where y is shuffled.
    """

    redundant: float
    unique_1: float
    unique_2: float
    synergistic: float
    total: float
    n_bins: tuple[int, ...]
    null_: pd.DataFrame | None = field(default=None, repr=False)


def partial_information(
    X1: Any,
    X2: Any,
    y: Any,
    *,
    n_bins: int = 8,
    n_permutations: int = 0,
    random_state: Any = None,
) -> PartialInformation:
    """Decompose what two modalities tell about y.

    A property of the data, not of a model: it tells before any fusion whether there
    is something to gain from it, and whether the strategy must allow interactions.

    Read more in the :ref:`User Guide <insight>`.

    Parameters
    ----------
    X1, X2 : array-like of shape (n_samples,) or (n_samples, n_features)
        Categories, numbers, or blocks of numbers such as embeddings from
        ``estimator.encode`` or predicted labels. Integers, texts and numbers with at
        most `n_bins` distinct values are taken as they are; a column of numbers is
        cut at its quantiles, a block is clustered by k-means after standardising.

    y : array-like of shape (n_samples,)
        Labels, or values, which are cut at their quantiles.

    n_bins : int, default=8
        Most bins or clusters.

    n_permutations : int, default=0
        How often to decompose with y shuffled, for `null_`.

    random_state : int, RandomState instance or None, default=None
        Seed of k-means and of the shuffling.

    Returns
    -------
    PartialInformation

    Raises
    ------
    ValueError
        If the lengths differ, a value is missing, or `n_bins` is below 2.

    See Also
    --------
    modality_interaction : The same question asked of a model.

    Notes
    -----
    Of all distributions :math:`q` with the pairs :math:`(X_1, Y)` and
    :math:`(X_2, Y)` distributed as in the data, :math:`q^*` is the one under which
    both tell least about :math:`Y` [1]_. Then

    .. math:: S = I_p(X_1 X_2; Y) - I_{q^*}(X_1 X_2; Y), \\quad
        U_1 = I_{q^*}(X_1; Y | X_2), \\quad R = I(X_1; Y) - U_1 .

    The problem is convex; it is solved by an interior point method, to about 1e-5
    nats. Information estimated from counts is biased upwards, synergy most of all, by
    about
    :math:`(n_1 n_2 - 1)(n_y - 1) / (2 n \\ln 2)` bits: with few rows use few bins and
    compare with `null_`.

    References
    ----------
    .. [1] N. Bertschinger, J. Rauh, E. Olbrich, J. Jost, N. Ay, "Quantifying unique
       information", Entropy 16, 2014. https://doi.org/10.3390/e16042161

    .. [2] P. Liang et al., "Quantifying and modeling multimodal interactions: an
       information decomposition framework", NeurIPS 2023.

    Examples
    --------
    >>> from skmultimodal.inspection import partial_information
    >>> found = partial_information([0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0])  # XOR
    >>> round(found.synergistic, 3)
    1.0
    """
    if n_bins < 2:
        raise ValueError(f"'n_bins' must be at least 2. Got {n_bins}.")
    random = check_random_state(random_state)
    given = {"X1": X1, "X2": X2, "y": y}
    codes = [_codes(name, part, n_bins, random) for name, part in given.items()]
    check_consistent_length(*codes)
    sizes = tuple(int(code.max()) + 1 for code in codes)
    atoms = decompose(_joint(codes, sizes))
    null = None
    if n_permutations:
        null = pd.DataFrame(
            [
                decompose(_joint([*codes[:2], random.permutation(codes[2])], sizes))
                for _ in range(n_permutations)
            ],
            columns=list(ATOMS),
        )
    return PartialInformation(*atoms, total=sum(atoms), n_bins=sizes, null_=null)


def _codes(name, values, n_bins, random) -> np.ndarray:
    """Return the bin of each row, from 0."""
    block = values.to_numpy() if hasattr(values, "to_numpy") else np.asarray(values)
    if block.ndim > 1 and block.shape[1] == 1:
        block = block[:, 0]
    if pd.isna(block).any():
        raise ValueError(
            f"{name} has missing values. Leave out the rows in which a modality is "
            "absent, or give them a category of their own."
        )
    if block.ndim > 1:
        block = StandardScaler().fit_transform(block.reshape(len(block), -1))
        n_bins = min(n_bins, len(np.unique(block, axis=0)))
        clusters = KMeans(n_bins, n_init=3, random_state=random).fit_predict(block)
        return np.unique(clusters, return_inverse=True)[1]
    distinct, codes = np.unique(block, return_inverse=True)
    if block.dtype.kind == "f" and len(distinct) > n_bins:
        cuts = np.quantile(block, np.arange(1, n_bins) / n_bins)
        binned = np.searchsorted(np.unique(cuts), block, side="right")
        codes = np.unique(binned, return_inverse=True)[1]
    return codes


def _joint(codes, sizes) -> np.ndarray:
    """Return the joint distribution, of shape (n_1, n_2, n_y)."""
    counts = np.bincount(np.ravel_multi_index(codes, sizes), minlength=np.prod(sizes))
    return counts.reshape(sizes) / len(codes[0])


def decompose(joint: np.ndarray) -> tuple[float, float, float, float]:
    """Return the redundant, unique and synergistic information of a distribution.

    Parameters
    ----------
    joint : ndarray of shape (n_1, n_2, n_y)
        Probabilities, which sum to one.

    Returns
    -------
    tuple of 4 floats
        Redundant, unique of the first, unique of the second, synergistic; bits.

    Examples
    --------
    >>> import numpy as np
    >>> from skmultimodal.inspection._information import decompose
    >>> copy = np.zeros((2, 2, 2))
    >>> copy[0, 0, 0] = copy[1, 1, 1] = 0.5
    >>> [round(bits, 3) + 0.0 for bits in decompose(copy)]
    [1.0, 0.0, 0.0, 0.0]
    """
    least = _least_informative(joint)
    first, second = _information(joint.sum(axis=1)), _information(joint.sum(axis=0))
    shape = -1, joint.shape[2]
    both, apart = (_information(q.reshape(shape)) for q in (joint, least))
    apart = min(max(apart, first, second), both)  # what is left of the tolerance
    unique_1, unique_2 = apart - second, apart - first
    return first - unique_1, unique_1, unique_2, both - apart


def _information(joint) -> float:
    """Return the mutual information of two variables in bits."""
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    here = joint > 0
    return float((joint[here] * np.log2(joint[here] / product[here])).sum())


def _least_informative(joint) -> np.ndarray:
    """Return the distribution with the same pairs (X1, Y), (X2, Y) that tells least.

    Newton steps towards a minimum kept off zero by a barrier, which is then lowered.
    """
    of_y = joint.sum(axis=(0, 1))
    joint, of_y = joint[:, :, of_y > 0], of_y[of_y > 0]
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)  # (n_1, n_y), (n_2, n_y)
    found = rows[:, None] * columns[None] / of_y  # independent given y
    free = found > 0
    barrier, last = 0.1 / free.sum(), TOLERANCE / free.sum()
    while barrier > last:
        barrier *= 0.2
        for _ in range(MOST_STEPS):
            step, slope = _newton(found, free, barrier)
            if slope < 0.01 * barrier * free.sum():
                break
            shrinks = free & (step < 0)
            room = np.min(found[shrinks] / -step[shrinks], initial=np.inf)
            length = min(1.0, 0.95 * room)
            start = _barred(found, free, barrier)
            while (
                _barred(found + length * step, free, barrier)
                > (start - 0.1 * length * slope)
                and length > 1e-8
            ):
                length /= 2
            found = found + length * step
    return found


def _barred(joint, free, barrier):
    """Return what X1 and X2 tell about y (less a constant) plus the barrier."""
    both, q = joint.sum(axis=2), joint[free]
    both = both[both > 0]
    return q @ np.log(q) - both @ np.log(both) - barrier * np.log(q).sum()


def _newton(joint, free, barrier):
    """Return the step that leaves both margins as they are, and its slope."""
    n_1, n_2, n_y = joint.shape
    q, both = np.where(free, joint, 1.0), joint.sum(axis=2)[..., None]
    both = np.where(both > 0, both, 1.0)
    gradient = np.where(free, np.log(q / both) - barrier / q, 0.0)
    # the Hessian is diagonal less a rank of one in each cell (x1, x2)
    inverse = np.where(free, q**2 / (q + barrier), 0.0)
    rest = both[..., 0] - inverse.sum(axis=2)
    spread = inverse / np.where(rest > 0, rest, 1.0)[..., None]
    blocks = inverse[..., None] * np.eye(n_y) + inverse[:, :, None] * spread[..., None]
    size_1, size_2 = n_1 * n_y, n_2 * n_y
    across = blocks.transpose(0, 2, 1, 3).reshape(size_1, size_2)
    system = np.block(
        [
            [_on_diagonal(blocks.sum(axis=1)), across],
            [across.T, _on_diagonal(blocks.sum(axis=0))],
        ]
    )
    raw = np.einsum("ijkl,ijl->ijk", blocks, gradient)
    goal = -np.concatenate([raw.sum(axis=1).ravel(), raw.sum(axis=0).ravel()])
    # margins add up to the same in rows and columns: one column is left out
    kept = np.concatenate([free.any(axis=1).ravel(), free.any(axis=0).ravel()])
    kept[size_1 + free.any(axis=0).argmax(axis=0) * n_y + np.arange(n_y)] = False
    prices = np.zeros(size_1 + size_2)
    prices[kept] = np.linalg.lstsq(system[np.ix_(kept, kept)], goal[kept])[0]
    gradient = gradient + prices[:size_1].reshape(n_1, 1, n_y)
    gradient = gradient + prices[size_1:].reshape(1, n_2, n_y)
    step = -np.einsum("ijkl,ijl->ijk", blocks, gradient)
    return step, float(-(step * gradient).sum())


def _on_diagonal(blocks):
    """Return a matrix with blocks of shape (n, k, k) on its diagonal."""
    n, k = blocks.shape[:2]
    out = np.zeros((n, k, n, k))
    out[np.arange(n), :, np.arange(n)] = blocks
    return out.reshape(n * k, n * k)
