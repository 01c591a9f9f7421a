"""Product of experts: by hand, against numpy, and exact for every subset."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from skmultimodal import ProductOfExpertsFusion
from skmultimodal.training._net import seeded
from skmultimodal.training._network import module_key
from tests.parameters import module_of

WIDTHS = {"a": 4, "b": 3, "c": 2}


def build(spec, widths=WIDTHS, **training):
    with seeded(0):
        return module_of(spec, widths, 2, **training).eval()


def embeddings(widths=WIDTHS, n=6):
    generator = torch.Generator().manual_seed(1)
    return {k: torch.randn(n, d, generator=generator) for k, d in widths.items()}


def posterior(module, inputs, used, scale=None):
    """Return mean, variance and the experts' precisions, in numpy."""
    scale = dict.fromkeys(used, 1.0) if scale is None else scale
    total, moment, precisions = 1.0, 0.0, {}
    for name in used:
        linear = module.experts.blocks[module_key(name)]
        mean, logit = np.split(linear(inputs[name]).detach().numpy(), 2, axis=1)
        precisions[name] = scale[name] * np.log1p(np.exp(logit))
        total = total + precisions[name]
        moment = moment + precisions[name] * mean
    return moment / total, 1 / total, precisions


def test_hand_computed():
    """Experts N(2, 1/3) and N(-1, 1/1) with the prior: precision 5, mean 1."""
    module = build(ProductOfExpertsFusion(out_features=1, head=()), {"a": 1, "b": 1})
    with torch.no_grad():
        for name, mean, precision in (("a", 2.0, 3.0), ("b", -1.0, 1.0)):
            linear = module.experts.blocks[module_key(name)]
            linear.weight.zero_()
            linear.bias.copy_(torch.tensor([mean, np.log(np.expm1(precision))]))
    inputs = {"a": torch.zeros(1, 1), "b": torch.zeros(1, 1)}
    output = module(inputs)
    assert output.embedding.item() == pytest.approx(1.0)
    np.testing.assert_allclose(output.weights.detach(), [[0.75, 0.25]], rtol=1e-6)
    kl = 0.5 * (1.0 + 0.2 - 1 - np.log(0.2))
    assert output.divergence.item() == pytest.approx(kl, rel=1e-5)
    only_a = torch.tensor([[True, False]])
    assert module(inputs, only_a).embedding.item() == pytest.approx(1.5)
    nothing = module(inputs, torch.tensor([[False, False]]))  # the prior
    assert nothing.embedding.item() == 0
    assert nothing.divergence.item() == pytest.approx(0.0)


@pytest.mark.parametrize("used", [["a"], ["a", "c"], ["b", "c"], ["a", "b", "c"]])
def test_every_subset_is_its_own_product(used):
    module, inputs = build(ProductOfExpertsFusion(head=())), embeddings()
    present = torch.tensor([[name in used for name in WIDTHS]]).repeat(6, 1)
    output = module(inputs, present)
    mean, variance, precisions = posterior(module, inputs, used)
    np.testing.assert_allclose(output.embedding.detach(), mean, atol=1e-6)
    kl = kl_divergence(
        Normal(torch.tensor(mean), torch.tensor(variance) ** 0.5), Normal(0.0, 1.0)
    ).sum(1)
    torch.testing.assert_close(output.divergence, kl, rtol=1e-4, atol=1e-5)
    shares = sum(precisions.values())
    for m, name in enumerate(WIDTHS):
        share = (precisions[name] / shares).mean(1) if name in used else np.zeros(6)
        np.testing.assert_allclose(output.weights[:, m].detach(), share, atol=1e-6)


def test_weights_multiply_the_precisions():
    module = build(ProductOfExpertsFusion({"a": 1, "b": 0, "c": 3}, head=()))
    scale = {"a": 0.75, "b": 0.0, "c": 2.25}  # three times the weight on the simplex
    mean, _, _ = posterior(module, embeddings(), list(WIDTHS), scale)
    np.testing.assert_allclose(module(embeddings()).embedding.detach(), mean, atol=1e-6)


def test_branch_scores_are_the_prediction_from_one_modality():
    module = build(ProductOfExpertsFusion())
    branch_scores = module(embeddings()).branch_scores
    for m in range(3):
        only = torch.zeros(6, 3, dtype=bool)
        only[:, m] = True
        torch.testing.assert_close(
            module(embeddings(), only).scores, branch_scores[:, m]
        )


def test_training_draws_from_the_posterior():
    module = build(ProductOfExpertsFusion(out_features=3, head=())).train()
    inputs = {k: v[:1].repeat(20_000, 1) for k, v in embeddings().items()}
    with seeded(0):
        code = module(inputs).embedding.detach().numpy()
    mean, variance, _ = posterior(module, embeddings(), list(WIDTHS))
    np.testing.assert_allclose(code.mean(0), mean[0], atol=0.02)
    np.testing.assert_allclose(code.var(0), variance[0], rtol=0.05)


def test_beta_weighs_the_divergence():
    spec = ProductOfExpertsFusion(beta=0.7)
    module, target = build(spec, aux_weight=0.0), torch.zeros(6, dtype=torch.int64)

    def criterion(scores, target):
        return torch.nn.functional.cross_entropy(scores, target, reduction="none")

    output = module(embeddings())
    expected = criterion(output.scores, target) + 0.7 * output.divergence
    torch.testing.assert_close(module.loss(output, target, criterion), expected)
