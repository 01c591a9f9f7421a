"""Run peers on the same folds, each in an environment of its own.

    python benchmarks/peers/run.py [PEER ...] [--sets emoji birdstrikes ...] [--folds N]
        [--limit SECONDS] [--weights FOLDER] [--work FOLDER] [--rst FILE]

See README.md beside this file.
"""

from __future__ import annotations

import argparse
import ast
import datetime
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).parent
PEERS = (
    "ours",
    "ours_pretrained",
    "hand_made",
    "hand_made_pretrained",
    "skrub_boosting",
    "smarttab_auto",
    "widedeep_default",
)
WEIGHTS = ("autogluon_multimodal",)  # needs a folder of weights


def environment(peer, folder):
    """Return the python of the peer's environment, made if need be."""
    path = folder / peer
    python = path / "bin" / "python"
    if not (path / "ready").exists():
        venv.create(path, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet", *requirements(peer)]
        subprocess.run(install, check=True)
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


def run_fold(peer, python, fold, limit, weights):
    """Return what one fold measured, or why there is nothing."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [python, HERE / f"{peer}.py", fold, result, str(limit)]
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        env = {**os.environ, **threads, "PEER_WEIGHTS": str(weights or "")}
        env.pop("PYTHONPATH", None)
        try:
            done = subprocess.run(
                command, timeout=limit, capture_output=True, text=True, env=env
            )
        except subprocess.TimeoutExpired:
            return {"error": f"not finished within {limit:.0f} s"}
        if done.returncode or not result.exists():
            return {"error": (done.stderr.strip().splitlines() or ["no result"])[-1]}
        return json.loads(result.read_text())


def page(records):
    """Return the results as reStructuredText."""
    n_folds = max(len(row["folds"]) for row in records)
    which = "The first fold" if n_folds == 1 else f"Means over {n_folds} folds"
    lines = [
        f".. Written by benchmarks/peers/run.py on {datetime.date.today()}",
        "",
        f".. csv-table:: {which}; a dash where one failed or ran out of time",
        "   :class: results-table",
        '   :header: "set", "peer", "reads", "accuracy", "log loss", "CPU s", "MB"',
        "",
    ]
    sets = list(dict.fromkeys(row["set"] for row in records))
    for row in sorted(records, key=lambda r: (sets.index(r["set"]), -_accuracy(r))):
        mean = row["mean"]
        cells = [row["set"], row["peer"], ", ".join(row["kinds"])]
        if mean:
            cells += [f"{mean['accuracy']:.3f}", f"{mean['log_loss']:.3f}"]
            cells += [f"{mean['seconds']:.0f}", f"{mean['peak_mb']:.0f}"]
        else:
            cells += ["-", "-", "-", row["error"].replace('"', "'")]
        lines.append("   " + ", ".join(f'"{cell}"' for cell in cells))
    versions = {k: v for row in records for k, v in row["versions"].items()}
    told = ", ".join(f"{name} {number}" for name, number in sorted(versions.items()))
    return "\n".join([*lines, "", f"Versions: {told}; {datetime.date.today()}.", ""])


def _accuracy(row):
    return row["mean"].get("accuracy", -1)


def summary(peer, name, folds):
    """Return one row: means over the folds, if all of them ended."""
    good = [fold for fold in folds if "accuracy" in fold]
    keys = ("accuracy", "log_loss", "seconds", "peak_mb")
    bad = [f.get("error") or f.get("skipped") for f in folds if "accuracy" not in f]
    mean = (
        {key: sum(fold[key] for fold in good) / len(good) for key in keys}
        if good
        else {}
    )
    return {
        "set": name,
        "peer": peer,
        "mean": {} if bad else mean,
        "error": bad[0] if bad else "",
        "kinds": good[0]["kinds"] if good else [],
        "versions": good[0]["versions"] if good else {},
        "folds": folds,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peers", nargs="*", default=list(PEERS))
    parser.add_argument("--sets", nargs="+", default=["emoji", "birdstrikes"])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument(
        "--limit", type=float, default=600, help="seconds for each fold"
    )
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--rst", type=Path)
    args = parser.parse_args()
    unknown = set(args.peers) - {*PEERS, *WEIGHTS}
    if unknown:
        parser.error(f"unknown peers {sorted(unknown)}; known: {[*PEERS, *WEIGHTS]}")
    sys.path.insert(0, str(HERE))
    from _export import export

    folds = {name: export(name, args.work / "data" / name) for name in args.sets}
    path, records = args.work / "results.json", []
    if path.exists():  # of other runs: kept, but for what is run again
        again = {(name, peer) for name in args.sets for peer in args.peers}
        earlier = json.loads(path.read_text())
        records = [r for r in earlier if (r["set"], r["peer"]) not in again]
    for peer in args.peers:
        python = environment(peer, args.work / "environments")
        for name, paths in folds.items():
            done = []
            for fold in paths[: args.folds]:
                done.append(run_fold(peer, python, fold, args.limit, args.weights))
            records.append(summary(peer, name, done))
            print(
                {k: records[-1][k] for k in ("set", "peer", "mean", "error")},
                flush=True,
            )
            path.write_text(json.dumps(records, indent=1))
            if args.rst:
                args.rst.write_text(page(records))


if __name__ == "__main__":
    main()
