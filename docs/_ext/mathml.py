"""Formulas as MathML, made when the site is built: they are read without a network and without JavaScript."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


def _inline(self: Any, node: nodes.math) -> None:
    self.body.append(_converted(node, as_block=False))
    raise nodes.SkipNode


def _block(self: Any, node: nodes.math_block) -> None:
    markup = _converted(node, as_block=True)
    self.body.append(f'<div class="math">{markup}</div>\n')
    raise nodes.SkipNode


def _converted(node: nodes.Element, as_block: bool) -> str:
    try:
        markup: str = tex2mathml(node.astext(), as_block=as_block)
    except Exception as error:  # MathError, and what its parser trips over
        raise ExtensionError(f"the formula {node.astext()!r} can't be written as MathML: {error}") from error
    return markup


def setup(app: Sphinx) -> dict[str, Any]:
    """Adds the renderer ``mathml``."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
