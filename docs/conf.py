"""Sphinx settings. Built by ``nox -s docs`` with ``-W -n``: a warning or an unresolved reference fails the build."""

from __future__ import annotations

from importlib.metadata import version as version_of

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx_click.ext import ClickDirective

project = "mainspring"
author = "The mainspring maintainers"
copyright = "The mainspring maintainers"
release = version_of("mainspring")
version = release

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_click"]
exclude_patterns = ["_build"]
smartquotes = False  # it would turn --option into an en dash
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
    app.add_directive("click", HeadedCommand, override=True)


class HeadedCommand(ClickDirective):
    """A command under a heading of the page's own: sphinx-click's heading of the same name is left out."""

    def run(self) -> list[nodes.Node]:
        """Give what sphinx-click gives, without its section if the page has that heading already."""
        made = list(super().run())
        source = self.env.doc2path(self.env.docname).read_text(encoding="utf-8")
        headings = {line.lstrip("#").strip(" `") for line in source.splitlines() if line.startswith("#")}
        if self.options["prog"] not in headings:
            return made
        return [child for section in made for child in section.children if not isinstance(child, nodes.title)]


def leave_plain_in_signatures(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.TextElement
) -> nodes.TextElement | None:
    """Leave a type in a signature that has no page of its own as plain text; a name in prose has to resolve."""
    above: nodes.Element | None = node.parent
    while above is not None and not isinstance(above, addnodes.desc_signature):
        above = above.parent
    return None if above is None else content
