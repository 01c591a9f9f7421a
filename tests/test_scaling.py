"""One standardiser everywhere: a constant column is one, whatever rounding says."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skmultimodal import (
    FeatureFusion,
    FusionClassifier,
    FusionRegressor,
    ImageEncoder,
    SequenceEncoder,
    TabularEncoder,
    Training,
)
from skmultimodal.data._scaling import moments
from skmultimodal.encoders._base import TransformerEncoder
from skmultimodal.fusion.joint._impute import GaussianImputer
from skmultimodal.training._tasks import Regression

CONSTANTS = np.random.default_rng(0).uniform(-1000, 1000, 800)
CONSTANTS[:400] /= 1e4
WEIGHT = np.random.default_rng(1).exponential(size=150)
CONSTANT = np.tile(CONSTANTS, (150, 1))


def standard(encoder, name):
    """Return the scales that an encoder learns from the constant columns."""

    def scales(weight):
        fitted = encoder.fit(pd.DataFrame(CONSTANT), sample_weight=weight)
        return getattr(fitted, name)

    return scales


def scales_of_series(weight):
    series = np.repeat(CONSTANT[:10, None], 30, axis=1)
    return SequenceEncoder().fit(series).scale_


def scales_of_images(weight):
    images = [np.full((9, 5, 5), constant) for constant in np.arange(0, 1, 0.05)]
    return np.concatenate([ImageEncoder().fit(image).std_ for image in images])


def scales_of_imputer(weight):
    return GaussianImputer({"u": CONSTANT[:, :9], "v": CONSTANT[:, 9:40]}, weight).scale


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    "scales",
    [
        lambda weight: moments(CONSTANT, weight)[1],
        standard(TabularEncoder(), "scale_"),
        standard(TransformerEncoder(SimpleImputer()), "scale_"),
        scales_of_series,
        scales_of_images,
        scales_of_imputer,
        lambda weight: Regression(CONSTANT, weight).scale,
    ],
    ids=["moments", "table", "transformer", "series", "image", "imputer", "y"],
)
def test_constant_columns_have_scale_one(scales, weight):
    np.testing.assert_array_equal(scales(weight), 1.0)


def test_a_constant_target_is_predicted():
    X = np.random.default_rng(0).standard_normal((60, 4))
    X = {"a": X[:, :2], "b": X[:, 2:]}
    model = FusionRegressor(
        fusion="parallel", random_state=0, training=Training(max_epochs=3)
    )
    predicted = model.fit(X, np.full(60, 0.1)).predict(X)
    np.testing.assert_allclose(predicted, 0.1, atol=0.5)


def test_moments_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((3000, 60)) * 10.0 ** rng.integers(-9, 9, 60)
    values += rng.standard_normal(60) * 100
    values[rng.random(values.shape) < 0.2] = np.nan
    weight = rng.exponential(size=3000)
    for given in (None, weight):
        scaler = StandardScaler().fit(values, sample_weight=given)
        mean, scale = moments(values, given)
        np.testing.assert_allclose(mean, scaler.mean_)
        np.testing.assert_allclose(scale, scaler.scale_, rtol=1e-6)


@pytest.mark.parametrize("factor", [1e-200, 1e-19, 1e30, 1e200])
def test_the_unit_of_a_column_does_not_matter(factor):
    values = np.random.default_rng(0).standard_normal((50, 3))
    expected = moments(values)
    for found, one in zip(moments(factor * values), expected, strict=True):
        np.testing.assert_allclose(found / factor, one)


@pytest.fixture(scope="module")
def drifting():
    """Two numbers that tell the class, and a constant that is another at predict."""
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    X = pd.DataFrame(rng.standard_normal((400, 2)) + 4 * y[:, None] - 2)
    X["constant"] = 0.1
    X["b"] = rng.standard_normal(400)
    X.columns = X.columns.astype(str)
    later = X[300:].assign(constant=0.11)
    return X[:300], y[:300], later, y[300:]


@pytest.mark.parametrize("encoder", [SimpleImputer(), TabularEncoder()])
@pytest.mark.parametrize(
    "fusion",
    ["parallel", "feature", "sequential", FeatureFusion(head=LogisticRegression())],
    ids=["parallel", "feature", "sequential", "feature with a head"],
)
def test_a_constant_that_changes_costs_nothing(drifting, fusion, encoder):
    X, y, later, truth = drifting
    encoders = [("table", encoder), ("b", encoder)]
    columns = {"table": ["0", "1", "constant"], "b": ["b"]}
    clf = FusionClassifier(
        encoders,
        fusion,
        columns=columns,
        random_state=0,
        training=Training(max_epochs=15),
    ).fit(X, y)
    assert clf.score(later, truth) > 0.95


def test_bins_of_a_column_that_is_constant_but_for_rounding(drifting):
    X, _, later, _ = drifting
    noisy = 0.1 + 1e-17 * np.random.default_rng(0).integers(-9, 9, len(X))
    encoder = TabularEncoder(numeric="piecewise").fit(X.assign(constant=noisy))
    module = encoder.build()
    assert encoder.scale_[2] == 1
    numbers = encoder.transform(later)["numbers"]
    assert module.numbers(torch.from_numpy(numbers).float()).abs().max() < 10
