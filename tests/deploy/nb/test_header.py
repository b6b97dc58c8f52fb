"""Reading `.nb` files."""

import subprocess
import sys

import pytest
from support import ROOT

from ppghost.deploy.nb.header import inspect_nb
from ppghost.errors import InputError


def test_header_tells_version_target_and_kernels(converted):
    info = inspect_nb(converted / "both.nb")
    assert (info.opt_version, info.meta_version) == ("v2.13-rc", 2)
    assert (info.target, info.precision) == ("x86", "fp32")
    assert info.kernels["x86/fp32"] >= 3
    assert info.bytes == (converted / "both.nb").stat().st_size
    assert inspect_nb(converted / "arm" / "both.nb").target == "arm"


def test_content_hash_ignores_only_the_uninitialised_bytes(nb_copy):
    path = nb_copy()
    before = inspect_nb(path).content_sha256
    data = bytearray(path.read_bytes())
    end = data.index(0, 2) + 1
    data[end:18] = b"x" * (18 - end)
    path.write_bytes(data)
    assert inspect_nb(path).content_sha256 == before
    data[-1] ^= 1
    path.write_bytes(data)
    assert inspect_nb(path).content_sha256 != before


@pytest.mark.parametrize("keep", [1, 25, 26, 200, -1, -100])
def test_truncated_file_is_refused(nb_copy, keep):
    path = nb_copy()
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"copy\.nb: (truncated|not a Paddle-Lite)"):
        inspect_nb(path)


def test_file_with_something_after_its_end_is_refused(nb_copy):
    path = nb_copy()
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(InputError, match="damaged"):
        inspect_nb(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty"), (b"GIF89a" * 99, "not a Paddle-Lite"), (b"\x02\0" * 99, "not a Paddle-Lite")],
)
def test_other_files_are_refused(tmp_path, content, message):
    path = tmp_path / "other.nb"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        inspect_nb(path)


def test_missing_file_and_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.nb", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            inspect_nb(path)


def test_the_measuring_half_never_imports_paddle():
    code = (
        "import sys, ppghost.deploy.nb.header, ppghost.deploy.devices.host.device\n"
        "import ppghost.deploy.devices.host.worker, ppghost.deploy.devices.discovery\n"
        "import ppghost.deploy.latency.runner, ppghost.deploy.latency.stats\n"
        "import ppghost.deploy.reporting.write, ppghost.deploy.conversion.convert\n"
        "assert 'paddle' not in sys.modules and 'paddlelite' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
