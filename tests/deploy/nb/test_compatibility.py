"""Which file runs on which runtime."""

import dataclasses

import pytest

from ppghost.deploy.nb.compatibility import check_runs_on_x86, incompatibility
from ppghost.deploy.nb.header import inspect_nb
from ppghost.errors import InputError


@pytest.fixture(scope="module")
def info(converted):
    return inspect_nb(converted / "both.nb")


@pytest.mark.parametrize(
    ("target", "precision", "abi", "reason"),
    [
        ("x86", "fp32", "x86_64", None),
        ("host", "fp32", "x86", None),
        ("host", "fp32", "arm64-v8a", None),
        ("arm", "fp16", "arm64-v8a", None),
        ("opencl", "fp16", "armeabi-v7a", None),
        ("arm", "fp32", "x86_64", "made for arm, not for x86; "),
        ("x86", "int8", "x86_64", "has int8 kernels; "),
        ("x86", "fp32", "arm64-v8a", "made for x86, not for arm64-v8a; "),
    ],
)
def test_a_file_runs_where_it_was_made_for(info, target, precision, abi, reason):
    info = dataclasses.replace(info, target=target, precision=precision)
    found = incompatibility(info, abi)
    assert found is None if reason is None else found.startswith(reason)


def test_what_this_host_cannot_run_is_named(converted):
    check_runs_on_x86(converted / "both.nb")
    with pytest.raises(InputError, match=r"arm/both\.nb: made for arm, not for x86;"):
        check_runs_on_x86(converted / "arm" / "both.nb")
