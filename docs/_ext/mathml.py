"""Formulas as MathML, which browsers draw with no script and no font from elsewhere."""

from docutils import nodes
from latex2mathml.converter import convert


def visit_inline(self, node):
    """A formula within a sentence."""
    self.body.append(convert(node.astext()))
    raise nodes.SkipNode


def visit_block(self, node):
    """A formula in a line of its own."""
    self.body.append(f'<div class="math">{convert(node.astext(), display="block")}</div>\n')
    raise nodes.SkipNode


def setup(app):
    """Register the renderer; conf.py chooses it by ``html_math_renderer``."""
    app.add_html_math_renderer(
        "mathml", inline_renderers=(visit_inline, None), block_renderers=(visit_block, None)
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
