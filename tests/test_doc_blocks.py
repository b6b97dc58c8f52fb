"""What tries the blocks of the docs notices what is wrong with them."""

import pytest
from support import ROOT
from support.doc_blocks import Shell, blocks_of, compare

PAGE = """Text.

<!-- run: world -> moon; 5 -> 6 -->
```sh
# a comment
echo hello world \\
    5   # times
```
```text
hello world 7
```

1. A list.

   <!-- parse: long -->
   ```sh
   ppghost train -c CONFIG
   ```
"""


@pytest.fixture
def blocks(monkeypatch, tmp_path):
    """The blocks of a page."""

    def parse(text):
        (tmp_path / "page.md").write_text(text)
        monkeypatch.setattr("support.doc_blocks.ROOT", tmp_path)
        return blocks_of(tmp_path / "page.md")

    return parse


def test_blocks_have_their_marks_and_outputs(blocks):
    first, second = blocks(PAGE)
    assert (first.place, first.mode, first.output) == ("page.md:4", "run", "hello world 7\n")
    assert first.commands == ["echo hello world 5"]
    assert first.substituted().commands == ["echo hello moon 6"]
    assert (second.mode, second.commands) == ("parse", ["ppghost train -c CONFIG"])
    Shell({}).run(first)
    Shell({}).run(second)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("```sh\nfalse\n```\n", "ended with 1"),
        ("<!-- exit 2 -->\n```sh\nfalse\n```\n", "ended with 1"),
        ("```sh\necho no\n```\n```text\nyes\n```\n", "no line like"),
        ("<!-- run: a -> b -->\n```sh\necho\n```\n", "nothing to replace"),
        ("<!-- parse: x -->\n```sh\nppghost train --nonsense\n```\n", "the following arguments"),
        ("<!-- parse: x -->\n```sh\nmake nonsense\n```\n", "makes no nonsense"),
        ("<!-- parse: x -->\n```sh\nppghost train -c configs/no.yaml\n```\n", "there is no"),
        ("<!-- parse: tests/no -->\n```sh\nmake test\n```\n", "there is no tests/no"),
        ("<!-- skip: boring -->\n```sh\necho\n```\n", "no reason to skip"),
        ("```python\nprint(1)\n```\n```text\none\n```\n", "no line like"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(page, message, blocks, monkeypatch):
    [block] = blocks(page)
    monkeypatch.setattr("support.doc_blocks.ROOT", ROOT)
    with pytest.raises(AssertionError, match=rf"(?s)page\.md:\d.*{message}"):
        Shell({}).run(block)


@pytest.mark.parametrize(
    ("wanted", "said", "same"),
    [
        ("1.5 ms, top1: 0.99", "12.75 ms,   top1: 1.0", True),
        ("3.0e-04 of 7", "1.1e-12 of 70,000", True),
        ("a ... c", "a b c", True),
        ("...", "", True),
        ("1.5 ms", "1.5 s", False),
        ("a ... d", "a b c", False),
    ],
)
def test_words_are_compared_and_no_figures(wanted, said, same, blocks):
    [block] = blocks(f"```sh\nx\n```\n```text\n{wanted}\n```\n")
    if same:
        compare(block, said)
    else:
        with pytest.raises(AssertionError, match="no line like"):
            compare(block, said)
