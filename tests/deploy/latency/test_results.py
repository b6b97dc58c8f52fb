"""Result files: one form, read strictly, written as it was."""

import json
from pathlib import Path

import jsonschema
import pytest
from support.fake_device import FakeDevice, run
from support.latency_results import result, rounds, write

from ppghost.deploy.latency import schema
from ppghost.deploy.latency.results import load_result
from ppghost.deploy.latency.schema import json_schema
from ppghost.errors import InputError

SCHEMA_FILE = Path(schema.__file__).with_name("latency.schema.json")


def test_what_is_read_is_written_as_it_was(tmp_path):
    """Older files too: their sentences stay, and samples that no round is told of."""
    older = result("A", 5.0, notes=["too few rounds"]) | rounds([1.0, 2.0], temp_c=[40.0, 41.0])
    older["conditions"][0]["throttled"] = "core 7 capped at 1.00 of 2.00 GHz"
    file = write(tmp_path / "old.json", [older, result("B", 6.0)])
    loaded = load_result(file)
    assert [each.samples_ms for each in loaded.results[0].rounds] == [[1.0], [2.0]]
    assert loaded.results[1].rounds == []
    again = loaded.to_json()
    for before, after in zip(
        json.loads(file.read_text())["results"], again["results"], strict=True
    ):
        assert after | before == after


def test_what_a_newer_version_adds_is_kept_also_by_resume(converted, tmp_path):
    output = tmp_path / "r.json"
    run([converted], FakeDevice(), rounds=6, output=output)
    document = json.loads(output.read_text())
    document["weather"] = "rain"
    document["plan"]["mood"] = ["calm"]
    document["results"][0]["energy_mj"] = 5.5
    document["results"][0]["conditions"][0]["fan"] = 1
    output.write_text(json.dumps(document))
    assert load_result(output).to_json() == document
    assert json.loads(load_result(output).encode()) == document
    resumed = run([converted], FakeDevice(), rounds=8, output=output, resume=True)
    assert json.loads(output.read_text()) == resumed
    assert resumed["results"][0]["energy_mj"] == 5.5
    assert resumed["results"][0]["conditions"][0]["fan"] == 1
    assert len(resumed["results"][0]["conditions"]) == 8


def test_a_measured_file_is_of_the_schema_that_is_shipped(converted, tmp_path):
    output = tmp_path / "r.json"
    run([converted], FakeDevice(waited=0.5), rounds=7, output=output)
    with open(SCHEMA_FILE, encoding="utf-8") as file:
        shipped = json.load(file)
    assert shipped == json_schema(), "python -m ppghost.deploy.latency.schema renews the file"
    jsonschema.validate(json.loads(output.read_text()), shipped)
    damaged = json.loads(output.read_text())
    damaged["results"][0]["threads"] = "one"
    with pytest.raises(jsonschema.ValidationError, match="'one' is not of type 'integer'"):
        jsonschema.validate(damaged, shipped)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threads": "one"}, r"Expected `int`, got `str` - at `\$\.results\[0\]\.threads`"),
        ({"status": "fine"}, r"Invalid enum value 'fine'"),
        ({"notes": [5]}, r"\$\.results\[0\]\.notes\[0\]"),
        ({"samples_ms": ["fast"]}, r"Expected `float`, got `str`"),
        ({"device": {"serial": "x"}}, "'kind'"),
        ({"conditions": [{}] * 4}, "6 samples do not make 4 rounds"),
    ],
)
def test_a_damaged_file_is_named_with_the_place(tmp_path, changes, message):
    file = write(tmp_path / "r.json", [result("A", 5.0, **changes)])
    with pytest.raises(InputError, match=rf"r\.json: damaged latency result \(.*{message}"):
        load_result(file)
