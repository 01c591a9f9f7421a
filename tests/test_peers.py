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
    found = run.run_fold("hand_made", sys.executable, fold, 120, None)
    assert found["accuracy"] > 0.5
    assert 0 < found["log_loss"] < 1
    assert found["kinds"] == ["text", "table"]
    assert found["peak_mb"] > 10
    rows = [
        run.summary("hand_made", "birds", [found]),
        run.summary("ours", "birds", []),
    ]
    rows[1] |= {"error": "not finished within 1 s"}
    table = run.page(rows)
    assert f'"birds", "hand_made", "text, table", "{found["accuracy"]:.3f}"' in table
    assert '"birds", "ours", "", "-", "-", "-", "not finished within 1 s"' in table
    assert "Versions: scikit-learn" in table


def test_time_limit_and_errors_are_said(run, fold):
    late = run.run_fold("hand_made", sys.executable, fold, 0.01, None)
    assert late == {"error": "not finished within 0 s"}
    (fold / "test.csv").unlink()
    assert (
        "test.csv" in run.run_fold("hand_made", sys.executable, fold, 60, None)["error"]
    )


def test_every_peer_says_what_it_requires(run):
    for peer in (*run.PEERS, *run.WEIGHTS):
        assert (PEERS / f"{peer}.py").is_file()
        assert run.requirements(peer)


def test_folds_are_written_as_files(run, tmp_path):
    from _export import export

    (fold,) = export("spoken_digits", tmp_path)
    train = pd.read_csv(fold / "train.csv")
    assert {"image", "audio", "text", "y"} == set(train)
    assert (tmp_path / train["image"][0]).is_file()
    assert (tmp_path / train["audio"][0]).is_file()
    kinds = json.loads((fold / "kinds.json").read_text())
    assert kinds == {"image": "image", "audio": "audio", "text": "text"}
