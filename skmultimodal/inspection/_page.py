"""Pages of HTML that need no other file, and what stands in them."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["STYLE", "figure_address", "page", "png_address", "table", "written"]

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


def page(title: str, body: str, style: str = "") -> str:
    """Return a page with a heading; `body` is HTML, `title` is text."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}{style}</style>
</head>
<body>
<h1>{escape(title)}</h1>
{body}
</body>
</html>
"""


def written(text: str, path: Any) -> str:
    """Return a page or a card, written to a file unless `path` is None."""
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text


def table(rows: Any, formats: Any = None) -> str:
    """Return a frame as HTML, its index first; whatever it holds is shown as text.

    Parameters
    ----------
    rows : DataFrame
    formats : dict of str to callable, default=None
        From a value of a column to its text.
    """
    formats = formats or {}
    head = "".join(f"<th>{escape(str(column))}</th>" for column in rows.columns)
    lines = []
    for label, row in zip(rows.index, rows.itertuples(index=False), strict=True):
        cells = "".join(
            f"<td>{escape(formats.get(column, str)(value))}</td>"
            for column, value in zip(rows.columns, row, strict=True)
        )
        lines.append(f"<tr><td>{escape(str(label))}</td>{cells}</tr>")
    name = "" if rows.index.name is None else str(rows.index.name)
    return (
        f'<div class="wide"><table><tr><th>{escape(name)}</th>{head}</tr>'
        f"{''.join(lines)}</table></div>"
    )


def figure_address(figure) -> str:
    """Return a figure of matplotlib as the address of an SVG; close it."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    with mpl.rc_context({"svg.hashsalt": "skmultimodal"}):
        svg = BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
        plt.close(figure)
    return "data:image/svg+xml;base64," + b64encode(svg.getvalue()).decode()


def png_address(image: np.ndarray) -> str:
    """Return an image, uint8 (height, width, 3), as the address of a PNG."""
    height, width, _ = image.shape
    lines = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # each begins by a filter
    lines[:, 1:] = image.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [
        (b"IHDR", header),
        (b"IDAT", zlib.compress(lines.tobytes())),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n"
    for kind, content in parts:
        check = struct.pack(">I", zlib.crc32(kind + content))
        data += struct.pack(">I", len(content)) + kind + content + check
    return "data:image/png;base64," + b64encode(data).decode()
