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
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False

linkcheck_timeout = 20
#: pages of the other language
linkcheck_ignore = [r"(zh|\.\.)/\w+\.html"]
linkcheck_anchors = False


def link_to_other_language(app: Sphinx, page: str, source: list[str]) -> None:
    """Make links to pages of the other language, which is a site of its own, links to its HTML."""
    other = r"\.\." if app.srcdir.name == "zh" else "zh"
    source[0] = re.sub(rf"\]\(({other}/\w+)\.md(#[^)]*)?\)", r"](\1.html\2){.external}", source[0])


def shorten(app: Sphinx, page: str, source: list[str]) -> None:
    """Leave the thousand rows of the page on operators out where nothing is written."""
    if page == "operators" and app.builder.name == "dummy":
        source[0] = re.sub(r"^\| (?!program|\||-).*\n", "", source[0], flags=re.MULTILINE)


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("source-read", shorten)
    app.connect("source-read", link_to_other_language)
