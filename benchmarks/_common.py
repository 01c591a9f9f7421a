"""What the benchmarks share: alternating runs, child processes, tables, JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from statistics import median
from time import process_time

os.environ.setdefault("OMP_NUM_THREADS", "1")  # for child processes

PACKAGES = ("numpy", "pandas", "scikit-learn", "skorch", "torch", "joblib")


def arguments(description, **options):
    """Return the parsed command line: --json, --repeats and the given options."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", help="write the figures to this file")
    for name, (kind, default, text) in options.items():
        parser.add_argument(
            f"--{name}", type=kind, default=default, help=f"{text} [{default}]"
        )
    return parser.parse_args()


def alternate(functions, repeats):
    """Run functions in turn, each round in another order; return their CPU seconds.

    One untimed run of each comes first. CPU seconds of the process are what neighbours
    on the machine disturb least.

    Parameters
    ----------
    functions : dict of str to callable
    repeats : int

    Returns
    -------
    dict of str to list of float
    """
    names = list(functions)
    seconds = {name: [] for name in names}
    for name in names:
        functions[name]()
    for i in range(repeats):
        shift = i % len(names)
        for name in names[shift:] + names[:shift]:
            start = process_time()
            functions[name]()
            seconds[name].append(process_time() - start)
    return seconds


def ratio(seconds, name, base):
    """Return the median over rounds of `name` to `base` in the same round."""
    return median(a / b for a, b in zip(seconds[name], seconds[base], strict=True))


def in_child(arguments, **environment):
    """Run this Python with arguments in a fresh process; return its last JSON line."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def print_table(columns, rows, title=None):
    """Print rows of cells under their columns; floats with three digits."""
    cells = [[_text(cell) for cell in row] for row in rows]
    widths = [
        max(len(row[i]) for row in [list(columns), *cells]) for i in range(len(columns))
    ]
    if title:
        print(f"\n{title}")
    for row in [list(columns), ["-" * width for width in widths], *cells]:
        padded = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join([row[0].ljust(widths[0]), *padded[1:]]))


def _text(cell):
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def bar_row(name, value, bar, at_least=False):
    """Return a table row that says whether a bar holds."""
    met = value >= bar if at_least else value <= bar
    sign = ">=" if at_least else "<="
    return [name, value, f"{sign} {bar}", "yes" if met else "NO"]


def save(path, **figures):
    """Write figures and the environment to a JSON file, if a path was given."""
    if path is None:
        return
    environment = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "n_cpus": os.cpu_count(),
        "load_average": os.getloadavg(),
        "packages": {name: version(name) for name in PACKAGES},
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"environment": environment, **figures}, file, indent=1)
