"""The code blocks of a page of docs/, and how each is tried.

Every `sh` block is run, and the `text` block behind it is what its lines must say, unless a comment
before it says otherwise:

    <!-- run: epochs=12 -> epochs=1; A -> B -->     run with these pieces replaced
    <!-- exit 1 -->                                 run; the last command ends with this code
    <!-- phone: PATH -> $BENCHMARK_BIN -->          run beside an emulated phone
    <!-- parse: why -->                             arguments are parsed, files looked for
    <!-- skip: download -->                         for one of `SKIPPED`
    <!-- save: output/mine.yaml -->                 any block: written to that file

`python` blocks are run too. Of outputs the words are compared and no figures: numbers stand for
any others, `...` for anything.
"""

import contextlib
import glob
import io
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ppghost.cli import main as cli
from ppghost.cli.parser import make_parser
from support import ROOT

#: what a test has none of
SKIPPED = ("download", "phone", "checkout", "machines", "gpu", "chromium")
MODES = ("run", "phone", "parse", "skip", "save", "exit")

FENCE = re.compile(
    r"^(?: *<!-- (?P<mark>[^\n]*?) -->\n+)?"
    r"^(?P<indent> *)```(?P<language>[\w{}-]*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
NUMBER = re.compile(r"[-+]?\d[\d.,:]*(?:e[-+]\d+)?")


@dataclass(frozen=True)
class Block:
    """A fenced block, its place, and the mark before it."""

    place: str
    language: str
    text: str
    mode: str = "run"
    detail: str = ""
    output: str | None = None

    @property
    def commands(self) -> list[str]:
        """Its lines without comments, continued ones joined."""
        text = re.sub(r"\s*\\\n\s*", " ", self.text)
        lines = (re.sub(r"(^|\s)#(\s.*|$)", "", line).strip() for line in text.splitlines())
        return [line for line in lines if line]

    def substituted(self) -> "Block":
        """As it is run: replaced in it and in its output what the mark says, each of some use."""
        text, output = self.text, self.output or ""
        for pair in filter(None, self.detail.split("; ") if self.mode in ("run", "phone") else ()):
            old, new = pair.split(" -> ")
            assert old in text + output, f"{self.place}: nothing to replace by {pair!r}"
            text, output = text.replace(old, new), output.replace(old, new)
        return replace(self, text=text, output=output)


def blocks_of(page: Path) -> list[Block]:
    """All fenced blocks of a page but those that are outputs, which belong to the one before."""
    text, found, end = page.read_text(), [], 0
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start("language")) + 1
        body = re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
        follows = found and not text[end : match.start()].strip()
        end = match.end()
        if match["language"] == "text" and follows and not match["mark"]:
            found[-1] = replace(found[-1], output=body)
            continue
        mode, _, detail = (match["mark"] or "run").partition(" ")
        mode = mode.rstrip(":")
        if mode not in MODES:  # a comment about something else
            mode, detail = "run", ""
        place = f"{page.relative_to(ROOT)}:{line}"
        found.append(Block(place, match["language"], body, mode, detail))
    return found


def compare(block: Block, output: str) -> None:
    """Every line of the block's output must be in `output`, whatever the figures."""
    lines = [_words(line) for line in output.splitlines()]
    for wanted in (block.output or "").splitlines():
        pattern = re.escape(_words(wanted)).replace(r"\.\.\.", ".*")
        assert pattern == ".*" or any(re.fullmatch(pattern, line) for line in lines), (
            f"{block.place}: no line like\n{wanted}\nin\n{output[-4000:]}"
        )


def _words(line: str) -> str:
    return " ".join(NUMBER.sub("#", line.replace("...", "\0")).split()).replace("\0", "...")


class Shell:
    """Runs blocks in the current folder, `ppghost` in this process."""

    def __init__(self, environment: dict[str, str]) -> None:
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        paths = {"PATH": programs, "PYTHONPATH": str(ROOT)}
        self.environment = {**os.environ, **paths, **environment}

    def run(self, block: Block) -> None:
        """All its commands; AssertionError if one fails, or says something else than the page."""
        block = block.substituted()
        if block.mode == "save":
            file = Path(block.detail)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)
        elif block.mode == "skip":
            assert block.detail in SKIPPED, f"{block.place}: {block.detail!r} is no reason to skip"
        elif block.mode == "parse":
            for path in re.findall(r"tests/[\w/.]*\w", block.detail):
                assert (ROOT / path).exists(), f"{block.place}: there is no {path}"
            if block.language == "python":
                compile(block.text, block.place, "exec")
            for command in block.commands if block.language == "sh" else ():
                self._look_at(block, command)
        elif block.language == "sh":
            self._run_commands(block)
        elif block.language == "python":
            with _captured() as said:
                exec(compile(block.text, block.place, "exec"), {"__name__": "__main__"})  # noqa: S102
            compare(block, said.getvalue())

    def _run_commands(self, block: Block) -> None:
        said, commands = "", block.commands
        for number, command in enumerate(commands):
            last = block.mode == "exit" and number == len(commands) - 1
            code, output = self._command(command)
            wanted = int(block.detail) if last else 0
            assert code == wanted, f"{block.place}: {command}\nended with {code}\n{output[-4000:]}"
            said += output
        compare(block, said)

    def _command(self, command: str) -> tuple[int, str]:
        if setting := re.fullmatch(r"([A-Z_]+)=(\S*)", command):
            self.environment[setting[1]] = self._expand(setting[2])
            return 0, ""
        words = shlex.split(self._expand(command))
        if words[0] == "ppghost" and not {"|", ">", "&&"} & set(words):
            return _in_process([name for word in words[1:] for name in _matching(word)])
        done = subprocess.run(
            ["bash", "-c", command], env=self.environment, capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr

    def _expand(self, text: str) -> str:
        return re.sub(r"\$\{?([A-Z_]+)\}?", lambda match: self.environment[match[1]], text)

    def _look_at(self, block: Block, command: str) -> None:
        """What can be said of a command without running it."""
        words = shlex.split(re.sub(r"\$\{?[A-Z_]+\}?", "VALUE", command))
        if "ppghost" in words[:2] or any(word.endswith("/ppghost") for word in words):
            words = words[[Path(word).name for word in words].index("ppghost") + 1 :]
            with _captured() as said:
                code = _exit_code(make_parser().parse_args, words)
            assert not code, f"{block.place}: {command}\n{said.getvalue()}"
        if words[0] == "make":
            targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assert words[1] in targets, f"{block.place}: the Makefile makes no {words[1]}"
        for word in words:
            if re.match(r"(configs|benchmarks|examples|docs|findings|tests)/", word):
                assert (ROOT / word).exists(), f"{block.place}: there is no {word}"


def _matching(word: str) -> list[str]:
    return sorted(glob.glob(word)) or [word] if "*" in word else [word]


def _in_process(words: list[str]) -> tuple[int, str]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with _captured() as said:
        try:
            code = _exit_code(cli.main, words)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return code, said.getvalue()


def _exit_code(call: Callable[[list[str]], object], words: list[str]) -> int:
    """What a call of argparse's or ours ends with."""
    try:
        code = call(words)
    except SystemExit as error:
        code = error.code
    return code if isinstance(code, int) else 0


@contextlib.contextmanager
def _captured() -> Iterator[io.StringIO]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        yield said
