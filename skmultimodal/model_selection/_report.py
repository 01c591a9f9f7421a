"""A comparison as one page of HTML that needs no other file."""

from __future__ import annotations

import platform
from base64 import b64encode
from collections.abc import Callable
from html import escape
from importlib.metadata import version
from io import BytesIO
from typing import Any

import numpy as np

from skmultimodal import __version__

__all__ = ["report"]

PACKAGES = ("numpy", "pandas", "scikit-learn", "torch", "skorch")

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
       max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; }
h2 { font-size: 1.15rem; margin-top: 2rem; }
.facts, .note { color: #555; }
p { max-width: 60rem; }
.verdict { border-left: 4px solid #0072B2; padding: .4rem .9rem; background: #f3f7fa; }
img { max-width: 100%; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid #ddd;
         white-space: nowrap; font-variant-numeric: tabular-nums; }
th:nth-child(-n+2), td:nth-child(-n+2), .left { text-align: left; }
td.left { white-space: normal; min-width: 9rem; }
td.failed { color: #a33; white-space: normal; text-align: left; }
@media (max-width: 40rem) {
  th:first-child, td:first-child { display: none; }
  td:nth-child(2) { white-space: normal; overflow-wrap: anywhere; min-width: 7rem; }
  td.failed { min-width: 14rem; }
}
tr.best td { font-weight: 600; background: #f3f7fa; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f6f6f6;
      padding: .7rem; font-size: .85rem; }
"""

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
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p class="facts">{escape(facts)}</p>
<p class="verdict">{escape(comparison.verdict())}</p>
<img alt="Score of every candidate, with that of each fold" src="{_figure(comparison)}">
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
<p class="facts">{escape(", ".join(versions))}</p>
</body>
</html>
"""


def _figure(comparison) -> str:
    """Return the figure as the address of an SVG that holds it."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    with mpl.rc_context({"svg.hashsalt": "skmultimodal"}):
        figure = comparison.plot().figure
        svg = BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
        plt.close(figure)
    return "data:image/svg+xml;base64," + b64encode(svg.getvalue()).decode()


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
