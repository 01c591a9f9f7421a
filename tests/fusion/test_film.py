"""FiLM fusion: by hand, the identity at the start, and roles of modalities."""

import pytest
import torch

from skmultimodal import FiLMFusion, FusionClassifier, TabularEncoder, Training
from skmultimodal.datasets import make_multimodal_classification
from skmultimodal.training._net import seeded
from skmultimodal.training._network import module_key
from tests.parameters import module_of

WIDTHS = {"a": 2, "b": 3, "c": 1}


def build(spec, widths=WIDTHS):
    with seeded(0):
        return module_of(spec, widths, 2).eval()


def embeddings(widths=WIDTHS, n=6):
    generator = torch.Generator().manual_seed(1)
    return {k: torch.randn(n, d, generator=generator) for k, d in widths.items()}


@pytest.mark.parametrize("primary", [None, "a", "b"])
def test_identity_at_the_start(primary):
    module = build(FiLMFusion(primary, head=()))
    output = module(embeddings())
    torch.testing.assert_close(output.embedding, embeddings()[primary or "a"])


def test_hand_computed_chain():
    """gamma and beta of b, then of c, on a = (1, 2)."""
    module = build(FiLMFusion("a", ["b", "c"], "uniform", head=()))
    with torch.no_grad():  # rows: gamma of both units, then beta of both units
        module.modulations[module_key("b")].bias.copy_(torch.tensor([1.0, 2, 3, 4]))
        module.modulations[module_key("c")].weight.copy_(
            torch.tensor([[1.0], [0.0], [0.0], [-1.0]])
        )
    inputs = {
        "a": torch.tensor([[1.0, 2.0]]),
        "b": torch.zeros(1, 3),
        "c": torch.tensor([[2.0]]),
    }
    # b: ((1 + 1) 1 + 3, (1 + 2) 2 + 4) = (5, 10); c: ((1 + 2) 5, 10 - 2)
    assert module(inputs).embedding.tolist() == [[15.0, 8.0]]
    without_b = torch.tensor([[True, False, True]])
    assert module(inputs, without_b).embedding.tolist() == [[3.0, 0.0]]
    without_primary = torch.tensor([[False, True, True]])  # only the shifts remain
    assert module(inputs, without_primary).embedding.tolist() == [[9.0, 2.0]]


def test_conditions_act_in_the_given_order():
    modules = [build(FiLMFusion("a", order)) for order in (["b", "c"], ["c", "b"])]
    for module in modules:  # b scales, c shifts
        torch.nn.init.constant_(module.modulations[module_key("b")].bias[:2], 1.0)
        torch.nn.init.constant_(module.modulations[module_key("c")].bias[2:], 1.0)
    forward, backward = (module(embeddings()).scores for module in modules)
    assert (forward - backward).abs().max() > 1e-3


def test_primary_defaults_to_the_first_given():
    X, y = make_multimodal_classification(60, random_state=0)
    for names in (["m2", "m0", "m1"], ["m0", "m1", "m2"]):
        encoders = [(name, TabularEncoder((4,), 4)) for name in names]
        clf = FusionClassifier(encoders, "film", training=Training(max_epochs=1)).fit(
            X, y
        )
        assert clf.fusion_.net.module_.fusion.primary == names[0]


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        (FiLMFusion("z"), r"'primary'.*one of the modalities \['a', 'b', 'c'\].*'z'"),
        (FiLMFusion("a", "b"), r"must name each of \['b', 'c'\].*'b' instead.*'drop'"),
        (FiLMFusion("a", ["b", "a"]), r"'condition' parameter of FiLMFusion"),
        (FiLMFusion("a", ["b", "c", "c"]), r"once"),
    ],
    ids=["unknown", "left_out", "primary", "twice"],
)
def test_roles_must_fit_the_modalities(spec, match):
    with pytest.raises(ValueError, match=match):
        spec.build(WIDTHS, 2)
