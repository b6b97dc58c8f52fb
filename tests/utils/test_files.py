"""Files written whole or not at all."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support import ROOT

from ppghost.errors import InputError
from ppghost.utils.files import read_json, write_atomically, write_json, write_text


def test_parents_are_created_and_nothing_else_is_left(tmp_path):
    write_json(tmp_path / "a" / "b.json", {"x": [1, "ä"]})
    assert read_json(tmp_path / "a" / "b.json") == {"x": [1, "ä"]}
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.json"]


def test_threads_that_write_one_file_at_once_leave_the_whole_of_one(tmp_path):
    """As phones do that are measured at the same time: each remembers its program."""
    together = threading.Barrier(4, timeout=10)

    def write(number):
        def content(file):
            file.write(bytes([number]) * 1000)
            together.wait()

        write_atomically(tmp_path / "file", content)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert len(set((tmp_path / "file").read_bytes())) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_failed_write_keeps_the_older_file_and_leaves_no_temporary_one(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")
    # a disk that fills up half way, for real: the process may write no more than 1000 bytes
    code = (
        "import resource, pathlib\n"
        "from ppghost.utils.files import write_text\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        f"write_text(pathlib.Path({str(path)!r}), 'new' * 1000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "result.json: cannot be written (File too large)" in done.stderr
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_places_that_cannot_be_written_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    # the tests run as root, whom no permission stops: /proc is read-only even so
    for path in (tmp_path, tmp_path / "file" / "x.json", Path("/proc/ppghost/x.json")):
        with pytest.raises(InputError, match="cannot be written"):
            write_text(path, "x")


def test_not_a_number_is_refused_in_json(tmp_path):
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(tmp_path / "x.json", float("nan"))
    assert not list(tmp_path.iterdir())


def test_unreadable_json_is_an_input_error(tmp_path):
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(InputError, match=r"x\.json: not a JSON file"):
        read_json(tmp_path / "x.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_json(tmp_path / "none.json")
