"""Attention, cross-attention and bottleneck fusion against numpy, and their masks."""

import numpy as np
import pytest
import torch
from scipy.special import erf, softmax

from skmultimodal import (
    AttentionFusion,
    BottleneckFusion,
    CrossAttentionFusion,
    FusionClassifier,
    TextEncoder,
    Training,
)
from skmultimodal.encoders._base import PassThrough
from skmultimodal.fusion.joint._tokens import (
    Block,
    attention_bias,
    masked_mean,
    positions,
)
from skmultimodal.training._net import seeded
from skmultimodal.training._tasks import Classification
from tests.parameters import module_of

WIDTHS = {"a": 5, "b": 3, "c": 4}
N_ROWS, WIDTH = 6, 8
SMALL = {"n_heads": 2, "out_features": WIDTH}
SPECS = [
    AttentionFusion(**SMALL, n_layers=2),
    AttentionFusion(**SMALL, pool="mean"),
    AttentionFusion(**SMALL, tokens="sequence"),
    AttentionFusion(**SMALL, tokens="sequence", pool="mean"),
    CrossAttentionFusion(**SMALL),
    CrossAttentionFusion(**SMALL, n_layers=2, weights="uniform"),
    BottleneckFusion(**SMALL),
    BottleneckFusion(**SMALL, n_bottlenecks=1, n_layers=3),
]
every_spec = pytest.mark.parametrize("spec", SPECS, ids=repr)


def build(spec, widths=WIDTHS, n_outputs=2):
    with seeded(0):
        return module_of(spec, widths, n_outputs).eval()


def sequences(n_steps=(4, 3, 1)):
    """Return tokens of each modality and masks of different lengths."""
    generator = torch.Generator().manual_seed(1)
    given = {}
    for (name, width), steps in zip(WIDTHS.items(), n_steps, strict=True):
        lengths = torch.arange(N_ROWS)[:, None] % steps + 1
        tokens = torch.randn(N_ROWS, steps, width, generator=generator)
        given[name] = tokens, torch.arange(steps) < lengths
    return given


def inputs_of(module):
    if module.takes_tokens:
        return sequences()
    return {name: tokens[:, 0] for name, (tokens, _) in sequences().items()}


def hide(inputs, name, rows):
    """Return inputs without a modality in some rows, and who is present."""
    names, present = list(inputs), torch.ones(N_ROWS, len(inputs), dtype=bool)
    present[rows, names.index(name)] = False
    here = present[:, names.index(name)]
    given = inputs[name]
    if isinstance(given, tuple):
        given = given[0] * here[:, None, None], given[1] & here[:, None]
    else:
        given = given * here[:, None]
    return inputs | {name: given}, present


def array(value):
    return value.detach().numpy()


def normalized(x, norm):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + norm.eps)
    return scaled * array(norm.weight) + array(norm.bias)


def expected_block(block, tokens, bias, source):
    """Return one row of a block, (n_tokens, width), head by head."""
    queries = normalized(tokens, block.norm)
    keys = normalized(source, block.norm)
    weights = np.split(array(block.attention.in_proj_weight), 3)
    q, k, v = (x @ w.T for x, w in zip((queries, keys, keys), weights, strict=True))
    k, v = (np.vstack([x, np.zeros((1, WIDTH))]) for x in (k, v))  # or to nothing
    bias = np.append(bias, 0.0)
    heads = []
    for columns in np.split(np.arange(WIDTH), block.attention.num_heads):
        logits = q[:, columns] @ k[:, columns].T / np.sqrt(len(columns)) + bias
        heads.append(softmax(logits, axis=1) @ v[:, columns])
    tokens = tokens + np.hstack(heads) @ array(block.attention.out_proj.weight).T
    first, last = block.mlp[0], block.mlp[-1]
    hidden = normalized(tokens, block.norm_mlp) @ array(first.weight).T
    hidden = hidden + array(first.bias)
    hidden = hidden * (1 + erf(hidden / np.sqrt(2))) / 2  # GELU
    return tokens + hidden @ array(last.weight).T + array(last.bias)


def test_block_against_numpy():
    rng = np.random.RandomState(0)
    tokens, source = rng.randn(2, 3, WIDTH), rng.randn(2, 5, WIDTH)
    bias = np.log(rng.rand(2, 5))
    bias[0, 1:3] = -np.inf
    with seeded(0):
        block = Block(WIDTH, 2, 0.1).double().eval()
    found = block(*(torch.tensor(x) for x in (tokens, bias, source)))
    for row in range(2):
        expected = expected_block(block, tokens[row], bias[row], source[row])
        np.testing.assert_allclose(array(found[row]), expected, rtol=1e-9)


def test_attention_fusion_against_numpy():
    spec = AttentionFusion({"a": 1, "b": 2, "c": 1}, **SMALL)
    module = build(spec).double()
    inputs = {k: v.double() for k, v in inputs_of(module).items()}
    inputs, present = hide(inputs, "a", [0])
    output = module(inputs, present)
    maps = [module.tokens.maps[f"modality_{name}"] for name in WIDTHS]
    for row in (0, 1):
        tokens = [
            array(inputs[name][row]) @ array(linear.weight).T + array(linear.bias)
            for name, linear in zip(WIDTHS, maps, strict=True)
        ]
        tokens = np.vstack([*tokens, array(module.cls)])
        # present modalities times their weight, renormalised; 0 for the class token
        bias = np.log([3 / 4, 3 / 2, 3 / 4, 1]) if row else np.log([4 / 3, 2 / 3, 1])
        tokens = tokens if row else tokens[1:]
        fused = expected_block(module.blocks[0], tokens, bias, tokens)
        fused = normalized(fused[-1], module.norm)
        np.testing.assert_allclose(array(output.embedding[row]), fused, rtol=1e-6)
    np.testing.assert_allclose(array(output.weights[0]), [0, 2 / 3, 1 / 3])


def test_positions_and_means_by_hand():
    tokens = torch.zeros(1, 3, 4)
    expected = np.array(
        [
            [np.sin(p), np.cos(p) - 1, np.sin(p / 100), np.cos(p / 100) - 1]
            for p in range(3)
        ]
    )
    np.testing.assert_allclose(array(positions(tokens)), expected, atol=1e-6)
    assert positions(tokens[:, :1]).tolist() == [[0.0] * 4]
    values = torch.tensor([[[1.0], [3.0], [9.0]], [[1.0], [1.0], [1.0]]])
    mask = torch.tensor([[True, True, False], [False] * 3])
    assert masked_mean(values, mask).tolist() == [[2.0], [0.0]]
    bias = attention_bias(mask, torch.tensor([0.5, 0.0]))
    np.testing.assert_allclose(bias[0, :2], np.log(0.5), rtol=1e-6)
    assert torch.isneginf(bias[0, 2])
    assert torch.isneginf(bias[1]).all()


@every_spec
def test_an_absent_modality_equals_a_module_without_it(spec):
    module = build(spec)
    few = {name: WIDTHS[name] for name in ("a", "b")}
    without, state = build(spec, few), module.state_dict()
    for key, value in without.state_dict().items():
        if key != "simplex.fixed":  # is 1/2 there, 1/3 here
            value.copy_(state[key][tuple(slice(n) for n in value.shape)])
    inputs, present = hide(inputs_of(module), "c", range(N_ROWS))
    expected = without({name: inputs[name] for name in few}, None)
    output = module(inputs, present)
    torch.testing.assert_close(output.scores, expected.scores)
    torch.testing.assert_close(output.weights[:, :2], expected.weights)


@every_spec
def test_a_weight_of_zero_equals_an_absent_modality(spec):
    spec = type(spec)(**spec.get_params() | {"weights": {"a": 1, "b": 1, "c": 0}})
    module = build(spec)
    inputs = inputs_of(module)
    hidden, present = hide(inputs, "c", range(N_ROWS))
    torch.testing.assert_close(
        module(inputs, None).scores, module(hidden, present).scores
    )


@pytest.mark.parametrize("spec", SPECS[2:], ids=repr)
def test_padding_does_not_matter(spec):
    module, inputs = build(spec), sequences()
    longer = {
        name: (
            torch.cat([tokens * mask[:, :, None], 7 + tokens], 1),
            torch.cat([mask, torch.zeros_like(mask)], 1),
        )
        for name, (tokens, mask) in inputs.items()
    }
    torch.testing.assert_close(module(longer).scores, module(inputs).scores)


@pytest.mark.parametrize("spec", SPECS[2:], ids=repr)
def test_steps_and_their_order_matter(spec):
    module, inputs = build(spec), sequences()
    tokens, mask = inputs["a"]
    row = int(mask.sum(1).argmax())
    swapped = tokens.clone()
    swapped[row, :2] = tokens[row, :2].flip(0)
    after = module(inputs | {"a": (swapped, mask)}).scores
    gap = (after - module(inputs).scores).abs().sum(1)
    assert gap[row] > 1e-6
    gap[row] = 0
    assert gap.max() < 1e-6


@every_spec
def test_a_modality_reaches_the_scores_through_the_others(spec):
    """The scores are not a sum of one term a modality."""
    module, inputs = build(spec), inputs_of(build(spec))

    def scores(hidden):
        given, present = inputs, torch.ones(N_ROWS, 3, dtype=bool)
        for name in hidden:
            given, mask = hide(given, name, range(N_ROWS))
            present &= mask
        return module(given, present).scores

    mixed = scores("") - scores("a") - scores("b") + scores("ab")
    assert mixed.abs().min() > 1e-6


@every_spec
def test_every_parameter_gets_a_gradient(spec):
    module = build(spec).train()
    inputs, present = hide(inputs_of(module), "b", [0, 3])
    output = module(inputs, present)._replace(present=present)

    def criterion(scores, target):
        return torch.nn.functional.cross_entropy(scores, target, reduction="none")

    target = torch.tensor([0, 1, 0, 1, 0, 1])
    module.loss(output, target, criterion).sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_a_bottleneck_carries_all_that_passes():
    """With the same shared tokens, modalities do not see each other's tokens."""
    spec = BottleneckFusion(**SMALL, dropout=0.0)
    module, inputs = build(spec), sequences()
    tokens = {name: given[0].requires_grad_() for name, given in inputs.items()}
    for blocks in module.blocks.values():  # nothing is written to the shared tokens
        for norm in (blocks[0].norm, blocks[0].norm_mlp):
            torch.nn.init.zeros_(norm.weight)
            torch.nn.init.zeros_(norm.bias)
    fused, masks = module.tokens(inputs)
    last = module.blocks["modality_a"][1]
    shared = module.bottleneck.expand(N_ROWS, -1, -1)
    bias = torch.cat([~masks["a"], torch.zeros(N_ROWS, 4, dtype=bool)], 1)
    first = module.blocks["modality_a"][0]
    joined = last(first(torch.cat([fused["a"], shared], 1), bias), bias)
    grads = torch.autograd.grad(
        joined[:, :-4].sum(), list(tokens.values()), allow_unused=True
    )
    assert [grad is not None for grad in grads] == [True, False, False]


@pytest.mark.slow
@pytest.mark.parametrize(
    "fusion",
    [
        AttentionFusion(tokens="sequence"),
        pytest.param(CrossAttentionFusion(), marks=pytest.mark.long),
        pytest.param(BottleneckFusion(), marks=pytest.mark.long),
    ],
    ids=repr,
)
def test_words_reach_the_fusion_as_tokens(fusion):
    """Whether a word is in the text, XOR a flag; and one row without words."""
    rng = np.random.RandomState(0)
    words = np.array(["ape", "bee", "cat", "dog", "eel"])
    texts = np.array([" ".join(rng.permutation(words)[:3]) for _ in range(200)])
    flag = np.eye(2)[rng.randint(2, size=200)]
    y = np.array([("cat" in text) for text in texts]) ^ (flag[:, 0] > 0)
    texts = texts.astype(object)
    texts[0] = ""
    clf = FusionClassifier(
        [("flag", PassThrough()), ("text", TextEncoder())],
        fusion,
        random_state=0,
        training=Training(lr=5e-3, max_epochs=60, modality_dropout=0),
    ).fit({"flag": flag, "text": texts}, y)
    assert clf.score({"flag": flag, "text": texts}, y) > 0.9


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        (AttentionFusion(pool="max"), r"'pool' parameter of AttentionFusion .* 'max'"),
        (AttentionFusion(tokens="all"), r"'tokens' parameter of .* Got 'all'"),
        (AttentionFusion(n_heads=5), r"multiple of n_heads=5. Got 64 instead"),
        (CrossAttentionFusion(n_heads=5), r"of CrossAttentionFusion must be a mult"),
        (BottleneckFusion(n_layers=1), r"'n_layers' .* int >= 2. Got 1 instead"),
        (BottleneckFusion(n_bottlenecks=0), r"'n_bottlenecks' .* int >= 1"),
    ],
    ids=str,
)
def test_refused(spec, match):
    with pytest.raises(ValueError, match=match):
        spec.build_for(Classification(np.arange(2)), WIDTHS)
