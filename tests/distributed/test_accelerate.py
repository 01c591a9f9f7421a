"""Two processes of torch train what one does, by Hugging Face accelerate."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("accelerate", reason="needs the extra 'accelerate'")
pytestmark = pytest.mark.distributed

SCRIPT = Path(__file__).with_name("train_accelerated.py")
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


def train(folder, launcher=(), **options):
    """Return what each process ended with, and what they printed."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, *launcher, SCRIPT, folder, json.dumps(options)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [np.load(file) for file in sorted(folder.glob("*.npz"))], done.stdout


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"accumulation": 2},
        {"early_stopping": True, "partial": True},
    ],
    ids=["plain", "accumulated", "early stopping, then a chunk"],
)
def test_two_processes_reach_the_loss_of_one(options, tmp_path):
    (alone,), _ = train(tmp_path / "one", **options)
    both, _ = train(tmp_path / "two", TORCHRUN, **options)
    assert len(both) == 2
    for process in both:
        np.testing.assert_allclose(process["loss"], alone["loss"], rtol=1e-5)
        np.testing.assert_allclose(process["proba"], alone["proba"], atol=5e-5)
    np.testing.assert_array_equal(both[0]["proba"], both[1]["proba"])
    assert alone["loss"][-1] < alone["loss"][0]


def test_one_process_writes_and_prints(tmp_path):
    kept = tmp_path / "kept"
    _, alone = train(tmp_path / "one", verbose=2)
    _, both = train(tmp_path / "two", TORCHRUN, verbose=2, checkpoint=str(kept))
    assert len(both.splitlines()) == len(alone.splitlines())
    assert not kept.exists()  # written by one process, removed at the end


def test_the_recipe_of_the_guide():
    code = SCRIPT.parents[2] / "docs" / "user_guide" / "code" / "larger_accelerate.py"
    done = subprocess.run(
        [sys.executable, *TORCHRUN, code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["(400, 8)"]


def test_mixed_precision(tmp_path):
    (full,), _ = train(tmp_path / "full")
    (half,), _ = train(tmp_path / "half", precision="bf16")
    np.testing.assert_allclose(half["loss"], full["loss"], rtol=0.02)
    assert (half["loss"] != full["loss"]).any()
