"""Compare every modality, every fusion strategy and a hand-made stack on real data."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path

DATASETS = ("emoji", "birdstrikes", "spoken-digits")
TASKS = ("classification", "regression")
MOST_NUMBERS = 20  # different whole numbers that are labels though some are rare


class _Unusable(Exception):
    """What the user asked for does not exist; said in one line."""


def _parser():
    parser = argparse.ArgumentParser(prog="python -m skmultimodal", description=__doc__)
    parser.add_argument(
        "--dataset",
        default="emoji",
        metavar="NAME|PATH",
        help=f"one of {', '.join(DATASETS)}, or a .csv or .parquet file",
    )
    parser.add_argument("--target", help="column to predict, for a file")
    parser.add_argument(
        "--task",
        choices=TASKS,
        help="whether the target holds labels or values (default: by what it holds)",
    )
    parser.add_argument(
        "--on-error",
        choices=("raise", "missing"),
        default="raise",
        help="whether a cell that cannot be read is an error or counts as missing",
    )
    parser.add_argument(
        "--strategies", nargs="+", default=None, metavar="S", help="default: all four"
    )
    parser.add_argument(
        "--pairs", action="store_true", help="add every pair of modalities"
    )
    parser.add_argument("--cv", type=int, default=3, help="folds (default: 3)")
    parser.add_argument(
        "--n-jobs", type=int, default=-1, help="processes (default: one per core)"
    )
    parser.add_argument(
        "--output",
        default=".",
        help="folder of comparison.csv, .png and .html, and of predictions.csv",
    )
    parser.add_argument(
        "--save", metavar="FILE", help="write the best strategy, fitted to all rows"
    )
    parser.add_argument(
        "--predict",
        metavar="FILE",
        help="a .csv or .parquet file of rows to predict with it, or with --model",
    )
    parser.add_argument(
        "--model",
        metavar="FILE",
        help="a saved model to predict with; nothing is compared",
    )
    return parser


def _load(dataset, target, task, cv):
    """Return X and y of a bundled data set or of a file, and the task."""
    from skmultimodal import datasets

    if dataset in DATASETS:
        load = getattr(datasets, "load_" + dataset.replace("-", "_"))
        return *load(return_X_y=True), "classification"
    frame = _read(dataset)
    if target is None:
        raise _Unusable(
            f"--target is needed with a file; its columns are {list(frame.columns)}"
        )
    if target not in frame:
        raise _Unusable(
            f"no column {target!r} in {dataset!r}; its columns are "
            f"{list(frame.columns)}"
        )
    y, task = _target(frame.pop(target), task, cv)
    if len(y) < len(frame):
        print(f"left out {len(frame) - len(y)} rows without {target!r}", flush=True)
    return frame.loc[y.index], y.to_numpy(), task


def _target(column, task, cv):
    """Return the known labels or values of a column, and which of them they are."""
    import numpy as np
    import pandas as pd

    from skmultimodal.data._table import column_kind, read_numbers

    y = column.dropna().infer_objects()
    kind = column_kind(y) if len(y) else "category"
    numbers = kind.endswith("number")
    if numbers and kind != "number":  # written as texts
        values = read_numbers(y, column.name, kind)
        y = pd.Series(values, index=y.index).dropna()
    if not len(y):
        raise _Unusable(f"column {column.name!r} holds nothing to learn from")
    counts = y.value_counts()
    if task != "classification" and not numbers and (kind == "date" or task):
        what = "dates" if kind == "date" else "no numbers"
        raise _Unusable(
            f"column {column.name!r} holds {what}, such as {y.iloc[0]!r}; turn them "
            "into numbers, or pass --task classification"
        )
    if task is None:
        task = "classification"
        rare = len(counts) > MOST_NUMBERS and counts.iloc[-1] < cv
        if numbers and (rare or (np.mod(y, 1) != 0).any()):
            task = "regression"
    if task == "classification" and counts.iloc[0] < cv:
        raise _Unusable(
            f"column {column.name!r} holds {len(counts)} different values in {len(y)} "
            f"rows, none of them {cv} times, as labels in {cv} folds must be; choose "
            "another --target, or --task regression for numbers"
        )
    return y, task


def _read(dataset):
    """Return the frame in a file."""
    path = Path(dataset)
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise _Unusable(
            f"unknown data set {dataset!r}: expected one of {', '.join(DATASETS)} or "
            "the path of a .csv or .parquet file"
        )
    if not path.is_file():
        raise _Unusable(f"no file {dataset!r}")
    import pandas as pd

    try:
        if path.suffix.lower() == ".parquet":
            frame = pd.read_parquet(path)
        else:
            with path.open(encoding="utf-8") as lines:
                header = lines.readline()
            # spreadsheets of countries with decimal commas write semicolons
            frame = pd.read_csv(path, sep=max(",;\t", key=header.count))
    except UnicodeDecodeError as error:
        raise _Unusable(f"cannot read {dataset!r}: it is no text in UTF-8") from error
    except Exception as error:
        raise _Unusable(f"cannot read {dataset!r}: {error}") from error
    return frame.apply(_found_beside, folder=path.parent)


def _found_beside(column, folder):
    """Return a column with its folder in front of paths that are relative to it."""
    texts = column[column.map(lambda cell: isinstance(cell, str))]
    if not len(texts) or os.path.exists(texts.iloc[0]):
        return column
    try:
        if not (folder / texts.iloc[0]).is_file():
            return column
    except OSError:  # a text too long for a path
        return column
    found = texts.map(lambda path: str(folder / path))
    return column.mask(column.index.isin(texts.index), found)


def _writable(output, option="--output"):
    """Return the output folder, made if need be, where a file can be written."""
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise _Unusable(f"cannot write to {option} {str(output)!r}: {error}") from error


def _require(*packages):
    """Refuse to begin what would fail at its end."""
    lacking = [name for name in packages if find_spec(name) is None]
    if lacking:
        raise _Unusable(
            f"needs {' and '.join(lacking)}: "
            "pip install 'skmultimodal[plot,parquet,save]'"
        )


def _predict(model, rows, folder):
    """Write the predictions of the rows, with probabilities, as predictions.csv."""
    import pandas as pd

    try:
        found = pd.DataFrame({"prediction": model.predict(rows)}, index=rows.index)
        if hasattr(model, "predict_proba"):
            names = [f"probability of {label}" for label in model.classes_]
            found[names] = model.predict_proba(rows)
    except (ValueError, TypeError) as error:
        raise _Unusable(str(error)) from error
    found.to_csv(folder / "predictions.csv", index_label="row")
    print(f"wrote {folder / 'predictions.csv'}: {len(found)} rows")


def _predict_with_saved(args):
    from skmultimodal import load

    if args.predict is None or args.save is not None:
        raise _Unusable("--model needs --predict FILE, and saves nothing")
    folder, rows = _writable(args.output), _read(args.predict)
    try:
        model = load(args.model)
    except Exception as error:
        raise _Unusable(f"cannot load {args.model!r}: {error}") from error
    if args.on_error != "raise":
        model.set_params(on_error=args.on_error)
    _predict(model, rows, folder)


def _run(args):
    """Compare, and save and predict where that was asked for."""
    print("loading scikit-learn and torch ...", flush=True)
    if args.model is not None:
        _predict_with_saved(args)
        return
    from sklearn.model_selection import KFold, StratifiedKFold

    from skmultimodal import FusionClassifier, FusionRegressor
    from skmultimodal.model_selection import compare_fusion

    if args.cv < 2:
        raise _Unusable(f"--cv must be at least 2, got {args.cv}")
    folder = _writable(args.output)
    needed = ["pyarrow"] * args.dataset.endswith(".parquet")
    needed += ["safetensors"] * (args.save is not None)
    _require("matplotlib", "rich", *needed)
    X, y, task = _load(args.dataset, args.target, args.task, args.cv)
    if args.save is not None:
        _writable(Path(args.save).parent, "the folder of --save,")
    rows = None if args.predict is None else _read(args.predict)
    regression = task == "regression"
    estimator = FusionRegressor if regression else FusionClassifier
    folds = (KFold if regression else StratifiedKFold)(
        args.cv, shuffle=True, random_state=0
    )
    print(f"{args.dataset}: {len(X)} rows, {args.cv} folds, {task}", flush=True)
    try:
        result = compare_fusion(
            estimator(random_state=0, on_error=args.on_error),
            X,
            y,
            strategies=args.strategies or "all",
            pairs=args.pairs,
            cv=folds,
            n_jobs=args.n_jobs,
            refit=args.save is not None or rows is not None,
            progress=True,
        )
    except ValueError as error:
        raise _Unusable(str(error)) from error
    print(result)
    print(result.verdict())
    result.table_.to_csv(folder / "comparison.csv", index=False)
    print(f"wrote {folder / 'comparison.csv'}")
    import matplotlib

    matplotlib.use("Agg")
    title = f"{args.dataset}: does fusion help?"
    ax = result.plot()
    ax.set_title(title, pad=28)
    ax.figure.savefig(folder / "comparison.png", dpi=150)
    print(f"wrote {folder / 'comparison.png'}")
    result.to_html(folder / "comparison.html", title=title)
    print(f"wrote {folder / 'comparison.html'}")
    if args.save is not None:
        result.best_estimator_.save(args.save)
        print(f"wrote {args.save}: load it with skmultimodal.load")
    if rows is not None:
        _predict(result.best_estimator_, rows, folder)


def main(arguments=None) -> int:
    """Run the comparison; 2 if what was asked for does not exist."""
    args = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _note()
            _run(args)
    except _Unusable as error:
        said = str(error).replace("on_error='missing'", "--on-error missing")
        print(f"python -m skmultimodal: {said}", file=sys.stderr)
        return 2
    return 0


def _note():
    """Return what prints each warning once, without a line of code."""
    said = set()

    def show(message, *args, **params):
        if str(message) not in said:
            said.add(str(message))
            print(f"note: {message}", file=sys.stderr, flush=True)

    return show


if __name__ == "__main__":
    sys.exit(main())
