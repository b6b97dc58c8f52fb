"""The description beside a `.nb`: written by one place, read by the same, older forms too."""

import json
import shutil

import pytest

from ppghost.deploy.nb.model import load_models
from ppghost.deploy.nb.sidecar import read_sidecar
from ppghost.errors import InputError


@pytest.fixture
def nb(converted, tmp_path):
    """A copy of both.nb and its sidecar."""
    for name in ("both.nb", "both.nb.json"):
        shutil.copy(converted / name, tmp_path)
    return tmp_path / "both.nb"


def change(nb, **changes):
    """Set keys of the sidecar, or take them away where they are None."""
    path = nb.with_name("both.nb.json")
    described = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in described.items() if v is not None}))


def test_what_is_read_is_what_was_written(nb):
    before = nb.with_name("both.nb.json").read_bytes()
    read_sidecar(nb).write(nb)
    assert nb.with_name("both.nb.json").read_bytes() == before


def test_an_older_sidecar_tells_less(nb):
    left_out = (
        "weights",
        "params",
        "macs",
        "source_sha256",
        "command",
        "options",
        "reference",
        "more_references",
        "check",
    )
    change(nb, **dict.fromkeys(left_out))
    (model,) = load_models([str(nb)])
    assert (model.name, model.params, model.references) == ("Both", None, [])
    assert model.options == {"fp16": False, "weights": None}


@pytest.mark.parametrize(
    "changes",
    [
        {"params": "many"},
        {"macs": True},
        {"inputs": [{"name": "x"}]},
        {"output_check": {"ok": True}},
        {"reference": {"seed": 0}},
        {"options": ["fp16"]},
        {"options": {"weights": "int7"}},
        {"inputs": [{"name": "x", "shape": [1, -3]}]},
        {"output_check": {"max_abs_diff": 0, "ok": "yes"}},
        {"reference": {"seed": 0, "generator": "", "shapes": [[2]], "outputs": [[1, "a"]]}},
        {"reference": {"seed": 0, "generator": "", "shapes": [[2]], "outputs": [[1]]}},
        {"reference": {"seed": -1, "generator": "", "shapes": [[1]], "outputs": [[1]]}},
        {"model": None},
    ],
)
def test_a_damaged_sidecar_is_one_line(nb, changes):
    change(nb, **changes)
    with pytest.raises(InputError, match=r"both\.nb\.json: not a description of a \.nb;"):
        read_sidecar(nb)


@pytest.mark.parametrize("content", ["[]", "3", "null"])
def test_a_sidecar_that_is_no_mapping_is_one_line(nb, content):
    nb.with_name("both.nb.json").write_text(content)
    with pytest.raises(InputError, match="not a description"):
        read_sidecar(nb)


def test_a_sidecar_of_another_file_is_refused(nb):
    change(nb, content_sha256="0" * 64)
    with pytest.raises(InputError, match=r"describes another file than both\.nb"):
        read_sidecar(nb)
