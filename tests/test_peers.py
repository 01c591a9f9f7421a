"""The scripts that run peers on the same rows measure what they say."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

PEERS = Path(__file__).parents[1] / "benchmarks" / "peers"


@pytest.fixture
def run(monkeypatch):
    monkeypatch.syspath_prepend(str(PEERS))
    import run

    yield run
    sys.modules.pop("run")


@pytest.fixture
def fold(tmp_path, birdstrikes_small):
    X, y = birdstrikes_small
    two = np.isin(y, y.value_counts().index[:2])
    frame = X[["text", "height", "sky"]].assign(y=y)[two]
    folder = tmp_path / "fold_0"
    folder.mkdir()
    frame[:100].to_csv(folder / "train.csv", index=False)
    frame[100:160].to_csv(folder / "test.csv", index=False)
    kinds = {"text": "text", "height": "table", "sky": "table"}
    (folder / "kinds.json").write_text(json.dumps(kinds))
    return folder


@pytest.mark.slow
def test_one_fold_of_a_peer(run, fold):
    found = run.run_fold("hand_made", sys.executable, fold, 120)
    assert found["accuracy"] > 0.5
    assert 0 < found["log_loss"] < 1
    assert found["kinds"] == ["text", "table"]
    assert found["peak_mb"] > 10
    late = {"error": "not finished within 1 CPU s"}
    rows = [
        {"set": "birds", "peer": "hand_made", "folds": {"0": found}},
        {"set": "birds", "peer": "ours", "folds": {"0": late}},
    ]
    table = run.page(rows)
    assert f'"birds", "hand_made", "text, table", "{found["accuracy"]:.3f}"' in table
    assert '"birds", "ours", ""' + ', "\N{EN DASH}"' * 4 in table
    assert "- birds, ours: not finished within 1 CPU s" in table
    assert "Versions: scikit-learn" in table


def test_page_is_of_the_folds_that_all_rows_have(run):
    measured = {"log_loss": 0.5, "seconds": 1.0, "peak_mb": 100.0}
    measured |= {"kinds": ["text"], "versions": {"skrub": "0.11.0"}}
    folds = [measured | {"accuracy": score} for score in (0.5, 0.7, 0.9)]
    rows = [
        {"set": "birds", "peer": "one", "folds": dict(zip("012", folds, strict=True))},
        {"set": "birds", "peer": "two", "folds": {"1": folds[2], "0": folds[1]}},
    ]
    assert run.common(rows) == ["0", "1"]
    table = run.page(rows)
    assert "Means over 2 folds of five" in table
    # standard error of (0.7, 0.9): 0.1
    assert table.index('"two", "text", "0.800 ± 0.100"') < table.index(
        '"one", "text", "0.600 ± 0.100"'
    )


def test_time_limit_and_errors_are_said(run, fold):
    late = run.run_fold("hand_made", sys.executable, fold, 0.01)
    assert late == {"error": "not finished within 0 CPU s"}
    (fold / "test.csv").unlink()
    assert "test.csv" in run.run_fold("hand_made", sys.executable, fold, 60)["error"]


def test_limit_is_of_cpu_seconds(run, fold, tmp_path, monkeypatch):
    (tmp_path / "slow.py").write_text("""
from _peer import main

def fit_predict(train, y, test, kinds, limit):
    while True:
        pass

main(fit_predict, ("text",), [])
""")
    monkeypatch.setattr(run, "HERE", tmp_path)
    (tmp_path / "_peer.py").write_text((PEERS / "_peer.py").read_text())
    late = run.run_fold("slow", sys.executable, fold, 2)
    assert late == {"error": "not finished within 2 CPU s"}


def test_every_peer_says_what_it_requires(run):
    scripts = {path.stem for path in PEERS.glob("[!_]*.py")} - {"run"}
    assert scripts == set(run.PEERS)
    assert all(run.requirements(peer) for peer in run.PEERS)


def test_folds_are_written_as_files(run, tmp_path):
    from _export import export

    (fold,) = export("spoken_digits", tmp_path)
    train = pd.read_csv(fold / "train.csv")
    assert {"image", "audio", "text", "y"} == set(train)
    assert (tmp_path / train["image"][0]).is_file()
    assert (tmp_path / train["audio"][0]).is_file()
    kinds = json.loads((fold / "kinds.json").read_text())
    assert kinds == {"image": "image", "audio": "audio", "text": "text"}
