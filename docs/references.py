"""The page of references, collected from the docstrings of the library.

A paper is named once, in the docstring of what it is the source of; the page lists all
of them by the object that cites them.
"""

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "skmultimodal"
PAGE = Path(__file__).parent / "references.rst"

# title of a section -> the files it takes, the first that matches
SECTIONS = {
    "Combination rules and calibration": r"fusion/_(rules|calibration|weights|pool)",
    "Strategies": r"fusion/_",
    "Encoders and features": r"encoders/",
    "Inspection": r"inspection/",
    "Data sets": r"datasets/",
    "Estimators and training": r".",
}
ORDER = ["Strategies", *(title for title in SECTIONS if title != "Strategies")]


def cited(docstring):
    """Return the entries of the section References of a docstring."""
    parts = re.split(r"^ *References\n *-+\n", docstring, flags=re.MULTILINE)
    if len(parts) < 2:
        return []
    section = re.split(r"^ *\w[\w ]*\n *---+\n", parts[1], flags=re.MULTILINE)[0]
    entries = re.split(r"^ *\.\. \[\d+\] ", section, flags=re.MULTILINE)[1:]
    return [" ".join(entry.split()) for entry in entries]


def collect():
    """Return ``{section: {object: [entry, ...]}}`` over all files of the package."""
    found = {title: {} for title in ORDER}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        title = next(t for t, pattern in SECTIONS.items() if re.search(pattern, name))
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                entries = cited(ast.get_docstring(node) or "")
                if entries:
                    found[title][node.name] = entries
    return {title: objects for title, objects in found.items() if objects}


def page(documented):
    """Return the page, with links to the objects in ``{name: full name}``."""
    lines = ["References", "==========", ""]
    lines += [
        "The papers that the library follows, by what follows them. Where it departs"
    ]
    lines += ["from a paper, the docstring says how.", ""]
    for title, objects in collect().items():
        lines += [title, "-" * len(title), ""]
        for name in sorted(objects, key=str.lower):
            full = documented.get(name)
            lines += [f":obj:`~{full}`" if full else name.lstrip("_")]
            lines += [f"   - \\{entry}" for entry in objects[name]]  # "A." is no list
            lines += [""]
    return "\n".join(lines)
