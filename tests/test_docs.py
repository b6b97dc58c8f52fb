"""The docs: blocks are run, links checked, the site built; and the scripts that readers copy."""

import doctest
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT
from support.data_sets import few_digits
from support.doc_blocks import Shell, blocks_of
from support.phone import BENCHMARK_BIN, AdbServer, EmulatedPhone
from support.shared import shared_folder

from ppghost.data.datasets import digits
from ppghost.deploy.devices.android.adb_client import find_adb
from ppghost.models.registry import ARCHITECTURES

DOCS = ROOT / "docs"
#: the first page; the others go on from what its commands leave behind
START = DOCS / "start.md"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
CHINESE = [ROOT / "README_zh.md", *sorted(DOCS.glob("zh/*.md"))]
TRIED = ("sh", "python")


class Place:
    """A folder in which blocks are run: few images, and a tiny network for GhostNet_x0_5."""

    def __init__(self, folder: Path, phone: EmulatedPhone | None, patch: pytest.MonkeyPatch):
        self.environment = {
            "PPGHOST_CACHE": str(folder / "cache"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "BENCHMARK_BIN": str(BENCHMARK_BIN),
            **(phone.server.environment if phone else {}),
        }
        for name, value in self.environment.items():
            patch.setenv(name, value)
        patch.delenv("ADB_SERVER_SOCKET", raising=False)
        patch.setattr(digits, "write_digits", few_digits)
        patch.setitem(ARCHITECTURES, "GhostNet_x0_5", ARCHITECTURES["TinyGhostNet"])
        patch.chdir(folder)

    def run(self, page: Path) -> None:
        """Every block of a page."""
        shell = Shell(self.environment)
        for block in blocks_of(page):
            if block.language in TRIED or block.mode == "save":
                shell.run(block)


@pytest.fixture(scope="session")
def phone():
    """An emulated phone beside an adb server of the tests' own."""
    server = AdbServer(find_adb())
    phone = EmulatedPhone(server)
    yield phone
    phone.close()
    server.close()


@pytest.fixture(scope="session")
def started(tmp_path_factory, request):
    """The folder in which every command of the first page was run."""

    def fill(folder: Path) -> None:
        (folder / "configs").symlink_to(ROOT / "configs")
        phone = request.getfixturevalue("phone")
        with pytest.MonkeyPatch.context() as patch:
            Place(folder, phone, patch).run(START)

    return shared_folder(tmp_path_factory, "docs", fill)


def test_every_command_of_the_first_page_works(started):
    assert (started / "output" / "report" / "index.html").is_file()


@pytest.mark.parametrize("page", [page for page in PAGES if page != START], ids=lambda p: p.stem)
def test_every_block_of_a_page_works(page, started, tmp_path, monkeypatch, request):
    wanted = {block.mode for block in blocks_of(page) if block.language in TRIED}
    if {"run", "exit", "phone"} & wanted:
        shutil.copytree(started, tmp_path / "here", symlinks=True)
    else:
        (tmp_path / "here").mkdir()
    phone = request.getfixturevalue("phone") if "phone" in wanted else None
    Place(tmp_path / "here", phone, monkeypatch).run(page)


@pytest.mark.parametrize("page", CHINESE, ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_a_chinese_page_has_the_blocks_of_the_english_one(page):
    english = DOCS / page.name if page.parent != ROOT else ROOT / "README.md"

    def tried(page):
        return [block.commands for block in blocks_of(page) if block.language in (*TRIED, "yaml")]

    assert tried(page) == tried(english)


def test_links_between_files_lead_somewhere():
    files = [*PAGES, *CHINESE, *(ROOT / "findings").glob("*.md")]
    wrong = []
    for file in filter(Path.exists, files):
        text = re.sub(r"^( *)```.*?^\1```$", "", file.read_text(), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, anchor = target.partition("#")
            found = (file.parent / path).resolve() if path else file
            if re.match(r"[a-z]+:", target) or (found.exists() and not anchor):
                continue
            if not found.exists() or anchor not in anchors(found):
                wrong.append(f"{file.relative_to(ROOT)}: {target}")
    assert not wrong


def anchors(file: Path) -> set[str]:
    """Of a page's headings, as code hosts and Sphinx make them."""
    headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_the_site_is_built_without_a_warning(tmp_path):
    command = [sys.executable, DOCS / "build.py", "--builder", "dummy", "--output", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_picture_is_shown_is_small_and_has_a_command_that_makes_it():
    made = runpy.run_path(str(DOCS / "pictures.py"))
    pictures = [*DOCS.glob("*.png"), *DOCS.glob("*.svg")]
    assert {file.stem for file in pictures} == set(made["PICTURES"])
    pages = "".join(file.read_text() for file in [*PAGES, *CHINESE] if file.exists())
    for file in pictures:
        assert f"{file.name})" in pages
        assert file.stat().st_size <= made["MAX_BYTES"]


RUN_PAGE = """
import doctest, sys
import ppghost
failed, tried = doctest.testfile(sys.argv[1], module_relative=False)
print(tried)
sys.exit(failed)
"""


def test_the_page_on_python_is_true(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", RUN_PAGE, ROOT / "docs" / "api.md"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    page = (ROOT / "docs" / "api.md").read_text()
    assert int(done.stdout.split()[-1]) == len(doctest.DocTestParser().get_examples(page)) > 25


def example(name, *arguments):
    return runpy.run_path(str(ROOT / "examples" / name))["main"](*arguments)


def test_a_network_of_ones_own_is_trained_exported_and_used(dygraph, tmp_path, capsys):
    accuracy = example("train_own_network.py", tmp_path, 2)
    assert accuracy["top1"] > 0.5
    assert "epoch 2:" in capsys.readouterr().out


def test_networks_are_timed_and_reported(tmp_path):
    made = example("latency_campaign.py", tmp_path, ("GhostNet_x0_5",), 6)
    page = (tmp_path / "report" / "index.html").read_text()
    assert made.models == 1
    assert "GhostNet_x0_5" in page
