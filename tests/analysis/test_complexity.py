"""Parameters and MACs of whatever names a network."""

import pytest

from ppghost.analysis.complexity import Complexity, analyze
from ppghost.config import loading
from ppghost.errors import InputError
from ppghost.inference.export import export

#: FACTS of PaddleClas's GhostNet_x0_5 at 224x224, and its classifier's part
PARAMS, MACS, CLASSIFIER = 2_588_232, 42_327_816, 1280 * 1000


def test_an_architecture_by_name():
    assert analyze("GhostNet_x0_5") == Complexity("GhostNet_x0_5", (3, 224, 224), PARAMS, MACS)


def test_class_count_and_image_size_may_be_others():
    smaller = analyze("GhostNet_x0_5", class_num=10, image_size=112)
    assert smaller.params == PARAMS - (1280 + 1) * 990
    assert smaller.input_shape == (3, 112, 112)
    assert smaller.macs < MACS / 3
    assert analyze("GhostNet_x0_5", image_size=(112, 224)).macs > smaller.macs


def test_a_config_and_what_is_exported_of_it_count_the_same(config_file, tmp_path):
    config = loading.load_config(config_file)
    counted = analyze(config)
    assert counted.input_shape == tuple(config["Global"]["image_shape"])
    assert analyze(config_file) == analyze(str(config_file)) == counted
    export(config, tmp_path / "model", random_weights=True)
    assert analyze(tmp_path / "model") == counted


def test_targets_that_there_are_not(tmp_path, config_file):
    with pytest.raises(InputError, match="GhostNet_x05', did you mean GhostNet_x0_5"):
        analyze("GhostNet_x05")
    with pytest.raises(InputError, match=r"none\.yaml: cannot read the configuration"):
        analyze(tmp_path / "none.yaml")
    with pytest.raises(InputError, match=r"other \.pdmodel"):
        analyze(tmp_path)
    export(loading.load_config(config_file), tmp_path / "model", random_weights=True)
    with pytest.raises(InputError, match="has its size and its classes already"):
        analyze(tmp_path / "model", image_size=64)
