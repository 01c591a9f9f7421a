"""Low-rank fusion: by hand, against the full tensor, and factors that train."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from skmultimodal import LowRankFusion
from skmultimodal.training._net import seeded
from skmultimodal.training._network import module_key
from skmultimodal.training._tasks import Classification
from tests.parameters import module_of

WIDTHS = {"a": 3, "b": 3, "c": 3}


def build(spec, widths=WIDTHS, n_outputs=2):
    with seeded(0):
        return module_of(spec, widths, n_outputs).eval()


def embeddings(widths=WIDTHS, n=6):
    generator = torch.Generator().manual_seed(1)
    return {k: torch.randn(n, d, generator=generator) for k, d in widths.items()}


def array(value):
    return value.detach().numpy()


def test_hand_computed():
    module = build(
        LowRankFusion(2, "uniform", out_features=1, head=()), {"a": 1, "b": 1}, 1
    )
    with torch.no_grad():
        for name, slopes in (("a", [1.0, 2.0]), ("b", [3.0, -1.0])):
            linear = module.merge.project.blocks[module_key(name)]
            linear.weight.copy_(torch.tensor(slopes)[:, None])
            linear.bias.copy_(torch.tensor([0.5, 0.0]))
        module.merge.mix.copy_(torch.tensor([1.0, 10.0]))
    inputs = {"a": torch.tensor([[2.0]]), "b": torch.tensor([[1.0]])}
    # (1 + 2.5)(1 + 3.5) + 10 (1 + 4)(1 - 1)
    assert module(inputs).embedding.item() == pytest.approx(15.75)
    # b absent: its factor is 1, so (1 + 2.5) + 10 (1 + 4)
    present = torch.tensor([[True, False]])
    assert module(inputs, present).embedding.item() == pytest.approx(53.5)
    nothing = torch.zeros(1, 2, dtype=bool)
    assert module(inputs, nothing).embedding.item() == pytest.approx(11.0)


@pytest.mark.parametrize("some_absent", [False, True])
def test_factors_equal_the_full_tensor_that_they_assemble(some_absent):
    rank, d, out = 3, 3, 4
    factors = build(LowRankFusion(rank, "uniform", out_features=out, head=()))
    full = build(
        LowRankFusion(None, "uniform", out_features=out, tensor_features=d, head=())
    )
    coefficients = []  # U_m with the constant first, (rank, out, d + 1) a modality
    for name in WIDTHS:
        linear = factors.merge.project.blocks[module_key(name)]
        if not some_absent:  # the constant of an absent modality is 1 in both
            torch.nn.init.normal_(linear.bias)
        constant = 1 + array(linear.bias).reshape(rank, out, 1)
        slopes = array(linear.weight).reshape(rank, out, d)
        coefficients.append(np.concatenate([constant, slopes], 2))
    mix = array(factors.merge.mix)
    tensor = np.einsum("r,roi,roj,rok->oijk", mix, *coefficients)
    with torch.no_grad():
        full.merge.linear.weight.copy_(torch.tensor(tensor.reshape(out, -1)))
        full.merge.linear.bias.zero_()
        for name in WIDTHS:
            linear = full.merge.project.blocks[module_key(name)]
            linear.weight.copy_(torch.eye(d))
            linear.bias.zero_()
    present = None
    if some_absent:
        present = torch.ones(6, 3, dtype=bool)
        present[0, 0] = present[1, 1] = present[2, 1:] = False
    torch.testing.assert_close(
        factors(embeddings(), present).embedding, full(embeddings(), present).embedding
    )


@pytest.mark.parametrize("rank", [1, 4, None])
def test_every_factor_trains(rank):
    """Two published libraries keep the factors where the optimiser never sees them."""
    module, inputs = build(LowRankFusion(rank)).train(), embeddings()
    before = {k: v.detach().clone() for k, v in module.named_parameters()}
    # a weight and a bias a modality, and the mix of ranks or the map of the tensor
    assert len(list(module.merge.parameters())) == (8 if rank is None else 7)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    target = torch.tensor([0, 1, 0, 1, 1, 0])

    def criterion(scores, target):
        return cross_entropy(scores, target, reduction="none")

    module.loss(module(inputs), target, criterion).mean().backward()
    optimizer.step()
    for name, parameter in module.named_parameters():
        assert (parameter - before[name]).abs().max() > 0, name


@pytest.mark.parametrize("n_modalities", [2, 8])
def test_products_start_near_one(n_modalities):
    widths = {f"m{i}": 32 for i in range(n_modalities)}
    module = build(LowRankFusion(8, out_features=256, head=()), widths)
    fused = array(module(embeddings(widths, 64)).embedding)
    assert abs(fused.mean() - 1) < 0.1
    assert 0.05 < fused.std() < 1.0


def test_weights_scale_the_factors():
    inputs = {k: v[:1] for k, v in embeddings().items()}
    module = build(LowRankFusion(1, {"a": 1, "b": 0, "c": 1}, head=()))
    other = {**inputs, "b": inputs["b"] + 1}
    torch.testing.assert_close(module(inputs).scores, module(other).scores)
    assert module.modality_weights().tolist() == [0.5, 0.0, 0.5]


def test_full_tensor_of_four_modalities_is_refused():
    widths = {"a": 2, "b": 2, "c": 2, "d": 2}
    with pytest.raises(ValueError, match=r"at most 3 modalities.*Got 4.*'rank'"):
        LowRankFusion(None).build(widths, 2)
    LowRankFusion(2).build(widths, 2)


@pytest.mark.parametrize("rank", [0, -1, 2.0, "full", True])
def test_rank_must_be_a_positive_int(rank):
    with pytest.raises(ValueError, match="'rank' parameter of LowRankFusion"):
        LowRankFusion(rank).build_for(Classification(np.arange(2)), WIDTHS)
