"""One row as a page of HTML: its parts in colours, and the rows nearest by."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd

from skmultimodal.inspection._cell_drawing import colours_of, heat_map, image_shown
from skmultimodal.inspection._page import page, png_address, table
from skmultimodal.inspection._plotting import BLUE, VERMILLION

__all__ = ["row_page"]

STYLE = """
body { max-width: 76rem; }
.row td, .row th { white-space: normal; vertical-align: top; text-align: left; }
.row > tbody > tr > td:not(:first-child) { min-width: 9rem; max-width: 26rem; }
.row svg { width: 100%; max-width: 18rem; }
.text { overflow-wrap: anywhere; }
.text span { border-radius: 3px; padding: 0 .15em; }
.row img { min-width: 7rem; max-width: 100%; image-rendering: pixelated; }
.absent { color: #777; font-style: italic; }
.columns td { padding: .05rem .5rem; border: 0; font-size: .85rem; text-align: left; }
.bar { display: inline-block; height: .7em; vertical-align: baseline; }
"""
MOST_COLUMNS = 40
MOST_OUTPUTS = 8
MOST_SIGNS = 2000  # of a text of a row nearby
POINTS = 400  # of a drawn wave


def row_page(found, title) -> str:
    """Return the page of a :class:`RowExplanation`."""
    unit = "score" if found.output == "score" else "probability"
    if found.of_values:
        unit = "value"
    facts = f"explained: {'the value' if found.of_values else found.target_}"
    if found.truth_ is not None:
        facts += f"; true: {_told(found.truth_)}"
    verdict = (
        f"{unit}: {found.base_:.3g} without any part, {found.full_:.3g} with all. Blue "
        "speaks for it, vermillion against."
    )
    body = f"""<p class="facts">{escape(facts)}</p>
<p class="verdict">{escape(verdict)}</p>
<div class="wide"><table class="row">{_head(found)}{_lines(found)}</table></div>
<h2>Predictions</h2>
{_predictions(found)}"""
    return page(title, body, STYLE)


def _told(truth) -> str:
    if isinstance(truth, pd.Series):
        return ", ".join(f"{value:.4g}" for value in truth)
    if isinstance(truth, list):
        return ", ".join(map(str, truth)) or "none"
    return str(truth)


def _head(found) -> str:
    heads = ["modality", "this row"]
    for each in found.neighbours_:
        truth = "" if each["truth"] is None else f": {each['truth']}"
        heads.append(f"row {each['label']}{truth} (distance {each['distance']:.3g})")
    cells = "".join(f'<th class="left">{escape(head)}</th>' for head in heads)
    return f"<tr>{cells}</tr>"


def _lines(found) -> str:
    lines = []
    for name, cell in found.cells_.items():
        facts = f"adds {found.modalities_[name]:+.3g}"
        if found.weights_ is not None:
            facts += f"<br>weight {found.weights_[name]:.2f}"
        cells = [
            f"<b>{escape(str(name))}</b><br>{facts}",
            cell_html(cell, found.parts_.get(name)),
            *(cell_html(each["cells"][name]) for each in found.neighbours_),
        ]
        lines.append("".join(f"<td>{html}</td>" for html in cells))
    return "".join(f"<tr>{line}</tr>" for line in lines)


def _predictions(found) -> str:
    rows = found.predictions_
    if not found.of_values:
        order = rows.loc["fused"].sort_values(ascending=False, kind="stable").index
        rows = rows[order[:MOST_OUTPUTS]]
    rows = rows.map(lambda value: "-" if np.isnan(value) else f"{value:.3g}")
    return table(rows.rename_axis("by"))


def cell_html(cell, values=None) -> str:
    """Return one cell as HTML, its parts in colours if what they add is known."""
    return WRITE[cell.kind](cell, values)


def _shade(colour, opacity) -> str:
    return f"{colour}{round(255 * opacity):02x}"


def _absent(cell, values):
    return '<span class="absent">absent</span>'


def _text(cell, values):
    if values is None:
        text = str(cell.value)
        text = text if len(text) <= MOST_SIGNS else text[:MOST_SIGNS] + "…"
        return f'<div class="text">{escape(text)}</div>'
    html, end = [], 0
    for (start, stop), shade, value in zip(
        cell.places, colours_of(values), values, strict=True
    ):
        html.append(escape(cell.value[end:start]))
        html.append(
            f'<span style="background:{_shade(*shade)}" title="{value:+.3g}">'
            f"{escape(cell.value[start:stop])}</span>"
        )
        end = stop
    html.append(escape(cell.value[end:]))
    return f'<div class="text">{"".join(html)}</div>'


def _image(cell, values):
    image = image_shown(cell.value) if values is None else heat_map(cell, values)
    what = "image" if values is None else "image with coloured patches"
    return f'<img alt="{what}" width="{image.shape[1]}" src="{png_address(image)}">'


def _wave(cell, values):
    """Return a wave, or the channels of a series, as an SVG with bands."""
    wave = np.nan_to_num(np.asarray(cell.value, dtype=float))
    wave = wave.reshape(len(wave), -1)
    if cell.kind == "audio":
        wave = wave.mean(axis=1, keepdims=True)
    low, high = wave.min(), wave.max()
    span = (high - low) or 1.0
    steps = np.linspace(0, len(wave), min(POINTS, len(wave)) + 1).astype(int)[:-1]
    bands = ""
    if values is not None:
        scale = POINTS / len(wave)
        bands = "".join(
            f'<rect x="{start * scale:.1f}" width="{(stop - start) * scale:.1f}" y="0" '
            f'height="80" fill="{colour}" fill-opacity="{0.75 * opacity:.2f}">'
            f"<title>{value:+.3g}</title></rect>"
            for (start, stop), (colour, opacity), value in zip(
                cell.places, colours_of(values), values, strict=True
            )
        )
    lines = ""
    for channel in wave.T:
        tops = np.maximum.reduceat(channel, steps)
        bottoms = np.minimum.reduceat(channel, steps)
        ends = zip(steps * (POINTS / len(wave)), tops, bottoms, strict=True)
        points = " ".join(
            f"{x:.1f},{76 - 72 * (value - low) / span:.1f}"
            for x, top, bottom in ends
            for value in (bottom, top)
        )
        lines += f'<polyline fill="none" stroke="#444" points="{points}"/>'
    return (
        f'<svg viewBox="0 0 {POINTS} 80" role="img" '
        f'aria-label="{cell.kind}">{bands}{lines}</svg>'
    )


def _columns(cell, values):
    if values is None:
        pairs = list(pd.Series(np.ravel(cell.value)).items())
        if isinstance(cell.value, pd.Series):
            pairs = list(cell.value.items())
        lines = [(str(key), _value(value), "") for key, value in pairs]
    else:
        high = np.abs(values.to_numpy()).max(initial=0.0) or 1.0
        lines = []
        for k, (label, value) in enumerate(values.items()):
            held = "" if len(cell.places[k]) > 1 else cell.value[cell.places[k][0]]
            colour = BLUE if value >= 0 else VERMILLION
            bar = (
                f'<span class="bar" style="width:{5 * abs(value) / high:.2f}em;'
                f'background:{colour}"></span> {value:+.3g}'
            )
            lines.append((str(label), _value(held), bar))
    more = len(lines) - MOST_COLUMNS
    html = "".join(
        f"<tr><td>{escape(key)}</td><td>{escape(value)}</td><td>{bar}</td></tr>"
        for key, value, bar in lines[:MOST_COLUMNS]
    )
    if more > 0:
        html += f"<tr><td>and {more} more</td></tr>"
    return f'<table class="columns">{html}</table>'


def _value(value) -> str:
    if isinstance(value, (float, np.floating)):
        return "?" if np.isnan(value) else f"{value:.4g}"
    return "?" if value is None or value is pd.NA else str(value)


WRITE = {
    "absent": _absent,
    "audio": _wave,
    "embedding": _columns,
    "image": _image,
    "sequence": _wave,
    "table": _columns,
    "text": _text,
}
