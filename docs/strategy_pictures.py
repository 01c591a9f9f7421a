"""Pictures of the strategies: data flow, what is trained together, where weights sit.

A page shows one by ``.. strategy-picture:: parallel``. All are drawn, for light and for
dark pages, when the documentation is built; ``python docs/strategy_pictures.py FOLDER``
draws them alone.
"""

import io
import sys
from pathlib import Path

from strategy_drawing import Picture

FOLDER = Path(__file__).parent / "generated" / "strategies"
MODALITIES = ("image", "text", "table")


def _encoders(p, bottom, label="trained\ntogether", own=False):
    """Draw the inputs, the encoders and what is trained with them, down to bottom."""
    for m, name in enumerate(MODALITIES):
        if own:
            p.region(m, 1, m, bottom, label)
        p.box(m, 0, name, "input")
        p.box(m, 1, "encoder", "encoder")
        p.arrow((m, 0), (m, 1))
    if not own:
        p.region(0, 1, 2, bottom, label)


def _each(p, row, text, kind="fusion", above=None):
    """Draw one box per modality, its number in the text, with arrows from above."""
    for m in range(3):
        p.box(m, row, text.replace("#", str(m + 1)), kind)
        p.arrow((m, row - 1 if above is None else above), (m, row))


def _join(p, row, text, weights="w", kind="fusion", above=None, width=None):
    """Draw one box that all modalities enter, with the weights on the arrows."""
    p.box(1, row, text, kind, width=width)
    for m in range(3):
        label = f"${weights}_{m + 1}$" if weights else None
        p.arrow((m, row - 1 if above is None else above), (1, row), weight=label)


def _down(p, row, text, kind="output", width=None):
    p.box(1, row, text, kind, width=width)
    p.arrow((1, row - 1), (1, row))


def parallel(p):
    """Each modality has an encoder and a head; weighted scores are added."""
    _encoders(p, 3)
    _each(p, 2, "score $z_#$")
    _join(p, 3, "sum")
    _down(p, 4, "scores $F$")


def sequential(p):
    """A state passes from stage to stage; weighted scores of the stages are added."""
    _encoders(p, 3)
    _each(p, 2, "state $s_#$")
    p.arrow((0, 2), (1, 2), bold=True)
    p.arrow((1, 2), (2, 2), bold=True)
    _join(p, 3, "sum")
    _down(p, 4, "scores $F$")


def feature(p):
    """Weighted embeddings are merged in one space, then one nonlinear head predicts."""
    _encoders(p, 4)
    _each(p, 2, "normalise\n$P_#\\,h_#$")
    _join(p, 3, "merge")
    _down(p, 4, "nonlinear head", "fusion")
    _down(p, 5, "scores $F$")


def decision(p):
    """Complete models are fitted apart; a rule with weights combines what they say."""
    _encoders(p, 2, "alone", own=True)
    _each(p, 2, "model $f_#$", "encoder")
    p.region(0, 3, 2, 3, "fitted to out-of-\nfold predictions")
    _join(p, 3, "rule")
    _down(p, 4, "prediction")


def gated(p):
    """Gates that look at all embeddings weigh the features of each modality."""
    _encoders(p, 5)
    p.box(1, 2, "gates $g$: see all", "weight", width=8.2)
    for m in range(3):
        p.arrow((m, 1), (m, 2), end_on_wide=True)
    for m in range(3):
        p.box(m, 3, f"$\\tanh\\,W_{m + 1} h_{m + 1}$", "fusion")
        p.arrow((m, 2), (m, 3), weight=f"$g_{m + 1}$", start_on_wide=True)
    _join(p, 4, "sum", weights="")
    _down(p, 5, "head", "fusion")
    _down(p, 6, "scores $F$")


def low_rank(p):
    """Linear factors of the modalities are multiplied, and products added."""
    _encoders(p, 4)
    _each(p, 2, "$R$ factors\n$1 + U_#\\,h_#$")
    _join(p, 3, "product, sum over $R$", width=4.6)
    _down(p, 4, "head", "fusion")
    _down(p, 5, "scores $F$")


def film(p):
    """Conditions scale and shift the features of the primary modality."""
    _encoders(p, 4)
    p.box(0, 2, "primary $h_1$", "fusion")
    p.arrow((0, 1), (0, 2), weight="$w_1$")
    for m in (1, 2):
        p.box(m, 2, f"$\\gamma_{m + 1}, \\beta_{m + 1}$", "fusion")
        p.arrow((m, 1), (m, 2))
    _join_film(p)
    _down(p, 4, "head", "fusion")
    _down(p, 5, "scores $F$")


def _join_film(p):
    p.box(1, 3, "scale and shift", "fusion", width=3.6)
    p.arrow((0, 2), (1, 3), bold=True)
    p.arrow((1, 2), (1, 3), weight="$w_2$")
    p.arrow((2, 2), (1, 3), weight="$w_3$")


def embrace(p):
    """Chance, with the weights as probabilities, picks a modality for each unit."""
    _encoders(p, 4)
    _each(p, 2, "features $v_#$")
    _join(p, 3, "draw each unit from one", width=4.8)
    _down(p, 4, "head", "fusion")
    _down(p, 5, "scores $F$")


def mixture_of_experts(p):
    """A gate that looks at all embeddings weighs the predictions of the experts."""
    _encoders(p, 4)
    p.box(1, 2, "gate $g$: sees all", "weight", width=8.2)
    for m in range(3):
        p.arrow((m, 1), (m, 2), end_on_wide=True)
        p.box(m, 3, f"expert $p_{m + 1}$", "fusion")
        p.arrow((m, 2), (m, 3), weight=f"$g_{m + 1}$", start_on_wide=True)
    _join(p, 4, "mixture", weights="")
    _down(p, 5, "probabilities")


def product_of_experts(p):
    """Gaussian beliefs about a code are multiplied with each other and a prior."""
    _encoders(p, 4)
    _each(p, 2, "belief\n$N(\\mu_#, 1/T_#)$")
    _join(p, 3, "product with\nprior $N(0, I)$", width=3.6)
    _down(p, 4, "code $z$, head", "fusion")
    _down(p, 5, "scores $F$")


def evidential(p):
    """Evidence of the modalities is combined; what is not believed is ignorance."""
    _encoders(p, 3)
    _each(p, 2, "evidence $e_#$")
    _join(p, 3, "rule")
    p.box(0, 4, "belief", "output")
    p.box(1, 4, "ignorance", "output")
    p.box(2, 4, "conflict", "output")
    for m in range(3):
        p.arrow((1, 3), (m, 4))


def attention(p):
    """The modalities are tokens of one transformer and attend to each other."""
    _encoders(p, 4)
    _each(p, 2, "token $t_#$")
    p.box(1, 3, "all attend to all", "fusion", width=8.2)
    for m in range(3):
        p.arrow((m, 2), (m, 3), weight=f"$w_{m + 1}$", end_on_wide=True)
    _down(p, 4, "mean, linear head", "fusion", width=3.4)
    _down(p, 5, "scores $F$")


def cross_attention(p):
    """Each modality reads each other one by an attention of its own."""
    _encoders(p, 4)
    _each(p, 2, "tokens $x_#$")
    for m in range(3):
        p.box(m, 3, f"{MODALITIES[m]} reads\nthe others", "fusion")
    for source in range(3):
        for target in range(3):
            p.arrow((source, 2), (target, 3), bold=source == target)
    _join(p, 4, "concatenate, head", width=3.6)
    _down(p, 5, "scores $F$")


def bottleneck(p):
    """Modalities exchange only what fits into a few shared tokens."""
    _encoders(p, 5)
    _each(p, 2, "attention\n$[x_#;\\, b]$")
    p.box(1, 3, "shared tokens $b$", "fusion", width=8.2)
    for m in range(3):
        p.arrow((m, 2), (m, 3), weight=f"$w_{m + 1}$", end_on_wide=True)
    for m in range(3):
        p.box(m, 4, f"attention\n$[x_{m + 1};\\, b]$", "fusion")
        p.arrow((m, 3), (m, 4), start_on_wide=True)
    _join(p, 5, "mean, linear head", width=3.6)
    _down(p, 6, "scores $F$")


def _features(p):
    for m, name in enumerate(MODALITIES):
        p.box(m, 0, name, "input")
        p.box(m, 1, "fixed features", "encoder")
        p.arrow((m, 0), (m, 1))


def canonical(p):
    """Linear maps onto a common space, found without y; then a head."""
    _features(p)
    p.region(0, 2, 2, 3, "fitted\nwithout y")
    _each(p, 2, "map $A_#$")
    _join(p, 3, "mean in the common space", width=4.8)
    p.region(0, 4, 2, 4, "fitted next, to y")
    _down(p, 4, "head", "fusion")
    _down(p, 5, "prediction")


def cooperative(p):
    """Linear terms are added, and penalised where they disagree with each other."""
    _features(p)
    p.region(0, 2, 2, 3, "fitted to y")
    _each(p, 2, "term\n$\\theta_#^T x_#$")
    _join(p, 3, "sum of terms that agree", width=4.8)
    _down(p, 4, "scores $F$")


def kernel(p):
    """Kernels of the modalities are added with weights from their alignment with y."""
    _features(p)
    p.region(0, 2, 2, 4, "fitted to y")
    _each(p, 2, "kernel $K_#$")
    _join(p, 3, "sum", weights="\\mu")
    _down(p, 4, "kernel machine", "fusion")
    _down(p, 5, "prediction")


def staged(p):
    """Encoders are trained apart; a strategy is fitted to their out-of-fold output."""
    _encoders(p, 2, "alone", own=True)
    _each(p, 2, "embedding $h_#$", "encoder")
    p.region(0, 3, 2, 3, "trained on out-of-\nfold embeddings")
    _join(p, 3, "any strategy", width=3.2)
    _down(p, 4, "scores $F$")


DRAWINGS = {
    drawing.__name__: drawing
    for drawing in (
        parallel,
        sequential,
        feature,
        decision,
        gated,
        low_rank,
        film,
        embrace,
        mixture_of_experts,
        product_of_experts,
        evidential,
        attention,
        cross_attention,
        bottleneck,
        canonical,
        cooperative,
        kernel,
        staged,
    )
}


def draw_all(folder):
    """Write two SVG files a strategy, for light and for dark pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, drawing in DRAWINGS.items():
        for theme in ("light", "dark"):
            picture = Picture(theme)
            drawing(picture)
            stream = io.StringIO()
            picture.save(stream)
            path = folder / f"{name}_{theme}.svg"
            if not path.exists() or path.read_text("utf-8") != stream.getvalue():
                path.write_text(stream.getvalue(), "utf-8")


def setup(app):
    """Draw the pictures before pages are read and add the directive."""
    from docutils import nodes
    from docutils.parsers.rst import Directive

    class StrategyPicture(Directive):
        required_arguments = 1

        def run(self):
            (name,) = self.arguments
            if name not in DRAWINGS:
                raise self.error(f"No picture {name!r}; there are {list(DRAWINGS)}.")
            return [
                nodes.image(
                    uri=f"/generated/strategies/{name}_{theme}.svg",
                    alt=DRAWINGS[name].__doc__,
                    classes=[f"only-{theme}", "strategy-picture"],
                )
                for theme in ("light", "dark")
            ]

    app.add_directive("strategy-picture", StrategyPicture)
    app.connect("builder-inited", lambda app: draw_all(FOLDER))
    return {"parallel_read_safe": True}


if __name__ == "__main__":
    draw_all(Path(sys.argv[1]))
