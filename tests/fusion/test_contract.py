"""What every joint strategy keeps to, whoever wrote it.

A new alias in `FUSIONS` is tested here without a change, but for its row in `XOR`.
"""

import pickle
from functools import partial
from importlib import import_module

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from skmultimodal import (
    FusionClassifier,
    FusionRegressor,
    ImageEncoder,
    TabularEncoder,
    TextEncoder,
)
from skmultimodal._network import FusionNetwork
from skmultimodal._tasks import Classification, Regression
from skmultimodal._training import Criterion, seeded
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
    make_multimodal_xor,
)
from skmultimodal.fusion._auto import FUSIONS
from skmultimodal.fusion._joint import JointFusion

N_ROWS = 24
TASK = Classification(np.arange(3))
WIDTHS = [5, 3, 4, 1, 7, 2, 6, 9]

# accuracy on the XOR of two modalities: additive in the scores about 0.5, any
# interaction above 0.9; the cells that a mixture of one-modality experts can have
# right are three of four, unless its gate alone computes the XOR
XOR = {
    "parallel": (0.38, 0.62),
    "sequential": (0.9, 1.0),
    "feature": (0.9, 1.0),
    "gated": (0.9, 1.0),
    "low_rank": (0.9, 1.0),
    "film": (0.9, 1.0),
    "embrace": (0.9, 1.0),
    "mixture_of_experts": (0.62, 0.9),
    "product_of_experts": (0.9, 1.0),
    "evidential": (0.38, 0.62),
    "attention": (0.9, 1.0),
    "cross_attention": (0.9, 1.0),
    "bottleneck": (0.9, 1.0),
}

# parameters under which the training loss has the same terms in every epoch
STEADY = {"evidential": {"fusion__annealing_epochs": 0}}


def joint_strategies():
    """Return the class of each alias that trains one network."""
    classes = {}
    for alias, (module, name) in FUSIONS.items():
        strategy = getattr(import_module(f"skmultimodal.fusion.{module}"), name)
        if issubclass(strategy, JointFusion):
            classes[alias] = strategy
    return classes


JOINT = joint_strategies()
every_strategy = pytest.mark.parametrize("alias", list(JOINT))
every_size = pytest.mark.parametrize("n_modalities", [2, 3, 8])


class Identity(nn.Module):
    """An encoder whose embedding is its input."""

    def __init__(self, out_features):
        super().__init__()
        self.out_features = out_features

    def forward(self, values):
        return values


def network(alias, n_modalities):
    spec = JOINT[alias]()
    encoders = {f"m{m}": partial(Identity, WIDTHS[m]) for m in range(n_modalities)}
    with seeded(0):
        return FusionNetwork(encoders, partial(spec.build_for, TASK))


def inputs(n_modalities, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return {
        f"m{m}": {"values": torch.randn(N_ROWS, WIDTHS[m], generator=generator)}
        for m in range(n_modalities)
    }


def some_absent(n_modalities):
    """Return presence in which every modality is absent from some row, none lost."""
    rows = torch.arange(N_ROWS)[:, None]
    present = (rows + torch.arange(n_modalities)) % 3 != 0
    present[:, 0] |= ~present.any(1)
    present[-1] = False
    present[-1, -1] = True  # and one row has a single modality
    return present


def presence(case, n_modalities):
    return None if case == "all" else some_absent(n_modalities)


@every_size
@pytest.mark.parametrize("case", ["all", "some"])
@every_strategy
def test_every_parameter_gets_a_finite_gradient(alias, case, n_modalities):
    net = network(alias, n_modalities).train()
    target = torch.arange(N_ROWS) % 3
    with seeded(0):
        output = net(inputs(n_modalities), presence(case, n_modalities))
    losses = net.loss(output, target, Criterion(TASK))
    assert losses.shape == (N_ROWS,)
    assert torch.isfinite(losses).all()
    losses.sum().backward()
    for name, parameter in net.named_parameters():
        if case == "all" and "absent" in name:
            continue  # stands for absent modalities
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


@every_size
@pytest.mark.parametrize("case", ["all", "some"])
@every_strategy
def test_output_is_finite_and_weights_are_shares(alias, case, n_modalities):
    net, present = network(alias, n_modalities).eval(), presence(case, n_modalities)
    output = net(inputs(n_modalities), present)
    assert output.scores.shape == (N_ROWS, 3)
    assert output.embedding.ndim == 2
    for value in output:
        assert value is None or torch.isfinite(value).all()
    if output.branch_scores is not None:
        assert output.branch_scores.shape == (N_ROWS, n_modalities, 3)
    if output.weights is not None:
        weights = output.weights.expand(N_ROWS, -1)
        assert (weights >= 0).all()
        torch.testing.assert_close(weights.sum(1), torch.ones(N_ROWS))
        if present is not None:
            assert (weights[~present] == 0).all()


@every_size
@every_strategy
def test_values_of_absent_rows_do_not_matter(alias, n_modalities):
    net, present = network(alias, n_modalities).eval(), some_absent(n_modalities)
    scores = []
    for filler in (0.0, 1e3, float("nan")):
        block = inputs(n_modalities)
        for m, values in enumerate(block.values()):
            values["values"][~present[:, m]] = filler
        scores.append(net(block, present).scores)
    torch.testing.assert_close(scores[0], scores[1], rtol=0, atol=0)
    torch.testing.assert_close(scores[0], scores[2], rtol=0, atol=0)


@every_strategy
def test_a_full_mask_equals_no_mask(alias):
    net, full = network(alias, 3).eval(), torch.ones(N_ROWS, 3, dtype=bool)
    torch.testing.assert_close(net(inputs(3), full).scores, net(inputs(3), None).scores)


@pytest.mark.parametrize("case", ["all", "some"])
@every_strategy
def test_rows_are_independent_at_predict(alias, case):
    net, present = network(alias, 3).eval(), presence(case, 3)
    together = net(inputs(3), present).scores
    rows = torch.tensor([23, 4, 9])
    few = {name: {"values": block["values"][rows]} for name, block in inputs(3).items()}
    alone = net(few, None if present is None else present[rows]).scores
    torch.testing.assert_close(alone, together[rows], rtol=1e-4, atol=1e-5)


@every_strategy
def test_pickle_of_the_module(alias):
    net = network(alias, 3).eval()
    again = pickle.loads(pickle.dumps(net))
    torch.testing.assert_close(again(inputs(3)).scores, net(inputs(3)).scores)


@every_strategy
def test_build_changes_neither_the_specification_nor_global_random_state(alias):
    spec = JOINT[alias]()
    before = spec.get_params()
    network(alias, 3)
    assert spec.get_params() == before
    assert {"weights", "modality_dropout"} <= set(before)
    state = torch.random.get_rng_state()
    network(alias, 3)
    assert torch.equal(torch.random.get_rng_state(), state)


@every_strategy
def test_parameters_nest(alias):
    clf = FusionClassifier(fusion=alias)
    clf.set_params(fusion__weights="uniform", fusion__modality_dropout=0.4)
    params = clone(clf).get_params()
    assert params["fusion__weights"] == "uniform"
    assert params["fusion__modality_dropout"] == 0.4
    assert isinstance(params["fusion"], JOINT[alias])
    again = clone(JOINT[alias]().set_params(weights="uniform"))
    assert again.get_params()["weights"] == "uniform"


def table_encoders(X, order=1):
    return [(name, TabularEncoder((8,), 8)) for name in list(X)[::order]]


@pytest.mark.parametrize("alias", [a for a in JOINT if not JOINT[a].ordered])
def test_the_order_of_modalities_changes_nothing(alias):
    X, y = make_multimodal_classification(90, missing_rate=0.1, random_state=0)
    proba, weights = [], []
    for order in (1, -1):
        clf = FusionClassifier(
            table_encoders(X, order), alias, max_epochs=2, random_state=0
        ).fit(X, y)
        proba.append(clf.predict_proba(X))
        weights.append(clf.fusion_weights_)
    np.testing.assert_allclose(proba[0], proba[1], rtol=1e-5)
    assert weights[0] == pytest.approx(weights[1])


@every_strategy
def test_any_subset_of_modalities_predicts(alias):
    X, y = make_multimodal_classification(90, random_state=0)
    clf = FusionClassifier(table_encoders(X), alias, max_epochs=2, random_state=0)
    clf.fit(X, y)
    full = clf.predict_proba(X)
    for lost in (["m0"], ["m1"], ["m0", "m2"], ["m0", "m1", "m2"]):
        part = {
            name: np.full_like(X[name], np.nan) if name in lost else X[name]
            for name in X
        }
        proba = clf.predict_proba(part)
        np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-5)
        assert np.abs(proba - full).max() > 0
    prior = np.bincount(y) / len(y)  # nothing observed
    np.testing.assert_allclose(proba, np.tile(prior, (90, 1)), atol=1e-5)
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(X), full)


@every_strategy
def test_xor_across_modalities(alias):
    X, y = make_multimodal_xor(1200, n_features=(8, 8), random_state=0)
    encoders = [(name, TabularEncoder()) for name in X]
    clf = FusionClassifier(encoders, alias, max_epochs=30, random_state=0)
    lowest, highest = XOR[alias]
    score = clf.fit(X[:800], y[:800]).score(X[800:], y[800:])
    assert lowest <= score <= highest


@every_strategy
def test_classification_of_pictures_and_text(alias, emoji_small):
    X, y = emoji_small
    encoders = [("image", ImageEncoder((8, 16), 16)), ("text", TextEncoder())]
    clf = FusionClassifier(encoders, alias, max_epochs=3, random_state=0)
    clf.set_params(**STEADY.get(alias, {}))
    proba = clf.fit(X, y).predict_proba(X)
    assert proba.shape == (200, 8)
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-4)
    losses = clf.history_["train_loss"].to_numpy()
    assert losses[-1] < losses[0]
    assert set(clf.fusion_weights_) == {"image", "text"}
    if hasattr(clf, "predict_proba_per_modality"):
        parts = clf.predict_proba_per_modality(X)
        assert {name: part.shape for name, part in parts.items()} == {
            "image": (200, 8),
            "text": (200, 8),
        }


@every_strategy
def test_regression(alias):
    X, y = make_multimodal_regression(500, random_state=0)
    reg = FusionRegressor(table_encoders(X), alias, max_epochs=50, random_state=0)
    try:
        JOINT[alias]().check_task(Regression(y))
    except ValueError:  # the strategy says that it is not defined for real values
        with pytest.raises(ValueError, match=JOINT[alias].__name__):
            reg.fit(X, y)
        return
    assert reg.fit(X[:400], y[:400]).score(X[400:], y[400:]) > 0.5
