"""What a type checker sees behind `py.typed`: the names that load lazily."""

import ast
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "skmultimodal"
LAZY = sorted(
    path
    for path in PACKAGE.rglob("__init__.py")
    if "attach(" in path.read_text(encoding="utf-8")
)
IGNORED = re.compile(r"# type: ignore\[[a-z-]+\]  # \w+")
SCRIPT = """\
import skmultimodal
from skmultimodal import FusionClassifier, fusion

reveal_type(FusionClassifier())
reveal_type(fusion.GatedFusion(out_features=8))
reveal_type(skmultimodal.encoders.TextEncoder())
skmultimodal.NoSuchName
"""
# Other packages are Any here, or the check would read all of torch.
CONFIG = """
[mypy]
follow_imports = silent
[mypy-torch.*,numpy.*,pandas.*,sklearn.*,scipy.*,skorch.*,PIL.*,joblib.*]
follow_imports = skip
follow_imports_for_stubs = True
"""


def statements(path):
    return ast.parse(path.read_text(encoding="utf-8")).body


def seen_by_checkers(path):
    """Return name: module of what a package imports for type checkers alone."""
    (block,) = (
        node
        for node in statements(path)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    aliases = [(node.module, alias) for node in block.body for alias in node.names]
    # only `import name as name` is exported, by PEP 484
    assert all(alias.name == alias.asname for _, alias in aliases)
    return {alias.name: module for module, alias in aliases}


@pytest.mark.parametrize("path", LAZY, ids=lambda path: path.parent.name)
def test_checkers_see_every_lazy_name(path):
    name = ".".join(path.parent.relative_to(PACKAGE.parent).parts)
    package = import_module(name)
    homes = {key: f"skmultimodal.{home}" for key, home in package._LAZY.items()}
    names = set(package.__all__) - {"__version__"}
    assert seen_by_checkers(path) == {key: homes.get(key, name) for key in names}


def test_every_ignored_error_has_a_code_and_a_reason():
    lines = [
        line
        for path in PACKAGE.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "type: ignore" in line
    ]
    assert [line for line in lines if not IGNORED.search(line)] == []


@pytest.mark.skipif(find_spec("mypy") is None, reason="needs mypy")
def test_mypy_knows_the_classes(tmp_path):
    (tmp_path / "user.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "mypy.ini").write_text(CONFIG, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--cache-dir=cache", "user.py"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={"MYPYPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
    )
    *found, _ = done.stdout.splitlines()
    classes = ["estimators._classifier.FusionClassifier", "fusion._gated.GatedFusion"]
    classes.append("encoders._text.TextEncoder")
    revealed = [
        f'user.py:{line}: note: Revealed type is "skmultimodal.{name}"'
        for line, name in enumerate(classes, start=4)
    ]
    unknown = 'error: Module has no attribute "NoSuchName"  [attr-defined]'
    assert found == [*revealed, f"user.py:7: {unknown}"]
