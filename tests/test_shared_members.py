"""Members that share one network, against networks that are theirs alone."""

from __future__ import annotations

import copy
from time import process_time
from unittest import mock

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from skmultimodal import FusionClassifier, TabularEncoder, Training
from skmultimodal.datasets import make_multimodal_xor
from skmultimodal.fusion.joint import _model
from skmultimodal.training._fit import make_net, train
from skmultimodal.training._members import train_members
from skmultimodal.training._net import seeded
from skmultimodal.training._shared import Shared, are_shareable, train_shared

STEP = Training(
    max_epochs=1,
    lr=0.1,
    optimizer="sgd",
    weight_decay=0.0,
    batch_size=500,
    aux_weight=0.0,
    modality_dropout=0.0,
    n_members=3,
    shrinkage=False,
    net_params={"iterator_train__shuffle": False},
)


@pytest.fixture(scope="module")
def data():
    return make_multimodal_xor(n_samples=120, random_state=0)


def fit(data, training, fusion="feature", **params):
    return FusionClassifier(fusion=fusion, training=training, **params).fit(*data)


def parts_of(data, training, fusion="feature", **params):
    """Return the arguments with which a fit trains its members."""
    spy = mock.patch.object(_model, "train_members", wraps=train_members)
    with spy as called:
        fit(data, training, fusion, random_state=0, **params)
    return called.call_args.args


def moved(network):
    """Return a network whose weights are no zeros, and that drops nothing."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    for part in network.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    return network


def test_a_step_is_that_of_each_member_on_its_rows(data):
    make, task, rows, _, settings, _, _ = parts_of(data, STEP)
    torch.manual_seed(0)
    shared = Shared(moved(make()), 3)
    before = copy.deepcopy(shared)
    net = make_net(shared, task, settings, early_stopping=False)
    net.run_epochs(rows, None, 1)

    ((x, target),) = list(net.get_iterator(rows, training=False))
    weights = dict(before.network.named_parameters())
    loss = 0.0
    for i in range(3):
        own = {
            f"encoders.{key}.scaling": vectors[i]
            for key, vectors in before.vectors.items()
        }
        output = functional_call(before.network.train(), {**weights, **own}, (), x)
        losses = cross_entropy(output.scores, target, reduction="none")
        loss = loss + losses[i::3].sum() / len(target)
    loss.backward()
    unused = []
    for (name, old), new in zip(
        before.named_parameters(), shared.parameters(), strict=True
    ):
        if old.grad is None:
            unused.append(name.rpartition(".")[0])
            continue
        assert old.grad.abs().max() > 0, name
        torch.testing.assert_close(new, old - 0.1 * old.grad, msg=name)
    assert set(unused) == {"network.fusion.absent.tokens"}  # nothing is absent


def test_members_are_networks_alone_and_their_mean_is_the_shared_one(data):
    make, task, rows, _, settings, seeds, files = parts_of(data, STEP)
    settings = settings.replace(max_epochs=5, optimizer="adamw")
    own = Shared.member
    with mock.patch.object(Shared, "member", autospec=True, side_effect=own) as called:
        nets, _ = train_shared(make, task, rows, None, settings, seeds, files)
    shared = called.call_args.args[0].eval()
    ((x, _),) = list(nets[0].get_iterator(rows, training=False))
    with torch.no_grad():
        each = torch.stack([net.module_.eval()(**x).scores for net in nets])
        together = shared(**x)
    assert (each[0] - each[1]).abs().max() > 1e-3
    torch.testing.assert_close(together.scores, each.mean(0))
    known = dict(shared.network.named_parameters())
    for net in nets:
        for name, value in net.module_.named_parameters():
            torch.testing.assert_close(value, known[name], msg=name)
            if not name.startswith("fusion.absent."):
                assert net.optimizer_.state[value]["exp_avg"].shape == value.shape


@pytest.mark.parametrize(
    "options",
    [
        {"early_stopping": True},
        {"balance": "ogm_ge"},
        {"balance": "mmpareto"},
        {"balance": "gradient_blending"},
    ],
    ids=lambda options: str(next(iter(options.values())))[:17],
)
def test_all_settings_train_them_and_chunks_go_on(data, options):
    training = Training(max_epochs=2, n_members=2, shrinkage=False, **options)
    clf = fit(data, training, "parallel", random_state=0)
    first, second = clf.fusion_.members
    assert first.net.module_.backbone.starts_from_models
    assert clf.history_["train_loss"].nunique() == 2  # of both, after two epochs
    cells, present = clf.reader_.read(data[0])
    before = first.scores(cells, present)
    assert abs(before - second.scores(cells, present)).max() > 0
    clf.partial_fit(*data)
    after = clf.fusion_.members[0].scores(cells, present)
    assert abs(after - before).max() > 0


@pytest.mark.parametrize(("n_members", "batch_size"), [(8, 3), (4, 1), (20, 500)])
def test_batches_of_fewer_rows_than_members_train_all_of_them(n_members, batch_size):
    X, y = make_multimodal_xor(n_samples=16, random_state=0)
    training = clone(STEP).set_params(
        n_members=n_members, batch_size=batch_size, max_epochs=25
    )
    make, task, rows, _, settings, seeds, files = parts_of((X, y), training)
    nets, _ = train_shared(make, task, rows, None, settings, seeds, files)
    for net in nets:
        for encoder in net.module_.encoders.values():
            assert (encoder.scaling.abs() - 1).abs().max() > 0


def test_rates_apart_reach_the_encoders_of_members(data):
    groups = [("encoders*", {"lr": 0.0}), ("*", {"lr": 0.01})]
    training = clone(STEP).set_params(net_params={"optimizer__param_groups": groups})
    make, task, rows, _, settings, seeds, files = parts_of(data, training)
    settings = settings.replace(max_epochs=3)  # heads are zeros in the first
    nets, _ = train_shared(make, task, rows, None, settings, seeds, files)
    with seeded(seeds[0]):
        begun = dict(make().named_parameters())
    for net in nets:
        for name, value in net.module_.named_parameters():
            still = name.startswith(("encoders", "fusion.absent"))
            assert torch.equal(value, begun[name]) is still, name
        sizes = [len(group["params"]) for group in net.optimizer_.param_groups]
        assert sizes[0] == sum(name.startswith("encoders") for name in begun)
        assert sum(sizes) == len(begun)


@pytest.mark.parametrize(
    ("options", "encoders", "expected"),
    [
        ({}, "auto", True),
        ({"backbone": False}, "auto", False),
        ({"backbone": True}, {"m0": TabularEncoder()}, False),
    ],
)
def test_networks_that_share(data, options, encoders, expected):
    training = Training(max_epochs=1, shrinkage=False, **options)
    make = parts_of(data, training, encoders=encoders)[0]
    assert are_shareable(make()) is expected


def test_a_crashed_training_goes_on_to_the_same_weights(data, tmp_path):
    def proba(folder, left_out=None):
        training = Training(
            max_epochs=4, n_members=2, shrinkage=False, checkpoint=folder, lr=0.01
        )
        go_on, epochs = Shared.on_epoch, []

        def on_epoch(shared, epoch):
            epochs.append(epoch)
            if epoch == left_out:
                raise RuntimeError("the power failed")
            go_on(shared, epoch)

        with mock.patch.object(Shared, "on_epoch", on_epoch):
            clf = fit(data, training, random_state=0)
        return clf.predict_proba(data[0]), epochs

    whole, _ = proba(None)
    with pytest.raises(RuntimeError, match="the power failed"):
        proba(tmp_path, left_out=3)
    again, epochs = proba(tmp_path)
    assert epochs == [3, 4]
    np.testing.assert_array_equal(again, whole)


@pytest.mark.slow
def test_eight_members_cost_at_most_half_more_than_one(data):
    X, y = make_multimodal_xor(n_samples=1000, random_state=0)
    training = Training(max_epochs=1, shrinkage=False)
    make, task, rows, _, settings, _, _ = parts_of((X, y), training)
    settings = settings.replace(max_epochs=10)

    def seconds(n_members):
        start = process_time()
        seeds = list(range(n_members))
        train_members(make, task, rows, None, settings, seeds, [None] * n_members)
        return process_time() - start

    seconds(8)
    pairs = [(seconds(1), seconds(8)) for _ in range(5)]
    assert np.median([many / one for one, many in pairs]) < 1.5


def test_one_member_is_trained_as_ever(data):
    make, task, rows, _, settings, seeds, files = parts_of(
        data, Training(max_epochs=2, shrinkage=False)
    )
    one, _ = train_members(make, task, rows, None, settings, seeds, files)
    alone, _ = train(make, task, rows, None, settings, seeds[0])
    for own, other in zip(
        one[0].module_.parameters(), alone.module_.parameters(), strict=True
    ):
        torch.testing.assert_close(own, other)
