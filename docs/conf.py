"""Settings of the site; ``sphinx-build -W -n docs build/site`` builds it."""

import inspect
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "alframe"
copyright = "the alframe developers, MIT licence"  # noqa: A001 (Sphinx's word)
version = release = metadata.version("alframe")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml", "strategy_directives"]
html_theme = "furo"
html_title = f"alframe {version}"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["alframe.css"]
html_copy_source = False
html_show_sphinx = False

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the outputs are stored, see _ext/notebook_outputs.py
exclude_patterns = ["**.ipynb_checkpoints"]
highlight_language = "none"
smartquotes_action = "D"  # the dashes that Sphinx puts behind parameters; quotes stay as they are written

# In docstrings `Name` is a link where there is such a name; the rest is code.
default_role = "py:obj"
nitpick_ignore_regex = [("py:obj", r".*")]
autodoc_typehints = "none"  # types of torch and numpy would be links to sites outside
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
napoleon_use_rtype = False
napoleon_attr_annotations = False


def setup(app: Sphinx) -> None:
    """Connects what follows."""
    app.connect("autodoc-process-docstring", _plain_properties, priority=600)


def _plain_properties(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    # napoleon has taken what precedes a colon in the first line of a property's docstring for its type
    if what in ("property", "attribute") and obj.__doc__:
        lines[:] = [*(inspect.getdoc(obj) or "").splitlines(), ""]
