"""Time and peak memory of a fit as rows, steps and modalities grow.

    python benchmarks/bench_scaling.py [--rows 64000] [--json FILE]

Each fit runs in a process of its own, for one epoch, on pictures (uint8) and series
(float32) in a `MultimodalData`. Time is CPU time of ``fit`` and of ``predict``.
Memory is the highest resident size of the process less the highest before the data
were made, when the same estimator had been fitted and used on 1200 rows: libraries,
model and batches do not count, what grows with the data does. The bars of memory are
taken with one arena of glibc's malloc, for what several arenas keep for themselves
varies by the size of the data from run to run. The slope is that of a
least-squares line through the logarithms; one is linear cost.
"""

from __future__ import annotations

import json
import resource
import sys
from statistics import median
from time import process_time

import numpy as np
from _common import arguments, bar_row, in_child, print_table, save

from skmultimodal import Training

SLOPE_BAR, MEMORY_BAR = 1.05, 1.5
SIDE = 32  # of a picture


def child(n_samples, n_steps, n_modalities):
    """Fit once in this process and print its figures as JSON."""
    import torch

    from skmultimodal import (
        FeatureFusion,
        FusionClassifier,
        ImageEncoder,
        MultimodalData,
        SequenceEncoder,
    )

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)

    def data(n):
        modalities = {}
        for m in range(n_modalities):
            if m % 2:
                shape = (n, n_steps, 4)
                block = rng.standard_normal(shape, dtype=np.float32)
            else:
                block = rng.integers(0, 256, (n, SIDE, SIDE), dtype=np.uint8)
            modalities[f"m{m}"] = block
        return MultimodalData(modalities), rng.integers(0, 4, n)

    def fit(X, y):
        encoders = [
            (name, SequenceEncoder(hidden_features=8, out_features=8))
            if m % 2
            else (name, ImageEncoder((4, 8), 8))
            for m, name in enumerate(X)
        ]
        clf = FusionClassifier(
            encoders,
            FeatureFusion(out_features=16, head=(16,)),
            random_state=0,
            training=Training(max_epochs=1, early_stopping=False),
        )
        return clf.fit(X, y)

    warm_X, warm_y = data(1200)
    fit(warm_X, warm_y).predict(warm_X)
    del warm_X, warm_y
    before = peak()
    X, y = data(n_samples)
    n_bytes = sum(block.nbytes for block in X.values())
    start = process_time()
    clf = fit(X, y)
    fitted = process_time()
    clf.predict(X)
    figures = {
        "n_samples": n_samples,
        "n_steps": n_steps,
        "n_modalities": n_modalities,
        "fit": fitted - start,
        "predict": process_time() - fitted,
        "data": n_bytes,
        "peak": max(peak() - before, 0),
    }
    print(json.dumps(figures))


def peak() -> int:
    """Return the highest resident bytes of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def slope(sizes, seconds) -> float:
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def main():
    options = arguments(
        __doc__,
        rows=(int, 64000, "largest number of rows"),
        repeats=(int, 1, "processes a size, of which the median counts"),
    )
    sizes = (1000, 2000, 4000, 8000, 16000, 32000, 64000)
    rows = [n for n in sizes if n <= options.rows]
    sweeps = {
        "n_samples": [(n, 20, 2) for n in rows],
        "n_steps": [(2000, n, 2) for n in (20, 40, 80, 160)],
        "n_modalities": [(2000, 20, n) for n in (2, 4, 6, 8)],
    }
    figures, bars = {}, []
    for axis, sizes in sweeps.items():
        runs = [
            median_run([in_child([__file__, *size]) for _ in range(options.repeats)])
            for size in sizes
        ]
        figures[axis] = runs
        print_table(
            [axis, "fit [CPU s]", "predict [CPU s]", "data [MB]", "peak / data"],
            [
                [r[axis], r["fit"], r["predict"], r["data"] / 1e6, _of_data(r)]
                for r in runs
            ],
            f"Growing {axis}",
        )
        grown = [run[axis] for run in runs]
        for what in ("fit", "predict"):
            value = slope(grown, [run[what] for run in runs])
            bars.append(bar_row(f"slope of {what} over {axis}", value, SLOPE_BAR))
    for what, n_modalities in (("pictures", 1), ("pictures, series", 2)):
        run = in_child([__file__, max(rows), 20, n_modalities], MALLOC_ARENA_MAX="1")
        figures[what] = run
        name = f"peak memory / data, {what}"
        bars.append(bar_row(name, _of_data(run), MEMORY_BAR))
    print_table(["bar", "measured", "bar", "held"], bars, "Bars")
    save(options.json, runs=figures, bars=bars)


def _of_data(run) -> float:
    return run["peak"] / run["data"]


def median_run(runs):
    """Return the figures of one size, each the median over its processes."""
    return {key: median(run[key] for run in runs) for key in runs[0]}


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1].isdigit():
        child(*map(int, sys.argv[1:]))
    else:
        main()
