"""The wheel on a machine that has nothing else: what `pip install ppghost` gives."""

import json
import os
import shutil
import subprocess
import sys
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
    """The `ppghost` command of an empty environment into which the wheel was installed."""
    environment = tmp_path_factory.mktemp("environment")
    call(sys.executable, "-m", "venv", environment, cwd=environment)
    constraints = ("--constraint", ROOT / "requirements.txt", "--no-compile")
    call(environment / "bin" / "python", *PIP, "install", *constraints, wheel, cwd=environment)
    yield environment / "bin" / "ppghost"
    shutil.rmtree(environment)  # over a gigabyte


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
