"""The demos: the whole chain at its smallest."""

import json

import pytest
from support.data_sets import few_digits

from ppghost.cli import demo_detection
from ppghost.cli import demo_stages as demo
from ppghost.errors import CheckFailed


@pytest.fixture
def small(monkeypatch):
    """One epoch on a part of the digits, one network to time, and no demand on accuracy."""
    monkeypatch.setattr(demo, "write_digits", few_digits)
    settings = demo._digits_config
    monkeypatch.setattr(
        demo, "_digits_config", lambda *a: [*settings(*a), "Global.epochs=1", "Global.seed=3"]
    )
    monkeypatch.setattr(demo, "NETWORKS", ("MobileNetV3_small_x1_0",))
    monkeypatch.setattr(demo, "EXPECTED_TOP1", 0.0)
    monkeypatch.setattr(demo, "BENCH_ROUNDS", 12)


def test_the_chain_from_digits_to_the_report(small, tmp_path, run, caplog):
    output = tmp_path / "demo"
    code, out, err = run("demo", "--output", output)
    assert code == 0, err
    page = output / "report" / "index.html"
    assert f"report: {page.resolve().as_uri()}" in out
    assert "MobileNetV3_small_x1_0" in page.read_text()
    arm, x86 = json.loads((output / "stages" / "convert.json").read_text())["result"]
    assert (arm["target"], x86["target"]) == ("arm", "x86")
    assert x86["output_check"]["ok"]
    [timed] = json.loads((output / "latency.json").read_text())["results"]
    assert timed["status"] == "ok"
    assert len(timed["samples_ms"]) == timed["stats"]["n"] > 20
    assert not list(output.rglob(".*"))  # no temporary file is left

    code, _, err = run("demo", "--output", output)
    assert code == 0
    assert err.count("done before") == 9
    assert "Train" not in err


def test_a_network_that_learnt_nothing_fails_the_demo():
    with pytest.raises(CheckFailed, match=r"top-1 0\.5000"):
        demo._check_accuracy({"top1": 0.5})


def test_a_detector_from_images_with_boxes_to_a_page(tmp_path, run, monkeypatch):
    settings = demo_detection.training_settings
    small = [
        "Global.epochs=1",
        "Global.image_shape=[3, 64, 64]",
        "DataLoader.Train.loader.num_workers=0",
    ]
    resize = [{"Decode": None}, {"Resize": {"target_size": [64, 64], "keep_ratio": False}}]
    ops = [f"{mode}.transform_ops={json.dumps(resize)}"
           for mode in ("DataLoader.Train.dataset", "DataLoader.Eval.dataset")]  # fmt: skip
    small += [*ops, f"Infer.transforms={json.dumps(resize)}"]
    monkeypatch.setattr(demo_detection, "training_settings", lambda *a: [*settings(*a), *small])
    for name, value in (
        ("IMAGES", 20),
        ("SIZE", 64),
        ("EXPECTED_AP50", 0.0),
        ("SHOWN", 0.0),
        ("BENCH_ROUNDS", 5),
    ):
        monkeypatch.setattr(demo_detection, name, value)
    output = tmp_path / "demo"
    code, out, err = run("demo", "--detection", "--output", output)
    assert code == 0, err
    page = output / "boxes.html"
    assert f"boxes: {page.resolve().as_uri()}" in out
    assert page.read_text().count("data:image/jpeg;base64") == 4
    for converted in json.loads((output / "stages" / "convert.json").read_text())["result"]:
        assert converted["output_check"]["ok"]
    [timed] = json.loads((output / "latency.json").read_text())["results"]
    assert timed["status"] == "ok"


def test_a_detector_that_learnt_nothing_fails_the_demo():
    with pytest.raises(CheckFailed, match=r"AP50 of 0\.5000"):
        demo_detection._check_precision({"AP50": 0.5})
