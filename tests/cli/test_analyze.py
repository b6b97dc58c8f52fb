"""`ppghost analyze`: its JSON is a contract, its table, CSV and page show the same figures."""

import csv
import json

import pytest


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("PPGHOST_CACHE", str(tmp_path / "cache"))


def analyzed(run, *arguments):
    code, out, err = run("analyze", *arguments, "--json", "-")
    assert code == 0, err
    return json.loads(out)


def test_the_contract(run):
    result = analyzed(run, "TinyGhostNet", "--class-num", "3", "--image-size", "16x32")
    assert (result["name"], result["input_shape"]) == ("TinyGhostNet", [3, 16, 32])
    for key in ("params", "macs", "flops", "memory_bytes"):
        assert result[key] == sum(layer[key] for layer in result["layers"]) > 0
    assert result["model_bytes"] > 4 * result["params"]
    assert result["folded_memory_bytes"] < result["memory_bytes"]
    keys = {"name", "type", "input_shape", "output_shape", "params", "macs", "memory_bytes"}
    assert all(keys <= layer.keys() for layer in result["layers"])
    assert result["layers"][0]["output_shape"] == [1, 8, 8, 16]
    assert {finding["rule"] for finding in result["findings"]} == {"G1", "G3", "G4"}
    assert all({"rule", "layer", "message"} <= finding.keys() for finding in result["findings"])


def test_the_table_and_every_layer(run, tmp_path):
    code, out, _ = run("analyze", "TinyGhostNet")
    assert code == 0
    assert out.splitlines()[0] == "TinyGhostNet, image 3x32x32"
    assert [line.split()[0] for line in out.splitlines() if " 12x8x8 " in line] == ["1/4"]
    assert "ghost modules: 4, s = 2; against the convolutions that they replace r_s = " in out
    rows = tmp_path / "layers.csv"
    code, out, _ = run("analyze", "TinyGhostNet", "--per-layer", "--csv", rows)
    assert code == 0
    with rows.open() as file:
        layers = list(csv.DictReader(file))
    printed = [line.split()[0] for line in out.splitlines() if line]
    assert all(layer["name"] in printed for layer in layers)
    assert layers[0]["output_shape"] == "1x8x16x16"


def test_two_networks_beside_each_other(run, tmp_path):
    result = analyzed(run, "TinyGhostNet", "--compare", "ResNet20", "--image-size", "16")
    assert result["compare"]["input_shape"] == [3, 16, 16]
    stages = {pair["stage"]: pair for pair in result["compare_stages"]}
    assert list(stages) == ["1/1", "1/2", "1/4", "head"]
    assert stages["1/1"]["first"] is None
    for key, network in (("first", result), ("second", result["compare"])):
        found = [pair[key]["macs"] for pair in stages.values() if pair[key]]
        assert sum(found) == network["macs"]
    code, out, _ = run("analyze", "TinyGhostNet", "--compare", "ResNet20")
    assert code == 0
    assert "TinyGhostNet | ResNet20" in out


def test_the_page(run, tmp_path):
    page = tmp_path / "page"
    arguments = ("TinyGhostNet", "--compare", "ResNet20", "--output", page, "--roof", "20,10")
    code, out, err = run("analyze", *arguments)
    assert code == 0, err
    assert f"page: {(page / 'index.html').as_uri()}" in out
    html = (page / "index.html").read_text()
    assert html.count("<svg") == 4
    assert "<script" not in html
    for text in (
        "TinyGhostNet: where its cost goes",
        "The roof: 20 GFLOP/s and 10 GB/s (as given)",
        "Ghost modules",
        "G4: element-wise operators are not free",
        "ghostbottleneck_<wbr>0_<wbr>ghost_<wbr>module_<wbr>1",
    ):
        assert text in html
    assert "ridge 2" in (page / "roofline.svg").read_text()
    assert {file.name for file in page.iterdir()} == {"index.html", "roofline.svg", "stages.svg"}


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (["GhostNet_x05"], ["no architecture 'GhostNet_x05', did you mean GhostNet_x0_5?"]),
        (["TinyGhostNet", "--compare", "ResNet2"], ["no architecture 'ResNet2', did you mean"]),
        (["TinyGhostNet", "--ratio", "0"], ["ratio: is 0.0: give a number of at least 1"]),
        (["TinyGhostNet", "--ratio", "nan"], ["ratio: is nan"]),
        (["TinyGhostNet", "--ratio", "2"], ["Arch.ratio: TinyGhostNet takes no such key"]),
        (["TinyGhostNet", "--dw-size", "2"], ["dw_size: is 2: a kernel has an odd size"]),
        (["TinyGhostNet", "--class-num", "0"], ["class_num: is 0 (int): give a whole number"]),
        (["TinyGhostNet", "--image-size", "0"], ["image size: (0, 0): give one or two whole"]),
        (["TinyGhostNet", "--input-shape", "1,3,8,8"], ["is no exported model; give --image-size"]),
        (
            ["AlexNet", "--image-size", "16"],
            ["AlexNet cannot take images of 16x16: (InvalidArgument) the output"],
        ),
        (["DeiT_tiny_patch16_224", "--image-size", "100"], ["DeiT_tiny_patch16_224", "100*100"]),
        (["none/inference.pdmodel"], ["none/inference.pdmodel: cannot be read"]),
        (["none.yaml"], ["none.yaml: cannot read the configuration"]),
    ],
)
@pytest.mark.filterwarnings("ignore:The Attr")
def test_what_users_get_wrong_is_one_line(run, arguments, texts):
    code, out, err = run("analyze", *arguments)
    line = err.strip().splitlines()[-1]
    assert (code, out) == (2, ""), err
    assert "Traceback" not in err
    assert line.startswith("ppghost: error: ")
    for text in texts:
        assert text in line


@pytest.mark.parametrize(
    ("option", "value"),
    [("--roof", "20"), ("--roof", "0,1"), ("--image-size", "big"), ("--image-size", "1x2x3"),
     ("--class-num", "many")],
)  # fmt: skip
def test_what_is_no_value_of_an_option(run, capsys, option, value):
    with pytest.raises(SystemExit) as ended:
        run("analyze", "TinyGhostNet", option, value)
    assert ended.value.code == 2
    assert f"argument {option}: {value!r}" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_leaves_nothing(run):
    code, _, err = run("analyze", "TinyGhostNet", "--csv", "/proc/none/layers.csv")
    assert code == 2
    assert "/proc/none/layers.csv: cannot be written" in err
