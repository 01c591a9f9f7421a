"""Networks of several seeds in one loop, against the same trained one by one."""

from functools import partial
from time import process_time

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.func import vmap
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode

import skmultimodal as sk
from skmultimodal import (
    AttentionFusion,
    FeatureFusion,
    FusionClassifier,
    GatedFusion,
    ParallelFusion,
    SequentialFusion,
    Training,
)
from skmultimodal.datasets import make_multimodal_classification
from skmultimodal.encoders._modules import MLP
from skmultimodal.training._fit import train
from skmultimodal.training._members import (
    _dropped,
    are_stackable,
    train_members,
)
from skmultimodal.training._net import seeded
from skmultimodal.training._network import FusionNetwork
from skmultimodal.training._tasks import Classification
from skmultimodal.training._tensors import TensorRows, Tensors

TASK = Classification(np.arange(3))
SEEDS = [5, 6, 7]


def rows(n=150, weighted=True):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, n)
    values = rng.normal(size=(n, 2, 4)) + y[:, None, None]
    present = rng.random((n, 2)) < 0.8
    present[~present.any(axis=1), 0] = True
    inputs = {"a": {"input": values[:, 0]}, "b": {"input": values[:, 1]}}
    weight = rng.uniform(0.5, 2, n) if weighted else None
    return Tensors(inputs, present, y, weight)


def settings(**training):
    training = Training(**{"max_epochs": 4, "lr": 0.01, **training})
    return training.settings(150)


def network(spec=None, wanted=None, dropout=0.0, encoder=MLP):
    spec = spec or FeatureFusion(out_features=8, head=(8,), dropout=dropout)
    joint = spec.joint_training(wanted or settings(modality_dropout=dropout))
    return FusionNetwork(
        dict.fromkeys("ab", partial(encoder, 4, 8)),
        partial(spec.build_for, TASK, joint=joint),
        modality_dropout=joint.modality_dropout,
    )


def of_seed(make, seed):
    """Return a network of one seed; the next draws are those after another one."""
    make()
    with seeded(seed):
        return make()


@pytest.mark.parametrize(
    ("spec", "stops"), [(None, False), (None, True), (SequentialFusion(), False)]
)
def test_members_are_what_they_are_alone(spec, stops):
    make = partial(network, spec)
    data, valid, wanted = rows(), None, settings()
    if stops:
        every = np.arange(150)
        data, valid = TensorRows(data, every[:120]), TensorRows(data, every[120:])
        wanted = settings(max_epochs=12, lr=0.05).replace(n_iter_no_change=2)
    nets, interrupted = train_members(
        make, TASK, data, valid, wanted, SEEDS, [None] * 3
    )
    assert not interrupted
    lengths = set()
    for net, seed in zip(nets, SEEDS, strict=True):
        alone, _ = train(
            partial(of_seed, make, seed), TASK, data, valid, wanted, SEEDS[0]
        )
        with seeded(seed):
            begun = dict(make().named_parameters())
        for name, value in alone.module_.named_parameters():
            own = dict(net.module_.named_parameters())[name]
            assert not torch.equal(own, begun[name]), name  # gradient reaches it
            torch.testing.assert_close(own, value, rtol=1e-3, atol=1e-5)
        lengths.add(len(net.history))
        assert len(net.history) == len(alone.history)
        for row, wanted_row in zip(net.history, alone.history, strict=True):
            assert set(row) == set(wanted_row)
            for key in set(row) - {"dur", "batches"}:
                assert row[key] == pytest.approx(wanted_row[key], rel=1e-4), key
        if not stops:
            states = [n.optimizer_.state_dict()["state"] for n in (net, alone)]
            for own, value in zip(states[0].values(), states[1].values(), strict=True):
                torch.testing.assert_close(own, value, rtol=1e-2, atol=1e-6)
    assert len(lengths) > 1 or not stops


def test_members_drop_each_for_itself():
    make = partial(network, dropout=0.5)
    nets, _ = train_members(make, TASK, rows(), None, settings(), [0, 0], [None] * 2)
    first, second = (net.module_.fusion.out.weight for net in nets)
    assert (first - second).abs().max() > 1e-3
    assert all("forward" not in vars(p) for p in nets[0].module_.modules())


@pytest.mark.parametrize("p", [0.3, 0.7])
def test_dropout_of_members_keeps_the_mean(p):
    part = nn.Dropout(p)
    x = torch.ones(3, 1001, 9, requires_grad=True)
    given = vmap(partial(_dropped, part), randomness="different")(x)
    given.sum().backward()
    np.testing.assert_allclose(x.grad, given.detach())
    values = given.detach().flatten(1).numpy()
    assert set(np.unique(values)) == {0, np.float32(1 / (1 - p))}
    shares = (values > 0).mean(1)  # standard error at most 0.005
    np.testing.assert_allclose(shares, 1 - p, atol=0.025)
    both = ((values[0] > 0) & (values[1] > 0)).mean()
    assert both == pytest.approx((1 - p) ** 2, abs=0.025)


class Counted(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.n = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.n += 1
        return func(*args, **(kwargs or {}))


def test_the_loss_of_members_is_the_cross_entropy_in_few_operations():
    torch.manual_seed(0)
    scores = torch.randn(4, 9, 3, requires_grad=True)
    target = torch.randint(3, (9,))
    by_torch = vmap(partial(cross_entropy, target=target, reduction="none"))
    losses = []
    for loss in (vmap(partial(TASK.loss, target=target)), by_torch):
        with Counted() as counted:
            values = loss(scores)
        (gradient,) = torch.autograd.grad(values.square().sum(), scores)
        losses.append((values, gradient, counted.n))
    for own, expected in zip(losses[0][:2], losses[1][:2], strict=True):
        np.testing.assert_array_equal(own.detach(), expected.detach())
    assert losses[0][2] < 0.6 * losses[1][2]


def test_members_keep_their_best_weights_when_the_user_stops_them():
    class Stopped(Tensors):
        left = 10  # batches

        def batch(self, rows, unit=None):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return super().batch(rows, unit)

    data = rows(weighted=False)
    data.__class__ = Stopped
    nets, interrupted = train_members(
        network, TASK, data, None, settings(max_epochs=9), SEEDS, [None] * 3
    )
    assert interrupted
    assert len(nets) == 3
    assert [sum("train_loss" in row for row in net.history) for net in nets] == [3] * 3


class Own(nn.Linear):
    def __init__(self, in_features, out_features):
        super().__init__(in_features, out_features)
        self.out_features = out_features


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (network, True),
        (partial(network, GatedFusion()), True),
        (partial(network, AttentionFusion()), True),
        (partial(network, SequentialFusion()), True),
        (partial(network, wanted=settings(balance="ogm_ge")), False),
        (partial(network, encoder=Own), False),
    ],
)
def test_networks_that_are_stacked(make, expected):
    assert are_stackable(make()) is expected


@pytest.mark.filterwarnings("error:There is a performance drop")
@pytest.mark.parametrize(
    "spec",
    [
        ParallelFusion("gated"),
        FeatureFusion("max"),
        GatedFusion(gate="sigmoid"),
        SequentialFusion("last"),
        AttentionFusion(),
        sk.BottleneckFusion(),
        sk.CrossAttentionFusion(),
        sk.EmbraceFusion(),
        sk.EvidentialFusion(),
        sk.FiLMFusion(),
        sk.LowRankFusion(),
        sk.MixtureOfExpertsFusion(),
        sk.ProductOfExpertsFusion(),
    ],
    ids=lambda spec: type(spec).__name__,
)
def test_operations_have_batching_rules(spec):
    make, wanted = partial(network, spec), settings(max_epochs=1)
    assert are_stackable(make())
    data = rows(20)
    nets, _ = train_members(make, TASK, data, data, wanted, SEEDS, [None] * 3)
    assert all(np.isfinite(net.history[0]["train_loss"]) for net in nets)


@pytest.mark.parametrize("fusion", [ParallelFusion(), AttentionFusion(dropout=0.0)])
def test_members_without_dropout_begin_with_the_one_of_a_single_network(fusion):
    X, y = make_multimodal_classification(90, n_modalities=2, random_state=0)
    scores = []
    for n_members in (1, 2):
        training = Training(max_epochs=2, n_members=n_members, modality_dropout=0)
        encoders = {"m0": StandardScaler(), "m1": StandardScaler()}
        clf = FusionClassifier(encoders, fusion, training=training, random_state=0)
        clf.fit(X, y)
        model = clf.fusion_ if n_members == 1 else clf.fusion_.members[0]
        scores.append(model.scores(*clf.reader_.read(X)))
    np.testing.assert_allclose(*scores, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_eight_members_cost_less_than_eight_trainings():
    data = rows(1000)

    def seconds(seeds):
        start = process_time()
        train_members(network, TASK, data, None, settings(), seeds, [None] * len(seeds))
        return process_time() - start

    seconds([0, 1])
    pairs = [(seconds([0]), seconds(list(range(8)))) for _ in range(5)]
    assert np.median([many / one for one, many in pairs]) < 5
