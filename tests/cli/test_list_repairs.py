"""`ppghost convert --list-repairs`."""

import json


def test_every_repair_is_listed_without_a_model(run):
    code, out, _ = run("convert", "--list-repairs")
    assert code == 0
    assert "add_relu6_threshold" in out
    assert "Give every `relu6` its `threshold` attribute, 6." in out


def test_list_of_repairs_as_json(run):
    code, out, _ = run("convert", "--list-repairs", "--json", "-")
    assert code == 0
    rows = {row["name"]: row for row in json.loads(out)}
    assert rows["softsign_to_division"] == {
        "name": "softsign_to_division",
        "description": "Make every `softsign` x / (1 + |x|).",
        "targets": ["arm", "opencl"],
    }


def test_conversion_without_its_arguments_names_them(run):
    code, out, err = run("convert", "somewhere", "--target", "x86")
    assert (code, out) == (2, "")
    assert "the following arguments are required: --output" in err
