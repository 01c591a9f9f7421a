"""Memory that does not grow over hundreds of fits and predictions."""

import gc
import os
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import pytest

from skmultimodal import FusionClassifier, TabularEncoder, TextEncoder, Training

CYCLES, WINDOW = 200, 40
ALLOWED = 4 * 2**20  # bytes between the medians of two late windows
STATM = Path("/proc/self/statm")


def resident() -> int:
    """Return the bytes of memory that the process has resident."""
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.long
@pytest.mark.skipif(not STATM.exists(), reason="reads memory from /proc")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("fusion", ["parallel", "decision"])
def test_two_hundred_fits_do_not_grow(fusion):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 2)), columns=list("ab"))
    X["text"] = [f"word{i % 7} and word{i % 5}" for i in range(60)]
    holes = X.assign(text=X["text"].where(np.arange(60) % 3 > 0, None))
    y = np.arange(60) % 2
    sizes = []
    for cycle in range(CYCLES):
        clf = FusionClassifier(
            [
                ("table", TabularEncoder((8,), 8)),
                ("text", TextEncoder(embedding_features=8, out_features=8)),
            ],
            fusion,
            columns={"table": ["a", "b"]},
            random_state=cycle,
            training=Training(max_epochs=2),
        )
        clf.fit(X, y).predict_proba(holes)
        gc.collect()
        sizes.append(resident())
    early = median(sizes[CYCLES // 2 - WINDOW : CYCLES // 2])
    late = median(sizes[-WINDOW:])
    assert late - early < ALLOWED, f"grew by {(late - early) / 2**20:.1f} MiB"
