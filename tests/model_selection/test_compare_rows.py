"""Rows of a comparison: candidates that fail, equal ones, and what is said of them."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from skmultimodal import DecisionFusion, FusionClassifier, load
from skmultimodal.__main__ import main
from skmultimodal.datasets import make_multimodal_classification
from skmultimodal.model_selection import FusionComparison, compare_fusion

MODELS = [("m0", LogisticRegression()), ("m1", LogisticRegression())]


def compare(strategies, **params):
    X, y = make_multimodal_classification(90, n_modalities=2, random_state=0)
    clf = FusionClassifier(MODELS, random_state=0)
    return compare_fusion(
        clf, X, y, strategies=strategies, cv=3, baseline=False, **params
    )


def test_a_candidate_that_fails_is_a_row():
    uniform = DecisionFusion(weights="uniform")
    with pytest.warns(UserWarning, match="'feature' failed and has no score: Type"):
        result = compare(["feature", uniform])
    rows = result.table_.set_index("name")
    assert np.isnan(rows.loc["feature", "score"])
    assert "complete model needs fusion='decision'" in rows.loc["feature", "error"]
    assert result.best_estimator_.fusion.weights == "uniform"
    assert (rows["error"] != "").sum() == 1
    assert "error" in repr(result)
    page = result.to_html()
    assert re.search(r'<td class="failed" colspan="7">failed: TypeError', page)
    with pytest.raises(ValueError, match=r"No strategy could be compared\. 'feature'"):
        compare(["feature"])


def hand_made(folds, parameters):
    table = pd.DataFrame(
        {
            "kind": ["modality", "strategy", "strategy"],
            "name": ["text", "large", "small"],
            "score": np.mean(folds, axis=1),
            "sd": np.std(folds, axis=1, ddof=1),
            "fit_seconds": 1.0,
            "predict_seconds": 1.0,
            "parameters": parameters,
            "megabytes": 1.0,
            "weights": "",
            "error": "",
        }
    )
    for k, scores in enumerate(np.transpose(folds)):
        table[f"fold_{k}"] = scores
    return FusionComparison(table, None, 0.5, "accuracy", 99)


def test_of_equal_scores_the_smaller_strategy_is_best():
    folds = [[0.5, 0.6], [0.7, 0.8], [0.8, 0.7]]
    found = hand_made(folds, [1, 900, 10]).verdict()
    assert found.startswith("Best strategy: small. ")
    assert hand_made(folds, [1, 10, np.nan])._best_name() == "large"


def test_no_interval_of_nothing():
    same = hand_made([[0.5, 0.6]] * 3, [1, 2, 3]).verdict()
    assert same == (
        "Best strategy: large. No clear gain from fusion: it scores like text alone in "
        "every fold."
    )
    ahead = hand_made([[0.5, 0.25], [0.75, 0.5], [0.0, 0.0]], [1, 2, 3]).verdict()
    assert ahead.endswith("+0.250 accuracy over text alone (the same in every fold).")
    unlike = hand_made([[0.5, 0.6], [0.7, 0.7], [0.0, 0.0]], [1, 2, 3]).verdict()
    assert "95 % interval -" in unlike


def test_scores_of_classes_are_named_by_class():
    X, _ = make_multimodal_classification(60, n_modalities=2, random_state=0)
    clf = FusionClassifier(MODELS, DecisionFusion(weights="uniform"))
    clf.fit(X, np.array(["chair", "lamp", "table"])[np.arange(60) % 3])
    names = clf.get_feature_names_out()
    assert list(names[:3]) == ["m0__chair", "m0__lamp", "m0__table"]
    assert clf.set_output(transform="pandas").transform(X).shape == (60, len(names))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("command")
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    frame = pd.DataFrame(
        {
            "note": np.where(y, "a very good meal", "a cold and salty meal"),
            "price": [f"{v:.2f} €".replace(".", ",") for v in rng.uniform(1, 9, 60)],
            "stars": np.where(y, "high", "low"),
        }
    )
    frame["note"] += [f" at table {i}" for i in range(60)]
    frame[:48].to_csv(folder / "train.csv", index=False)
    frame[48:].drop(columns="stars").to_csv(folder / "new.csv", index=False)
    return folder, frame["stars"][48:].to_numpy()


def test_command_saves_and_predicts(files, capsys):
    folder, y = files
    arguments = [
        "--dataset",
        str(folder / "train.csv"),
        "--target",
        "stars",
        "--cv",
        "2",
    ]
    arguments += ["--strategies", "decision", "--n-jobs", "1", "--output", str(folder)]
    model, new = str(folder / "model.zip"), str(folder / "new.csv")
    assert main([*arguments, "--save", model, "--predict", new]) == 0
    told = capsys.readouterr().out
    assert told.startswith("loading ")
    assert "0/8 fits: note, table, decision, hand-made stack" in told
    assert re.search(r"8/8 table, fold 1: \d\.\d{3} \(\d+ s\)", told)
    found = pd.read_csv(folder / "predictions.csv")
    assert list(found["prediction"]) == list(y)
    np.testing.assert_allclose(found.filter(like="probability").sum(axis=1), 1)
    np.testing.assert_array_equal(load(model).predict(pd.read_csv(new)), y)
    (folder / "predictions.csv").unlink()
    later = ["--model", model, "--predict", new, "--output", str(folder)]
    assert main(later) == 0
    assert list(pd.read_csv(folder / "predictions.csv")["prediction"]) == list(y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "none.zip"], "--model needs --predict FILE"),
        (["--model", "none.zip", "--predict", "none.csv"], "no file 'none.csv'"),
        (["--predict", "none.csv"], "no file 'none.csv'"),
    ],
)
def test_command_refuses_what_does_not_fit_together(arguments, message, capsys):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_command_speaks_at_once():
    command = [sys.executable, "-m", "skmultimodal", "--dataset", "none.csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("loading ")
        process.kill()
