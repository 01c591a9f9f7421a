"""Run peers on the same folds, each in an environment of its own.

    python benchmarks/peers/run.py [PEER ...] [--sets emoji birdstrikes ...]
        [--folds 0 1 ...] [--limit SECONDS] [--work FOLDER] [--rst FILE]

See README.md beside this file.
"""

from __future__ import annotations

import argparse
import ast
import datetime
import json
import os
import signal
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from statistics import fmean, stdev

HERE = Path(__file__).parent
PEERS = (
    "ours",
    "ours_pretrained",
    "hand_made",
    "hand_made_pretrained",
    "skrub_boosting",
    "smarttab_auto",
    "widedeep_default",
    "autogluon_tabular",
    "autogluon_multimodal",
)


def environment(peer, folder):
    """Return the python of the peer's environment, made if need be."""
    path = folder / peer
    python = path / "bin" / "python"
    if not (path / "ready").exists():
        venv.create(path, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet"]
        pinned = ["--constraint", HERE / "constraints.txt"]
        subprocess.run([*install, *pinned, *requirements(peer)], check=True)
        (path / "ready").touch()
    return python


def requirements(peer):
    """Return the constant REQUIREMENTS of a script, without running it."""
    if peer.startswith("ours"):
        extra = "[offline]" if peer == "ours_pretrained" else ""
        return [f"{HERE.parents[1]}{extra}"]
    tree = ast.parse((HERE / f"{peer}.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "REQUIREMENTS":
            return ast.literal_eval(node.value)
    raise SystemExit(f"{peer}.py has no REQUIREMENTS")


def run_fold(peer, python, fold, limit):
    """Return what one fold measured, or why there is nothing.

    The script ends itself after `limit` CPU seconds. By the clock, which runs ahead on
    a busy machine, it has ten times as long.
    """
    late = {"error": f"not finished within {limit:.0f} CPU s"}
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [python, HERE / f"{peer}.py", fold, result, str(limit)]
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        env = {**os.environ, **threads}
        env.pop("PYTHONPATH", None)
        try:
            done = subprocess.run(
                command, timeout=10 * limit, capture_output=True, text=True, env=env
            )
        except subprocess.TimeoutExpired:
            return late
        if done.returncode == -signal.SIGXCPU:
            return late
        if done.returncode or not result.exists():
            return {"error": (done.stderr.strip().splitlines() or ["no result"])[-1]}
        return json.loads(result.read_text())


def common(records):
    """Return the numbers of the folds that every row has."""
    return sorted(set.intersection(*(set(row["folds"]) for row in records)), key=int)


def page(records):
    """Return the results as reStructuredText, on the folds that all rows have."""
    folds = common(records)
    rows = [summary(row, folds) for row in records]
    which = "One fold" if len(folds) == 1 else f"Means over {len(folds)} folds"
    lines = [
        f".. Written by benchmarks/peers/run.py on {datetime.date.today()}",
        "",
        f".. csv-table:: {which} of five; a dash where one failed or ran out of time",
        "   :class: results-table",
        '   :header: "set", "peer", "reads", "accuracy", "log loss", "CPU s", "MB"',
        "",
    ]
    sets, failures = list(dict.fromkeys(row["set"] for row in rows)), []
    for row in sorted(rows, key=lambda r: (sets.index(r["set"]), -_accuracy(r))):
        mean = row["mean"]
        cells = [row["set"], row["peer"], ", ".join(row["kinds"])]
        if mean:
            error = f" ± {row['error_of_mean']:.3f}" if len(folds) > 1 else ""
            cells += [f"{mean['accuracy']:.3f}{error}", f"{mean['log_loss']:.3f}"]
            cells += [f"{mean['seconds']:.0f}", f"{mean['peak_mb']:.0f}"]
        else:
            # the first sentence, without the name of the exception
            told = row["error"].rpartition(": ")[2].split(". ")[0]
            failures.append(f"- {row['set']}, {row['peer']}: {told}")
            cells += ["\N{EN DASH}"] * 4  # a hyphen would be a list
        lines.append("   " + ", ".join(f'"{cell}"' for cell in cells))
    versions = {k: v for row in rows for k, v in row["versions"].items()}
    told = ", ".join(f"{name} {number}" for name, number in sorted(versions.items()))
    lines += ["", *failures]
    return "\n".join([*lines, "", f"Versions: {told}; {datetime.date.today()}.", ""])


def _accuracy(row):
    return row["mean"].get("accuracy", -1)


def summary(record, folds):
    """Return one row: means over `folds`, if all of them ended."""
    done = [record["folds"][k] for k in folds]
    good = [fold for fold in done if "accuracy" in fold]
    bad = [f.get("error") or f.get("skipped") for f in done if "accuracy" not in f]
    keys = ("accuracy", "log_loss", "seconds", "peak_mb")
    mean = {} if bad else {key: fmean(fold[key] for fold in good) for key in keys}
    scores = [fold["accuracy"] for fold in good]
    return {
        "set": record["set"],
        "peer": record["peer"],
        "mean": mean,
        "error_of_mean": stdev(scores) / len(scores) ** 0.5 if len(scores) > 1 else 0.0,
        "error": bad[0] if bad else "",
        "kinds": good[0]["kinds"] if good else [],
        "versions": good[0]["versions"] if good else {},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peers", nargs="*", default=list(PEERS))
    parser.add_argument("--sets", nargs="+", default=["emoji", "birdstrikes"])
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--limit", type=float, default=240, help="CPU seconds for each fold"
    )
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--rst", type=Path)
    args = parser.parse_args()
    unknown = set(args.peers) - set(PEERS)
    if unknown:
        parser.error(f"unknown peers {sorted(unknown)}; known: {list(PEERS)}")
    sys.path.insert(0, str(HERE))
    from _export import export

    data = {name: export(name, args.work / "data" / name) for name in args.sets}
    path = args.work / "results.json"
    # of other runs: kept, but for what is run again
    records = json.loads(path.read_text()) if path.exists() else []
    for peer in args.peers:
        python = environment(peer, args.work / "environments")
        for name, paths in data.items():
            key = {"set": name, "peer": peer}
            row = next((r for r in records if r | key == r), None)
            if row is None:
                records.append(row := key | {"folds": {}})
            for k, fold in enumerate(paths):
                if k not in args.folds and len(paths) > 1:
                    continue
                row["folds"][str(k)] = run_fold(peer, python, fold, args.limit)
                print(name, peer, k, row["folds"][str(k)], flush=True)
                path.write_text(json.dumps(records, indent=1))
    if args.rst:
        args.rst.write_text(page(records))


if __name__ == "__main__":
    main()
