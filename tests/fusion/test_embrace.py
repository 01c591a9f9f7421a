"""Embrace fusion: draws in training, their expectation at predict."""

import numpy as np
import pytest
import torch

from skmultimodal import EmbraceFusion
from skmultimodal.training._net import seeded
from tests.parameters import module_of

WIDTHS = {"a": 4, "b": 3, "c": 2}


def build(spec, widths=WIDTHS, **training):
    with seeded(0):
        return module_of(spec, widths, 2, **training).eval()


def embeddings(widths=WIDTHS, n=6):
    generator = torch.Generator().manual_seed(1)
    return {k: torch.randn(n, d, generator=generator) for k, d in widths.items()}


def features(module):
    """Return v_m of shape (n, n_modalities, out_features)."""
    return np.maximum(module.project(embeddings()).detach().numpy(), 0)


def test_prediction_is_the_expectation():
    weights = {"a": 0.5, "b": 0.3, "c": 0.2}
    module = build(EmbraceFusion(weights, head=()))
    expected = np.einsum("m,nmd->nd", [0.5, 0.3, 0.2], features(module))
    fused = module(embeddings()).embedding.detach().numpy()
    np.testing.assert_allclose(fused, expected, atol=1e-6)
    present = torch.tensor([[True, True, False]]).repeat(6, 1)
    expected = np.einsum("m,nmd->nd", [0.625, 0.375, 0.0], features(module))
    fused = module(embeddings(), present).embedding.detach().numpy()
    np.testing.assert_allclose(fused, expected, atol=1e-6)


@pytest.mark.parametrize("weights", ["uniform", "learned", {"a": 7, "b": 1, "c": 2}])
def test_training_draws_units_with_the_given_probabilities(weights):
    module = build(EmbraceFusion(weights, out_features=3000, head=())).train()
    values = features(module)
    with seeded(0):
        fused = module(embeddings()).embedding.detach().numpy()
    origin = np.isclose(fused[:, None], values, atol=1e-6)  # (n, n_modalities, units)
    assert origin.any(1).all()
    # the origin shows where the values of the modalities are positive, so they differ
    told = (values > 0).all(1)[:, None] & origin
    shares = told.sum((0, 2)) / told.sum()
    expected = [0.7, 0.1, 0.2] if isinstance(weights, dict) else [1 / 3] * 3
    np.testing.assert_allclose(shares, expected, atol=0.04)


def test_absent_modalities_are_never_drawn():
    module = build(EmbraceFusion(out_features=500, head=())).train()
    present = torch.ones(6, 3, dtype=bool)
    present[:, 1] = False
    present[0] = False  # nothing present: nothing drawn
    outputs = []
    for shift in (0.0, 5.0):
        inputs = embeddings()
        inputs["b"] = inputs["b"] + shift
        with seeded(0):
            outputs.append(module(inputs, present).embedding)
    torch.testing.assert_close(*outputs)
    assert (outputs[0][0] == 0).all()


def test_an_absent_modality_equals_a_model_without_it():
    module, rest = build(EmbraceFusion()), {"a": 4, "c": 2}
    smaller = build(EmbraceFusion(), rest)
    smaller.load_state_dict(
        {k: v for k, v in module.state_dict().items() if k in smaller.state_dict()}
        | {"simplex.fixed": torch.tensor([0.5, 0.5])}
    )
    present = torch.tensor([[True, False, True]]).repeat(6, 1)
    inputs = embeddings()
    torch.testing.assert_close(
        module(inputs, present).scores,
        smaller({name: inputs[name] for name in rest}).scores,
    )


def test_branch_scores_are_the_prediction_from_one_modality():
    module = build(EmbraceFusion())
    branch_scores = module(embeddings()).branch_scores
    for m in range(3):
        only = torch.zeros(6, 3, dtype=bool)
        only[:, m] = True
        torch.testing.assert_close(
            module(embeddings(), only).scores, branch_scores[:, m]
        )
    assert build(EmbraceFusion(), aux_weight=0.0)(embeddings()).branch_scores is None


def test_learned_probabilities_move_towards_the_informative_modality():
    with seeded(0):
        module = EmbraceFusion("learned").build({"a": 2, "b": 2}, 2)
        optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
        for _ in range(200):
            target = torch.randint(2, (64,))
            clue = 2.0 * target[:, None] - 1 + 0.3 * torch.randn(64, 2)
            scores = module.train()({"a": torch.randn(64, 2), "b": clue}).scores
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(scores, target).backward()
            optimizer.step()
    noise, clue = module.modality_weights().tolist()
    assert clue > 0.6 > 0.4 > noise
