"""`pytest -m quick` reaches every package of the library."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Ends as soon as nothing is left to reach; what is left is its last line.
SCRIPT = '''
import inspect, os, sys
import pytest

class Reached:
    """Crosses out the folders of functions that a test runs, imports apart."""

    def __init__(self, folders):
        self.left = set(folders)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        sys.settrace(self.called)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            if not self.left:
                item.session.shouldstop = "every package is reached"

    def called(self, frame, event, arg):
        if frame.f_code.co_flags & inspect.CO_OPTIMIZED:  # not a module, not a class
            self.left.discard(os.path.dirname(frame.f_code.co_filename))

reached = Reached(sys.argv[1:])
pytest.main(["-q", "-m", "quick", "-p", "no:cacheprovider", "tests"], plugins=[reached])
print("left:", *sorted(reached.left))
'''


@pytest.mark.slow
def test_every_package_is_reached():
    packages = {
        path.parent
        for path in (ROOT / "skmultimodal").rglob("*.py")
        if path.name != "__init__.py"
    }
    if find_spec("transformers") is None:  # the extra "pretrained"
        packages.remove(ROOT / "skmultimodal" / "encoders" / "pretrained")
    assert len(packages) > 10
    command = [sys.executable, "-c", SCRIPT, *map(str, packages)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.splitlines()[-1] == "left:", run.stdout + run.stderr
