"""Every strategy has a picture in the guide; the pages made by code are complete."""

import io
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

from skmultimodal.fusion._auto import FUSIONS

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def docs(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])
    return import_module


def test_every_strategy_has_a_picture_in_the_guide(docs):
    pytest.importorskip("matplotlib")
    drawings = docs("strategy_pictures").DRAWINGS
    pages = "".join(p.read_text("utf-8") for p in DOCS.glob("user_guide/*.rst"))
    shown = re.findall(r"strategy-picture:: (\w+)", pages)
    assert set(FUSIONS) <= set(drawings)
    assert set(shown) == set(drawings)


def test_pictures_repeat_byte_by_byte_and_differ_by_theme(docs):
    pytest.importorskip("matplotlib")
    drawing = docs("strategy_pictures").DRAWINGS["decision"]
    drawn = []
    for theme in ("light", "light", "dark"):
        picture, stream = docs("strategy_drawing").Picture(theme), io.StringIO()
        drawing(picture)
        picture.save(stream)
        drawn.append(stream.getvalue())
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_figures_of_the_landing_page_are_those_of_the_results(docs):
    pytest.importorskip("matplotlib")
    results = docs("landing").read_results()
    line = re.search(
        r'"FusionClassifier\(\)", "([\d.]+)', docs("landing").RESULTS.read_text("utf-8")
    )
    assert results["FusionClassifier()"]["emoji"] == float(line[1])
    lengths = {len(row) for row in results.values()}
    assert len(lengths) == 1


def test_references_of_a_docstring(docs):
    entries = docs("references").cited(
        'Do.\n\nReferences\n----------\n.. [1] A. B., "One\n   two", 1999.\n\n'
        '.. [2] C., "Three", 2001.\n\nExamples\n--------\n>>> 1\n1\n'
    )
    assert entries == ['A. B., "One two", 1999.', 'C., "Three", 2001.']


def test_all_strategies_with_sources_are_on_the_page_of_references(docs):
    strategies = docs("references").collect()["Strategies"]
    assert {"DecisionFusion", "GatedFusion", "KernelFusion"} <= set(strategies)
    assert all(
        entry[-1] in ".0123456789" or "http" in entry
        for row in strategies.values()
        for entry in row
    )


@pytest.mark.parametrize(
    ("tex", "part"),
    [
        (r"\frac{a}{b}", "<mfrac>"),
        (r"\Big( x \Big)", 'maxsize="1.623em"'),
        ("a < b", 'alttext="a &lt; b"'),
    ],
)
def test_equations_become_mathml(docs, tex, part):
    pytest.importorskip("sphinx")
    assert part in docs("mathml").to_mathml(tex)


def test_equations_that_mathml_lacks_are_named(docs):
    errors = pytest.importorskip("sphinx.errors")
    with pytest.raises(errors.ExtensionError, match="nosuchcommand"):
        docs("mathml").to_mathml(r"\nosuchcommand")
