"""MKL's choice of kernels on processors of other makers than Intel."""

import os
import subprocess
import sys

import pytest

from ppghost.utils import mkl

CPU = "processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: fpu sse2 {flags}\n\nprocessor\t: 1\n"
READ = [sys.executable, "-c", "import os; print(os.environ.get('MKL_DEBUG_CPU_TYPE'))"]


@pytest.fixture
def variable(monkeypatch):
    """What a process of ours sees as MKL's variable, not set as the test starts."""
    monkeypatch.delenv(mkl.VARIABLE, raising=False)
    os.unsetenv(mkl.VARIABLE)  # Paddle's tests may have set it, out of sight of os.environ
    yield lambda: subprocess.run(READ, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    os.unsetenv(mkl.VARIABLE)


@pytest.mark.parametrize(
    ("vendor", "flags", "chosen"),
    [
        ("AuthenticAMD", "fma avx2", "5"),
        ("HygonGenuine", "fma avx2", "5"),
        ("AuthenticAMD", "avx", "None"),
        ("GenuineIntel", "fma avx2 avx512f", "None"),
    ],
)
def test_avx2_where_the_processor_has_it_and_mkl_would_not_see(
    tmp_path, variable, vendor, flags, chosen
):
    file = tmp_path / "cpuinfo"
    file.write_text(CPU.format(vendor=vendor, flags=flags))
    mkl.use_avx2(file)
    assert variable() == chosen


def test_without_linux_s_list_of_processors_nothing_is_changed(tmp_path, variable):
    mkl.use_avx2(tmp_path / "missing")
    (tmp_path / "arm").write_text("processor\t: 0\nFeatures\t: fp asimd\n\n")
    mkl.use_avx2(tmp_path / "arm")
    assert variable() == "None"


def test_a_user_s_own_choice_stays(tmp_path, variable, monkeypatch):
    monkeypatch.setenv(mkl.VARIABLE, "4")
    file = tmp_path / "cpuinfo"
    file.write_text(CPU.format(vendor="AuthenticAMD", flags="fma avx2"))
    mkl.use_avx2(file)
    assert variable() == "4"
