"""Embeddings on one scale, by a number that training learns."""

import numpy as np
import pytest
import torch

from skmultimodal.fusion.joint._layers import UnitScale


@pytest.fixture
def embeddings():
    generator = torch.Generator().manual_seed(0)
    return {
        name: scale * torch.randn(50, width, generator=generator)
        for name, scale, width in (("a", 100.0, 3), ("b", 0.01, 8))
    }


def root_mean_squares(embeddings):
    return [e.square().mean().sqrt().item() for e in embeddings.values()]


def test_the_first_batch_has_unit_squares_and_later_ones_move_the_scale(embeddings):
    scale = UnitScale(2)
    np.testing.assert_allclose(root_mean_squares(scale(embeddings, None)), 1, rtol=1e-5)
    double = {name: 2 * embedding for name, embedding in embeddings.items()}
    found = root_mean_squares(scale(double, None))  # 1 + 0.1 * (4 - 1) is their square
    np.testing.assert_allclose(found, 2 / np.sqrt(1.3), rtol=1e-5)
    before = scale.squares.clone()
    scale.eval()(double, None)
    torch.testing.assert_close(scale.squares, before, rtol=0, atol=0)


def test_absent_cells_do_not_count_and_what_was_never_seen_stays(embeddings):
    present = torch.ones(50, 2, dtype=torch.bool)
    present[:, 1] = False
    present[:10, 0] = False
    embeddings["a"][:10] = torch.nan
    scale = UnitScale(2)
    scaled = scale(embeddings, present)
    assert scaled["a"][10:].square().mean().sqrt().item() == pytest.approx(1, rel=1e-5)
    torch.testing.assert_close(scaled["b"], embeddings["b"])
    scale(embeddings, ~present)  # the first batch with the second modality
    torch.testing.assert_close(scale.squares[1], embeddings["b"].square().mean())
