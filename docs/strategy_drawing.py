"""One style for the pictures of strategies: boxes in rows, arrows, weights, regions."""

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

COLUMNS = (0.0, 3.0, 6.0)  # centres of the modalities
STEP = 1.55  # from one row to the next
HEIGHT, WIDTH = 0.86, 2.2  # of a box

# kind, what it stands for, width
LEGEND = (
    ("encoder", "one modality", 2.4),
    ("fusion", "fusion", 1.7),
    ("weight", "weights", 1.8),
    ("region", "one training", 2.4),
)

# Okabe and Ito's colours, told apart with any colour vision; kind -> edge of a box
EDGES = {
    "input": "#808080",
    "encoder": "#0072B2",
    "fusion": "#D55E00",
    "weight": "#CC79A7",
    "output": "#009E73",
}
THEMES = {
    "light": {"text": "#1b1b1b", "line": "#555555", "region": "#eef1f6", "mix": 0.86},
    "dark": {"text": "#f0f0f0", "line": "#b5b5b5", "region": "#262b33", "mix": 0.62},
}
BACKGROUNDS = {"light": (1.0, 1.0, 1.0), "dark": (0.08, 0.09, 0.11)}


class Picture:
    """A drawing of one strategy.

    Parameters
    ----------
    theme : {"light", "dark"}
        Colour of the page it is shown on.
    """

    def __init__(self, theme):
        self.theme = THEMES[theme]
        self.page = BACKGROUNDS[theme]
        self.figure = Figure(figsize=(5.2, 4))
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.widths = {}
        self.lowest = 0

    def _fill(self, kind):
        edge = matplotlib.colors.to_rgb(EDGES[kind])
        mix = self.theme["mix"]
        return tuple(
            mix * p + (1 - mix) * e for p, e in zip(self.page, edge, strict=True)
        )

    def box(self, column, row, text, kind, width=None):
        """Draw a box of a kind in a column of a row."""
        width = WIDTH if width is None else width
        self.widths[column, row] = width
        self.lowest = max(self.lowest, row)
        x, y = COLUMNS[column], -STEP * row
        self._rounded(
            x - width / 2,
            y - HEIGHT / 2,
            width,
            HEIGHT,
            0.1 if kind != "input" else 0.4,
        ).set(
            facecolor=self._fill(kind), edgecolor=EDGES[kind], linewidth=1.6, zorder=3
        )
        self.axes.text(
            x,
            y - 0.02,
            text,
            ha="center",
            va="center",
            fontsize=10.5,
            zorder=4,
            color=self.theme["text"],
            linespacing=1.1,
        )

    def region(self, left, first, right, last, label):
        """Shade what is trained together, of columns and rows, and say so at its left.

        One column has its label above the first box, several beside the last.
        """
        single = left == right
        above, below = (0.5 if first > 1 or single else 0.25), (0.1 if single else 0.2)
        x = COLUMNS[left] - WIDTH / 2 - 0.22
        y = -STEP * last - HEIGHT / 2 - below
        height = STEP * (last - first) + HEIGHT + above + below
        width = COLUMNS[right] - COLUMNS[left] + WIDTH + 0.44
        self._rounded(x, y, width, height, 0.15).set(
            facecolor=self.theme["region"],
            edgecolor=self.theme["line"],
            linestyle=(0, (4, 3)),
            linewidth=1.1,
            zorder=0,
        )
        at = y + height - 0.25 if single else -STEP * last
        self.axes.text(
            x + 0.14,
            at,
            label,
            ha="left",
            va="center",
            fontsize=8.5,
            style="italic",
            color=self.theme["text"],
            zorder=5,
        )

    def _rounded(self, x, y, width, height, radius):
        style = f"round,pad=0,rounding_size={radius}"
        return self.axes.add_patch(FancyBboxPatch((x, y), width, height, style))

    def arrow(
        self,
        start,
        end,
        weight=None,
        bold=False,
        start_on_wide=False,
        end_on_wide=False,
    ):
        """Draw an arrow between boxes, with a weight on it.

        A wide box reaches over several columns: an arrow meets it straight above or
        below its other end.
        """
        (c0, r0), (c1, r1) = start, end
        if r0 == r1:
            x0 = COLUMNS[c0] + WIDTH / 2
            x1 = COLUMNS[c1] - WIDTH / 2
            y0 = y1 = -STEP * r0
        else:
            x0, y0 = COLUMNS[c0], -STEP * r0 - HEIGHT / 2
            x1, y1 = COLUMNS[c1], -STEP * r1 + HEIGHT / 2
            if not (start_on_wide or end_on_wide):
                reach = 0.3 * self.widths.get((c1, r1), WIDTH)
                x1 += reach * (COLUMNS[c0] > COLUMNS[c1]) - reach * (
                    COLUMNS[c0] < COLUMNS[c1]
                )
        self.axes.add_patch(
            FancyArrowPatch(
                (x0, y0),
                (x1, y1),
                arrowstyle="-|>",
                mutation_scale=11,
                shrinkA=0,
                shrinkB=0,
                linewidth=2.4 if bold else 1.3,
                color=self.theme["line"],
                zorder=2,
            )
        )
        if weight:
            self.axes.text(
                0.42 * x0 + 0.58 * x1,
                0.42 * y0 + 0.58 * y1,
                weight,
                ha="center",
                va="center",
                fontsize=9.5,
                color=self.theme["text"],
                zorder=6,
                bbox={
                    "boxstyle": "circle,pad=0.22",
                    "facecolor": self._fill("weight"),
                    "edgecolor": EDGES["weight"],
                    "linewidth": 1.4,
                },
            )

    def _legend(self):
        x, y = COLUMNS[0] - WIDTH / 2 - 0.2, -STEP * self.lowest - HEIGHT / 2 - 0.62
        for kind, text, step in LEGEND:
            patch = self._rounded(x, y - 0.14, 0.34, 0.28, 0.06)
            if kind == "region":
                patch.set(
                    facecolor=self.theme["region"],
                    edgecolor=self.theme["line"],
                    linestyle=(0, (3, 2)),
                )
            else:
                patch.set(facecolor=self._fill(kind), edgecolor=EDGES[kind])
            self.axes.text(
                x + 0.45,
                y - 0.01,
                text,
                va="center",
                fontsize=8.5,
                color=self.theme["text"],
            )
            x += step
        return y

    def save(self, stream):
        """Write the drawing as SVG, the same bytes every time."""
        bottom = self._legend() - 0.35
        left, right = COLUMNS[0] - WIDTH / 2 - 0.35, COLUMNS[-1] + WIDTH / 2 + 0.35
        top = HEIGHT / 2 + 0.15
        self.axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
        self.axes.axis("off")
        self.figure.set_size_inches((right - left) * 0.62, (top - bottom) * 0.62)
        with matplotlib.rc_context({"svg.hashsalt": "skmultimodal"}):
            self.figure.savefig(
                stream, format="svg", transparent=True, metadata={"Date": None}
            )
