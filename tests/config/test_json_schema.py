"""The JSON Schema of configs that editors read."""

import json
import re

import jsonschema
import pytest
import yaml
from support import CONFIGS

from ppghost.config.json_schema import FILE, json_schema

FILES = sorted(
    file for file in CONFIGS.rglob("*.yaml") if file.parent.name != "bench"
)  # those are campaigns


@pytest.fixture(scope="module")
def validate():
    jsonschema.Draft202012Validator.check_schema(json_schema())
    return jsonschema.Draft202012Validator(json_schema()).validate


def test_the_file_that_is_shipped_is_of_the_table():
    message = "python -m ppghost.config.json_schema renews the file"
    assert json.loads(FILE.read_text()) == json_schema(), message


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_config_is_valid_and_says_editors_what_by(validate, file):
    text = file.read_text()
    validate(yaml.safe_load(text))
    [named] = re.findall(r"^# yaml-language-server: \$schema=(\S+)$", text, re.MULTILINE)
    assert (file.parent / named).samefile(FILE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"Globl": {}}, "'Globl' was unexpected"),
        ({"Global": {"epoch": 3}}, "'epoch' was unexpected"),
        ({"Global": {"epochs": "three"}}, "'three' is not of type 'integer'"),
        ({"Optimizer": {"lr": {"name": "Cosin"}}}, "'Cosin' is not one of"),
        ({"Optimizer": {"lr": {"name": "Cosine", "gamma": 1}}}, "'gamma' was unexpected"),
        ({"Loss": {"Train": [{"CELos": {}}]}}, "'CELos' was unexpected"),
        ({"DataLoader": {"Train": {"sampler": {"batch_size": 0}}}}, None),
    ],
)
def test_mistakes_are_marked(validate, content, message):
    if message is None:  # no name: whatever a _base_ says
        validate(content)
        return
    with pytest.raises(jsonschema.ValidationError, match=message):
        validate(content)


def test_what_paddleclas_writes_is_no_mistake(validate):
    validate(
        {
            "Global": {"pretrained_model": "None", "use_visualdl": False},
            "Arch": {"name": "GhostNet_x1_0", "anything": 1},
            "Optimizer": {"regularizer": {"name": "L2", "coeff": "4e-5"}},
            "Loss": {"Train": [{"CELoss": {"weight": 1.0, "epsilon": 0.1}}], "Eval": None},
        }
    )
