"""Comparing two results: what may be said, and what may not."""

import json

import numpy as np
import pytest

from ppghost.deploy.latency import compare as comparison
from ppghost.errors import InputError

DEVICE = {
    "serial": "R58M", "kind": "adb", "model": "a phone", "soc": "SD855", "abi": "arm64-v8a",
    "lite_version": "v2.13-rc",
}  # fmt: skip


STATS = {"n": 1, "mad": 0.0, "p90": None, "p99": None, "min": 0.0, "ci95": None}


@pytest.fixture
def write(tmp_path):
    """Write a result file; medians by model are spread by 1 % over `rounds` rounds."""

    def result(name, medians, *, rounds=30, device=DEVICE, seed=0, plan=None, **settings):
        generator = np.random.default_rng(seed)
        results = []
        for model, median in medians.items():
            samples = (median * generator.lognormal(0, 0.01, rounds)).tolist()
            result = {
                "model": model, "nb_sha256": name, "device": device, "threads": 1,
                "precision": "fp32", "status": "ok", "error": None, "output_check": None,
                "stats": STATS | {"median": median}, "samples_ms": samples, "inputs": [],
                "conditions": [{"throttled": None}] * rounds, "power_mode": "big", **settings,
            }  # fmt: skip
            results.append(result)
        document = {
            "schema": "ppghost.latency/1",
            "plan": {"repeats": 5, "burst_warmup": 1, **(plan or {})},
            "host": {},
            "results": results,
        }
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(document))
        return file

    return result


def compare(*files, **settings):
    """As `--json` writes it."""
    return comparison.compare(*files, **settings).to_json()


def verdicts(compared):
    return {row["model"]: (row["verdict"], row["regression"]) for row in compared["rows"]}


def test_faster_slower_and_cannot_tell(write):
    old = write("old", {"A": 10.0, "B": 10.0, "C": 10.0, "D": 10.0})
    new = write("new", {"A": 9.0, "B": 10.3, "C": 11.0, "D": 10.0}, seed=1)
    compared = compare(old, new, drift=0.01)
    assert verdicts(compared) == {
        "A": ("faster", False),
        "B": ("slower", False),  # by less than the threshold of 5 %
        "C": ("slower", True),
        "D": ("cannot tell", False),
    }
    assert compared["regressions"] == ["C"]
    rows = {row["model"]: row for row in compared["rows"]}
    assert rows["C"]["ratio"] == pytest.approx(1.1, abs=0.01)
    assert rows["C"]["ci95"][0] < 1.1 < rows["C"]["ci95"][1]
    assert verdicts(compare(old, new, threshold=0.01, drift=0))["B"] == ("slower", True)


def test_what_two_campaigns_may_differ_by_is_no_verdict(write):
    """5 % in milliseconds; a campaign's own interval is too narrow for that."""
    old = write("old", {"A": 10.0, "B": 10.0, "C": 10.0})
    new = write("new", {"A": 10.4, "B": 9.6, "C": 10.7}, seed=1)
    compared = compare(old, new)
    assert verdicts(compared) == {
        "A": ("cannot tell", False),
        "B": ("cannot tell", False),
        "C": ("slower", True),
    }
    assert [row["drift"] for row in compared["rows"]] == [0.05] * 3
    assert compared["rows"][0]["why"] == "two campaigns of one model may differ by 5.0%"
    assert verdicts(compare(old, new, drift=0.02))["B"] == ("faster", False)


def test_repeats_left_to_the_device_are_those_that_it_takes(write):
    """5 on a phone, 2 on the host."""
    old, new = write("old", {"A": 10.0}), write("new", {"A": 10.0}, plan={"repeats": None})
    assert compare(old, new)["rows"]
    host = {**DEVICE, "kind": "host"}
    old = write("old", {"A": 10.0}, device=host)
    new = write("new", {"A": 10.0}, device=host, plan={"repeats": None})
    with pytest.raises(InputError, match="repeats was 5 and is 2"):
        compare(old, new)


def test_too_few_rounds_cannot_tell_even_a_large_difference(write):
    old, new = write("old", {"A": 10.0}, rounds=3), write("new", {"A": 20.0}, rounds=3)
    (row,) = compare(old, new)["rows"]
    assert (row["verdict"], row["ci95"], row["why"]) == ("cannot tell", None, "too few rounds")


def test_equal_models_are_told_apart_as_rarely_as_promised(write):
    decided = 0
    for seed in range(100):
        old = write("old", {"A": 10.0}, rounds=12, seed=2 * seed)
        new = write("new", {"A": 10.0}, rounds=12, seed=2 * seed + 1)
        decided += compare(old, new, drift=0)["rows"][0]["verdict"] != "cannot tell"
    assert decided <= 10


def slowed(file, factors, changed=()):
    """The file as if its rounds had been slower by `factors`, and the files of some had changed."""
    document = json.loads(file.read_text())
    document["plan"]["reference"] = "A"
    for result in document["results"]:
        result["samples_ms"] = (np.array(result["samples_ms"]) * factors).tolist()
        result["nb_sha256"] = f"{result['model']}, {result['model'] in changed}"
    file.write_text(json.dumps(document))
    return file


def test_a_machine_that_is_slower_as_a_whole_makes_no_model_slower(write):
    drift = 1 + 0.3 * np.linspace(0, 1, 30)
    old = slowed(write("old", {"A": 5.0, "B": 10.0, "C": 10.0}), 1)
    new = slowed(write("new", {"A": 5.0, "B": 10.0, "C": 11.0}, seed=1), drift, ["B", "C"])
    rows = {row["model"]: row for row in compare(old, new)["rows"]}
    assert {name: row["reference"] for name, row in rows.items()} == {"A": None, "B": "A", "C": "A"}
    assert rows["B"]["verdict"] == "cannot tell"
    assert rows["B"]["drift"] == 0.015  # not 5 %, as where there is no reference
    assert rows["B"]["ratio"] == pytest.approx(1, abs=0.01)
    assert (rows["C"]["verdict"], rows["C"]["regression"]) == ("slower", True)
    assert rows["C"]["ratio"] == pytest.approx(1.1, abs=0.01)
    # the same file has not become slower: the device has
    assert (rows["A"]["verdict"], rows["A"]["regression"]) == ("cannot tell", False)
    [shift] = compare(old, new)["shifts"]
    assert (shift["device"], shift["reference"]) == ("R58M", "A")
    assert shift["ratio"] == pytest.approx(1.15, abs=0.02)
    assert rows["A"]["why"].startswith("the same file: this device is 1")
    assert rows["A"]["why"].endswith("% slower than it was")
    # another file of that name is no yardstick
    changed = slowed(write("new", {"A": 5.0, "B": 10.0, "C": 11.0}, seed=1), drift, "ABC")
    rows = {row["model"]: row for row in compare(old, changed)["rows"]}
    assert (rows["B"]["verdict"], rows["B"]["reference"]) == ("slower", None)
    assert (rows["A"]["verdict"], rows["A"]["regression"]) == ("slower", True)


def test_a_file_that_is_the_same_has_not_become_slower(write):
    old = slowed(write("old", {"A": 5.0, "B": 10.0}), 1)
    for changed in ("", "B"):
        new = slowed(write("new", {"A": 5.0, "B": 11.0}, seed=1), 1, changed)
        row = compare(old, new)["rows"][1]
        assert (row["model"], row["verdict"]) == ("B", "slower")
        assert row["regression"] == bool(changed)
        assert (row["why"] or "").startswith("the same file") != bool(changed)


def test_what_a_pair_of_campaigns_could_have_shown_is_found_as_often_as_said(write):
    def pair(seed, slowdown, rounds=12):
        old = write("old", {"A": 10.0}, rounds=rounds, seed=2 * seed)
        new = write("new", {"A": 10.0 * slowdown}, rounds=rounds, seed=2 * seed + 1)
        return compare(old, new, drift=0.01, threshold=0.001)["rows"][0]

    said = [pair(seed, 1.0)["detectable"] for seed in range(40)]
    slowdown = 1 + float(np.median(said))
    found = [pair(seed, slowdown)["verdict"] == "slower" for seed in range(100, 160)]
    assert 0.6 <= np.mean(found) <= 0.95
    assert pair(0, 1.0, rounds=40)["detectable"] < min(said)


def test_throttled_rounds_do_not_count(write):
    old, new = write("old", {"A": 10.0}), write("new", {"A": 10.0}, seed=1)
    document = json.loads(new.read_text())
    (result,) = document["results"]
    result["samples_ms"][:20] = [99.0] * 20
    result["conditions"][:20] = [{"throttled": "core 7 capped"}] * 20
    new.write_text(json.dumps(document))
    (row,) = compare(old, new)["rows"]
    assert row["verdict"] == "cannot tell"
    assert row["rounds"] == [30, 10]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"device": {**DEVICE, "serial": "other"}}, "measured on other .* --force compares anyway"),
        ({"device": {**DEVICE, "lite_version": "v2.10"}}, r"measured on .*v2\.10"),
        ({"power_mode": "none"}, "power_mode was big and is none"),
        ({"samples_are": "invocation mean"}, "samples_are was inference and is invocation mean"),
        ({"plan": {"repeats": 9}}, "repeats was 5 and is 9"),
    ],
)
def test_other_devices_and_settings_are_refused_unless_forced(write, change, message):
    old, new = write("old", {"A": 10.0}), write("new", {"A": 12.0}, seed=1, **change)
    with pytest.raises(InputError, match=message):
        compare(old, new)
    assert verdicts(compare(old, new, force=True)) == {"A": ("slower", True)}


def test_a_model_that_fails_now_is_a_regression(write):
    old = write("old", {"A": 10.0, "B": 5.0})
    new = write("new", {"A": 10.0}, status="failed", error="A: crashed", stats=None)
    compared = compare(old, new)
    assert compared["regressions"] == ["A"]
    assert compared["rows"][0]["why"] == "fails now: A: crashed"
    assert compared["not_compared"] == ["B"]


def test_nothing_in_common_is_an_error(write):
    with pytest.raises(InputError, match="no model and thread count in common"):
        compare(write("old", {"A": 1.0}), write("new", {"B": 1.0}))


def test_exit_code_and_text_of_the_command(run, write):
    old, new = write("old", {"A": 10.0, "B": 10.0}), write("new", {"A": 12.0, "B": 10.0}, seed=1)
    code, out, _ = run("compare", old, new)
    assert code == 1
    assert "slower" in out
    assert "REGRESSION" in out
    code, out, _ = run("compare", old, new, "--threshold", "50%", "--json", "-")
    assert code == 0
    assert json.loads(out)["threshold"] == 0.5
    code, out, _ = run("compare", old, new, "--drift", "30", "--json", "-")
    assert code == 0
    assert json.loads(out)["rows"][0]["drift"] == 0.3
    other = write("other", {"A": 10.0}, device={**DEVICE, "serial": "other"})
    assert run("compare", old, other)[0] == 2
    assert run("compare", old, other, "--force")[0] == 0
    with pytest.raises(SystemExit):
        run("compare", old, new, "--threshold", "-3")
