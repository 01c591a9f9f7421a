"""Grids of given fusion weights."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, pairwise

__all__ = ["weight_grid"]


def weight_grid(names: Iterable[str], step: float = 0.25) -> list[dict[str, float]]:
    """List the weights on the simplex that are multiples of a step.

    Values for the ``weights`` parameter of a strategy in a grid search.

    Parameters
    ----------
    names : sequence of str
        Names of the modalities.

    step : float, default=0.25
        Distance between neighbouring weights; one over an integer.

    Returns
    -------
    grid : list of dict
        Each ``{name: weight}``, not negative, with sum exactly one, the first name's
        weight falling. With ``n = 1 / step`` and ``M`` names there are
        ``(n + M - 1)! / (n! (M - 1)!)`` of them.

    Raises
    ------
    ValueError
        If a name occurs twice, there is none, or one is no multiple of `step`.

    Examples
    --------
    >>> from skmultimodal.model_selection import weight_grid
    >>> weight_grid(["image", "text"], step=0.5)  # doctest: +NORMALIZE_WHITESPACE
    [{'image': 1.0, 'text': 0.0}, {'image': 0.5, 'text': 0.5},
     {'image': 0.0, 'text': 1.0}]
    """
    names = [names] if isinstance(names, str) else list(names)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"weight_grid needs one or more different names. Got {names}.")
    n_steps = round(1 / step) if 0 < step <= 1 else 0
    if n_steps == 0 or abs(n_steps * step - 1) > 1e-9:
        raise ValueError(
            f"The 'step' of weight_grid must be one over an integer. Got {step!r}."
        )
    places = range(n_steps + len(names) - 1)
    grid = []
    for bars in combinations(places, len(names) - 1):
        edges = (-1, *bars, len(places))
        counts = [high - low - 1 for low, high in pairwise(edges)]
        grid.append(dict(zip(names, _exact(counts, n_steps), strict=True)))
    return grid[::-1]


def _exact(counts, total):
    """Return counts / total, the last positive one rounded so that the sum is one."""
    weights = [count / total for count in counts]
    last = max(place for place, count in enumerate(counts) if count)
    if sum(weights) != 1:
        weights[last] = 1.0 - sum(weights[:last])
    return weights
