"""Which sets of players to ask, and how their values become Shapley values."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
from sklearn.utils import check_random_state

__all__ = ["MOST_EXACT", "every_subset", "game", "shapley_weights"]

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


def game(n_players: int, n_orders: int, random_state=None):
    """Return the sets to ask and the weights of their values.

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
    weights : ndarray of shape (n_pairs, n_players, n_subsets)
        Of each pair of orders, one where it is exact: their mean over pairs turns
        values of subsets into Shapley values.

    References
    ----------
    .. [1] R. Mitchell, J. Cooper, E. Frank, G. Holmes, "Sampling permutations for
       Shapley value estimation", JMLR 23, 2022.

    Examples
    --------
    >>> from skmultimodal.inspection._shapley import game
    >>> subsets, weights = game(12, 8, random_state=0)
    >>> values = subsets.sum(axis=1)  # every player adds one
    >>> (weights.mean(axis=0) @ values).round(6).tolist() == [1.0] * 12
    True
    """
    if n_players <= MOST_EXACT:
        subsets = every_subset(n_players)
        return subsets, shapley_weights(subsets)[None]
    random, n_pairs = check_random_state(random_state), -(-n_orders // 2)
    orders = np.stack([random.permutation(n_players) for _ in range(n_pairs)])
    orders = np.stack([orders, orders[:, ::-1]], axis=1)  # (n_pairs, 2, n_players)
    places = orders.argsort(axis=-1)
    # the set before a player's entry: those whose place is less than its own
    steps = np.arange(n_players + 1)[:, None]
    met = places[:, :, None] < steps  # (n_pairs, 2, n_players + 1, n_players)
    found, which = np.unique(met.reshape(-1, n_players), axis=0, return_inverse=True)
    by_size = np.argsort(found.sum(axis=1), kind="stable")
    found = found[by_size]
    which = by_size.argsort()[which.ravel()].reshape(met.shape[:3])
    weights = np.zeros((n_pairs, n_players, len(found)))
    for pair in range(n_pairs):
        for order, sets in zip(orders[pair], which[pair], strict=True):
            weights[pair, order, sets[1:]] += 0.5
            weights[pair, order, sets[:-1]] -= 0.5
    return found, weights
