"""Compare every modality, every fusion strategy and a hand-made stack on real data."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path

DATASETS = ("emoji", "birdstrikes", "spoken-digits")


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


def _load(dataset, target):
    """Return X and y of a bundled data set or of a file."""
    from skmultimodal import datasets

    if dataset in DATASETS:
        load = getattr(datasets, "load_" + dataset.replace("-", "_"))
        return load(return_X_y=True)
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
    frame = frame.dropna(subset=[target])
    return frame.drop(columns=target), frame[target].to_numpy()


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
        read = pd.read_csv if path.suffix.lower() == ".csv" else pd.read_parquet
        return read(path)
    except Exception as error:
        raise _Unusable(f"cannot read {dataset!r}: {error}") from error


def _writable(output):
    """Return the output folder, made if need be, where a file can be written."""
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise _Unusable(f"cannot write to --output {output!r}: {error}") from error


def _require(*packages):
    """Refuse to begin what would fail at its end."""
    lacking = [name for name in packages if find_spec(name) is None]
    if lacking:
        raise _Unusable(
            f"needs {' and '.join(lacking)}: pip install 'skmultimodal[plot,parquet]'"
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
    _predict(model, rows, folder)


def _run(args):
    """Compare, and save and predict where that was asked for."""
    fresh = "torch" not in sys.modules
    print("loading scikit-learn and torch ...", flush=True)
    if args.model is not None:
        _predict_with_saved(args)
        return
    from sklearn.model_selection import KFold, StratifiedKFold
    from sklearn.utils.multiclass import type_of_target

    from skmultimodal import FusionClassifier, FusionRegressor
    from skmultimodal.model_selection import compare_fusion
    from skmultimodal.model_selection._forking import forked_workers

    if args.cv < 2:
        raise _Unusable(f"--cv must be at least 2, got {args.cv}")
    folder = _writable(args.output)
    _require("matplotlib", "rich", *["pyarrow"] * args.dataset.endswith(".parquet"))
    X, y = _load(args.dataset, args.target)
    if args.save is not None:
        _writable(Path(args.save).parent)
    rows = None if args.predict is None else _read(args.predict)
    regression = type_of_target(y).startswith("continuous")
    estimator = FusionRegressor if regression else FusionClassifier
    folds = (KFold if regression else StratifiedKFold)(
        args.cv, shuffle=True, random_state=0
    )
    print(f"{args.dataset}: {len(X)} rows, {args.cv} folds", flush=True)
    try:
        with forked_workers() if fresh else nullcontext():
            result = compare_fusion(
                estimator(random_state=0),
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
        _run(args)
    except _Unusable as error:
        print(f"python -m skmultimodal: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
