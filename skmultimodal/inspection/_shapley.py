"""Which sets of players to ask, and how their values become Shapley values."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
from sklearn.utils import check_random_state

__all__ = ["MOST_EXACT", "Shares", "every_subset", "game", "shapley_weights"]

MOST_EXACT = 10  # players whose sets are all asked: 1024


def every_subset(n_players: int) -> np.ndarray:
    """Return all subsets, bool (2 ** n_players, n_players), by size: none first."""
    players = range(n_players)
    chosen = [c for size in range(n_players + 1) for c in combinations(players, size)]
    subsets = np.zeros((len(chosen), n_players), dtype=bool)
    for row, columns in zip(subsets, chosen, strict=True):
        row[list(columns)] = True
    return subsets


def shapley_weights(subsets) -> np.ndarray:
    """Return the matrix that turns values of all subsets into Shapley values.

    Parameters
    ----------
    subsets : ndarray of bool of shape (2 ** n_players, n_players)

    Returns
    -------
    ndarray of shape (n_players, 2 ** n_players)

    Examples
    --------
    >>> from skmultimodal.inspection._shapley import every_subset, shapley_weights
    >>> shapley_weights(every_subset(2))
    array([[-0.5,  0.5, -0.5,  0.5],
           [-0.5, -0.5,  0.5,  0.5]])
    """
    m, sizes = subsets.shape[1], subsets.sum(axis=1)
    with_it = [0, *(factorial(s - 1) * factorial(m - s) for s in range(1, m + 1))]
    without = [*(factorial(s) * factorial(m - s - 1) for s in range(m)), 0]
    gain, loss = np.array(with_it)[sizes], np.array(without)[sizes]
    return np.where(subsets.T, gain, -loss) / factorial(m)


class Shares:
    """Turns values of sets into those of players, by a matrix.

    Parameters
    ----------
    matrix : ndarray of shape (n_players, n_subsets)
    """

    n_pairs = 1

    def __init__(self, matrix):
        self.matrix = matrix

    def by_pair(self, values) -> np.ndarray:
        """Return the values of players, (1, n_players, ...), for (n_subsets, ...)."""
        return np.tensordot(self.matrix, values, axes=1)[None]

    def mean(self, values) -> np.ndarray:
        """Return the mean over pairs, (n_players, ...)."""
        return self.by_pair(values).mean(axis=0)

    def error(self, values) -> np.ndarray | None:
        """Return its standard error, None where it is exact."""
        if self.n_pairs == 1:
            return None
        return self.by_pair(values).std(axis=0, ddof=1) / np.sqrt(self.n_pairs)


class _OrderShares(Shares):
    """The same by what each player adds in turn, in pairs of orders."""

    def __init__(self, orders, sets):
        self.orders, self.sets, self.n_pairs = orders, sets, len(orders)

    def by_pair(self, values):
        gains = values[self.sets[:, :, 1:]] - values[self.sets[:, :, :-1]]
        places = self.orders.argsort(axis=-1)
        places = places.reshape(*places.shape, *[1] * (gains.ndim - 3))
        return np.take_along_axis(gains, places, axis=2).mean(axis=1)


def game(n_players: int, n_orders: int, random_state=None):
    """Return the sets to ask, and what turns their values into Shapley values.

    Up to ten players all sets; above, those met when players enter in random orders,
    each of them once forwards and once backwards [1]_. In either case the values sum
    to that of all players less that of none.

    Parameters
    ----------
    n_players : int
    n_orders : int
        Orders above ten players; an odd one is made even.
    random_state : int, RandomState instance or None

    Returns
    -------
    subsets : ndarray of bool of shape (n_subsets, n_players)
        Without repeats; none first, all last.
    shares : Shares

    References
    ----------
    .. [1] R. Mitchell, J. Cooper, E. Frank, G. Holmes, "Sampling permutations for
       Shapley value estimation", JMLR 23, 2022.

    Examples
    --------
    >>> from skmultimodal.inspection._shapley import game
    >>> subsets, shares = game(12, 8, random_state=0)
    >>> shares.mean(subsets.sum(axis=1)).tolist() == [1.0] * 12  # each adds one
    True
    """
    if n_players <= MOST_EXACT:
        subsets = every_subset(n_players)
        return subsets, Shares(shapley_weights(subsets))
    random, n_pairs = check_random_state(random_state), -(-n_orders // 2)
    orders = np.stack([random.permutation(n_players) for _ in range(n_pairs)])
    orders = np.stack([orders, orders[:, ::-1]], axis=1)  # (n_pairs, 2, n_players)
    # step k has those whose place is below k
    steps = np.arange(n_players + 1)[:, None]
    met = orders.argsort(axis=-1)[:, :, None] < steps
    found, which = np.unique(met.reshape(-1, n_players), axis=0, return_inverse=True)
    by_size = np.argsort(found.sum(axis=1), kind="stable")
    sets = by_size.argsort()[which.ravel()].reshape(met.shape[:3])
    return found[by_size], _OrderShares(orders, sets)
