"""What tells the four strategies apart (fusion is not one thing with four names)."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from skmultimodal import (
    FeatureFusion,
    FusionClassifier,
    ParallelFusion,
    SequentialFusion,
    TabularEncoder,
    Training,
)
from skmultimodal.datasets import make_multimodal_classification
from skmultimodal.fusion._auto import FUSIONS, resolve_fusion
from skmultimodal.training._network import derived_seed, module_key
from tests.parameters import module_of

WIDTHS = {"a": 5, "b": 3, "c": 4}
JOINT = [
    ParallelFusion(),
    ParallelFusion("uniform"),
    ParallelFusion("gated"),
    SequentialFusion(),
    SequentialFusion(weights="last"),
    SequentialFusion(detach=True),
    *[FeatureFusion(merge) for merge in ("concat", "sum", "mean", "max", "product")],
    FeatureFusion("sum", "uniform", normalize=False),
]


@pytest.fixture(scope="module")
def rows():
    return make_multimodal_classification(
        300, n_modalities=3, class_sep=[0.2, 0.7, 1.5], n_classes=3, random_state=0
    )


def embeddings(n=6, seed=0, requires_grad=False):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(n, width, generator=generator).requires_grad_(requires_grad)
        for name, width in WIDTHS.items()
    }


def build(spec, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return module_of(spec, WIDTHS, 2)


def present(n=6):
    mask = torch.ones(n, 3, dtype=bool)
    mask[0, 0] = mask[1, 1] = mask[2, 2] = mask[3, :2] = False
    return mask


@pytest.mark.parametrize("spec", JOINT, ids=repr)
def test_every_parameter_gets_a_gradient(spec):
    module = build(spec)
    target = torch.tensor([0, 1, 0, 1, 0, 1])

    def criterion(scores, target):
        return torch.nn.functional.cross_entropy(scores, target, reduction="none")

    output = module(embeddings(), present())._replace(present=present())
    module.loss(output, target, criterion).sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("spec", JOINT, ids=repr)
def test_absent_rows_do_not_matter(spec):
    module, inputs, mask = build(spec).eval(), embeddings(), present()
    zeroed = {
        name: torch.where(mask[:, m, None], value, 0.0)
        for m, (name, value) in enumerate(inputs.items())
    }
    full = module(inputs, torch.ones_like(mask))
    none = module(inputs, None)
    torch.testing.assert_close(full.scores, none.scores)
    once = module(zeroed, mask).scores
    torch.testing.assert_close(once[4:], none.scores[4:])
    assert torch.isfinite(once).all()


@pytest.mark.parametrize(
    "spec", [s for s in JOINT if not isinstance(s, FeatureFusion)], ids=repr
)
def test_weights_are_on_the_simplex_and_renormalised(spec):
    output = build(spec)(embeddings(), present())
    torch.testing.assert_close(output.weights.sum(1), torch.ones(6))
    assert (output.weights >= 0).all()
    assert (output.weights[~present()] == 0).all()
    if isinstance(spec, (ParallelFusion, SequentialFusion)):
        total = (output.weights[:, :, None] * output.branch_scores).sum(1)
        torch.testing.assert_close(total, output.scores)


def jacobian(spec):
    """Return which stage or branch scores depend on which modality, (3, 3) bool."""
    inputs = embeddings(requires_grad=True)
    scores = build(spec)(inputs, None).branch_scores
    depends = np.zeros((3, 3), dtype=bool)
    for m in range(3):
        gradients = torch.autograd.grad(
            scores[:, m].sum(),
            list(inputs.values()),
            retain_graph=True,
            allow_unused=True,
        )
        depends[m] = [g is not None and bool(g.abs().sum() > 0) for g in gradients]
    return depends


def test_parallel_branches_see_their_own_modality_only():
    np.testing.assert_array_equal(jacobian(ParallelFusion()), np.eye(3, dtype=bool))


def test_sequential_stages_see_what_came_before_only():
    expected = np.tril(np.ones((3, 3), dtype=bool))
    np.testing.assert_array_equal(jacobian(SequentialFusion()), expected)


def test_feature_hand_computed():
    """Merge operators on embeddings already in one space, with given weights."""
    spec = FeatureFusion("sum", {"a": 1, "b": 3}, normalize=False)
    torch.manual_seed(0)
    module = spec.build({"a": 2, "b": 2}, 2)
    blocks = torch.tensor([[[1.0, 2.0], [3.0, -1.0]]])  # (1, 2 modalities, 2)
    weights = module.simplex(1, None)
    torch.testing.assert_close(weights, torch.tensor([[0.25, 0.75]]))
    expected = {
        "sum": [[5.0, -0.5]],  # 2 * .25 * (1, 2) + 2 * .75 * (3, -1)
        "mean": [[2.5, -0.25]],
        "max": [[4.5, 1.0]],
        "product": [[(1 + 0.5) * (1 + 4.5), (1 + 1.0) * (1 - 1.5)]],
        "concat": [[0.5, 1.0, 4.5, -1.5]],
    }
    for merge, value in expected.items():
        merged = getattr(module, "_" + merge)(blocks, weights, None)
        torch.testing.assert_close(merged, torch.tensor(value))


def test_an_absent_modality_is_the_neutral_element_of_each_merge():
    spec = FeatureFusion("sum", {"a": 1, "b": 3}, normalize=False)
    module = spec.build({"a": 2, "b": 2}, 2)
    blocks = torch.tensor([[[1.0, 2.0], [3.0, -1.0]]])  # (1, 2 modalities, 2)
    only_a = torch.tensor([[True, False]])
    weights = module.simplex(1, only_a)
    expected = {  # the block of a times 2 * .25, and nothing of b
        "sum": [[0.5, 1.0]],
        "mean": [[1.0, 2.0]],
        "max": [[0.5, 1.0]],
        "product": [[1.5, 2.0]],
    }
    for merge, value in expected.items():
        merged = getattr(module, "_" + merge)(blocks, weights, only_a)
        torch.testing.assert_close(merged, torch.tensor(value))


def test_an_absent_modality_passes_the_state_through():
    module, inputs = build(SequentialFusion()), embeddings()
    without_b = torch.tensor([[True, False, True]]).expand(6, 3)
    state = module.start.expand(6, -1)
    for name in ("a", "c"):
        state = module.stages[module_key(name)](inputs[name], state)
    torch.testing.assert_close(module(inputs, without_b).embedding, state)


def test_a_linear_layer_on_concatenation_is_parallel_fusion():
    """Why the head of feature fusion must be nonlinear."""
    module, inputs = build(ParallelFusion("uniform")), embeddings()
    heads = [module.heads.heads[module_key(name)] for name in WIDTHS]
    linear = torch.nn.Linear(sum(WIDTHS.values()), 2)
    with torch.no_grad():
        linear.weight.copy_(torch.cat([head.weight for head in heads], 1) / 3)
        linear.bias.copy_(sum(head.bias for head in heads) / 3)
    joined = torch.cat(list(inputs.values()), 1)
    torch.testing.assert_close(linear(joined), module(inputs).scores)
    with pytest.raises(ValueError, match="For a linear head use ParallelFusion"):
        FeatureFusion(head=()).build(WIDTHS, 2)


def test_retraining_without_a_modality_changes_parallel_branches(rows):
    X, y = rows
    encoders = [(name, TabularEncoder()) for name in X]
    clf = FusionClassifier(
        encoders,
        ParallelFusion(),
        random_state=0,
        training=Training(max_epochs=5, modality_dropout=0.0),
    )
    both = clf.fit(X, y).predict_proba_per_modality(X)["m0"]
    clf = clone(clf).set_params(m2="drop")
    without = clf.fit(X, y).predict_proba_per_modality(X)["m0"]
    assert np.abs(both - without).max() > 1e-3


def test_order_matters_in_sequential_and_only_there(rows):
    X, y = rows
    encoders = [(name, TabularEncoder()) for name in X]

    def proba(fusion, pairs):
        clf = FusionClassifier(
            pairs, fusion, random_state=0, training=Training(max_epochs=3)
        )
        return clf.fit(X, y).predict_proba(X)

    for fusion in ("parallel", "feature", "decision"):
        forward = proba(fusion, encoders)
        np.testing.assert_allclose(forward, proba(fusion, encoders[::-1]), rtol=1e-4)
    forward = proba("sequential", encoders)
    assert np.abs(forward - proba("sequential", encoders[::-1])).max() > 1e-3


@pytest.mark.parametrize("order", ["best_first", "worst_first", ["m2", "m0", "m1"]])
def test_sequential_order(rows, order):
    X, y = rows
    models = [(name, TabularEncoder((16,), 16)) for name in X]
    clf = FusionClassifier(
        models,
        SequentialFusion(order),
        random_state=0,
        training=Training(max_epochs=10),
    ).fit(X, y)
    expected = {
        "best_first": ["m2", "m1", "m0"],
        "worst_first": ["m0", "m1", "m2"],
    }
    wanted = order if isinstance(order, list) else expected[order]
    assert clf.fusion_.names == wanted


def test_residual_stages_use_out_of_fold_scores(rows):
    X, y = rows
    models = [(name, TabularEncoder((16,), 16)) for name in X]
    clf = FusionClassifier(
        models,
        SequentialFusion(mode="residual"),
        random_state=0,
        training=Training(max_epochs=15),
    ).fit(X[:200], y[:200])
    terms = clf.contributions(X[200:])
    scores = clf.decision_function(X[200:])
    np.testing.assert_allclose(sum(terms.values()), scores, rtol=1e-6)
    alone = clone(clf).set_params(m1="drop", m2="drop").fit(X[:200], y[:200])
    assert clf.score(X[200:], y[200:]) > alone.score(X[200:], y[200:]) + 0.05


def test_decision_models_equal_their_stand_alone_fit(rows):
    X, y = rows
    models = [
        ("m0", RandomForestClassifier(10)),
        ("m1", LogisticRegression()),
        ("m2", TabularEncoder((16,), 16)),
    ]
    clf = FusionClassifier(
        models,
        "decision",
        random_state=0,
        training=Training(max_epochs=3, batch_size=32),
    ).fit(X, y)
    parts = clf.predict_proba_per_modality(X)
    seed = np.random.RandomState(0).randint(2**31 - 1)
    state = derived_seed(derived_seed(seed, "m0"), "random_state")
    forest = RandomForestClassifier(10, random_state=state).fit(X["m0"], y)
    np.testing.assert_array_equal(parts["m0"], forest.predict_proba(X["m0"]))
    linear = LogisticRegression().fit(X["m1"], y)
    np.testing.assert_array_equal(parts["m1"], linear.predict_proba(X["m1"]))
    network = clone(clf).set_params(encoders=models[2:]).fit(X, y)
    np.testing.assert_array_equal(parts["m2"], network.predict_proba(X))


def test_decision_weights_ignore_test_rows(rows):
    X, y = rows
    models = [(name, LogisticRegression()) for name in X]
    clf = FusionClassifier(models, "decision").fit(X[:200], y[:200])
    before = dict(clf.fusion_weights_)
    clf.predict(X[200:])
    assert clf.fusion_weights_ == before
    assert min(before.values()) >= 0


@pytest.mark.filterwarnings("ignore:X has rows whose present")
@pytest.mark.parametrize("alias", FUSIONS)
def test_a_modality_of_weight_zero_says_nothing_alone(alias, rows):
    X, y = rows
    X, y = {name: X[name][:90] for name in ("m0", "m2")}, y[:90]
    spec = resolve_fusion(alias, "a test").set_params(weights={"m0": 1.0, "m2": 0.0})
    encoders = "auto"
    if not (spec.takes_models or spec.takes_features):
        encoders = [(name, TabularEncoder((8,), 8)) for name in X]
    clf = FusionClassifier(
        encoders, spec, random_state=0, training=Training(max_epochs=2)
    ).fit(X, y)
    proba = clf.predict_proba({"m0": np.full_like(X["m0"], np.nan), "m2": X["m2"]})
    prior = np.bincount(y) / len(y)
    np.testing.assert_allclose(proba, np.tile(prior, (len(y), 1)), atol=1e-5)
    assert clf.predict_proba(X).std(axis=0).min() > 1e-4
