"""Sphinx's settings, the same for both languages; docs/build.py has what differs."""

import re

from sphinx.application import Sphinx

project = html_title = "ppghost"

extensions = ["myst_parser"]
myst_enable_extensions = ["attrs_inline"]
#: [text](page.md#a-heading) works down to this level, as on code hosts
myst_heading_anchors = 4
exclude_patterns = ["zh"]
highlight_language = "none"

html_theme = "furo"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False

linkcheck_timeout = 20
linkcheck_anchors = False


def link_to_other_language(app: Sphinx, page: str, source: list[str]) -> None:
    """Make links to pages of the other language, which is a site of its own, links to its HTML."""
    source[0] = re.sub(
        r"\]\(((?:zh|\.\.)/\w+)\.md(#[^)]*)?\)", r"](\1.html\2){.external}", source[0]
    )


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("source-read", link_to_other_language)
