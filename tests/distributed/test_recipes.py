"""The scripts of the guide run as they are written, and leave nothing behind."""

import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
CODE = ROOT / "docs" / "user_guide" / "code"

pytestmark = pytest.mark.distributed


@pytest.mark.parametrize(
    ("script", "module", "shape"),
    [
        ("larger_parquet.py", "pyarrow", "(800, 7)"),
        ("larger_dask.py", "distributed", "(400, 6)"),
        ("larger_ray.py", "ray", "(400, 6)"),
    ],
)
def test_recipe(script, module, shape):
    pytest.importorskip(module)
    mark = secrets.token_hex(8)
    shared = set(Path("/dev/shm").iterdir())
    with tempfile.TemporaryDirectory() as folder:  # short: it holds Ray's sockets
        home = Path(folder, "home")
        home.mkdir()
        environment = {
            "HOME": str(home),
            "TMPDIR": folder,
            "PYTHONPATH": str(ROOT),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RECIPE": mark,  # in every process that it starts
        }
        done = subprocess.run(
            [sys.executable, CODE / script],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        # Ray's own messages may come between
        assert any(line.endswith(shape) for line in done.stdout.splitlines())
        assert list(home.iterdir()) == []
    left = [process for process in psutil.process_iter() if _has(process, mark)]
    _, alive = psutil.wait_procs(left, timeout=60)  # Ray's end a little later
    assert alive == []
    assert set(Path("/dev/shm").iterdir()) <= shared


def _has(process, mark):
    try:
        return process.environ().get("RECIPE") == mark
    except psutil.Error:
        return False
