"""Sphinx settings. Built by ``nox -s docs`` with ``-W -n``: a warning or an unresolved reference fails the build."""

from __future__ import annotations

from importlib.metadata import version as version_of

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

project = "mainspring"
author = "The mainspring maintainers"
copyright = "The mainspring maintainers"
release = version_of("mainspring")
version = release

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_click"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"mainspring {release}"
html_static_path = ["_static"]
html_copy_source = False
html_show_sourcelink = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
autodoc_preserve_defaults = True

# Nothing is fetched while building, so names from elsewhere are not resolved.
nitpick_ignore_regex = [("py:.*", r"(?!mainspring\.).*")]


def setup(app: Sphinx) -> None:
    """Connect what is written below."""
    app.connect("missing-reference", leave_plain_in_signatures)


def leave_plain_in_signatures(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.TextElement
) -> nodes.TextElement | None:
    """Leave a type in a signature that has no page of its own as plain text; a name in prose has to resolve."""
    above: nodes.Element | None = node.parent
    while above is not None and not isinstance(above, addnodes.desc_signature):
        above = above.parent
    return None if above is None else content
