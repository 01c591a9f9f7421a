"""Decision fusion: parity with scikit-learn, folds, presence, candidates."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch import NeuralNetClassifier

from skmultimodal import (
    ConformalFusionClassifier,
    DecisionFusion,
    FusionClassifier,
    FusionRegressor,
    MultimodalData,
    TextEncoder,
    Training,
)
from skmultimodal.data._folds import content_folds
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
    make_multimodal_xor,
)
from skmultimodal.fusion import LogPool, Stacking
from skmultimodal.fusion.rules._classification import RULES
from skmultimodal.fusion.rules._regression import REGRESSION_RULES


@pytest.fixture(scope="module")
def rows():
    """One frame of three blocks, as scikit-learn's own ensembles want it."""
    data, y = make_multimodal_classification(
        300, n_modalities=3, n_classes=3, class_sep=0.8, random_state=0
    )
    frames = {
        name: pd.DataFrame(values).add_prefix(f"{name}_")
        for name, values in data.items()
    }
    columns = {name: list(frame) for name, frame in frames.items()}
    return pd.concat(frames.values(), axis=1), y, columns


def by_hand(columns, model):
    """Return a pipeline a block, as one builds it without this library."""
    return [
        (name, make_pipeline(ColumnTransformer([("x", "passthrough", c)]), model))
        for name, c in columns.items()
    ]


def fused(columns, model, rule, weights="uniform", **kwargs):
    encoders = [(name, model) for name in columns]
    fusion = DecisionFusion(rule, weights, **kwargs)
    return FusionClassifier(encoders, fusion, columns=columns)


def test_mean_equals_soft_voting(rows):
    X, y, columns = rows
    ours = fused(columns, GaussianNB(), "mean").fit(X, y).predict_proba(X)
    voting = VotingClassifier(by_hand(columns, GaussianNB()), voting="soft").fit(X, y)
    np.testing.assert_allclose(ours, voting.predict_proba(X), rtol=1e-12)
    weights = {"m0": 1, "m1": 2, "m2": 5}
    ours = fused(columns, GaussianNB(), "mean", weights).fit(X, y).predict_proba(X)
    voting.set_params(weights=[1, 2, 5]).fit(X, y)
    np.testing.assert_allclose(ours, voting.predict_proba(X), rtol=1e-12)


def test_majority_equals_hard_voting_where_one_wins(rows):
    X, y, columns = rows
    ours = fused(columns, GaussianNB(), "majority").fit(X, y)
    votes = np.stack(
        [p.argmax(axis=1) for p in ours.predict_proba_per_modality(X).values()]
    )
    clear = (votes == votes[0]).sum(axis=0) != 1  # not three different votes
    clear |= votes[1] == votes[2]
    voting = VotingClassifier(by_hand(columns, GaussianNB())).fit(X, y)
    np.testing.assert_array_equal(ours.predict(X)[clear], voting.predict(X)[clear])


def test_stacking_equals_scikit_learns(rows):
    """The same folds and the same final model on log-probabilities."""
    X, y, columns = rows
    folds = list(StratifiedKFold(4).split(X, y))
    final = LogisticRegression(tol=1e-10, max_iter=1000)
    ours = fused(columns, GaussianNB(), Stacking(final), "cv", cv=folds).fit(X, y)
    logs = FunctionTransformer(lambda p: np.log(np.clip(p, 1e-7, 1)))
    stack = StackingClassifier(
        by_hand(columns, GaussianNB()), make_pipeline(logs, final), cv=folds
    ).fit(X, y)
    np.testing.assert_allclose(
        ours.predict_proba(X), stack.predict_proba(X), rtol=1e-4, atol=1e-6
    )


def test_stacking_passes_tables_through():
    """A final model that sees the tables solves XOR, which decisions cannot."""
    X, y = make_multimodal_xor(600, n_features=(4, 4), random_state=0)
    models = [(name, GaussianNB()) for name in X]
    forest = RandomForestClassifier(random_state=0)
    plain = FusionClassifier(models, DecisionFusion(Stacking(forest)))
    assert plain.fit(X[:400], y[:400]).score(X[400:], y[400:]) < 0.8
    rule = Stacking(forest, passthrough=("m0", "m1"))
    passed = FusionClassifier(models, DecisionFusion(rule))
    assert passed.fit(X[:400], y[:400]).score(X[400:], y[400:]) > 0.9
    passed.set_params(fusion__rule__passthrough=("m2",))
    with pytest.raises(ValueError, match=r"'passthrough' names \['m2'\]"):
        passed.fit(X, y)


def test_mean_of_values_equals_voting_regressor():
    X, y = make_multimodal_regression(200, n_modalities=2, random_state=0)
    reg = FusionRegressor([(n, Ridge()) for n in X], DecisionFusion("mean", "uniform"))
    joined = np.hstack([X["m0"], X["m1"]])
    split = X["m0"].shape[1]
    voting = VotingRegressor(
        [
            (name, make_pipeline(FunctionTransformer(lambda Z, c=c: Z[:, c]), Ridge()))
            for name, c in (("a", slice(0, split)), ("b", slice(split, None)))
        ]
    ).fit(joined, y)
    ours = reg.fit(X, y).predict(X)
    np.testing.assert_allclose(ours, voting.predict(joined), rtol=1e-10)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_predicts(rule, rows):
    X, y, columns = rows
    clf = fused(columns, GaussianNB(), rule, "cv").fit(X[:200], y[:200])
    proba = clf.predict_proba(X[200:])
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)
    best = max(
        (p.argmax(axis=1) == y[200:]).mean()
        for p in clf.predict_proba_per_modality(X[200:]).values()
    )
    assert clf.score(X[200:], y[200:]) > best - 0.1


@pytest.mark.parametrize("rule", REGRESSION_RULES)
def test_every_regression_rule_predicts(rule):
    X, y = make_multimodal_regression(200, random_state=0)
    models = [(name, Ridge()) for name in X]
    reg = FusionRegressor(models, DecisionFusion(rule)).fit(X[:150], y[:150])
    assert reg.score(X[150:], y[150:]) > 0.3


@pytest.mark.parametrize("rule", ["log_pool", "mean", "stacking"])
def test_several_labels(rule, rows):
    X, y, columns = rows
    labels = np.column_stack([y == 0, y > 0, y == 2]).astype(int)
    clf = fused(columns, GaussianNB(), rule, "cv").fit(X, labels)
    assert ((clf.predict(X) == labels).mean(axis=0) > 0.75).all()


def test_absent_modality_drops_its_term_and_nothing_gives_the_prior(rows):
    X, y, columns = rows
    clf = fused(columns, GaussianNB(), "log_pool", "cv").fit(X, y)
    gone = X.copy()
    gone.loc[:99, columns["m1"]] = np.nan
    gone.loc[:49, :] = np.nan
    prior = np.bincount(y) / len(y)
    proba = clf.predict_proba(gone)
    np.testing.assert_allclose(proba[:50], np.tile(prior, (50, 1)), rtol=1e-9)
    parts = clf.predict_proba_per_modality(X)
    scores = np.log(prior) + sum(
        clf.fusion_weights_[name]
        * (np.log(np.clip(parts[name], 1e-7, None)) - np.log(prior))
        for name in ("m0", "m2")
    )
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(proba[50:100], expected[50:100], rtol=1e-6)


def test_groups_never_leak(rows):
    X, y, columns = rows
    groups = np.arange(len(y)) // 3
    noise = np.random.default_rng(0).integers(0, 3, len(y) // 3)[groups]
    twins = X.iloc[groups * 3].reset_index(drop=True)
    near = fused(columns, KNeighborsClassifier(1), "mean", calibrate="temperature")
    for model in (
        near.fit(twins, noise, groups=groups),
        near.set_params(fusion__cv=GroupKFold(3)).fit(twins, noise, groups=groups),
    ):
        # seen as never right out of fold, the neighbours are trusted least
        assert model.predict_proba(twins).max(axis=1).mean() < 0.6


@pytest.mark.parametrize("calibrate", ["temperature", "sigmoid", "isotonic"])
def test_calibration_of_a_model_too_sure(calibrate, rows):
    X, y, columns = rows
    tree = RandomForestClassifier(3, random_state=0)
    raw = fused(columns, tree, "product").fit(X[:200], y[:200])
    calm = fused(columns, tree, "product", calibrate=calibrate).fit(X[:200], y[:200])
    before = log_loss(y[200:], raw.predict_proba(X[200:]))
    assert log_loss(y[200:], calm.predict_proba(X[200:])) < before / 2


def test_isotonic_is_calibrated_by_other_folds_and_warns():
    """One modality that tells and two of noise: calibration must not feed the noise."""
    losses = {None: [], "isotonic": []}
    for seed in range(4):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, 2, 1120)
        X = {name: rng.normal(size=(1120, 6)) for name in "abc"}
        X["a"][:, 0] += 2.4 * y
        train, test = np.arange(120), np.arange(120, 1120)
        for calibrate, found in losses.items():
            fusion = DecisionFusion(calibrate=calibrate)
            clf = FusionClassifier([(m, LogisticRegression()) for m in X], fusion)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                clf.fit({m: X[m][train] for m in X}, y[train])
            told = [str(w.message) for w in caught]
            few = any("the 120 rows that have modality 'a'" in text for text in told)
            assert few == (calibrate == "isotonic"), told
            proba = clf.predict_proba({m: X[m][test] for m in X})
            found.append(log_loss(y[test], proba))
    assert np.mean(losses["isotonic"]) < np.mean(losses[None]) + 0.12


def test_models_of_the_folds(rows):
    X, y, columns = rows
    one = {"m0": columns["m0"]}
    folds = list(StratifiedKFold(3).split(X, y))
    clf = fused(one, GaussianNB(), "mean", refit=False, cv=folds).fit(X, y)
    block = X[columns["m0"]]
    expected = np.mean(
        [GaussianNB().fit(block.iloc[a], y[a]).predict_proba(block) for a, _ in folds],
        axis=0,
    )
    np.testing.assert_allclose(clf.predict_proba(X), expected, rtol=1e-10)


def test_best_candidate_is_taken(rows):
    X, y, columns = rows
    encoders = [
        ("m0", [DummyClassifier(), GaussianNB()]),
        ("m1", GaussianNB()),
    ]
    clf = FusionClassifier(encoders, "decision", columns=columns)
    clf.set_params(columns={n: columns[n] for n in ("m0", "m1")}).fit(X, y)
    assert isinstance(clf.encoders_["m0"], GaussianNB)
    with pytest.raises(TypeError, match="Modality 'm0'"):
        clf.set_params(fusion="parallel").fit(X, y)


class Recorder(ClassifierMixin, BaseEstimator):
    """Remembers what it was given."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.seen_ = X
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def test_models_get_the_shape_they_expect(emoji_small, rows):
    X, y = emoji_small
    texts = make_pipeline(TfidfVectorizer(), LogisticRegression())
    clf = FusionClassifier(
        [("image", Recorder()), ("text", texts)], DecisionFusion("mean", "uniform")
    ).fit(X, y)
    seen = clf.encoders_["image"].seen_
    assert seen.shape == (200, 32 * 32 * 3)
    assert seen.dtype == np.float32
    table, y, columns = rows
    clf = fused(columns, Recorder(), "mean").fit(table, y)
    assert isinstance(clf.encoders_["m1"].seen_, pd.DataFrame)


def test_weights_a_model_cannot_take_name_the_modality(rows):
    X, y, columns = rows
    clf = fused({"m0": columns["m0"]}, KNeighborsClassifier(), "mean")
    with pytest.raises(ValueError, match=r"Modality 'm0'.*takes no sample_weight"):
        clf.fit(X, y, sample_weight=np.ones(len(y)))


class Net(torch.nn.Sequential):
    def __init__(self):
        super().__init__(torch.nn.Linear(10, 3), torch.nn.Softmax(dim=1))


def test_a_skorch_net_of_the_users_own(rows):
    X, y, columns = rows
    net = NeuralNetClassifier(Net, max_epochs=30, lr=0.1, train_split=None, verbose=0)
    labels = np.array(["a", "b", "c"])[y]
    clf = fused({"m2": columns["m2"]}, net, "mean").fit(X, labels)
    assert clf.score(X, labels) > 0.6


def test_parameters_of_a_rule_are_searched(rows):
    X, y, columns = rows
    clf = fused(columns, GaussianNB(), LogPool(), "cv")
    grid = {"fusion__rule__bias": [False, True], "fusion__rule__shrinkage": [0.01, 1]}
    search = GridSearchCV(clf, grid, cv=2).fit(X, y)
    assert search.best_estimator_.fusion.rule.bias in (False, True)


def test_a_class_of_one_row_leaves_no_folds_and_equal_weights():
    """One fold would hold out every row and leave none to learn from."""
    assert content_folds(np.array([4, 5, 6]), np.array([0, 0, 1])) is None
    assert content_folds(np.array([4, 5, 6, 6]), np.array([0, 0, 1, 1])) is None
    assert content_folds(np.array([4, 5, 6, 7]), np.array([0, 0, 1, 1])).max() == 1
    rng = np.random.default_rng(0)
    y = np.array([0] * 20 + [1])
    X = {
        "a": y[:, None] + 0.1 * rng.normal(size=(21, 1)),
        "b": rng.normal(size=(21, 1)),
    }
    encoders = [(name, LogisticRegression()) for name in X]
    clf = FusionClassifier(encoders, "decision").fit(X, y)
    assert clf.fusion_weights_ == {"a": 0.5, "b": 0.5}
    assert np.isfinite(clf.predict_proba(X)).all()


def test_groups_of_several_classes_are_dealt_by_the_rarest():
    groups = np.repeat(np.arange(30), 4)
    y = np.tile([0, 1, 2, 2], 30)
    y[groups == 7] = 1  # alone without class 0
    y[[0, 4, 8, 12, 16]] = 3
    fold = content_folds(groups, y)
    assert sorted(np.bincount(fold)) == [24] * 5
    assert all(len(np.unique(fold[groups == group])) == 1 for group in range(30))
    assert sorted(fold[y == 3]) == [0, 1, 2, 3, 4]
    order = np.random.default_rng(0).permutation(len(y))
    np.testing.assert_array_equal(content_folds(groups[order], y[order]), fold[order])
    y[y == 3] = 0
    y[0] = 3  # only one group holds it, which no fold that holds it out meets
    assert sorted(np.bincount(content_folds(groups, y))) == [24] * 5


def test_a_class_of_one_row_among_others_is_not_judged_by():
    rng = np.random.default_rng(0)
    y = np.tile([0, 1, 2], 40)
    X = {"a": y[:, None] + 0.3 * rng.normal(size=(120, 1)), "b": rng.normal(size=120)}
    X["b"] = X["b"][:, None]
    weights = []
    for first in (0, 3):
        y[0] = first
        clf = FusionClassifier([(n, LogisticRegression()) for n in X], "decision")
        weights.append(clf.fit(X, y).fusion_weights_)
    assert weights[1]["a"] == pytest.approx(weights[0]["a"], rel=0.1)
    assert weights[1]["a"] > 3 * weights[1]["b"]
    assert clf.predict_proba(X).shape == (120, 4)
    network = FusionClassifier(
        fusion="parallel", training=Training(max_epochs=1), random_state=0
    )
    assert network.fit(MultimodalData(X), y).fusion_.net.module_.backbone is not None
    for method in ("split", "cv+"):  # no set can be promised to hold it
        with pytest.raises(ValueError, match="two different ones of each class"):
            ConformalFusionClassifier(clf, method=method).fit(X, y)


def test_probabilities_of_32_bits_sum_to_one_in_64():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 5, 100)
    words = [
        f"word{a} word{b}" for a, b in zip(y, rng.integers(0, 9, 100), strict=True)
    ]
    X = MultimodalData(
        {"text": words, "block": rng.normal(size=(100, 30)).astype(np.float32)}
    )
    for encoder, training in (
        ("auto", "joint"),
        (TextEncoder(), Training(max_epochs=1)),
    ):
        clf = FusionClassifier({"text": encoder}, "decision", training).fit(X, y)
        found = clf.predict_proba_per_modality(X)
        for proba in (clf.predict_proba(X), *found.values()):
            assert proba.dtype == np.float64
            np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    alone = FusionClassifier({"block": "drop"}, "decision").fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log_loss(y, alone.predict_proba(X))
