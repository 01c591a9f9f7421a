"""Every strategy on data whose answer is known: what must not matter does not.

A few of them run by default, all the others with ``-m slow``.
"""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, zero_one_loss
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder

from skmultimodal import (
    AutoFusion,
    CooperativeFusion,
    DecisionFusion,
    FusionClassifier,
    FusionRegressor,
    TabularEncoder,
    Training,
)
from skmultimodal.fusion._auto import FUSIONS
from skmultimodal.fusion.rules._classification import RULES
from skmultimodal.model_selection import compare_fusion

RULES_OF = [f"decision {rule}" for rule in RULES]
APART = ["decision", *RULES_OF, "canonical", "cooperative", "kernel"]
NETWORKS = ["staged", *(name for name in FUSIONS if name not in APART)]
QUICK = {"decision", "decision mean", "decision stacking", "canonical", "parallel"}
# rules whose probabilities are shares of votes or of distances, without a prior
VOTES = {f"decision {r}" for r in ("majority", "weighted_vote", "borda")}
NO_PRIOR = VOTES | {"decision decision_template"}
# and those that multiply evidence, or take the worst, whatever its worth
CREDULOUS = NO_PRIOR | {"decision product", "decision min"}


def every(names=(*APART, *NETWORKS)):
    """Return cases of strategies and rules."""
    slow = [pytest.param(n, marks=pytest.mark.slow) for n in names if n not in QUICK]
    return pytest.mark.parametrize("name", [*(n for n in names if n in QUICK), *slow])


def fusion(name, a=None, b=None, *, class_weight=None, seed=0, **training):
    """Return a fusion of numbers `a` and `b`, linear before they meet."""
    steps = {"a": a or SimpleImputer(), "b": b or SimpleImputer()}
    strategy, *rule = name.split()
    if strategy == "decision":
        strategy = DecisionFusion(*rule)
        linear = (StandardScaler(), LogisticRegression())
        steps = {key: make_pipeline(step, *linear) for key, step in steps.items()}
    if strategy == "cooperative":  # its choice of rho takes 10 s with three classes
        strategy = CooperativeFusion(rho=0.5)
    training = {"weight_decay": 0.0, "lr": 0.01} | training
    if strategy == "staged":
        strategy, training["mode"] = "parallel", "staged"
    return FusionClassifier(
        list(steps.items()),
        strategy,
        class_weight=class_weight,
        random_state=seed,
        training="joint" if name in APART else Training(**training),
    )


def halves(X):
    """Return the columns as two modalities of half as many each."""
    middle = X.shape[1] // 2
    return {"a": X[:, :middle], "b": X[:, middle:]}


def without_signal(n, n_positive):
    rng = np.random.default_rng(0)
    y = np.zeros(n, dtype=int)
    y[rng.permutation(n)[:n_positive]] = 1
    return halves(rng.standard_normal((n, 4))), y


def three_classes(n=240):
    """Return rows of three classes that the columns 0 and 2 tell, each alone."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, n)
    centres = np.array([[0, 4], [4, 0], [-4, -4]])
    X = rng.standard_normal((n, 4))
    X[:, [0, 2]] += centres[y]
    return X, y


@every(APART)
def test_balanced_classes_have_even_probabilities(name):
    X, y = without_signal(1500, 75)
    clf = fusion(name, class_weight="balanced").fit(X, y)
    assert clf.predict_proba(X)[:, 1].mean() == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("batch_size", [16, 64, 400])
@every(NETWORKS)
def test_balanced_classes_have_even_probabilities_in_batches(name, batch_size):
    """Where the loss is least, the weighted mean of p is that of y."""
    X, y = without_signal(400, 20)
    epochs, lr = {16: (4, 0.01), 64: (12, 0.01), 400: (30, 0.02)}[batch_size]
    options = {"batch_size": batch_size, "max_epochs": epochs, "lr": lr}
    clf = fusion(name, class_weight="balanced", modality_dropout=0.0, **options)
    proba = clf.fit(X, y).predict_proba(X)[:, 1]
    mean = (proba[y == 0].mean() + proba[y == 1].mean()) / 2
    assert mean == pytest.approx(0.5, abs=0.07)


@every()
def test_a_weight_of_two_is_a_row_twice_below_full_batch(name):
    """In expectation over seeds: both give two thirds where there is no signal."""
    X, y = without_signal(160, 80)
    weight = 1 + y
    twice = np.repeat(np.arange(160), weight)
    options = {"batch_size": 16, "max_epochs": 6, "modality_dropout": 0.0, "lr": 0.02}
    means = []
    for seed in range(1 if name in APART else 2):
        clf = fusion(name, seed=seed, **options)
        weighted = clf.fit(X, y, sample_weight=weight).predict_proba(X)[twice, 1]
        repeated = {key: rows[twice] for key, rows in X.items()}
        proba = clf.fit(repeated, y[twice]).predict_proba(X)[twice, 1]
        means.append((weighted.mean(), proba.mean()))
    weighted, repeated = np.mean(means, axis=0)
    if name not in NO_PRIOR:
        assert weighted == pytest.approx(2 / 3, abs=0.07)
    assert repeated == pytest.approx(weighted, abs=0.05)


@every()
def test_categories_that_are_noise_cost_little(name):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 600)
    informative = rng.standard_normal((600, 2)) + y[:, None]
    train, test = slice(0, 300), slice(300, None)
    losses = []
    for noise, encoder in (
        (rng.standard_normal((600, 1)), None),
        (rng.integers(0, 200, (600, 1)).astype(str).astype(object), TargetEncoder()),
    ):
        X = {"a": informative, "b": noise}
        clf = fusion(name, b=encoder, max_epochs=10)
        clf.fit({key: rows[train] for key, rows in X.items()}, y[train])
        proba = clf.predict_proba({key: rows[test] for key, rows in X.items()})
        if name == "decision weighted_vote":  # its log loss is that of its zeros
            losses.append(zero_one_loss(y[test], proba[:, 1] > 0.5))
        else:
            losses.append(log_loss(y[test], proba))
    assert losses[1] < losses[0] + 0.06


@every([name for name in APART if name not in CREDULOUS | {"canonical"}])
def test_columns_chosen_among_noise_are_not_believed(name):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 1100)
    X = {"a": rng.standard_normal((1100, 500)), "b": rng.standard_normal((1100, 2))}
    clf = fusion(name, a=SelectKBest(k=10))
    clf.fit({key: rows[:100] for key, rows in X.items()}, y[:100])
    proba = clf.predict_proba({key: rows[100:] for key, rows in X.items()})
    assert log_loss(y[100:], proba) < np.log(2) + 0.05


@every()
def test_constant_duplicated_and_huge_columns_cost_nothing(name):
    X, y = three_classes()
    train, test = slice(0, 120), slice(120, None)
    odd = np.column_stack([X[:, 0], X[:, 0], X[:, 1] * 1e6, np.full(240, 0.1)])
    odd[test, 3] = 0.11
    X = {"a": odd, "b": X[:, 2:]}
    clf = fusion(name, max_epochs=15)
    clf.fit({key: rows[train] for key, rows in X.items()}, y[train])
    proba = clf.predict_proba({key: rows[test] for key, rows in X.items()})
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    assert (proba.argmax(axis=1) == y[test]).mean() > 0.9


@every()
def test_units_do_not_matter(name):
    X, y = three_classes(120)
    clf, groups = fusion(name, max_epochs=2), np.arange(120)  # else folds go by content
    plain = clf.fit(halves(X), y, groups=groups).predict_proba(halves(X))
    scaled = halves(X * [1, 2.0**20, 2.0**-20, 1])  # without rounding
    proba = clf.fit(scaled, y, groups=groups).predict_proba(scaled)
    np.testing.assert_allclose(proba, plain, rtol=1e-3, atol=1e-4)


def test_values_far_from_zero_keep_their_digits():
    rng = np.random.default_rng(0)
    X = {name: rng.normal(size=(80, 2)).astype(np.float32) for name in "ab"}
    y = X["a"][:, 0] + X["b"][:, 0].astype(np.float64)
    encoders = [(name, TabularEncoder()) for name in X]
    reg = FusionRegressor(encoders, "parallel", Training(max_epochs=5), random_state=0)
    plain, far = reg.fit(X, y).predict(X), clone(reg).fit(X, y + 1e9).predict(X)
    assert plain.dtype == far.dtype == np.float64
    np.testing.assert_allclose(far - 1e9, plain, atol=1e-4)


@every()
def test_permuted_classes_permute_the_probabilities(name):
    X, y = three_classes(120)
    X = halves(X)
    new = np.array([2, 0, 1])
    clf = fusion(name, max_epochs=15)
    plain = clf.fit(X, y).predict_proba(X)
    permuted = clf.fit(X, new[y]).predict_proba(X)[:, new]
    if name in APART:
        np.testing.assert_allclose(permuted, plain, atol=1e-3)
    else:  # of which the first weights differ by class
        assert (permuted.argmax(axis=1) == plain.argmax(axis=1)).mean() > 0.95
        assert np.abs(permuted - plain).mean() < 0.05


@every()
def test_permuted_rows_permute_the_probabilities(name):
    X, y = three_classes(120)
    X, order = halves(X), np.random.default_rng(0).permutation(120)
    mixed = {key: rows[order] for key, rows in X.items()}
    clf = fusion(name, max_epochs=15).fit(X, y)
    plain = clf.predict_proba(X)
    np.testing.assert_allclose(
        clf.predict_proba(mixed), plain[order], rtol=1e-4, atol=1e-6
    )
    other = clf.fit(mixed, y[order]).predict_proba(X)
    if name in APART:
        np.testing.assert_allclose(other, plain, atol=1e-3)
    else:  # of which the batches differ
        assert (other.argmax(axis=1) == plain.argmax(axis=1)).mean() > 0.95
        assert np.abs(other - plain).mean() < 0.05


@every()
def test_random_labels_score_at_chance(name):
    X, y = without_signal(200, 100)
    X = np.column_stack([X["a"], X["b"]])
    clf = fusion(name, max_epochs=5).set_params(columns={"a": [0, 1], "b": [2, 3]})
    assert abs(cross_val_score(clf, X, y, cv=5).mean() - 0.5) < 3 * np.sqrt(0.25 / 200)


@pytest.mark.slow
def test_no_reported_score_of_random_labels_is_above_chance():
    X, y = without_signal(200, 100)
    limit = 0.5 + 3 * np.sqrt(0.25 / 200)
    clf = fusion("parallel", max_epochs=5)
    strategies = ["parallel", "decision", "canonical"]
    table = compare_fusion(
        clf, X, y, strategies=strategies, baseline=False, cv=5
    ).table_
    assert (table["score"] < limit).all()
    searched = clone(clf).set_params(fusion=AutoFusion(strategies, scoring="accuracy"))
    report = searched.fit(X, y).fusion_report_
    assert report["nested_score"].max() < limit  # for it, the others are NaN
