"""Every public name has a page in the reference, and every page a public name."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

import skmultimodal
from skmultimodal.utils import estimator_checks as checks

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def reference(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])
    return import_module("api_reference").API_REFERENCE


def test_reference_lists_the_public_names(reference):
    """Every public object, by whichever of its names."""
    listed = {
        (module, name) for _, module, names in reference.values() for name in names
    }
    packages = set(skmultimodal._PACKAGES)
    public = {
        ("skmultimodal", name)
        for name in set(skmultimodal.__all__) - packages - {"__version__"}
    }
    for package in packages:
        module = import_module(f"skmultimodal.{package}")
        names = set(module.__all__) - set(skmultimodal.__all__)  # those listed above
        names = {name for name in names if callable(getattr(module, name))}
        public |= {(module.__name__, name) for name in names}
    public |= {(checks.__name__, name) for name in checks.__all__}
    assert listed <= public

    def objects(names):
        return {id(getattr(import_module(module), name)) for module, name in names}

    missing = {n for n in public if not objects([n]) <= objects(listed)}
    assert not missing


def test_reference_names_each_object_once(reference):
    names = [name for _, _, names in reference.values() for name in names]
    assert len(names) == len(set(names))
