"""Absent modalities: the report, the warning, the options and imputation."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from skmultimodal import (
    FusionClassifier,
    FusionRegressor,
    ParallelFusion,
    SequenceEncoder,
    SequentialFusion,
    TabularEncoder,
    TextEncoder,
    Training,
)
from skmultimodal.encoders._modules import MLP
from skmultimodal.fusion.joint._impute import GaussianImputer, UnrolledImputer
from skmultimodal.training._net import seeded
from skmultimodal.training._network import FusionNetwork
from tests.parameters import nested

PARTS = {"u": ["a", "b"], "v": ["c", "d"]}


def two_tables(fusion="parallel", make=FusionClassifier, **kwargs):
    params = {"max_epochs": 2, "random_state": 0, "columns": PARTS} | kwargs
    encoders = [(name, TabularEncoder((8,), 8)) for name in PARTS]
    return make(encoders, fusion, **nested(params))


@pytest.fixture(scope="module")
def numbers():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(80, 4)), columns=list("abcd"))
    return X, (X["a"] + X["c"] > 0).astype(int)


def without(X, rows, *names):
    """Return X without modalities in some rows."""
    lost = [column for name in names for column in PARTS[name]]
    out = X.copy()
    out.loc[rows, lost] = np.nan
    return out


# -- the report and the warning -----------------------------------------------------


def test_the_report_counts_patterns(numbers):
    X, y = numbers
    X = without(without(X, X.index[:20], "u"), X.index[20:30], "v")
    report = two_tables().fit(X, y).missing_report_
    assert list(report.index.names) == ["u", "v"]
    assert report["count"].to_dict() == {
        (True, True): 50,
        (False, True): 20,
        (True, False): 10,
    }
    np.testing.assert_allclose(report["share"], [0.625, 0.25, 0.125])


def test_the_report_adds_up_over_chunks(numbers):
    X, y = numbers
    clf = two_tables().partial_fit(X[:40], y[:40])
    clf.partial_fit(without(X[40:], X.index[40:45], "u"), y[40:])
    assert clf.missing_report_["count"].to_dict() == {
        (True, True): 75,
        (False, True): 5,
    }


@pytest.mark.parametrize("fusion", ["parallel", "decision"])
def test_a_new_pattern_warns_once(numbers, fusion):
    X, y = numbers
    clf = two_tables(fusion).fit(without(X, X.index[:20], "u"), y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.predict(without(X, X.index[:5], "u"))
        clf.predict(without(X, X.index[:5], "u", "v"))  # nothing: the prior
    odd = without(X, X.index[:5], "v")
    with pytest.warns(UserWarning, match=r"present modalities are \['u'\] alone"):
        clf.predict_proba(odd)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.predict_proba(odd)


def test_complete_rows_may_be_the_new_pattern(numbers):
    X, y = numbers
    X_half = without(without(X, X.index[::2], "u"), X.index[1::2], "v")
    clf = two_tables().fit(X_half, y)
    with pytest.warns(UserWarning, match=r"\['u', 'v'\]"):
        clf.predict(X)


# -- rows with nothing, and texts that mean nothing ---------------------------------


def test_rows_with_nothing_may_be_an_error(numbers):
    X, y = numbers
    nothing = without(X, X.index[[3, 7]], "u", "v")
    match = r"Row 3 has none of the modalities \['u', 'v'\] \(2 such rows"
    clf = two_tables(on_empty="raise")
    with pytest.raises(ValueError, match=match):
        clf.fit(nothing, y)
    clf.fit(without(X, X.index[3:9], "u"), y)
    with pytest.raises(ValueError, match=match):
        clf.predict(nothing)
    assert np.isfinite(clf.set_params(on_empty="prior").predict_proba(nothing)).all()


@pytest.mark.parametrize("missing_values", ["", ["", "n/a"]])
def test_texts_that_mean_absence(numbers, missing_values):
    X, y = numbers
    words = pd.Series(np.where(y == 1, "a red car", "two blue boats"))
    X = X[["a"]].assign(text=words.where(np.arange(80) % 4 > 0, ""))
    encoders = [("a", TabularEncoder((8,), 8)), ("text", TextEncoder())]
    where = {"a": ["a"]}
    clf = FusionClassifier(
        encoders, "parallel", columns=where, training=Training(max_epochs=2)
    )
    clf.set_params(random_state=0)
    report = clf.fit(X, y).missing_report_
    assert report["count"].to_dict() == {(True, True): 80}
    clf.set_params(missing_values=missing_values).fit(X, y)
    assert clf.missing_report_["count"].to_dict() == {
        (True, True): 60,
        (True, False): 20,
    }
    none = X.assign(text=X["text"].where(X["text"] != "", None))
    np.testing.assert_array_equal(clf.predict_proba(X), clf.predict_proba(none))


# -- imputation ---------------------------------------------------------------------


def test_dependent_embeddings_are_recovered():
    rng = np.random.default_rng(0)
    u = rng.normal(size=(2000, 3))
    mixing = rng.normal(size=(3, 5))
    v = u @ mixing + 1.0
    w = rng.normal(size=(2000, 2))
    imputer = GaussianImputer({"u": u, "v": v, "w": w})
    new = rng.normal(size=(6, 3))
    true = {"u": new, "v": new @ mixing + 1.0, "w": rng.normal(size=(6, 2))}
    true = {name: torch.from_numpy(value) for name, value in true.items()}
    present = torch.tensor(
        [[1, 1, 1], [1, 0, 1], [0, 1, 1], [1, 0, 0], [0, 0, 0], [0, 0, 1]]
    ).bool()
    given = {
        name: torch.where(present[:, m, None], value, 0.0)
        for m, (name, value) in enumerate(true.items())
    }
    out, filled = imputer(given, present)
    np.testing.assert_array_equal(filled.numpy().all(axis=1), [1, 1, 1, 1, 0, 1])
    np.testing.assert_allclose(out["v"][[1, 3]], true["v"][[1, 3]], atol=0.1)
    np.testing.assert_allclose(out["u"][2], true["u"][2], atol=0.1)
    np.testing.assert_allclose(out["w"][3], w.mean(axis=0), atol=0.15)
    np.testing.assert_allclose(out["v"][5], v.mean(axis=0), atol=0.25)
    for m, name in enumerate(true):
        here = present[:, m]
        assert torch.equal(out[name][here], true[name][here])
        assert not out[name][4].any()


def test_the_conditional_mean_by_numpy():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 4))
    imputer = GaussianImputer({"u": rows[:, :2], "v": rows[:, 2:]})
    C, z = imputer.covariance.numpy(), (rows - rows.mean(0)) / rows.std(0)
    expected = z[:, :2] @ np.linalg.inv(C[:2, :2]) @ C[:2, 2:]
    expected = expected * rows.std(0)[2:] + rows.mean(0)[2:]
    given = {"u": torch.from_numpy(rows[:, :2]), "v": torch.zeros(50, 2).double()}
    out, _ = imputer(given, torch.tensor([[True, False]]).expand(50, 2))
    np.testing.assert_allclose(out["v"], expected)


def test_weighted_rows_count_as_often():
    rng = np.random.default_rng(1)
    rows, often = rng.normal(size=(3000, 4)) @ rng.normal(size=(4, 4)), [1, 3]
    often = np.tile(often, 1500)

    def fitted(rows, weight=None):
        return GaussianImputer({"u": rows[:, :2], "v": rows[:, 2:]}, weight)

    weighted, repeated = fitted(rows, often), fitted(np.repeat(rows, often, axis=0))
    torch.testing.assert_close(weighted.mean, repeated.mean)
    torch.testing.assert_close(weighted.scale, repeated.scale)
    # but for the shrinkage, which counts rows
    torch.testing.assert_close(
        weighted.covariance, repeated.covariance, rtol=0, atol=5e-3
    )
    assert not np.allclose(weighted.mean, fitted(rows).mean, rtol=1e-3)


def test_rows_without_weight_are_not_learnt_from(numbers):
    X, y = numbers
    some = np.arange(len(y)) % 2
    X = without(X, X.index[some == 1], "u")
    with pytest.raises(ValueError, match="Got 0 such rows"):
        two_tables(missing="impute").fit(X, y, sample_weight=some)


def test_unrolled_imputation_is_the_same():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 6)) @ rng.normal(size=(6, 6))
    rows = {"u": rows[:, :2], "v": rows[:, 2:3], "w": rows[:, 3:]}
    imputer = GaussianImputer(rows)
    given = {name: torch.from_numpy(values) for name, values in rows.items()}
    present = torch.from_numpy(rng.random((60, 3)) < 0.5)
    filled, there = imputer(given, present)
    unrolled, also = UnrolledImputer(imputer)(given, present)
    torch.testing.assert_close(unrolled, filled)
    assert torch.equal(there, also)


def test_tokens_become_one_token():
    rng = np.random.default_rng(0)
    u = rng.normal(size=(400, 2))
    imputer = GaussianImputer({"u": u, "v": 2 * u})
    tokens = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [9.0, 9.0]]] * 2)
    mask = torch.tensor([[True, True, False]] * 2)
    given = {"u": (tokens, mask), "v": (torch.zeros(2, 2, 2), torch.ones(2, 2).bool())}
    out, _ = imputer(given, torch.tensor([[True, False], [True, True]]))
    assert out["v"][1].tolist() == [[True, False], [True, True]]
    np.testing.assert_allclose(out["v"][0][0, 0], [4.0, 6.0], atol=0.1)
    assert torch.equal(out["u"][0], tokens)


@pytest.mark.parametrize("fusion", ["parallel", "sequential", "feature", "attention"])
def test_impute_equals_mask_when_nothing_is_missing(numbers, fusion):
    X, y = numbers
    if fusion == "attention":
        from skmultimodal import AttentionFusion

        fusion = AttentionFusion()
    first, second = (
        two_tables(fusion, missing=missing).fit(X, y) for missing in ("mask", "impute")
    )
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    holes = without(X, X.index[:30], "u")
    mixed = second.predict_proba(holes)
    np.testing.assert_allclose(mixed[30:], second.predict_proba(X)[30:], atol=1e-6)
    assert np.abs(mixed[:30] - first.predict_proba(holes)[:30]).max() > 1e-4
    # from the row itself and from the training rows, not from other rows
    for row in (0, 40):
        np.testing.assert_allclose(
            second.predict_proba(holes[row : row + 1])[0], mixed[row], atol=1e-5
        )


@pytest.mark.parametrize("training", ["joint", "staged"])
def test_imputation_follows_what_modalities_share(training):
    """v is u mixed, and y depends on it: with v lost, imputing beats masking."""
    rng = np.random.default_rng(0)
    u = rng.normal(size=(300, 2))
    X = pd.DataFrame(np.hstack([u, u @ [[1.0, 0.5], [-0.5, 1.0]]]), columns=[*"abcd"])
    y = X["c"] * 2
    scalers = [(name, StandardScaler()) for name in PARTS]
    errors = {}
    for missing in ("mask", "impute"):
        reg = FusionRegressor(
            scalers,
            "parallel",
            columns=PARTS,
            missing=missing,
            random_state=0,
            training=Training(training, max_epochs=15),
        ).fit(X[:200], y[:200])
        full, part = X[200:], without(X[200:], X.index[200:], "u")
        with pytest.warns(UserWarning, match="No training row"):
            predicted = reg.predict(part)
        errors[missing] = np.mean((predicted - reg.predict(full)) ** 2)
    assert errors["impute"] < 0.5 * errors["mask"]


@pytest.mark.parametrize(
    "fusion", ["decision", SequentialFusion(mode="residual")], ids=["decision", "other"]
)
def test_imputation_is_refused_where_it_means_nothing(numbers, fusion):
    with pytest.raises(ValueError, match="missing='impute' fills in embeddings"):
        two_tables(fusion, missing="impute").fit(*numbers)


def test_imputation_needs_complete_rows(numbers):
    X, y = numbers
    X = without(without(X, X.index[1::2], "u"), X.index[::2], "v")
    with pytest.raises(ValueError, match="Got 0 such rows"):
        two_tables(missing="impute").fit(X, y)


def test_training_on_keeps_the_imputer_current(numbers):
    X, y = numbers
    clf = two_tables(missing="impute", warm_start=True).fit(X, y)
    before = clf.net_.module_.imputer.mean.clone()
    clf.fit(X, y)
    assert not torch.equal(before, clf.net_.module_.imputer.mean)


@pytest.mark.parametrize("absences", [False, True])
@pytest.mark.parametrize("p", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("n_modalities", [2, 3, 5])
def test_modality_dropout_hides_at_the_rate_of_its_docstring(n_modalities, p, absences):
    names = [f"m{m}" for m in range(n_modalities)]
    network = FusionNetwork(
        {name: lambda: MLP(1, 1) for name in names},
        lambda widths: ParallelFusion().build(widths, 2),
        modality_dropout=p,
    )
    present = torch.ones(60_000, n_modalities, dtype=bool)
    with seeded(0):
        if absences:
            present &= torch.rand(present.shape) < 0.6
        embeddings = {name: torch.zeros(len(present), 1) for name in names}
        kept = network._drop(embeddings, present if absences else None)
    sizes = present.sum(1)
    assert (kept <= present).all()
    assert (kept.any(1) == present.any(1)).all()
    for n in range(1, n_modalities + 1):
        rows = sizes == n
        if rows.sum() > 500:
            rate = 1 - kept[rows].sum().item() / present[rows].sum().item()
            error = 5 * (p * (1 - p) / rows.sum().item()) ** 0.5
            assert rate == pytest.approx(p - p**n / n, abs=error)


def test_modality_dropout_leaves_one_at_random():
    network = FusionNetwork(
        {name: lambda: MLP(3, 2) for name in "abc"},
        lambda widths: ParallelFusion().build(widths, 2),
        modality_dropout=0.5,
    )
    embeddings = {name: torch.zeros(8000, 2) for name in "abc"}
    present = torch.ones(8000, 3, dtype=bool)
    present[:4000, 2] = False
    present[0] = False
    with seeded(0):
        kept = network._drop(embeddings, present)
    assert not (kept & ~present).any()
    assert kept[1:].any(dim=1).all()
    # of two: both .25, and each alone half of the rest
    for names, share in (([1, 1, 0], 0.25), ([1, 0, 0], 0.375), ([0, 1, 0], 0.375)):
        found = (kept[1:4000] == torch.tensor(names, dtype=bool)).all(dim=1)
        assert found.float().mean().item() == pytest.approx(share, abs=0.03)
    shares = kept[4000:].float().mean(dim=0)  # .5, and .125 * a third that all would go
    np.testing.assert_allclose(shares, 0.5 + 0.125 / 3, atol=0.03)


def test_imputation_gives_each_row_its_own_weight_whatever_its_length():
    """Batches of sequences are made by length; weights stay with their rows."""
    random = np.random.default_rng(0)
    series = np.empty(60, dtype=object)
    series[:] = [random.normal(size=n) for n in random.permutation(60) + 3]
    X = {"series": series, "table": random.normal(size=(60, 2))}
    y, weight = np.arange(60) % 2, random.uniform(0.1, 3.0, 60)
    encoders = [("series", SequenceEncoder()), ("table", TabularEncoder())]
    training = Training(max_epochs=1, early_stopping=False)
    clf = FusionClassifier(
        encoders, "parallel", training, missing="impute", random_state=0
    ).fit(X, y, sample_weight=weight)
    names = clf.net_.module_.names
    embedded = np.hstack([clf.encode(X, name) for name in names])
    expected = np.average(embedded, axis=0, weights=weight)
    np.testing.assert_allclose(clf.net_.module_.imputer.mean, expected, atol=1e-5)
