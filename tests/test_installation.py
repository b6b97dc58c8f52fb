"""The wheel on a machine that has nothing else: what `pip install ppghost` gives."""

import ast
import email
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import yaml
from support import CONFIGS, ROOT

PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")


def call(*command, cwd):
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout; built of a copy, so that nothing old of build/ gets into it."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("ppghost", "deploy", "configs"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignore)
    for name in ("pyproject.toml", "requirements.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    options = ("--no-deps", "--no-build-isolation", "--wheel-dir", made)
    call(sys.executable, *PIP, "wheel", *options, source, cwd=made)
    [file] = made.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The `ppghost` command of an environment with the wheel and what this one has besides us.

    A plain path in a .pth file: what is installed for editing here is not found through it.
    """
    environment = tmp_path_factory.mktemp("environment")
    call(sys.executable, "-m", "venv", "--without-pip", environment, cwd=environment)
    packages = environment / "lib" / "python3.10" / "site-packages"
    call(sys.executable, *PIP, "install", "--no-deps", "--target", packages, wheel, cwd=environment)
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    command = environment / "bin" / "ppghost"
    shutil.copy(packages / "bin" / "ppghost", command)
    script = command.read_text().splitlines(keepends=True)
    command.write_text("".join([f"#!{environment / 'bin' / 'python'}\n", *script[1:]]))
    return command


def test_the_wheel_requires_all_that_it_imports(wheel):
    """What is only in requirements-dev.in would be missing on a user's machine."""
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("/METADATA")]
        metadata = email.message_from_bytes(archive.read(name))
        sources = [archive.read(name) for name in archive.namelist() if name.endswith(".py")]
    required = {re.split(r"[^\w.-]", line)[0].lower() for line in metadata.get_all("Requires-Dist")}
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    imported = {
        alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {n.module for n in nodes if isinstance(n, ast.ImportFrom) and not n.level}
    files = [file for name in required for file in importlib.metadata.files(name)]
    provided = {file.parts[0].removesuffix(".py") for file in files} | {"ppghost"}
    packages = {name.split(".")[0] for name in imported} - sys.stdlib_module_names
    assert packages - provided == {"ppcls"}  # PaddleClas's, of a user who has a checkout


def test_the_wheel_holds_one_package_with_everything_in_it(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in names} == {"ppghost"}
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "ppghost", "deploy", "configs"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    expected = {
        name if name.startswith("ppghost/") else f"ppghost/{name}"
        for name in tracked
        if (ROOT / name).is_file()
    }
    assert names == expected


def test_commands_work_from_an_empty_folder(installed, tmp_path):
    architectures = json.loads(call(installed, "list", "--json", "-", cwd=tmp_path))
    sources = {row["source"] for row in architectures}
    assert sources == {"ppghost", "paddleclas"}
    assert "usage: ppghost demo" in call(installed, "demo", "--help", cwd=tmp_path)
    file = CONFIGS / "ghostnet" / "GhostNet_x1_0.yaml"
    shown = yaml.safe_load(call(installed, "config", "show", "-c", file, cwd=tmp_path))
    assert shown["Arch"]["name"] == "GhostNet_x1_0"


def test_it_speaks_chinese(installed, tmp_path):
    assert call(installed, "--lang", "zh", "--help", cwd=tmp_path).startswith("用法：ppghost")


def test_the_demo_finds_its_configs(installed, tmp_path):
    code = "from ppghost.cli.demo_stages import CONFIGS; print(CONFIGS)"
    [configs] = call(installed.with_name("python"), "-c", code, cwd=tmp_path).splitlines()
    assert (Path(configs) / "demo" / "GhostNet_x0_5_digits.yaml").is_file()
    assert ROOT not in Path(configs).parents


def test_a_foreign_deploy_package_is_none_of_our_business(installed, tmp_path):
    """PaddleClas's checkout has a folder `deploy`, and stands first on sys.path there."""
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "__init__.py").write_text("raise ImportError('PaddleClas')")
    for command in ((installed,), (installed.with_name("python"), "-m", "ppghost")):
        devices = json.loads(call(*command, "devices", "--json", "-", cwd=tmp_path))
        assert devices[0]["kind"] == "host"
