"""What `net_params` and `callbacks` may hold: losses of the user, held-out losses."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Checkpoint, EarlyStopping
from torch import nn

from skmultimodal import (
    EvidentialFusion,
    FusionClassifier,
    FusionRegressor,
    TabularEncoder,
    Training,
)
from skmultimodal._warnings import UnusedWarning

rng = np.random.default_rng(0)
X = {"a": rng.standard_normal((80, 2)), "b": rng.standard_normal((80, 2))}
LABELS = (X["a"][:, 0] + X["b"][:, 0] > 0).astype(int)
VALUES = X["a"][:, 0] + X["b"] @ [1.0, 2.0]
ENCODERS = [(name, TabularEncoder((), 4)) for name in X]


def model(kind=FusionClassifier, fusion="parallel", criterion=None, **params):
    given = {} if criterion is None else {"criterion": criterion}
    given |= params.pop("net_params", {})
    params = {"max_epochs": 4, "batch_size": 16, **params}
    training = Training(net_params=given, **params)
    return kind(ENCODERS, fusion, training=training, random_state=0)


class Focal(nn.Module):
    def __init__(self, gamma=2.0, reduction="mean"):
        super().__init__()
        self.gamma, self.reduction = gamma, reduction

    def forward(self, scores, target):
        losses = nn.functional.cross_entropy(scores, target, reduction="none")
        losses = (1 - torch.exp(-losses)) ** self.gamma * losses
        return losses if self.reduction == "none" else losses.mean()


@pytest.mark.parametrize("weight", [None, rng.exponential(size=80)])
@pytest.mark.parametrize("fusion", ["parallel", "feature"])
def test_the_own_loss_of_a_task_given_by_hand_changes_nothing(fusion, weight):
    targets = {FusionClassifier: LABELS, FusionRegressor: VALUES}
    losses = {FusionClassifier: nn.CrossEntropyLoss, FusionRegressor: nn.MSELoss}
    for kind, y in targets.items():
        expected = model(kind, fusion, aux_weight=0.3).fit(X, y, weight)
        for criterion in (losses[kind], losses[kind]()):
            found = model(kind, fusion, criterion, aux_weight=0.3).fit(X, y, weight)
            np.testing.assert_allclose(found.transform(X), expected.transform(X))
            np.testing.assert_allclose(
                found.history_["train_loss"], expected.history_["train_loss"]
            )


def test_several_labels_with_a_loss_by_hand():
    y = np.column_stack([LABELS, 1 - LABELS, VALUES > 1])
    expected = model().fit(X, y).predict_proba(X)
    found = model(criterion=nn.BCEWithLogitsLoss).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(found, expected)


def test_focal_loss():
    plain, focal = model().fit(X, LABELS), model(criterion=Focal).fit(X, LABELS)
    none = model(criterion=Focal, net_params={"criterion__gamma": 0.0}).fit(X, LABELS)
    np.testing.assert_allclose(none.predict_proba(X), plain.predict_proba(X), 1e-5)
    assert focal.history_["train_loss"].iloc[0] < plain.history_["train_loss"].iloc[0]
    given = Focal()
    same = model(criterion=given).fit(X, LABELS).predict_proba(X)
    np.testing.assert_array_equal(same, focal.predict_proba(X))
    assert given.reduction == "mean"


def test_robust_losses_and_functions():
    y = VALUES.copy()
    y[:4] += 1000
    params = {"max_epochs": 60, "lr": 0.02}
    squared, robust = (
        model(FusionRegressor, criterion=criterion, **params).fit(X, y)
        for criterion in (None, nn.L1Loss)
    )
    errors = [np.abs(m.predict(X) - VALUES)[4:].mean() for m in (squared, robust)]
    assert errors[1] < errors[0] / 2

    def absolute(scores, target):
        return (scores - target).abs()

    found = model(FusionRegressor, criterion=absolute, **params).fit(X, y)
    np.testing.assert_allclose(found.predict(X), robust.predict(X), rtol=1e-4)


def test_losses_that_cannot_work_are_refused_by_name():
    def mean(scores, target):
        return scores.mean()

    with pytest.raises(ValueError, match="mean, must give a loss for each row"):
        model(criterion=mean).fit(X, LABELS)
    with pytest.raises(ValueError, match="BCEWithLogitsLoss, cannot compare scores"):
        model(criterion=nn.BCEWithLogitsLoss).fit(X, LABELS)
    with pytest.raises(ValueError, match="has parameters of its own"):
        model(criterion=nn.Linear(2, 2)).fit(X, LABELS)
    with pytest.raises(ValueError, match="is no class"):
        model(criterion=Focal(), net_params={"criterion__gamma": 1.0}).fit(X, LABELS)
    with pytest.raises(ValueError, match="EvidentialFusion has a loss of its own"):
        model(fusion=EvidentialFusion(), criterion=Focal).fit(X, LABELS)


@pytest.mark.parametrize("callback", [EarlyStopping(), Checkpoint(dirname="unused")])
def test_callbacks_that_need_held_out_rows_say_so(callback, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clf = model(callbacks=[callback])
    with pytest.raises(ValueError, match="Set early_stopping=True"):
        clf.fit(X, LABELS)
    assert not hasattr(clf, "fusion_")
    assert clf.set_params(training__early_stopping=True).fit(X, LABELS).n_iter_ > 0


def test_the_iterator_and_the_optimizer_take_parameters():
    net_params = {"iterator_train__shuffle": False, "optimizer__eps": 1e-3}
    one = model(modality_dropout=0.0, net_params=net_params)
    other = model(modality_dropout=0.0)
    found, expected = one.fit(X, LABELS), other.fit(X, LABELS)
    assert found.net_.optimizer_.defaults["eps"] == 1e-3
    assert np.abs(found.predict_proba(X) - expected.predict_proba(X)).max() > 1e-4


def with_groups(*groups, fusion="parallel", **params):
    return model(
        fusion=fusion, net_params={"optimizer__param_groups": groups}, **params
    )


@pytest.mark.parametrize("lr_schedule", ["one_cycle", "constant"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_parts_of_the_network_have_rates_of_their_own(optimizer, lr_schedule):
    params = {"optimizer": optimizer, "lr_schedule": lr_schedule, "lr": 0.1}
    clf = with_groups(
        ("encoders.modality_a.*", {"lr": 0.0}), ("encoders.*", {"lr": 0.03}), **params
    ).fit(X, LABELS)
    rates = np.array([group["lr"] for group in clf.net_.optimizer_.param_groups])
    np.testing.assert_allclose(rates / rates[2], [0, 0.3, 1])
    first = with_groups(("*", {"lr": 0.0}), **params).fit(X, LABELS)  # nothing moves
    at_first, at_last = (c.net_.module_.state_dict() for c in (first, clf))
    apart = {name: (at_first[name] - at_last[name]).norm() for name in at_first}
    assert apart["encoders.modality_a.mlp.0.weight"] == 0
    assert apart["encoders.modality_b.mlp.0.weight"] > 0
    assert apart["fusion.heads.heads.modality_a.weight"] > 0


def test_rates_apart_stay_so_when_training_goes_on():
    clf = with_groups(("encoders.*", {"lr": 0.001}), lr=0.01).set_params(
        warm_start=True
    )
    clf.fit(X, LABELS).set_params(training__lr=0.1).fit(X, LABELS)
    rates = [group["initial_lr"] for group in clf.net_.optimizer_.param_groups]
    np.testing.assert_allclose(rates, [0.01, 0.1])
    clf.partial_fit(X, LABELS)
    rates = [group["lr"] for group in clf.net_.optimizer_.param_groups]
    np.testing.assert_allclose(rates, [0.01, 0.1])


@pytest.mark.slow
def test_names_of_parameters_are_those_of_the_network_when_it_is_compiled():
    net_params = {
        "optimizer__param_groups": [("encoders.*", {"lr": 0.001})],
        "compile__backend": "eager",
    }
    clf = model(net_params=net_params, compile=True, max_epochs=1).fit(X, LABELS)
    sizes = [len(group["params"]) for group in clf.net_.optimizer_.param_groups]
    assert sizes == [4, 5]


def test_patterns_that_match_nothing_are_told():
    match = r"'encodes\.\*' of 'optimizer__param_groups' has no effect.*'encoders.modal"
    with pytest.warns(UnusedWarning, match=match):
        with_groups(("encodes.*", {"lr": 0.1})).fit(X, LABELS)
    taken = ("encoders.*", {"lr": 0.1}), ("encoders.modality_a.*", {"lr": 0.1})
    with pytest.warns(UnusedWarning, match=r"'encoders\.modality_a\.\*' of"):
        with_groups(*taken).fit(X, LABELS)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("mode", "fusion"), [("staged", "feature"), ("joint", "decision")]
)
def test_networks_of_parts_take_the_patterns_that_are_theirs(mode, fusion):
    groups = ("encoders.modality_a.*", {"lr": 0.1}), ("encoders.*", {"lr": 0.2})
    plain = model(fusion=fusion, mode=mode).fit(X, LABELS)
    clf = with_groups(*groups, fusion=fusion, mode=mode).fit(X, LABELS)
    assert np.abs(clf.predict_proba(X) - plain.predict_proba(X)).max() > 1e-4


def test_settings_that_the_optimizer_does_not_know_are_refused():
    clf = with_groups(("encoders.*", {"rate": 0.1}))
    with pytest.raises(ValueError, match=r"has \['rate'\], which AdamW does not know"):
        clf.fit(X, LABELS)
    assert not hasattr(clf, "fusion_")
