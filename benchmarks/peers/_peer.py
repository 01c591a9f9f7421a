"""What every peer shares, in any environment: read a fold, fit, predict, measure."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

KINDS = ("image", "audio", "text", "table")


def read_fold(folder):
    """Return train and test rows, their labels, and {column: kind}."""
    kinds = json.loads((folder / "kinds.json").read_text())
    frames = [pd.read_csv(folder / f"{part}.csv") for part in ("train", "test")]
    for frame in frames:
        for column, kind in kinds.items():
            if kind in ("image", "audio"):
                frame[column] = frame[column].map(
                    lambda path: str(folder.parent / path), na_action="ignore"
                )
    labels = [frame.pop("y").astype(str).to_numpy() for frame in frames]
    return frames, labels, kinds


def cpu_seconds():
    """Return CPU seconds so far, of processes that were started too."""
    return sum(os.times()[:4])


def clock_of_cpu():
    """Let the clocks of `time` count CPU seconds, for peers that limit their own time.

    The limit of every peer is in CPU seconds; on a busy machine a clock runs ahead.
    """
    for name in ("time", "monotonic", "perf_counter"):
        started = getattr(time, name)() - cpu_seconds()
        setattr(time, name, lambda started=started: started + cpu_seconds())


def name_operators():
    """Make torchvision importable where its build does not suit that of torch.

    A wheel of torchvision for CUDA cannot load its operators beside torch for the CPU,
    and its import fails for want of their names. No peer calls them.
    """
    import torch

    folder = Path(find_spec("torchvision").origin).parent
    try:
        torch.ops.load_library(next(folder.glob("_C*.so")))
    except OSError:
        global _OPERATORS  # which live as long as the library object
        _OPERATORS = torch.library.Library("torchvision", "DEF")
        for name in (
            "nms roi_align roi_pool ps_roi_align ps_roi_pool deform_conv2d "
            "qnms qroi_align _roi_align_backward _roi_pool_backward "
            "_ps_roi_align_backward _ps_roi_pool_backward _deform_conv2d_backward"
        ).split():
            _OPERATORS.define(f"{name}(Tensor x) -> Tensor")


def main(fit_predict, reads, packages):
    """Run one fold and write what was measured.

    Parameters
    ----------
    fit_predict : callable
        From train rows, labels, test rows, {column: kind} and the limit in seconds to
        (classes, probabilities).
    reads : tuple of str
        Kinds of columns that the peer reads.
    packages : list of str
        Whose versions are noted.
    """
    folder, result, limit = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    most = max(round(limit), 1)
    resource.setrlimit(resource.RLIMIT_CPU, (most, most + 5))  # SIGXCPU, then SIGKILL
    (train, test), (y, truth), kinds = read_fold(folder)
    kinds = {column: kind for column, kind in kinds.items() if kind in reads}
    if not kinds:
        result.write_text(json.dumps({"skipped": "reads none of the modalities"}))
        return
    columns = list(kinds)
    started = cpu_seconds()
    classes, proba = fit_predict(train[columns], y, test[columns], kinds, limit)
    seconds = cpu_seconds() - started
    classes, proba = np.asarray(classes).astype(str), np.asarray(proba, dtype=float)
    index = {label: k for k, label in enumerate(classes)}
    given = np.array([proba[i, index[label]] for i, label in enumerate(truth)])
    result.write_text(
        json.dumps(
            {
                "accuracy": float((classes[proba.argmax(axis=1)] == truth).mean()),
                "log_loss": float(-np.log(np.clip(given, 1e-15, 1)).mean()),
                "seconds": seconds,
                # kilobytes on Linux
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "kinds": sorted(set(kinds.values()), key=KINDS.index),
                "versions": {name: version(name) for name in packages},
            }
        )
    )
