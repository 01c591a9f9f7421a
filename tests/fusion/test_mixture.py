"""Mixture of experts against numpy, for every kind of task."""

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax

from skmultimodal import MixtureOfExpertsFusion
from skmultimodal.training._criterion import Criterion
from skmultimodal.training._net import seeded
from skmultimodal.training._tasks import Classification, Multilabel, Regression
from tests.parameters import joint

WIDTHS = {"a": 4, "b": 3, "c": 2}
TASKS = {
    "classification": Classification([0, 1, 2]),
    "multilabel": Multilabel(np.eye(3, dtype=int)),
    "regression": Regression(np.eye(3)),
}
TARGETS = {
    "classification": torch.tensor([0, 1, 2, 0, 1, 2]),
    "multilabel": torch.tensor([[0.0, 1, 1]]).repeat(6, 1),
    "regression": torch.arange(18.0).reshape(6, 3) / 9 - 1,
}


def build(spec, kind="classification", widths=WIDTHS, aux_weight=0.0):
    with seeded(0):
        how = joint(spec, aux_weight=aux_weight)
        return spec.build_for(TASKS[kind], widths, how).eval()


def embeddings(widths=WIDTHS, n=6):
    generator = torch.Generator().manual_seed(1)
    return {k: torch.randn(n, d, generator=generator) for k, d in widths.items()}


def array(value):
    return value.detach().numpy()


def absence():
    present = torch.ones(6, 3, dtype=bool)
    present[0, 0] = present[1, 1] = present[2, 2] = present[3, :2] = False
    return present


def gate(module, inputs, present):
    joined = torch.cat([inputs[name] for name in module.names], 1)
    logits = array(module.gate(joined)[0]).astype(float)
    if present is not None:
        logits[~present.numpy()] = -np.inf
    return softmax(logits, axis=1)


@pytest.mark.parametrize("present", [None, absence()], ids=["all", "some"])
@pytest.mark.parametrize("kind", list(TASKS))
def test_mixture_and_its_loss(kind, present):
    spec = MixtureOfExpertsFusion(entropy_weight=0.0)
    module, inputs, target = build(spec, kind), embeddings(), TARGETS[kind]
    output = module(inputs, present)._replace(present=present)
    g = gate(module, inputs, present)
    np.testing.assert_allclose(array(output.weights), g, atol=1e-6)
    z = array(module.experts(inputs)).astype(float)  # (n, n_modalities, n_outputs)
    loss = array(module.loss(output, target, Criterion(TASKS[kind])))
    t = target.numpy()
    if kind == "classification":
        p = np.einsum("nm,nmk->nk", g, softmax(z, axis=2))
        np.testing.assert_allclose(softmax(array(output.scores), 1), p, atol=1e-6)
        np.testing.assert_allclose(array(output.scores), np.log(p), atol=1e-5)
        expected = -np.log(p[np.arange(6), t])
    elif kind == "multilabel":
        p = np.einsum("nm,nmk->nk", g, expit(z))
        np.testing.assert_allclose(expit(array(output.scores)), p, atol=1e-6)
        expected = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(1)
    else:
        mean = np.einsum("nm,nmk->nk", g, z)
        np.testing.assert_allclose(array(output.scores), mean, atol=1e-6)
        expected = ((mean - t) ** 2).mean(1)
    np.testing.assert_allclose(loss, expected, atol=1e-5)


def test_likelihood_of_the_mixture_is_not_the_mean_of_likelihoods():
    """One certain expert is enough: the other costs log 2 at most, hand-computed."""
    spec = MixtureOfExpertsFusion("uniform")
    module = build(spec, widths={"a": 1, "b": 1})
    sure = torch.tensor([[[50.0, 0.0, 0.0], [-50.0, 50.0, 0.0]]])
    half = torch.full((1, 2, 1), 0.5)
    scores = module._classification(half, half.log(), sure)
    assert -scores[0, 0].item() == pytest.approx(np.log(2), rel=1e-5)


def test_entropy_and_expert_losses_are_added():
    module = build(MixtureOfExpertsFusion(entropy_weight=0.5), aux_weight=0.3)
    plain = build(MixtureOfExpertsFusion(entropy_weight=0.0))
    criterion, target = Criterion(TASKS["classification"]), TARGETS["classification"]
    present = absence()
    output = module(embeddings(), present)._replace(present=present)
    loss = module.loss(output, target, criterion)
    g = array(output.weights).astype(float)
    entropy = -np.where(g > 0, g * np.log(np.where(g > 0, g, 1)), 0).sum(1)
    own = torch.stack(
        [criterion(output.branch_scores[:, m], target) for m in range(3)], 1
    )
    own = array((own * present).sum(1)) / 3
    expected = array(plain.loss(output, target, criterion)) - 0.5 * entropy + 0.3 * own
    np.testing.assert_allclose(array(loss), expected, atol=1e-5)
    loss.sum().backward()
    for name, parameter in module.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name


def test_fixed_weights_replace_the_gate():
    module = build(MixtureOfExpertsFusion({"a": 1, "b": 3, "c": 0}))
    z = array(module.experts(embeddings()))
    p = np.einsum("m,nmk->nk", [0.25, 0.75, 0.0], softmax(z, axis=2))
    scores = array(module(embeddings()).scores)
    np.testing.assert_allclose(softmax(scores, axis=1), p, atol=1e-6)
    assert "gate" not in dict(module.named_children())


def test_gate_may_look_at_scores():
    module = build(MixtureOfExpertsFusion(gate_input="scores", gate_hidden=()))
    z = array(module.experts(embeddings())).reshape(6, 9)
    out = module.gate.out
    expected = softmax(z @ array(out.weight).T + array(out.bias), axis=1)
    weights = array(module(embeddings()).weights)
    np.testing.assert_allclose(weights, expected, atol=1e-6)


def test_unknown_gate_input():
    spec = MixtureOfExpertsFusion(gate_input="logits")
    with pytest.raises(ValueError, match=r"'gate_input'.*\['features', 'scores'\]"):
        spec.build_for(Classification(np.arange(2)), WIDTHS)
