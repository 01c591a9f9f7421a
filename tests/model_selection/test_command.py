"""The command on files as people have them: targets, paths, separators, odd cells."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skmultimodal.__main__ import _target, _Unusable, main

N = 45
KIND = np.arange(N) % 3


def as_words(values, decimal=","):
    return [f"{value:.2f} €".replace(".", decimal) for value in values]


@pytest.mark.parametrize(
    ("values", "task", "expected"),
    [
        (np.where(KIND, "yes", "no"), "classification", np.where(KIND, "yes", "no")),
        (KIND + 1, "classification", KIND + 1),
        ([*np.arange(N - 1) / 8, None], "regression", np.arange(N - 1) / 8),
        (as_words(np.arange(N) / 4), "regression", np.arange(N) / 4),
        ([*as_words(np.arange(44) / 4), "n/a"], "regression", np.arange(44) / 4),
        (7 * np.arange(N), "regression", 7 * np.arange(N)),
        ([True, None, False, False] * 11, "classification", [True, False, False] * 11),
        (
            ["none", "crack", "dent"] * 15,
            "classification",
            ["none", "crack", "dent"] * 15,
        ),
    ],
)
def test_a_target_is_labels_or_values_by_what_it_holds(values, task, expected):
    y, found = _target(pd.Series(list(values), name="it"), None, 3)
    assert found == task
    assert y.tolist() == list(expected)
    assert y.to_numpy().dtype.kind in "iufbO"


def test_the_task_of_numbers_can_be_chosen():
    years = pd.Series(2020 + KIND, name="year")
    assert _target(years, "regression", 3)[1] == "regression"
    assert (
        _target(pd.Series(np.repeat([1.5, 2], 9)), "classification", 3)[0].nunique()
        == 2
    )


DATES = pd.Series(["2024-01-01", "2024-02-02"] * 9, name="day")
NOTES = pd.Series([f"note {i}" for i in range(9)], name="note")


@pytest.mark.parametrize(
    ("column", "task", "message"),
    [
        (
            DATES,
            None,
            "'day' holds dates, such as '2024-01-01'; turn them into numbers",
        ),
        (pd.to_datetime(DATES), None, "'day' holds dates"),
        (NOTES, "regression", "'note' holds no numbers, such as 'note 0'"),
        (
            NOTES,
            None,
            "'note' holds 9 different values in 9 rows, none of them 3 times",
        ),
        (pd.Series([None] * 3, name="it"), None, "'it' holds nothing to learn from"),
    ],
)
def test_a_target_that_cannot_be_predicted_is_told(column, task, message):
    with pytest.raises(_Unusable, match=message):
        _target(column, task, 3)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Images of three shades beside files that a spreadsheet wrote."""
    folder, rng = tmp_path_factory.mktemp("shop"), np.random.default_rng(0)
    (folder / "img").mkdir()
    for i in range(N):
        pixels = rng.integers(0, 60, (8 + i % 3, 9, 3)) + 90 * KIND[i]
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"img/{i}.png")
    (folder / "img/bad.png").write_text("no image")
    frame = pd.DataFrame(
        {
            "photo": [f"img/{i}.png" for i in range(N)],
            "price": as_words(rng.uniform(1, 9, N)),
            "shade": np.array(["dark", "grey", "light"])[KIND],
        }
    )
    frame.to_csv(folder / "shop.csv", sep=";", index=False)
    frame.loc[7, "photo"] = "img/bad.png"
    frame.to_csv(folder / "bad.csv", sep=";", index=False)
    return folder


@pytest.mark.slow
def test_command_on_files_of_a_spreadsheet_in_another_folder(shop, tmp_path, capsys):
    model, bad = str(tmp_path / "model.zip"), str(shop / "bad.csv")
    arguments = ["--dataset", str(shop / "shop.csv"), "--target", "shade", "--cv", "2"]
    arguments += ["--strategies", "decision", "--n-jobs", "1", "--save", model]
    assert main([*arguments, "--output", str(tmp_path)]) == 0
    assert "45 rows, 2 folds, classification" in capsys.readouterr().out
    arguments = ["--model", model, "--predict", bad, "--output", str(tmp_path)]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "row 7: cannot identify image" in said
    assert "or use --on-error missing" in said
    assert main([*arguments, "--on-error", "missing"]) == 0
    notes = capsys.readouterr().err.splitlines()
    assert all(line.startswith("note: ") for line in notes)
    assert len(notes) == len(set(notes)) > 0
    found = pd.read_csv(tmp_path / "predictions.csv")["prediction"].to_numpy()
    right = found == np.array(["dark", "grey", "light"])[KIND]
    assert np.delete(right, 7).all()


def test_command_names_the_option_that_cannot_be_written(shop, capsys):
    file = shop / "shop.csv"
    arguments = ["--dataset", str(file), "--target", "shade"]
    assert main([*arguments, "--save", str(file / "model.zip")]) == 2
    assert "cannot write to the folder of --save" in capsys.readouterr().err


def test_command_says_that_a_file_is_no_text(tmp_path, capsys):
    (tmp_path / "it.csv").write_bytes(b"\xff\xfea\x00,\x00")
    assert main(["--dataset", str(tmp_path / "it.csv"), "--target", "a"]) == 2
    assert "it is no text in UTF-8" in capsys.readouterr().err
