"""The lists of versions agree with each other and with pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest

import skmultimodal

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[\w,-]*\])?(?:[>=]=([\w.]+))?$")

# The one that is not installed at its lowest: older wheels bring gigabytes of CUDA.
NEWEST = {"torch"}


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(path):
    """Return name -> version of a file of constraints."""
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return {plain(name): v for name, v in (line.split("==") for line in lines if line)}


def lowest(*extras):
    """Return name -> lowest version of the dependencies and of some extras."""
    optional = PROJECT["optional-dependencies"]
    found, left = {}, [*PROJECT["dependencies"]]
    left += [line for extra in extras for line in optional[extra]]
    for line in left:
        name, version = REQUIREMENT.match(line).groups()
        if name != PROJECT["name"]:
            assert version is not None, f"{line} has no lowest version"
            found[plain(name)] = version
    return found


NEWEST_PINS = pins(ROOT / "constraints.txt")
OLDEST_PINS = pins(ROOT / ".ci" / "oldest.txt")


def test_oldest_versions_are_those_of_pyproject():
    expected = lowest("onnx", "parquet", "plot", "save", "test")
    expected |= {name: NEWEST_PINS[name] for name in NEWEST}
    assert {name: OLDEST_PINS.get(name) for name in expected} == expected


def test_every_dependency_is_pinned():
    named = lowest(*PROJECT["optional-dependencies"])
    assert sorted(named.keys() - NEWEST_PINS.keys()) == []


def test_hooks_have_the_versions_of_the_constraints():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    found = dict(re.findall(r"dependencies: \[([\w-]+)==([\w.]+)\]", hooks))
    assert found == {name: NEWEST_PINS[name] for name in ("ruff", "codespell")}


@pytest.mark.parametrize("file", ["CITATION.cff", "docs/whats_new.rst"])
def test_version(file):
    versions = re.findall(r"(?mi)^version:? ([\w.]+)$", (ROOT / file).read_text())
    assert versions[0] == skmultimodal.__version__


def test_the_workflow_runs_ci():
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    assert "- run: bash .ci/run\n" in workflow
