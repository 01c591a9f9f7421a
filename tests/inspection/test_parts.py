"""What the parts of a cell add: known answers, sums, and what is asked of the model."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skmultimodal import (
    DecisionFusion,
    FusionClassifier,
    FusionRegressor,
    ImageEncoder,
    TextEncoder,
    Training,
)
from skmultimodal.fusion import BaseFusion, FusionModel
from skmultimodal.inspection import explain_row, part_attributions

WORDS = "alpha beta gamma delta eps zeta eta theta iota kappa lam mu nu xi".split()


@pytest.fixture(scope="module")
def texts():
    """A linear model of counted words, its rows, and the weight of each word."""
    rng = np.random.default_rng(0)
    notes = [" ".join(rng.choice(WORDS, rng.integers(2, 14))) for _ in range(60)]
    X = pd.DataFrame({"note": notes, "size": rng.normal(size=60)})
    model = make_pipeline(CountVectorizer(), Ridge(0.1))
    encoders = [("note", model), ("size", make_pipeline(StandardScaler(), Ridge(0.1)))]
    truth = dict(zip(WORDS, rng.normal(size=len(WORDS)), strict=True))
    y = [sum(truth[word] for word in note.split()) for note in notes]
    fusion = DecisionFusion(rule="mean", weights={"note": 3, "size": 1})
    reg = FusionRegressor(encoders, fusion, columns={"size": ["size"]}).fit(X, y)
    fitted = reg.fusion_.models[0]["note"].fitted
    vectorizer, ridge = fitted[0], fitted[1]
    coef = dict(zip(vectorizer.get_feature_names_out(), ridge.coef_, strict=True))
    return reg, X, coef


def test_words_of_a_linear_model_have_its_weights(texts):
    reg, X, coef = texts
    found = part_attributions(reg, X[:20], "note", random_state=0)
    assert {len(values) > 10 for values in found.values_} == {True, False}
    for note, values in zip(X["note"], found.values_, strict=False):
        assert list(values.index) == note.split()
        expected = [0.75 * coef[word] for word in note.split()]
        np.testing.assert_allclose(values, expected, atol=1e-9)
    np.testing.assert_allclose(found.full_, reg.predict(X[:20]))
    table = found.to_frame()
    assert list(table.columns) == ["row", "part", "value", "error"]
    np.testing.assert_allclose(table["error"], 0, atol=1e-9)  # it is additive


def test_an_absent_modality_in_place_of_an_empty_cell_adds_a_constant(texts):
    reg, X, _ = texts
    one = X[:1].assign(note="alpha beta gamma mu")
    blank = part_attributions(reg, one, "note", random_state=0)
    absent = part_attributions(reg, one, "note", empty="absent", random_state=0)
    without = reg.predict(one.assign(note=None))
    assert absent.base_.iloc[0] == pytest.approx(without[0])
    gap = absent.values_[0].to_numpy() - blank.values_[0].to_numpy()
    change = (blank.base_.iloc[0] - without[0]) / len(gap)
    np.testing.assert_allclose(gap, change, atol=1e-9)


@pytest.fixture(scope="module")
def quadrants():
    """Images of noise whose lower left quadrant is bright in one of the classes."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 80)
    images = rng.integers(0, 100, (80, 8, 8)).astype(np.uint8)
    images[:, 4:, :4] += (100 * y[:, None, None]).astype(np.uint8)
    return images, y


def flat(images):
    return np.asarray(images, dtype=float).reshape(len(images), -1)


def test_an_image_with_one_informative_quadrant(quadrants):
    images, y = quadrants
    model = make_pipeline(
        FunctionTransformer(flat), StandardScaler(), LogisticRegression(C=0.01)
    )
    clf = FusionClassifier([("image", model)], fusion="decision").fit(
        {"image": images}, y
    )
    X = {"image": images[y == 1][:10]}
    found = part_attributions(clf, X, "image", grid=(2, 2), target=1)
    sizes = np.abs(found.values_)
    assert (sizes.argmax(axis=1) == 2).all()
    assert sizes[:, 2].mean() > 3 * sizes[:, [0, 1, 3]].mean()
    np.testing.assert_allclose(
        np.sum(found.values_, axis=1), found.full_ - found.base_, atol=1e-9
    )
    # a linear model: the score is a sum over the pixels
    segments = np.repeat(np.repeat([[0, 1], [2, 3]], 4, axis=0), 4, axis=1)
    same = part_attributions(clf, X, "image", segments=segments, target=1)
    np.testing.assert_allclose(same.values_, found.values_)
    by_rule = part_attributions(
        clf, X, "image", segments=lambda image: segments, target=1
    )
    np.testing.assert_allclose(by_rule.values_, found.values_)
    with pytest.raises(ValueError, match=r"one label a pixel, of shape \(8, 8\)"):
        part_attributions(clf, X, "image", segments=segments[:4])


def test_gradients_of_a_network_find_the_quadrant_too(quadrants):
    images, y = quadrants
    clf = FusionClassifier(
        [("image", ImageEncoder((8,), 16))],
        "parallel",
        training=Training(max_epochs=15),
        random_state=0,
    ).fit({"image": images}, y)
    X = {"image": images[y == 1][:10]}
    options = {"grid": (2, 2), "target": 1}
    found = part_attributions(clf, X, "image", method="gradients", **options)
    with torch.inference_mode():
        inside = part_attributions(clf, X, "image", method="gradients", **options)
    np.testing.assert_array_equal(inside.values_, found.values_)
    exact = part_attributions(clf, X, "image", **options)
    assert (np.abs(found.values_).argmax(axis=1) == 2).mean() >= 0.9
    np.testing.assert_allclose(found.base_, exact.base_, atol=1e-4)
    np.testing.assert_allclose(found.full_, exact.full_, atol=1e-4)
    gaps = found.full_ - found.base_
    np.testing.assert_allclose(np.sum(found.values_, axis=1), gaps, atol=1e-6)
    assert np.corrcoef(np.ravel(found.values_), np.ravel(exact.values_))[0, 1] > 0.9


def test_several_images_of_a_cell_are_its_parts(quadrants):
    images, y = quadrants
    colour = images[:, :, :, None].repeat(3, axis=3)
    cells = [[image, np.full_like(image, 50)] for image in colour]
    X = pd.DataFrame({"shots": cells})
    clf = FusionClassifier(fusion="decision", random_state=0).fit(X, y)
    found = part_attributions(clf, X[:4], "shots")
    assert list(found.values_[0].index) == ["image 0", "image 1"]
    gaps = found.full_ - found.base_
    np.testing.assert_allclose(np.sum(found.values_, axis=1), gaps)


def loudness(sounds):
    """Return the energy of each of 32 frames of every sound."""
    waves = np.stack([np.asarray(sound, dtype=float) for sound in sounds])
    return np.square(waves).reshape(len(waves), 32, -1).mean(axis=2)


def test_a_sound_with_one_informative_second():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 60)
    waves = 0.1 * rng.normal(size=(60, 4 * 1600)).astype(np.float32)
    waves[:, 3200:4800] *= 1 + 2 * y[:, None]  # the third second
    model = make_pipeline(FunctionTransformer(loudness), LogisticRegression(C=100))
    X = {"sound": np.array([*map(np.array, waves), None], dtype=object)[:-1]}
    clf = FusionClassifier([("sound", model)], fusion="decision").fit(X, y)
    few = {"sound": X["sound"][:8]}
    found = part_attributions(clf, few, "sound", windows=4, target=1)
    sizes = np.abs(found.values_)
    assert (sizes.argmax(axis=1) == 2).mean() >= 0.8
    assert sizes[:, 2].mean() > 3 * sizes[:, [0, 1, 3]].mean()
    assert found.values_[0].index[2] == "samples 3200-4800"


class Parity(BaseFusion):
    """Says 1 where one of two things holds: a red word, a bright quadrant."""

    def __init__(self, weights="uniform"):
        self.weights = weights

    def fit_model(self, problem):
        return ParityModel(problem)


class ParityModel(FusionModel):
    n_features = 1

    def __init__(self, problem):
        self.names, self.encoders = problem.names, problem.encoders
        self.weights = dict.fromkeys(self.names, 0.5)

    def response(self, cells, present):
        red = np.array([("red" in c) - float("blue" in c) for c in cells["note"]])
        corner = np.array([np.mean(c[:4, 4:]) for c in cells["image"]])
        rest = np.array([np.mean(c[4:]) for c in cells["image"]])
        bright = np.where(corner > rest + 50, 1, np.where(corner < rest - 50, -1, 0))
        ones = 0.5 - 0.4 * red * bright * present.all(axis=1)
        return np.column_stack([1 - ones, ones])

    def scores(self, cells, present):
        return np.log(self.response(cells, present))

    def embedding(self, cells, present):
        return self.response(cells, present)[:, 1:]


@pytest.mark.parametrize("empty", ["blank", "absent"])
def test_xor_is_shared_by_the_two_parts_that_tell_it_together(empty):
    word, bright = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    images = np.full((4, 8, 8), 100, dtype=np.uint8)
    images[:, :4, 4:] = np.where(bright, 200, 0)[:, None, None]
    notes = [f"the {'red' if w else 'blue'} one" for w in word]
    X = {"image": images, "note": np.array(notes, dtype=object)}
    encoders = [("image", ImageEncoder()), ("note", TextEncoder())]
    clf = FusionClassifier(encoders, Parity()).fit(X, word ^ bright)
    assert clf.score(X, word ^ bright) == 1
    options = {"grid": (2, 2), "output": "probability", "empty": empty}
    for row in range(4):
        one = {name: cells[[row]] for name, cells in X.items()}
        found = explain_row(clf, one, **options)
        assert (found.base_, found.full_) == pytest.approx((0.5, 0.9))
        image, note = found.parts_["image"], found.parts_["note"]
        expected = {"row 0, column 1": 0.2, "red": 0.2, "blue": 0.2}
        for part, value in [*image.items(), *note.items()]:
            assert value == pytest.approx(expected.get(part, 0), abs=1e-12)
        assert found.modalities_.to_dict() == pytest.approx({"image": 0.2, "note": 0.2})
        # with the image as it is, the word decides alone
        alone = part_attributions(clf, one, "note", **options)
        assert list(alone.values_[0]) == pytest.approx([0, 0.4, 0], abs=1e-12)


@pytest.fixture(scope="module")
def strikes(birdstrikes_small):
    X, y = birdstrikes_small
    return FusionClassifier(random_state=0).fit(X[:150], y[:150]), X, y


@pytest.mark.slow
def test_columns_of_a_table_are_missing_where_that_is_known(strikes):
    clf, X, _ = strikes
    found = part_attributions(clf, X[:3], "table")
    columns = clf.columns_["table"]
    assert list(found.values_[0].index) == list(columns)
    none = X[:3].copy()
    for column in columns[1:]:
        none[column] = None
    only = clf.fusion_.response(*clf.reader_.read(none))
    centred = clf.task_.centred(only)
    assert np.isfinite(centred).all()
    for values, base, full in zip(found.values_, found.base_, found.full_, strict=True):
        assert values.sum() == pytest.approx(full - base)


def test_columns_are_typical_where_gaps_are_refused():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=40), "b": rng.normal(size=40)})
    y = 2 * X["a"] - X["b"]
    model = make_pipeline(StandardScaler(), Ridge(1e-9))
    reg = FusionRegressor(
        [("table", model)], "decision", columns={"table": ["a", "b"]}
    ).fit(X, y)
    # StandardScaler takes gaps, Ridge does not: what reads the cells decides
    reg = FusionRegressor(
        [("table", Ridge(1e-9))], "decision", columns={"table": ["a", "b"]}
    ).fit(X, y)
    found = part_attributions(reg, X, "table")
    expected = (X - X.median()) * [2, -1]
    np.testing.assert_allclose(found.values_, expected, atol=1e-6)
    with pytest.raises(ValueError, match="Pass 'background'"):
        part_attributions(reg, X[:1], "table")
    one = part_attributions(reg, X[:1], "table", background=X)
    np.testing.assert_allclose(one.values_[0], found.values_[0])


@pytest.mark.slow  # it compiles for half a minute
def test_equal_to_the_exact_values_of_shap():
    shap = pytest.importorskip("shap")
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 5)), columns=list("abcde"))
    y = (X["a"] * X["b"] + X["c"] > 0).astype(int)
    tree = DecisionTreeClassifier(max_depth=4, random_state=0)  # takes gaps
    clf = FusionClassifier(
        [("table", tree)], "decision", columns={"table": list("abcde")}
    )
    clf.fit(X, y)
    options = {"output": "probability", "target": 1, "empty": "absent"}
    found = part_attributions(clf, X[:5], "table", **options)

    def ask(values):
        return clf.predict_proba(pd.DataFrame(values, columns=X.columns))[:, 1]

    masker = shap.maskers.Independent(np.full((1, 5), np.nan), max_samples=1)
    exact = shap.explainers.Exact(ask, masker)(X[:5].to_numpy())
    np.testing.assert_allclose(found.values_, exact.values, atol=1e-9)


class Counting(TransformerMixin, BaseEstimator):
    """Lengths of texts; counts the cells that it was given."""

    def fit(self, cells, y=None):
        self.n_seen_ = 0
        return self

    def transform(self, cells):
        self.n_seen_ += len(cells)
        return np.array([[len(cell)] for cell in cells], dtype=float)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def test_each_cell_is_encoded_once():
    X = pd.DataFrame({"a": ["one two six"] * 30, "b": ["x y", "zz"] * 15})
    models = [(n, make_pipeline(Counting(), LogisticRegression())) for n in "ab"]
    clf = FusionClassifier(models, DecisionFusion("mean", weights="uniform"))
    clf.fit(X, [0, 1] * 15)
    steps = {name: clf.encoders_[name][0] for name in "ab"}
    for step in steps.values():
        step.n_seen_ = 0
    part_attributions(clf, X[:4], "a")
    # the rows themselves, then every set of three words; of b the rows alone
    assert steps["a"].n_seen_ == 4 + 4 * 2**3
    assert steps["b"].n_seen_ == 4 + 4


def test_an_absent_cell_has_no_parts(texts):
    reg, X, _ = texts
    X = X[:2].assign(note=[None, "alpha"])
    found = part_attributions(reg, X, "note")
    assert len(found.values_[0]) == 0
    assert found.base_.iloc[0] == found.full_.iloc[0] == reg.predict(X)[0]
    with pytest.raises(ValueError, match="absent from row 0"):
        found.plot(0)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"modality": "sound"}, r"modalities \['note', 'size'\]. Got"),
        ({"method": "lime"}, r"'method' must be one of \('shapley', 'gradients'\)"),
        ({"method": "gradients"}, "needs a strategy trained as one network"),
        ({"output": "logit"}, "'output' must be one of"),
        ({"empty": "zero"}, "'empty' must be one of"),
        ({"windows": 0}, "'windows' must be an int >= 1. Got 0"),
        ({"n_orders": 1}, "'n_orders' must be an int >= 2. Got 1"),
    ],
)
def test_what_is_not_known_is_refused(texts, params, message):
    reg, X, _ = texts
    params = {"modality": "note"} | params
    with pytest.raises(ValueError, match=message):
        part_attributions(reg, X[:1], **params)
