"""Grids of weights on the simplex."""

from math import comb

import pytest

from skmultimodal.model_selection import weight_grid


@pytest.mark.parametrize("n_names", [1, 2, 3, 4])
@pytest.mark.parametrize("n_steps", [1, 3, 4, 7, 10])
def test_every_point_once_and_sums_exactly_one(n_names, n_steps):
    names = [f"m{i}" for i in range(n_names)]
    grid = weight_grid(names, step=1 / n_steps)
    points = {tuple(round(w * n_steps) for w in point.values()) for point in grid}
    assert len(points) == len(grid) == comb(n_steps + n_names - 1, n_names - 1)
    for point in grid:
        assert list(point) == names
        assert sum(point.values()) == 1.0
        assert min(point.values()) >= 0
        assert all(
            w * n_steps == pytest.approx(round(w * n_steps), abs=1e-12)
            for w in point.values()
        )


def test_order_starts_with_the_first_modality():
    grid = weight_grid(["image", "text", "table"])
    assert grid[0] == {"image": 1.0, "text": 0.0, "table": 0.0}
    assert grid[-1] == {"image": 0.0, "text": 0.0, "table": 1.0}
    assert len(grid) == 15


@pytest.mark.parametrize("step", [0, -0.5, 0.3, 2, float("nan")])
def test_step_must_divide_one(step):
    with pytest.raises(ValueError, match="one over an integer"):
        weight_grid(["a", "b"], step=step)


@pytest.mark.parametrize("names", [[], ["a", "a"]])
def test_names_must_differ(names):
    with pytest.raises(ValueError, match="one or more different names"):
        weight_grid(names)
