"""scikit-learn's own checks, on the estimators and on every kind of module."""

import os

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

from skmultimodal import (
    FusionClassifier,
    FusionRegressor,
    FusionTransformer,
    ModuleEncoder,
    SequenceEncoder,
    Training,
)
from skmultimodal.encoders._base import BaseEncoder
from skmultimodal.encoders._tabular import TabularEncoder
from skmultimodal.fusion._auto import FUSIONS
from tests.parameters import nested

os.environ["SCIPY_ARRAY_API"] = "1"  # otherwise one check is skipped


class RowSeries(BaseEncoder):
    """Reads a row of numbers as a series, so that checks reach recurrent modules."""

    def __init__(self, cell="gru"):
        self.cell = cell

    def fit(self, cells, y=None, sample_weight=None):
        self.table_ = TabularEncoder().fit(cells, y, sample_weight)
        self.inner_ = SequenceEncoder(self.cell, hidden_features=16, out_features=16)
        self.inner_.n_channels_, self.inner_.gaps_ = 1, np.array([], dtype=int)
        self.inner_.mean_ = self.inner_.offset_ = np.zeros(1)
        self.inner_.scale_ = np.ones(1)  # the table is standardised
        return self

    def transform(self, cells):
        numbers = self.table_.transform(cells)["numbers"]
        from skmultimodal.data._containers import Ragged

        return {"steps": Ragged.from_rows(numbers[:, :, None], item_shape=(1,))}

    def build(self):
        return self.inner_.build()


class RowNet(nn.Module):
    """A convolution over the row, behind ModuleEncoder."""

    out_features = 16

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 8, 3, padding=1)
        self.out = nn.LazyLinear(16)

    def forward(self, rows):
        maps = torch.relu(self.conv(rows[:, None]))
        return torch.relu(self.out(maps.flatten(1)))


def on_rows(encoder, **kwargs):
    return FusionClassifier([("rows", encoder)], **nested(kwargs, max_epochs=50))


@parametrize_with_checks(
    [
        FusionClassifier(),
        FusionRegressor(),
        FusionRegressor(loss="quantile"),
        FusionTransformer(),
        FusionClassifier(fusion="sequential", training=Training(shrinkage=False)),
        *[FusionClassifier(fusion=fusion) for fusion in ("feature", "decision")],
    ]
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


def test_the_default_is_parallel_fusion_on_numbers():
    """So that the checks of `FusionClassifier()` are those of ``"parallel"``."""
    X, y = make_classification(60, random_state=0)
    default, parallel = (
        FusionClassifier(fusion=fusion, random_state=0).fit(X, y)
        for fusion in ("auto", "parallel")
    )
    np.testing.assert_array_equal(default.predict_proba(X), parallel.predict_proba(X))


@pytest.mark.slow
@parametrize_with_checks([FusionClassifier(fusion="parallel")])
def test_scikit_learn_check_of_parallel_fusion(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([on_rows(RowSeries("gru"), fusion="feature")])
def test_scikit_learn_check_of_a_network_for_series(estimator, check):
    check(estimator)


@pytest.mark.long
@parametrize_with_checks(
    [
        on_rows(RowSeries("lstm"), fusion="parallel"),
        on_rows(RowSeries("conv"), fusion="sequential"),
    ]
)
def test_scikit_learn_check_of_further_networks_for_series(estimator, check):
    check(estimator)


WEIGHTS = "check_sample_weight_equivalence_on_dense_data"
MULTILABEL = "check_classifiers_multilabel_"
ONE_LABEL = "evidence is defined for one label a row; several are a clear error"
REASONS = {
    "product_of_experts": {
        WEIGHTS: "training draws a code for each row; copies of a row get other codes"
    },
    "attention": {WEIGHTS: "dropout differs between the copies of a row"},
    "cross_attention": {WEIGHTS: "dropout differs between the copies of a row"},
    "bottleneck": {WEIGHTS: "dropout differs between the copies of a row"},
    "kernel": {WEIGHTS: "leaving one row out leaves all its copies out together"},
    "evidential": {
        MULTILABEL + "representation_invariance": ONE_LABEL,
        MULTILABEL + "output_format_predict": ONE_LABEL,
        MULTILABEL + "output_format_predict_proba": ONE_LABEL,
        MULTILABEL + "output_format_decision_function": ONE_LABEL,
    },
}
COSTLY = {"bottleneck", "cooperative"}
FURTHER = set(FUSIONS) - COSTLY - {"parallel", "sequential", "feature", "decision"}


@pytest.mark.slow
@parametrize_with_checks(
    [FusionClassifier(fusion=fusion) for fusion in sorted(FURTHER)],
    expected_failed_checks=lambda clf: REASONS.get(clf.fusion, {}),
)
def test_scikit_learn_check_of_further_strategies(estimator, check):
    check(estimator)


@pytest.mark.long
@parametrize_with_checks(
    [FusionClassifier(fusion=fusion) for fusion in sorted(COSTLY)],
    expected_failed_checks=lambda clf: REASONS.get(clf.fusion, {}),
)
def test_scikit_learn_check_of_costly_strategies(estimator, check):
    check(estimator)


def test_two_table_modalities_pass_the_weight_check():
    """The folds inside a fit see rows, not their repetitions."""
    from sklearn.utils.estimator_checks import (
        check_sample_weight_equivalence_on_dense_data as check,
    )

    encoders = [("all", TabularEncoder()), ("first", TabularEncoder())]
    columns = {"all": slice(None), "first": slice(0, 2)}
    check("fusion", FusionClassifier(encoders, "decision", columns=columns))


@pytest.mark.parametrize("seed", [0, 1])
def test_module_encoder_in_float64(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 5))
    y = (X[:, 0] > 0).astype(int)
    clf = on_rows(ModuleEncoder(RowNet), fusion="feature", random_state=seed)
    alone = clf.fit(X, y).predict_proba(X[:1])
    assert alone.dtype == np.float64
    np.testing.assert_allclose(clf.predict_proba(X)[:1], alone, rtol=1e-10)
