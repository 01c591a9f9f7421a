"""The comparison of modalities, strategies and a baseline, and its command."""

import numpy as np
import pandas as pd
import pytest

from skmultimodal import FusionClassifier, FusionRegressor
from skmultimodal.__main__ import main
from skmultimodal.datasets import (
    make_multimodal_classification,
    make_multimodal_regression,
)
from skmultimodal.model_selection import compare_fusion


@pytest.fixture(scope="module")
def result():
    X, y = make_multimodal_classification(
        240, n_modalities=2, class_sep=1.0, random_state=0
    )
    clf = FusionClassifier(max_epochs=3, random_state=0)
    return compare_fusion(clf, X, y, strategies=["parallel", "decision"], cv=4)


def test_table(result):
    table = result.table_
    assert list(table["kind"]) == ["modality"] * 2 + ["strategy"] * 2 + ["baseline"]
    folds = table[[f"fold_{k}" for k in range(4)]].to_numpy()
    np.testing.assert_allclose(table["score"], folds.mean(axis=1))
    np.testing.assert_allclose(table["sd"], folds.std(axis=1, ddof=1))
    assert (table["fit_seconds"] > 0).all()
    assert table.set_index("name").loc["decision", "weights"].startswith("m0 ")


def test_gain_is_paired_over_folds(result):
    rows = result.table_.set_index("name")
    folds = [f"fold_{k}" for k in range(4)]
    best = max(("parallel", "decision"), key=lambda n: rows.loc[n, "score"])
    rival = max(("m0", "m1"), key=lambda n: rows.loc[n, "score"])
    difference = (rows.loc[best, folds] - rows.loc[rival, folds]).astype(float)
    gain = result.fusion_gain_
    assert gain.modality == rival
    assert gain.mean == pytest.approx(difference.mean())
    # Nadeau & Bengio: variance times (1 / folds + test / train rows)
    error = np.sqrt(difference.var() * (1 / 4 + 1 / 3))
    half = 3.182446 * error  # 97.5 % point of t with 3 degrees of freedom
    assert gain.high - gain.mean == pytest.approx(half, rel=1e-5)
    assert result.best_estimator_.fusion == best
    assert result.verdict().startswith(f"Best strategy: {best}.")


def test_regression():
    X, y = make_multimodal_regression(120, random_state=0)
    reg = FusionRegressor(max_epochs=3, random_state=0)
    table = compare_fusion(reg, X, y, strategies="decision", cv=2).table_
    assert (table["score"] > 0).all()


def test_unknown_strategy():
    X, y = make_multimodal_classification(random_state=0)
    with pytest.raises(ValueError, match="Unknown strategy 'paralel'"):
        compare_fusion(FusionClassifier(), X, y, strategies=["paralel"])


@pytest.fixture
def csv(tmp_path, birdstrikes_small):
    X, y = birdstrikes_small
    two = np.isin(y, y.value_counts().index[:2])
    path = tmp_path / "strikes.csv"
    X[["text", "height", "speed", "sky"]].assign(phase=y)[two].to_csv(path, index=False)
    return path


def test_command_writes_table_and_figure(csv, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--dataset", str(csv), "--target", "phase", "--strategies"]
    arguments += ["decision", "--cv", "2", "--n-jobs", "1", "--output", str(out)]
    assert main(arguments) == 0
    table = pd.read_csv(out / "comparison.csv")
    assert list(table["name"]) == ["text", "table", "decision", "hand-made stack"]
    assert (out / "comparison.png").stat().st_size > 10_000
    assert "Best strategy: decision." in capsys.readouterr().out


def test_command_says_at_once_what_to_install(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("skmultimodal.__main__.find_spec", lambda name: None)
    assert main(["--output", str(tmp_path)]) == 2
    assert "needs matplotlib and rich: pip install" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "emojis"], "unknown data set 'emojis'"),
        (["--dataset", "no.csv", "--target", "y"], "no file 'no.csv'"),
        (["--dataset", "CSV"], "--target is needed"),
        (["--dataset", "CSV", "--target", "fase"], "no column 'fase'"),
        (
            ["--dataset", "CSV", "--target", "phase", "--strategies", "both"],
            "Unknown strategy 'both'",
        ),
        (["--cv", "1"], "--cv must be at least 2"),
        (["--output", "CSV"], "cannot write to --output"),
    ],
)
def test_command_says_what_does_not_exist(arguments, message, csv, capsys):
    given = [str(csv) if a == "CSV" else a for a in arguments]
    assert main(given) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
