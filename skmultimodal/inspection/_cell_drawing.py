"""How one cell is drawn, and what its parts add if that is known."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd

from skmultimodal.data._images import to_channels
from skmultimodal.inspection._plotting import BLUE, VERMILLION, tidy

__all__ = [
    "MAX_LINES",
    "NARROW",
    "SMALL",
    "WIDE",
    "colours_of",
    "cut_off",
    "draw_cell",
    "heat_map",
    "image_shown",
    "laid_out",
    "pieces_of",
    "write",
]

SMALL = 8  # points
MAX_LINES = 5
WIDE, NARROW = 36, 19  # characters of a line of text, of an entry of a table
MOST_BARS = 12
STRONGEST = 0.85  # opacity of the part that adds most


def draw_cell(ax, cell, values=None):
    """Draw a cell on axes of its own.

    Parameters
    ----------
    ax : matplotlib Axes
    cell : Bunch or Parts
        With ``kind``, ``value`` and the ``rate`` of a sound; to draw parts, also their
        ``places``.
    values : Series, default=None
        What each part adds: blue for, vermillion against.
    """
    DRAW[cell.kind](ax, cell, values)


def colours_of(values):
    """Return a colour and an opacity for each part."""
    values = np.asarray(values, dtype=float)
    high = np.abs(values).max(initial=0.0) or 1.0
    return [
        (BLUE if value >= 0 else VERMILLION, STRONGEST * abs(value) / high)
        for value in values
    ]


def write(ax, text, x=0.0, **style):
    """Write lines at the upper left; what does not fit is clipped, not drawn over."""
    ax.set_axis_off()
    ax.text(
        x,
        0.97,
        text,
        va="top",
        fontsize=SMALL,
        transform=ax.transAxes,
        clip_on=True,
        **style,
    )


def _draw_absent(ax, cell, values):
    write(ax, "absent from this row", color="dimgrey", style="italic")


def _draw_text(ax, cell, values):
    if values is not None and len(values):
        _draw_words(ax, cell, values)
        return
    lines = textwrap.wrap(str(cell.value), WIDE, max_lines=MAX_LINES, placeholder=" …")
    write(ax, "\n".join(lines) or "(empty text)")


def _draw_words(ax, cell, values):
    """Write word after word, as wide as each is, on boxes of its colour.

    What the figure lays out must have its place already: see `laid_out`.
    """
    ax.set_axis_off()
    renderer = ax.figure.canvas.get_renderer()
    box = ax.get_window_extent(renderer)
    point = ax.figure.dpi / 72
    x, y, step = 0.0, 0.0, 2.1 * SMALL * point
    for word, shade in pieces_of(cell, colours_of(values)):
        text = ax.text(0, 1, word, va="top", fontsize=SMALL + 1, clip_on=True)
        text.set_transform(ax.transAxes)
        text.set_parse_math(False)
        text.set_in_layout(False)
        width = text.get_window_extent(renderer).width
        if x and x + width > box.width:
            x, y = 0.0, y + step
            if y + step > box.height:  # what does not fit is left out
                text.set_text("…")
                text.set_position((0.97, 1 - (y - step) / box.height - 0.02))
                return
        text.set_position((x / box.width, 1 - y / box.height - 0.02))
        if shade is not None:
            colour, opacity = shade
            text.set_bbox(
                {"facecolor": colour, "alpha": opacity, "pad": 1.5, "linewidth": 0}
            )
        x += width + 4 * point


def pieces_of(cell, shades):
    """Return the words of a text and what stands between, each with its shade or None.

    Parameters
    ----------
    cell : TextParts
    shades : list
        One a part.
    """
    pieces, end = [], 0
    for (start, stop), shade in zip(cell.places, shades, strict=True):
        pieces += [
            (cell.value[end:start].strip(), None),
            (cell.value[start:stop], shade),
        ]
        end = stop
    pieces.append((cell.value[end:].strip(), None))
    return [(word, shade) for word, shade in pieces if word]


def laid_out(figure):
    """Let a figure give its axes their places, by which words are wrapped."""
    figure.canvas.draw()


def _draw_table(ax, cell, values):
    if values is not None and len(values):
        _draw_columns(ax, cell, values)
        return
    width = NARROW if len(cell.value) > MAX_LINES else WIDE
    entries = [cut_off(f"{key}: {_short(v)}", width) for key, v in cell.value.items()]
    if len(entries) > 2 * MAX_LINES:
        left_out = len(entries) - 2 * MAX_LINES + 1
        entries = [*entries[:-left_out], f"and {left_out} more"]
    write(ax, "\n".join(entries[:MAX_LINES]))
    if len(entries) > MAX_LINES:
        write(ax, "\n".join(entries[MAX_LINES:]), x=0.5)


def _draw_columns(ax, cell, values):
    """Draw one bar per column, those that add most."""
    order = np.argsort(-np.abs(values.to_numpy()), kind="stable")[:MOST_BARS]
    order = np.sort(order)
    added = values.to_numpy()[order]
    labels = [
        f"{values.index[k]} = {_short(cell.value[cell.places[k][0]])}"
        if len(cell.places[k]) == 1
        else str(values.index[k])
        for k in order
    ]
    ax.barh(
        range(len(order)), added, height=0.7, color=[c for c, _ in colours_of(added)]
    )
    ax.axvline(0, color="black", lw=0.8)
    ax.set_yticks(
        range(len(order)), [cut_off(text, WIDE) for text in labels], fontsize=SMALL
    )
    ax.set_ylim(len(order) - 0.4, -0.6)
    ax.tick_params(axis="x", labelsize=SMALL - 1)
    tidy(ax, "x")


def cut_off(text, width):
    """Return a text of at most so many characters."""
    return text if len(text) <= width else text[: width - 1] + "…"


def _short(value):
    if isinstance(value, (float, np.floating)):
        return "?" if np.isnan(value) else f"{value:.4g}"
    return "?" if pd.isna(value) else str(value)


def image_shown(value) -> np.ndarray:
    """Return an image as matplotlib and browsers show it: 8 bits a channel."""
    image = value[:, :, None] if value.ndim == 2 else value
    if image.shape[2] == 4:
        image = to_channels(image, 3)
    grey = image.shape[2] == 1
    if image.dtype != np.uint8 or grey:  # a grey one from black to its brightest
        high = 255 if image.max(initial=0) > 1 else 1
        high = (image.max() or 1) if grey else high
        image = np.clip(image / high * 255, 0, 255).astype(np.uint8)
    return image.repeat(3, axis=2) if image.shape[2] == 1 else image


def heat_map(cell, values) -> np.ndarray:
    """Return an image in grey, its patches coloured, uint8 (height, width, 3)."""
    grey = image_shown(cell.value).mean(axis=2, keepdims=True) / 255
    ground = 0.25 + 0.75 * grey.repeat(3, axis=2)  # light, for the colours to show
    for place, (colour, opacity) in zip(cell.places, colours_of(values), strict=True):
        ground[place] = (1 - opacity) * ground[place] + opacity * (
            _rgb(colour) * (0.35 + 0.65 * ground[place])
        )
    return (ground * 255).round().astype(np.uint8)


def _rgb(colour) -> np.ndarray:
    """Return the shares of red, green and blue of ``"#rrggbb"``."""
    return np.frombuffer(bytes.fromhex(colour[1:]), dtype=np.uint8) / 255


def _draw_image(ax, cell, values):
    image = image_shown(cell.value) if values is None else heat_map(cell, values)
    ax.imshow(image)
    ax.set_anchor("W")
    ax.set(xticks=[], yticks=[])


def _draw_sound(ax, cell, values):
    steps = np.arange(len(cell.value))
    wave = np.asarray(cell.value, dtype=float)
    wave = wave.mean(axis=1) if wave.ndim > 1 else wave
    ax.plot(steps / (cell.rate or 1), wave, color="dimgrey", lw=0.6)
    _draw_bands(ax, cell, values, cell.rate or 1)
    unit = "seconds" if cell.rate else "samples"
    ax.set_xlabel(unit, fontsize=SMALL - 1, labelpad=1)
    ax.set_yticks([])
    ax.tick_params(labelsize=SMALL - 1)
    tidy(ax)


def _draw_bands(ax, cell, values, rate=1):
    if values is None:
        return
    for (start, stop), (colour, opacity) in zip(
        cell.places, colours_of(values), strict=True
    ):
        ax.axvspan(start / rate, stop / rate, color=colour, alpha=0.75 * opacity, lw=0)


def _draw_series(ax, cell, values):
    if values is not None and not isinstance(cell.places[0], tuple):  # of a vector
        _draw_columns(ax, cell, values)
        return
    ax.plot(np.asarray(cell.value, dtype=float), lw=0.8)
    _draw_bands(ax, cell, values)
    ax.tick_params(labelsize=SMALL - 1)
    tidy(ax)


DRAW = {
    "absent": _draw_absent,
    "audio": _draw_sound,
    "embedding": _draw_series,
    "image": _draw_image,
    "sequence": _draw_series,
    "table": _draw_table,
    "text": _draw_text,
}
