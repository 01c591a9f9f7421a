"""The generators: shapes, seeds, and the accuracy that their text promises."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression, LogisticRegression

from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
    make_multimodal_xor,
)

GENERATORS = [
    make_multimodal_classification,
    make_multimodal_regression,
    make_multimodal_xor,
]


@pytest.mark.parametrize("make", GENERATORS)
def test_same_seed_same_data(make):
    X, y = make(random_state=1)
    same, y_same = make(random_state=1)
    other, _ = make(random_state=2)
    np.testing.assert_array_equal(X["m0"], same["m0"])
    np.testing.assert_array_equal(y, y_same)
    assert not np.array_equal(X["m0"], other["m0"])


@pytest.mark.parametrize("make", GENERATORS)
def test_frame_holds_the_blocks_side_by_side(make):
    X, y = make(random_state=0)
    frame, y_frame = make(random_state=0, as_frame=True)
    np.testing.assert_array_equal(frame, np.hstack(list(X.values())))
    np.testing.assert_array_equal(y_frame, y)
    assert list(frame.columns[9:11]) == ["m0_9", "m1_0"]


@pytest.mark.parametrize("make", GENERATORS)
def test_global_random_state_is_untouched(make):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make(random_state=0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_classification_reaches_the_promised_accuracy():
    X, y = make_multimodal_classification(
        20_000, class_sep=(1.0, 0.5, 0.0), noise=1.25, random_state=0
    )
    model = LinearDiscriminantAnalysis()
    for block, sep in zip(X.values(), (1.0, 0.5, 0.0), strict=True):
        assert model.fit(block, y).score(block, y) == pytest.approx(
            norm.cdf(sep / 1.25), abs=0.015
        )
    fused = np.hstack(list(X.values()))
    assert model.fit(fused, y).score(fused, y) == pytest.approx(
        norm.cdf(np.sqrt(1.25) / 1.25), abs=0.015
    )


def test_classification_distance_of_centres():
    X, y = make_multimodal_classification(
        30, n_classes=3, n_informative=7, class_sep=2.5, noise=0.0, random_state=3
    )
    centres = np.stack([X["m2"][y == k].mean(axis=0) for k in range(3)])
    squared = [
        ((centres[i] - centres[j]) ** 2).sum() for i, j in [(0, 1), (0, 2), (1, 2)]
    ]
    assert np.sqrt(np.mean(squared)) == pytest.approx(5.0)
    assert not centres[:, 7:].any()
    assert np.bincount(y).tolist() == [10, 10, 10]


@pytest.mark.parametrize("make", GENERATORS[:2])
def test_missing_blocks(make):
    X, _ = make(4000, missing_rate=0.3, n_features=(2, 3, 4), n_informative=1)
    absent = np.stack([np.isnan(block).all(axis=1) for block in X.values()], axis=1)
    parts = np.stack([np.isnan(block).any(axis=1) for block in X.values()], axis=1)
    np.testing.assert_array_equal(absent, parts)  # whole blocks only
    assert absent.mean() == pytest.approx(0.3 - 0.3**3 / 3, abs=0.02)
    assert not absent.all(axis=1).any()


def test_regression_reaches_the_promised_r2():
    X, y = make_multimodal_regression(20_000, noise=0.5, random_state=0)
    fused = np.hstack(list(X.values()))
    assert LinearRegression().fit(fused, y).score(fused, y) == pytest.approx(
        0.8, abs=0.01
    )
    for block in X.values():
        assert LinearRegression().fit(block, y).score(block, y) == pytest.approx(
            0.8 / 3, abs=0.02
        )


def test_regression_of_several_targets():
    _, y = make_multimodal_regression(50, n_targets=3, as_frame=True)
    assert list(y.columns) == ["target_0", "target_1", "target_2"]


@pytest.mark.parametrize("n_features", [(4, 7), (3, 3, 3)])
def test_xor_shows_in_interactions_only(n_features):
    X, y = make_multimodal_xor(4000, n_features=n_features, random_state=0)
    assert y.mean() == 0.5
    fused = np.hstack(list(X.values()))
    assert LogisticRegression().fit(fused, y).score(fused, y) < 0.56
    signs = []
    for block in X.values():  # the first principal axis tells the bit
        assert LogisticRegression().fit(block, y).score(block, y) < 0.54
        axis = np.linalg.svd(block, full_matrices=False)[2][0]
        signs.append(block @ axis > 0)
    parity = np.sum(signs, axis=0) % 2
    agreement = (parity == y).mean()
    assert max(agreement, 1 - agreement) > 0.98


def test_xor_flips_labels():
    _, y = make_multimodal_xor(1000, random_state=0)
    _, flipped = make_multimodal_xor(1000, flip_y=0.1, random_state=0)
    assert (y != flipped).mean() == 0.1


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (GENERATORS[0], {"n_features": (3, 3)}, "'n_features' .* 3, one for each"),
        (GENERATORS[0], {"n_informative": 11}, "fewest features of a modality, 10"),
        (GENERATORS[0], {"n_classes": 1}, "'n_classes' .* Got 1"),
        (GENERATORS[0], {"missing_rate": 1.5}, r"'missing_rate' .* \[0, 1\]"),
        (GENERATORS[0], {"n_modalities": 0}, "'n_modalities' .* Got 0"),
        (GENERATORS[1], {"n_targets": 0}, "'n_targets' .* Got 0"),
        (GENERATORS[2], {"n_features": (3,)}, "2 modalities or more"),
        (GENERATORS[2], {"flip_y": -0.1}, r"'flip_y' .* \[0, 1\]"),
    ],
)
def test_bad_arguments(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)
