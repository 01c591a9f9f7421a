"""What holds for all containers, presence, weights, rules and parameters."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skmultimodal import FusionClassifier, MultimodalData, TabularEncoder
from skmultimodal.data._cells import is_missing, present_mask
from skmultimodal.data._containers import Ragged
from skmultimodal.fusion import (
    Borda,
    LinearPool,
    LogPool,
    Majority,
    Max,
    Median,
    Min,
    Product,
    TrimmedMean,
    WeightedMean,
)
from skmultimodal.fusion.joint._layers import SimplexWeights
from tests.parameters import nested

few = settings(max_examples=40, deadline=None)
fewer = settings(
    max_examples=12, deadline=None, suppress_health_check=list(HealthCheck)
)
FLOATS = st.floats(-1e6, 1e6, allow_nan=False)
ROWS = st.lists(
    st.lists(FLOATS, max_size=5).map(lambda row: np.array(row, dtype=float)),
    min_size=1,
    max_size=8,
)


# -- containers ---------------------------------------------------------------------


@few
@given(rows=ROWS, data=st.data())
def test_ragged_rows_come_back(rows, data):
    ragged = Ragged.from_rows(rows, dtype=float)
    assert len(ragged) == len(rows)
    assert ragged.lengths.tolist() == [len(row) for row in rows]
    for i, row in enumerate(rows):
        np.testing.assert_array_equal(ragged[i], row)
    index = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=10))
    taken = ragged.take(np.array(index, dtype=int))
    assert len(taken) == len(index)
    for i, j in enumerate(index):
        np.testing.assert_array_equal(taken[i], rows[j])


@few
@given(rows=ROWS, data=st.data())
def test_ragged_rows_spread(rows, data):
    n_absent = data.draw(st.integers(0, 5))
    present = np.array(
        data.draw(st.permutations([True] * len(rows) + [False] * n_absent))
    )
    wide = Ragged.from_rows(rows, dtype=float).expand(present)
    assert (wide.lengths[~present] == 0).all()
    for i, row in zip(np.flatnonzero(present), rows, strict=True):
        np.testing.assert_array_equal(wide[i], row)


CELLS = st.one_of(
    st.none(), st.text(max_size=3), st.just(float("nan")), st.integers(0, 9)
)


@few
@given(cells=st.lists(CELLS, min_size=1, max_size=9), data=st.data())
def test_multimodal_data_takes_rows_of_all_modalities(cells, data):
    n = len(cells)
    block = data.draw(
        hnp.arrays(np.float32, (n, 2), elements=st.floats(-1, 1, width=32))
    )
    frame = pd.DataFrame({"p": range(n)})
    X = MultimodalData({"cells": cells, "block": block, "frame": frame})
    rows = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=9))
    part = X[rows]
    assert part.shape == (len(rows),)
    assert list(part) == ["cells", "block", "frame"]
    np.testing.assert_array_equal(part["block"], block[rows])
    assert part["frame"]["p"].tolist() == rows
    for cell, row in zip(part["cells"], rows, strict=True):
        same = cell == cells[row] or (is_missing(cell) and is_missing(cells[row]))
        assert same
    mask = np.zeros(n, dtype=bool)
    mask[rows] = True
    np.testing.assert_array_equal(X[mask]["block"], block[mask])
    np.testing.assert_array_equal(X[rows][range(len(rows))]["block"], block[rows])


# -- presence -----------------------------------------------------------------------


@few
@given(cells=st.lists(CELLS, min_size=1, max_size=9))
def test_presence_is_the_same_in_every_container(cells):
    expected = [not is_missing(cell) for cell in cells]
    column = pd.Series(cells, dtype=object)
    assert present_mask(cells).tolist() == expected
    assert present_mask(column).tolist() == expected
    assert present_mask(column.to_frame()).tolist() == expected
    assert present_mask(MultimodalData({"x": cells})["x"]).tolist() == expected


@few
@given(
    block=hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=2, max_dims=4, max_side=4),
        elements=st.sampled_from([0.0, 1.5, np.nan]),
    )
)
def test_a_row_is_absent_when_all_of_it_is_nan(block):
    expected = [not np.isnan(row).all() for row in block]
    assert present_mask(block).tolist() == expected
    assert present_mask(list(block)).tolist() == expected
    assert present_mask(np.asfortranarray(block)).tolist() == expected


# -- weights ------------------------------------------------------------------------


@few
@given(
    logits=hnp.arrays(
        np.float32, st.integers(1, 6), elements=st.floats(-20, 20, width=32)
    ),
    data=st.data(),
)
def test_weights_stay_on_the_simplex(logits, data):
    names = [f"m{i}" for i in range(len(logits))]
    present = data.draw(hnp.arrays(bool, (4, len(logits))))
    given_weights = dict(zip(names, np.exp(logits / 4).tolist(), strict=True))
    for simplex in (SimplexWeights(names), SimplexWeights(names, given_weights)):
        if simplex.logits is not None:
            simplex.logits.data = torch.from_numpy(logits)
        static = simplex.static().detach().numpy()
        assert abs(static.sum() - 1) < 1e-5
        weights = simplex(4, torch.from_numpy(present)).detach().numpy()
        assert (weights >= 0).all()
        assert (weights[~present] == 0).all()
        some = present.any(axis=1)
        np.testing.assert_allclose(weights[some].sum(axis=1), 1, rtol=1e-5)
        assert (weights[~some] == 0).all()
        for row in np.flatnonzero(some):  # ratios of present weights are kept
            here = np.flatnonzero(present[row])
            ratio = static[here] / static[here].sum()
            np.testing.assert_allclose(weights[row, here], ratio, rtol=1e-4, atol=1e-6)


# -- rules --------------------------------------------------------------------------

RULES = [Borda, LinearPool, LogPool, Majority, Max, Median, Min, Product, TrimmedMean]


@st.composite
def stacks(draw):
    """Draw probabilities (n_modalities, 5, n_classes), presence and a prior."""
    n_modalities, n_classes = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    shape = (n_modalities, 5, n_classes)
    raw = draw(hnp.arrays(np.float64, shape, elements=st.floats(0.01, 1)))
    present = draw(hnp.arrays(bool, shape[:2]))
    prior = draw(hnp.arrays(np.float64, n_classes, elements=st.floats(0.1, 1)))
    return raw / raw.sum(axis=2, keepdims=True), present, prior / prior.sum()


def fitted(rule, proba, prior):
    rows = proba[:, :0]
    return rule().fit(rows, np.zeros(0, int), prior=prior, weights="uniform")


@pytest.mark.parametrize("rule", RULES)
@few
@given(stack=stacks(), data=st.data())
def test_rules_give_probabilities_whatever_the_order(rule, stack, data):
    proba, present, prior = stack
    model = fitted(rule, proba, prior)
    out = model.combine(proba, present=present)
    assert (out >= 0).all()
    np.testing.assert_allclose(out.sum(axis=1), 1, rtol=1e-9)
    np.testing.assert_allclose(
        out[~present.any(axis=0)],
        np.tile(prior, (int((~present.any(axis=0)).sum()), 1)),
    )
    order = list(data.draw(st.permutations(range(len(proba)))))
    moved = model.combine(proba[order], present=present[order])
    np.testing.assert_allclose(moved, out, atol=1e-9)
    junk = np.where(present[:, :, None], proba, np.nan)
    np.testing.assert_array_equal(model.combine(junk, present=present), out)
    one = model.combine(proba[:, 2:3], present=present[:, 2:3])  # row by row
    np.testing.assert_allclose(one, out[2:3], atol=1e-12)


@few
@given(stack=stacks(), raw=hnp.arrays(np.float64, 4, elements=st.floats(0.01, 1)))
def test_the_linear_pool_is_convex_and_renormalises(stack, raw):
    proba, present, prior = stack
    weights = raw[: len(proba)]
    model = LinearPool().fit(
        proba[:, :0], np.zeros(0, int), prior=prior, weights=weights
    )
    out = model.combine(proba, present=present)
    for i in np.flatnonzero(present.any(axis=0)):
        here = present[:, i]
        low, high = proba[here, i].min(axis=0), proba[here, i].max(axis=0)
        assert (out[i] >= low - 1e-9).all()
        assert (out[i] <= high + 1e-9).all()
        share = weights[here] / weights[here].sum()
        np.testing.assert_allclose(out[i], share @ proba[here, i], atol=1e-6)


@few
@given(
    values=hnp.arrays(np.float64, (3, 5, 1), elements=st.floats(-100, 100)),
    present=hnp.arrays(bool, (3, 5)),
)
def test_the_weighted_mean_lies_between_its_parts(values, present):
    assume(present.any())
    model = WeightedMean().fit(
        values[:, :0],
        np.zeros((0, 1)),
        prior=np.zeros(1),
        weights=np.array([1.0, 2, 3]),
    )
    out = model.combine(values, present=present)
    for i in np.flatnonzero(present.any(axis=0)):
        part = values[present[:, i], i]
        assert part.min() - 1e-9 <= out[i, 0] <= part.max() + 1e-9


# -- parameters ---------------------------------------------------------------------

VALID = {
    "max_epochs": st.integers(1, 2),
    "lr": st.floats(1e-5, 1e-2),
    "lr_schedule": st.sampled_from(["one_cycle", "constant"]),
    "batch_size": st.integers(1, 40),
    "optimizer": st.sampled_from(["adamw", "adam", "sgd", "rmsprop"]),
    "weight_decay": st.floats(0, 1),
    "early_stopping": st.sampled_from(["auto", True, False]),
    "validation_fraction": st.floats(0.2, 0.5),
    "missing": st.sampled_from(["mask", "impute", "raise"]),
    "missing_values": st.one_of(st.none(), st.text(max_size=2), st.lists(st.text())),
    "on_empty": st.sampled_from(["prior", "raise"]),
    "n_jobs": st.sampled_from([None, 1]),
    "n_threads": st.sampled_from([None, 1]),
    "class_weight": st.sampled_from([None, "balanced", {0: 1.0, 1: 3.0}]),
    "warm_start": st.booleans(),
    "random_state": st.integers(0, 2**32 - 1),
}
ODD = st.one_of(
    st.just(float("nan")), st.integers(-5, -1), st.just("no such word"), st.just([3])
)
# parameters for which some of the odd values are valid
LAX = {"missing_values", "class_weight", "n_jobs", "random_state"}
X = pd.DataFrame(np.random.default_rng(0).normal(size=(24, 4)), columns=list("abcd"))
Y = np.arange(24) % 2


def two_tables(**params):
    encoders = [(name, TabularEncoder((4,), 4)) for name in "uv"]
    return FusionClassifier(
        encoders,
        "parallel",
        columns={"u": ["a", "b"], "v": ["c", "d"]},
        **nested(params),
    )


@fewer
@given(params=st.fixed_dictionaries({}, optional=VALID))
@example(params={"batch_size": 1, "max_epochs": 1})
def test_valid_parameters_fit(params):
    clf = two_tables(**{"max_epochs": 1} | params)
    proba = clf.fit(X, Y).predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    found = vars(clf) | vars(clf.training) | {"training": clf.training}
    for name, value in params.items():
        assert found[name] is value


@settings(few, max_examples=60)
@given(name=st.sampled_from(sorted(VALID.keys() - LAX)), value=ODD)
def test_invalid_parameters_change_nothing(name, value):
    clf = two_tables(**{name: value})
    before = dict(vars(clf))
    with pytest.raises((ValueError, TypeError), match=f"{name}.*must be"):
        clf.fit(X, Y)
    assert vars(clf).keys() == before.keys()
    assert all(vars(clf)[key] is value for key, value in before.items())
