"""What the landing page shows: the diagram of a fitted classifier and the comparison.

Both are made when the documentation is built. The figures of the comparison are those
of the page ``user_guide/results``, written by ``benchmarks/bench_strategies.py``.
"""

import csv
import re
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

DOCS = Path(__file__).parent
FOLDER = DOCS / "generated"
RESULTS = DOCS / "user_guide" / "results.rst"
DEFAULT = "FusionClassifier()"
# label -> candidates (the best of them), marker, colour (Okabe and Ito)
SERIES = {
    "best single modality": (("best single modality",), "o", "#E69F00"),
    "best hand-made stack": (
        ("hand-made concatenation", "hand-made voting", "hand-made stacking"),
        "s",
        "#56B4E9",
    ),
    "FusionClassifier(), untuned": ((DEFAULT,), "D", "#D55E00"),
}
INK = {"light": "#1b1b1b", "dark": "#f0f0f0"}


def read_results():
    """Return ``{candidate: {data set: accuracy}}`` of the first table of results."""
    text = ".. csv-table::".join(RESULTS.read_text("utf-8").split(".. csv-table::")[:2])
    header = next(
        csv.reader([re.search(r":header: (.*)", text)[1]], skipinitialspace=True)
    )
    rows = re.findall(r'^   (".*")$', text, flags=re.MULTILINE)
    table = {}
    for name, *cells in csv.reader(rows, skipinitialspace=True):
        values = [float(cell.split()[0]) for cell in cells]
        table[name] = dict(zip(header[1:], values, strict=True))
    return table


def _short(name):
    """Return the name of a data set without its modalities."""
    return name.replace("spoken_digits", "spoken digits").split("_")[0]


def draw_comparison(path, theme):
    """Draw one line a data set and one mark per candidate."""
    table = read_results()
    names = list(table[DEFAULT])[::-1]
    figure = Figure(figsize=(5.6, 3.5), layout="constrained")
    axes = figure.subplots()
    with matplotlib.rc_context({"svg.hashsalt": "skmultimodal"}):
        for label, (candidates, marker, color) in SERIES.items():
            best = [max(table[c][name] for c in candidates) for name in names]
            axes.plot(
                best,
                range(len(names)),
                marker,
                color=color,
                label=label,
                markersize=7,
                markeredgecolor=INK[theme],
                markeredgewidth=0.6,
            )
        axes.set_yticks(range(len(names)), [_short(name) for name in names])
        axes.set_xlabel("accuracy on rows left out", color=INK[theme])
        axes.grid(axis="y", alpha=0.3)
        axes.tick_params(colors=INK[theme], length=0)
        axes.spines[:].set_visible(False)
        figure.legend(
            loc="outside upper center",
            ncols=2,
            frameon=False,
            labelcolor=INK[theme],
            fontsize=9,
        )
        figure.savefig(path, transparent=True, metadata={"Date": None})


def write_diagram(path):
    """Write the diagram that a notebook shows for a fitted classifier."""
    from skmultimodal import FusionClassifier
    from skmultimodal.datasets import load_emoji

    X, y = load_emoji(return_X_y=True)
    clf = FusionClassifier().fit(X[::8], y[::8])  # the code beside it, on fewer rows
    html = clf._repr_html_()
    path.write_text(f'<div class="landing-diagram">{html}</div>', "utf-8")


def make(app=None):
    """Make both, before pages are read."""
    FOLDER.mkdir(exist_ok=True)
    write_diagram(FOLDER / "diagram.html")
    for theme in INK:
        draw_comparison(FOLDER / f"comparison_{theme}.svg", theme)


def setup(app):
    """Make them when a build begins."""
    app.connect("builder-inited", make)
    return {"parallel_read_safe": True}
