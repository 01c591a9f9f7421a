"""Gated fusion against numpy, and what its weights say."""

import numpy as np
import pytest
import torch

from skmultimodal import FusionClassifier, GatedFusion, TabularEncoder, Training
from skmultimodal.training._net import seeded
from skmultimodal.training._tasks import Classification
from tests.parameters import module_of

WIDTHS = {"a": 4, "b": 3, "c": 2}


def build(spec, widths=WIDTHS):
    """Return a module whose gates are not at their equal start."""
    with seeded(0):
        module = module_of(spec, widths, 2).eval()
        if hasattr(module, "gate"):
            torch.nn.init.normal_(module.gate.weight)
            torch.nn.init.normal_(module.gate.bias)
    return module


def embeddings(widths=WIDTHS, n=6):
    generator = torch.Generator().manual_seed(1)
    return {k: torch.randn(n, d, generator=generator) for k, d in widths.items()}


def array(value):
    return value.detach().numpy()


def features(module, inputs):
    """Return tanh(W_m h_m + b_m) of shape (n, n_modalities, out_features)."""
    return np.tanh(array(module.project(inputs)))


def gate_logits(module, inputs):
    joined = np.concatenate([array(inputs[name]) for name in module.names], 1)
    logits = joined @ array(module.gate.weight).T + array(module.gate.bias)
    return logits.reshape(len(joined), len(module.names), -1)


def head(module, fused):
    out = module.readout.out
    return fused @ array(out.weight).T + array(out.bias)


def test_two_modalities_equal_the_sigmoid_form_of_the_paper():
    widths = {"a": 4, "b": 3}
    module = build(GatedFusion(out_features=5, head=()), widths)
    inputs = embeddings(widths)
    logits, h = gate_logits(module, inputs), features(module, inputs)
    z = 1 / (1 + np.exp(logits[:, 1] - logits[:, 0]))
    fused = z * h[:, 0] + (1 - z) * h[:, 1]
    output = module(inputs)
    np.testing.assert_allclose(array(output.embedding), fused, atol=1e-6)
    np.testing.assert_allclose(array(output.scores), head(module, fused), atol=1e-6)
    np.testing.assert_allclose(array(output.weights)[:, 0], z.mean(1), atol=1e-6)


@pytest.mark.parametrize("sharing", ["unit", "scalar"])
@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
def test_three_modalities_some_absent(gate, sharing):
    spec = GatedFusion(gate=gate, gate_sharing=sharing, out_features=5, head=())
    module = build(spec)
    present = torch.ones(6, 3, dtype=bool)
    present[0, 0] = present[1, 1] = present[2, 2] = present[3, :2] = False
    inputs = {
        name: torch.where(present[:, m, None], value, 0.0)
        for m, (name, value) in enumerate(embeddings().items())
    }
    logits = gate_logits(module, inputs)
    logits[~present.numpy()] = -np.inf
    gates = 1 / (1 + np.exp(-logits))
    if gate == "softmax":
        gates = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    output = module(inputs, present)
    fused = (gates * features(module, inputs)).sum(1)
    np.testing.assert_allclose(array(output.embedding), fused, atol=1e-6)
    shares = gates.mean(2) / gates.mean(2).sum(1, keepdims=True)
    np.testing.assert_allclose(array(output.weights), shares, atol=1e-6)
    assert (array(output.weights)[~present.numpy()] == 0).all()


def test_gates_start_equal():
    with seeded(0):
        weights = GatedFusion().build(WIDTHS, 2)(embeddings()).weights
    torch.testing.assert_close(weights, torch.full((6, 3), 1 / 3))


def test_fixed_weights_replace_the_gates():
    spec = GatedFusion({"a": 1, "b": 3, "c": 0}, out_features=5, head=())
    module, inputs = build(spec), embeddings()
    fused = np.einsum("m,nmd->nd", [0.25, 0.75, 0.0], features(module, inputs))
    np.testing.assert_allclose(array(module(inputs).embedding), fused, atol=1e-6)
    assert module.modality_weights().tolist() == [0.25, 0.75, 0.0]


def test_gates_follow_the_modality_that_is_right():
    """A bit in "flag" tells which of the other two modalities shows the class."""
    rng = np.random.RandomState(0)
    y, flag = rng.randint(2, size=(2, 800))
    clue = 2.0 * y[:, None] - 1 + 0.5 * rng.randn(800, 4)
    noise = rng.choice([-1.0, 1.0], size=(800, 1)) + 0.5 * rng.randn(800, 4)
    X = {
        "flag": np.column_stack([flag, 1 - flag]) * 1.0,
        "left": np.where(flag[:, None] == 0, clue, noise),
        "right": np.where(flag[:, None] == 0, noise, clue),
    }
    encoders = [(name, TabularEncoder((16,), 16)) for name in X]
    clf = FusionClassifier(
        encoders,
        GatedFusion(gate_sharing="scalar"),
        random_state=0,
        training=Training(max_epochs=25),
    ).fit(X, y)
    assert clf.score(X, y) > 0.95
    present = np.ones((800, 3), dtype=bool)
    weights = clf.fusion_._outputs(X, present, ["weights"])["weights"]
    weights = dict(zip(clf.fusion_.names, weights.T, strict=True))
    for side, right in (("left", flag == 0), ("right", flag == 1)):
        assert weights[side][right].mean() > weights[side][~right].mean() + 0.2


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"gate": "relu"}, r"'gate' parameter of GatedFusion must be one of"),
        ({"gate_sharing": "all"}, r"'gate_sharing' parameter of .* Got 'all'"),
    ],
)
def test_unknown_options(params, match):
    with pytest.raises(ValueError, match=match):
        GatedFusion(**params).build_for(Classification(np.arange(2)), WIDTHS)
