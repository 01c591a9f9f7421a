"""A comparison as one page of HTML that needs no other file."""

from __future__ import annotations

import platform
from collections.abc import Callable
from html import escape
from importlib.metadata import version
from typing import Any

import numpy as np

from skmultimodal import __version__
from skmultimodal.inspection._page import figure_address, page

__all__ = ["report"]

PACKAGES = ("numpy", "pandas", "scikit-learn", "torch", "skorch")

NOTE = """Means over folds. The interval and p are of the corrected resampled t-test
(Nadeau and Bengio, 2003), paired over folds. Times are those of a fit with nothing to
share; parameters are trained numbers, a dash where a model's cannot be counted."""


WORDS = {"fit_seconds": "fit, s", "predict_seconds": "predict, s", "megabytes": "MB"}


def report(comparison, title) -> str:
    """Return the page of a :class:`FusionComparison`."""
    table, best = comparison.table_, comparison.best_estimator_
    folds = [column for column in table if column.startswith("fold_")]
    facts = (
        f"{comparison._n_rows:,} rows, {len(folds)} folds, score: {comparison.scoring_}"
    )
    scores = dict.fromkeys(folds, "{:.3f}".format)
    versions = [f"Python {platform.python_version()}", f"skmultimodal {__version__}"]
    versions += [f"{package} {version(package)}" for package in PACKAGES]
    parameters = best.__repr__(N_CHAR_MAX=10_000)  # those not at their defaults
    address = figure_address(comparison.plot().figure)
    body = f"""<p class="facts">{escape(facts)}</p>
<p class="verdict">{escape(comparison.verdict())}</p>
<img alt="Score of every candidate, with that of each fold" src="{address}">
<h2>Every candidate</h2>
<div class="wide">{_table(comparison, COLUMNS)}</div>
<p class="note">{NOTE}</p>
<h2>Score of each fold</h2>
<div class="wide">{_table(comparison, dict.fromkeys(["kind", "name"], str) | scores)}\
</div>
<h2>Best strategy</h2>
<p class="note">Parameters that are not at their defaults.</p>
<pre>{escape(parameters)}</pre>
<h2>Versions</h2>
<p class="facts">{escape(", ".join(versions))}</p>"""
    return page(title, body)


def _table(comparison, columns) -> str:
    words = WORDS | {key: key.replace("_", " ") for key in columns if key not in WORDS}
    head = "".join(f"<th{_align(key)}>{escape(words[key])}</th>" for key in columns)
    best = comparison._best_name()
    lines = []
    for row in comparison.table_.to_dict("records"):
        if row["error"] and "score" not in columns:
            continue  # of folds there is nothing to tell
        chosen = row["kind"] == "strategy" and row["name"] == best
        mark = ' class="best"' if chosen else ""
        shown = list(columns)[:2] if row["error"] else list(columns)
        cells = "".join(
            f"<td{_align(key)}>{escape(columns[key](row[key]))}</td>" for key in shown
        )
        if row["error"]:
            failed = f"failed: {escape(row['error'])}"
            cells += f'<td class="failed" colspan="{len(columns) - 2}">{failed}</td>'
        lines.append(f"<tr{mark}>{cells}</tr>")
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _align(key) -> str:
    return ' class="left"' if key == "weights" else ""


def _seconds(value) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def _or_dash(form) -> Callable[[Any], str]:
    return lambda value: "-" if np.isnan(value) else form.format(value)


COLUMNS: dict[str, Callable[[Any], str]] = {
    "kind": str,
    "name": str,
    "score": "{:.3f}".format,
    "sd": "{:.3f}".format,
    "fit_seconds": _seconds,
    "predict_seconds": _seconds,
    "parameters": _or_dash("{:,.0f}"),
    "megabytes": _or_dash("{:,.2f}"),
    "weights": lambda text: text.replace(" ", "\u00a0").replace(",\u00a0", ", "),
}
