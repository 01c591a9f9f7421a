"""A modality report as a page of HTML, and as a model card in Markdown."""

from __future__ import annotations

import platform
import re
from html import escape
from importlib.metadata import version

import numpy as np
import pandas as pd

from skmultimodal import __version__
from skmultimodal.inspection._page import figure_address, page, table

__all__ = ["model_card", "report_page"]

STYLE = """
body { max-width: 76rem; }
td { white-space: normal; }
pre { max-height: 20rem; overflow-y: auto; }
"""
SIGNS = re.compile(r"([\\`*_\[\]|#<>&])")  # that Markdown or HTML reads
MOST_LINES = 30  # of a table
NOTES = {
    "modalities": "Each modality alone against the fusion, on the rows that have it.",
    "patterns": "By which modalities a row has.",
    "classes": "By true label.",
    "groups": "Groups side by side.",
    "losses": (
        "Slices in which the best single modality, chosen by these rows, is better "
        "than the fusion; p is paired by row and corrected for the number of slices."
    ),
    "conflicts": "Rows whose modalities contradict each other most, and who was right.",
}
HEADS = {
    "modalities": "Does fusing pay?",
    "losses": "Where fusing loses",
    "patterns": "Absent modalities",
    "classes": "Classes",
    "groups": "Groups",
    "conflicts": "Contradictions",
}


def _tables(report) -> dict[str, pd.DataFrame]:
    """Return the tables that hold something, by section."""
    found = {
        "modalities": report.modalities_,
        "losses": report.losses().set_index("slice"),
        "patterns": report.patterns_,
        "classes": report.classes_,
        "groups": report.groups_,
        "conflicts": report.conflicts_,
    }
    if report.weights_ is not None and len(report.modalities_):
        found["modalities"] = report.modalities_.assign(weight=report.weights_)
    return {key: rows for key, rows in found.items() if len(rows)}


def _shown(value) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (float, np.floating)):
        return "-" if np.isnan(value) else f"{value:.3g}"
    return "-" if value is None else str(value)


def _texts(rows) -> pd.DataFrame:
    """Return a table of texts, cut where it is too long to read."""
    texts = rows.head(MOST_LINES).map(_shown)
    return texts.rename(columns=lambda name: str(name).replace("_", " "))


def _facts(report) -> str:
    items = report.overall_.items()
    return "; ".join(f"{key.replace('_', ' ')} {_shown(value)}" for key, value in items)


def _verdict(report) -> str:
    """Return in one sentence whether the fusion pays."""
    best, gain, p = (report.overall_.get(key) for key in ("best", "gain", "p"))
    if best is None:
        return "The strategy predicts by no modality alone: nothing to compare it with."
    sure = "surely" if p <= 0.05 else "not surely"
    if gain >= 0:
        told = f"The fusion is {sure} better than {best} alone, by {gain:.3g}"
    else:
        told = f"The fusion is {sure} worse than {best} alone, by {-gain:.3g}"
    return f"{told} (p = {p:.2g})."


def _versions() -> str:
    packages = ("numpy", "pandas", "scikit-learn", "torch")
    named = [f"{package} {version(package)}" for package in packages]
    return ", ".join(
        [f"Python {platform.python_version()}", f"skmultimodal {__version__}", *named]
    )


def report_page(report, title) -> str:
    """Return the page of a :class:`ModalityReport`."""
    parts = [
        f'<p class="facts">{escape(_facts(report))}</p>',
        f'<p class="verdict">{escape(_verdict(report))}</p>',
    ]
    address = _figure(report)
    if address:
        parts.append(f'<img alt="Scores by slice, and calibration" src="{address}">')
    for key, rows in _tables(report).items():
        parts.append(f"<h2>{escape(HEADS[key])}</h2>")
        parts.append(f'<p class="note">{escape(NOTES[key])}</p>')
        parts.append(table(_texts(rows).rename_axis(rows.index.name)))
        if len(rows) > MOST_LINES:
            parts.append(f'<p class="note">and {len(rows) - MOST_LINES} more</p>')
    parts.append(f"<h2>Estimator</h2><pre>{escape(report.settings_)}</pre>")
    parts.append(f'<p class="facts">{escape(_versions())}</p>')
    return page(title, "\n".join(parts), STYLE)


def _figure(report) -> str:
    """Return the figure of the page: scores of the modalities, calibration."""
    from skmultimodal.inspection._plotting import (
        BLUE,
        GREY,
        figure_and_axes,
        styles_of,
        tidy,
    )

    has_curve = report.calibration_ is not None
    figure, axes = figure_and_axes(
        "ModalityReport", figsize=(9, 3.2), nrows=1, ncols=1 + has_curve
    )
    names = list(report.modalities_.index)
    styles = styles_of(names)
    scores = [*report.modalities_.get("score", []), report.overall_["score"]]
    colours = [styles[name]["color"] for name in names] + ["black"]
    axes[0].barh(range(len(scores)), scores, height=0.6, color=colours)
    axes[0].set_yticks(range(len(scores)), [*names, "fused"])
    axes[0].set_ylim(len(scores) - 0.4, -0.6)
    axes[0].set_xlabel("score (alone: on the rows that have the modality)")
    tidy(axes[0], "x")
    if has_curve:
        axes[1].plot([0, 1], [0, 1], ":", color=GREY)
        curve = report.calibration_
        axes[1].plot(curve["confidence"], curve["accuracy"], "o-", color=BLUE)
        axes[1].set(xlim=(0, 1.02), ylim=(-0.02, 1.05))
        axes[1].set(xlabel="confidence", ylabel="accuracy")
        tidy(axes[1], "both")
    return figure_address(figure)


def model_card(report, title) -> str:
    """Return the same in Markdown."""
    lines = [
        f"# {_plain(title)}",
        "",
        _plain(_verdict(report)),
        "",
        _plain(_facts(report)),
        "",
    ]
    for key, rows in _tables(report).items():
        lines += [f"## {HEADS[key]}", "", NOTES[key], "", _markdown(rows), ""]
    fence = "```"
    while fence in report.settings_:
        fence += "`"
    lines += ["## Estimator", "", fence, report.settings_, fence, "", _versions(), ""]
    return "\n".join(lines)


def _markdown(rows) -> str:
    """Return a table in Markdown; whatever it holds is shown as text."""
    texts = _texts(rows)
    lines = [[str(rows.index.name or ""), *texts.columns]]
    lines += [
        [str(label), *row]
        for label, row in zip(texts.index, texts.to_numpy(), strict=True)
    ]
    drawn = ["| " + " | ".join(map(_plain, line)) + " |" for line in lines]
    drawn.insert(1, "|" + "---|" * len(lines[0]))
    return "\n".join(drawn)


def _plain(text) -> str:
    """Return a text that neither Markdown nor HTML takes for more than it is."""
    return " ".join(SIGNS.sub(r"\\\1", str(text)).split())
