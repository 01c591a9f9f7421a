"""Embeddings of numbers by hand; gradients."""

import numpy as np
import pandas as pd
import pytest
import torch

from skmultimodal import TabularEncoder
from skmultimodal.encoders._numbers import (
    SIGMA,
    Periodic,
    PiecewiseLinear,
    quantile_edges,
)
from skmultimodal.training._net import seeded
from skmultimodal.utils.estimator_checks import check_encoder


def test_places_in_bins_by_hand():
    module = PiecewiseLinear([np.array([0.0, 1.0, 3.0]), np.array([-1.0, 1.0])])
    numbers = torch.tensor([[0.5, 0.0], [2.0, 2.0], [-1.0, -2.0], [5.0, 1.0]])
    expected = [
        [0.5, 0.0, 0.5, 0.0],
        [1.0, 0.5, 1.5, 0.0],  # the only bin of the second goes on without end
        [-1.0, 0.0, -0.5, 0.0],
        [1.0, 2.0, 1.0, 0.0],
    ]
    torch.testing.assert_close(module(numbers), torch.tensor(expected))


def test_a_constant_number_has_no_bin():
    module = PiecewiseLinear([np.array([2.0])])
    torch.testing.assert_close(module(torch.tensor([[9.0]])), torch.zeros(1, 1))


def test_weighted_quantiles_are_those_of_repeated_rows():
    rng = np.random.default_rng(0)
    values, weight = rng.normal(size=50), rng.integers(0, 4, 50)
    got = quantile_edges(values, weight.astype(float), 7)
    repeated = np.repeat(values, weight)
    np.testing.assert_array_equal(
        got, quantile_edges(repeated, np.ones(len(repeated)), 7)
    )
    assert got[0] == repeated.min()
    assert got[-1] == repeated.max()


def test_periodic_by_hand():
    module = Periodic(2, 3).double()
    x = torch.tensor([[0.3, -1.2]], dtype=torch.float64)
    got = module(x).detach().numpy().reshape(2, 3)
    for i in range(2):
        angle = 2 * np.pi * x[0, i].item() * module.frequency[i].detach().numpy()
        waves = np.concatenate([np.sin(angle), np.cos(angle)])
        mixed = waves @ module.weight[i].detach().numpy()
        np.testing.assert_allclose(got[i], np.maximum(mixed, 0), atol=1e-12)
    with seeded(0):
        assert abs(Periodic(50, 50).frequency.std() - SIGMA) < 0.02


@pytest.mark.parametrize(
    "module", [Periodic(2, 3), PiecewiseLinear([np.array([-1.0, 0, 2]), np.arange(4)])]
)
def test_gradients(module):
    x = torch.tensor([[0.31, 1.2], [-0.4, 2.5]], dtype=torch.float64)
    assert torch.autograd.gradcheck(module.double(), x.requires_grad_())


@pytest.mark.parametrize("numeric", ["piecewise", "periodic"])
def test_contract_and_kinds_of_columns(numeric):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=20), "b": rng.integers(0, 3, 20)})
    X.loc[3, "a"] = np.nan
    X["c"] = 1.0
    X["sky"] = rng.choice(["clear", "cloud"], 20)
    check_encoder(TabularEncoder(numeric=numeric, numeric_features=4), X)
    check_encoder(TabularEncoder(numeric=numeric), X[["sky"]])


def test_default_is_piecewise_for_mixed_tables_alone():
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [3, 4, 5]})
    assert TabularEncoder().fit(X).numeric_ == "linear"
    assert TabularEncoder().fit(X.assign(sky="blue")).numeric_ == "piecewise"
    assert TabularEncoder(numeric="linear").fit(X.assign(s="x")).numeric_ == "linear"


def test_a_matrix_enters_as_it_is():
    X = np.random.default_rng(0).normal(size=(9, 2))
    module = TabularEncoder((), 3).fit(X).build()
    numbers = torch.from_numpy(X).float()
    torch.testing.assert_close(module(numbers), torch.relu(module.mlp(numbers)))
    with pytest.raises(ValueError, match="'numeric' parameter of TabularEncoder"):
        TabularEncoder(numeric="spline").fit(X)
