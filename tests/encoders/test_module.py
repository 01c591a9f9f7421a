"""Any module: factories, freezing, widths, shapes."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler
from torch import nn

from skmultimodal import ModuleEncoder

X = np.random.default_rng(0).normal(size=(6, 4))


class Net(nn.Module):
    """A module with a parameter of its own, batch statistics and two layers."""

    def __init__(self, width=5):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(1))
        self.first = nn.Linear(4, width)
        self.norm = nn.BatchNorm1d(width)
        self.last = nn.Linear(width, 3)

    def forward(self, x):
        return self.last(self.norm(self.first(x))) + self.shift


def trained(module):
    return {
        n.removeprefix("module.")
        for n, p in module.named_parameters()
        if p.requires_grad
    }


def test_a_module_itself_is_refused_with_the_reason():
    with pytest.raises(TypeError, match=r"Got Linear instead.*from one fit, or fold"):
        ModuleEncoder(nn.Linear(4, 2)).fit(X)
    with pytest.raises(TypeError, match="must be a callable"):
        ModuleEncoder("resnet").fit(X)
    with pytest.raises(TypeError, match=r"must return a torch\.nn\.Module. Got dict"):
        ModuleEncoder(dict).fit(X).build()


def test_width_is_given_declared_or_found():
    assert ModuleEncoder(Net).fit(X).build().out_features == 3
    assert ModuleEncoder(partial(nn.Linear, 4, 7)).fit(X).build().out_features == 7
    given = ModuleEncoder(partial(nn.Identity), out_features=4).fit(X)
    assert given.build().out_features == 4


def test_looking_for_the_width_leaves_the_module_as_it_was():
    module = ModuleEncoder(Net).fit(X).build()
    assert module.module.norm.num_batches_tracked == 0
    assert module.module.norm.training


def test_output_that_is_no_embedding_is_an_error():
    encoder = ModuleEncoder(partial(nn.Conv2d, 1, 2, 3)).fit(np.zeros((2, 1, 5, 5)))
    with pytest.raises(ValueError, match=r"\(n, out_features\).*\[1, 2, 3, 3\]"):
        encoder.build()


@pytest.mark.parametrize(
    ("freeze", "expected"),
    [
        (True, set()),
        (0, set()),
        (1, {"last.weight", "last.bias"}),
        ("all but last 1", {"last.weight", "last.bias"}),
        (2, {"norm.weight", "norm.bias", "last.weight", "last.bias"}),
        (False, {name for name, _ in Net().named_parameters()}),
    ],
)
def test_freeze_keeps_all_but_the_last_children(freeze, expected):
    module = ModuleEncoder(Net, freeze=freeze).fit(X).build().train()
    assert trained(module) == expected
    assert module.module.norm.training == ("norm.weight" in expected)


@pytest.mark.parametrize("freeze", ["all", "all but last", -1, 1.5, None])
def test_other_values_of_freeze_are_refused(freeze):
    with pytest.raises(ValueError, match=f"'freeze'.*Got {freeze!r} instead"):
        ModuleEncoder(Net, freeze=freeze).fit(X)


def test_frozen_batch_statistics_stay_through_training_and_pickle():
    module = ModuleEncoder(Net, freeze=True).fit(X).build()
    module = pickle.loads(pickle.dumps(module)).train()
    module(torch.from_numpy(X.astype(np.float32)))
    assert module.module.norm.num_batches_tracked == 0


def test_parts_the_factory_froze_stay_frozen():
    def factory():
        net = Net()
        net.first.requires_grad_(False)
        return net

    module = ModuleEncoder(factory).fit(X).build()
    assert "first.weight" not in trained(module)
    assert "last.weight" in trained(module)


def test_preprocess_is_a_transformer_fitted_in_fit_or_a_function():
    scaler = StandardScaler()
    encoder = ModuleEncoder(Net, preprocess=scaler).fit(X[:3])
    assert not hasattr(scaler, "mean_")
    expected = (X - X[:3].mean(0)) / X[:3].std(0)
    np.testing.assert_allclose(encoder.transform(X)["features"], expected)
    doubled = ModuleEncoder(Net, preprocess=partial(np.multiply, 2)).fit(X)
    np.testing.assert_allclose(doubled.transform(X)["features"], 2 * X)


def test_default_stacks_cells_and_keeps_identifiers():
    encoder = ModuleEncoder(nn.Identity)
    column = pd.Series(list(X))
    assert encoder.fit(column).transform(column)["features"].dtype == np.float32
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    assert encoder.fit(frame).transform(frame)["features"].dtype == np.float32
    ids = np.array([[1, 2], [3, 4]])
    assert encoder.fit(ids).transform(ids)["features"].dtype == np.int64
    lookup = ModuleEncoder(partial(nn.EmbeddingBag, 9, 6)).fit(ids)
    assert lookup.build().out_features == 6


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros(3), r"row 'q': expected shape \(4,\), got \(3,\)"),
        ("text", "row 'q': expected an array of numbers, got str.*'preprocess'"),
    ],
)
def test_bad_cell_names_its_row(bad, message):
    cells = pd.Series([np.zeros(4), bad], index=["p", "q"])
    encoder = ModuleEncoder(Net).fit(cells.iloc[:1])
    with pytest.raises(ValueError, match=message):
        encoder.transform(cells)


def test_other_shape_than_in_fit_is_an_error():
    encoder = ModuleEncoder(Net).fit(X)
    with pytest.raises(ValueError, match=r"shape \(4,\), as in fit. Got \(3,\)"):
        encoder.transform(X[:, :3])


def test_clone_takes_any_factory():
    for factory in (Net, partial(Net, width=8), lambda: Net(6)):
        twin = clone(ModuleEncoder(factory)).fit(X)
        assert twin.build().out_features == 3
