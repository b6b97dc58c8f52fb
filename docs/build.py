"""The site: both languages, from docs/ and docs/zh/, to be opened from a file.

    python docs/build.py [--output DIR] [--builder html|dummy|linkcheck]

`make docs` and `make linkcheck` call it.

Any warning of Sphinx (a broken reference, an anchor or a picture that is not there, a page in no
table of contents) ends it with exit code 1. `dummy` only looks, and writes no page.
"""

import argparse
import sys
from pathlib import Path

from sphinx.cmd.build import build_main

DOCS = Path(__file__).resolve().parent
#: folder below the site, of the pages and of the settings that depend on the language
LANGUAGES = {
    ".": ["-D", "language=en"],
    "zh": ["-D", "language=zh_CN", "-D", "html_title=ppghost 文档"],
}


def build(language: str, output: Path, builder: str = "html") -> int:
    """Build the pages of one language (a key of `LANGUAGES`).

    Args:
        output: the site's folder; what Sphinx keeps between builds stands in `.doctrees` there.
        builder: a name of Sphinx's.

    Returns:
        Sphinx's exit code: 0, or 1 after a warning.
    """
    strict = ["-q", "-W", "--keep-going", "-c", str(DOCS), "-b", builder]
    kept = ["-d", str(output / ".doctrees" / language)]
    return build_main(
        [*strict, *kept, *LANGUAGES[language], str(DOCS / language), str(output / language)]
    )


def main() -> int:
    """All languages; the worst exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=DOCS.parent / "output" / "docs")
    parser.add_argument("--builder", default="html", choices=("html", "dummy", "linkcheck"))
    args = parser.parse_args()
    code = max(build(language, args.output, args.builder) for language in LANGUAGES)
    if args.builder == "html" and not code:
        print(f"docs: {(args.output / 'index.html').resolve().as_uri()}")
    return code


if __name__ == "__main__":
    sys.exit(main())
