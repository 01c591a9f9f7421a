"""Equations as MathML, which browsers draw by themselves: no script, no network."""

import html
import re

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.errors import ExtensionError
from sphinx.util.math import get_node_equation_number


def to_mathml(equation, display=False):
    """Return the ``<math>`` element of an equation in LaTeX, the source in it."""
    tex = " ".join(equation.split())
    known = re.sub(r"\\([bB]igg?)(?=[^a-zA-Z])", r"\\\1l", tex)  # docutils has \Bigl
    try:
        drawn = tex2mathml(known, as_block=display)
    except Exception as error:  # docutils raises several kinds
        raise ExtensionError(f"No MathML for {tex!r}: {error}") from error
    return drawn.replace("<math", f'<math alttext="{html.escape(tex)}"', 1)


def _visit_inline(translator, node):
    translator.body.append(to_mathml(node.astext()))
    raise SkipNode


def _visit_block(translator, node):
    number = ""
    if node.get("number"):
        number = (
            f'<span class="eqno">({get_node_equation_number(translator, node)})</span>'
        )
    drawn = to_mathml(node.astext(), display=True)
    translator.body.append(f'<div class="math-block">{number}{drawn}</div>\n')
    raise SkipNode


def setup(app):
    """Offer the renderer "mathml" to the option html_math_renderer."""
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
