"""Images through an exported model's inference.yml."""

import numpy as np
import pytest
import yaml

from ppghost.errors import InputError
from ppghost.inference.preprocess import ImageReader, ListedImages

DESCRIPTION = {
    "Global": {"model_name": "Any"},
    "PreProcess": {"transform_ops": [{"ResizeImage": {"size": 16}}, {"ToCHWImage": None}]},
    "PostProcess": {"Topk": {"topk": 5}},
}


@pytest.fixture
def model_dir(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "inference.yml").write_text(yaml.safe_dump(DESCRIPTION))
    return folder


def write_list(tmp_path, *lines):
    path = tmp_path / "list.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_an_image_becomes_the_networks_input(model_dir, shapes_dir):
    array = ImageReader(model_dir)(shapes_dir / "1.png")
    assert (array.dtype, array.shape) == (np.float32, (3, 16, 16))
    assert array.min() > 190  # the bright class


def test_lines_with_and_without_labels(model_dir, shapes_dir, tmp_path):
    (tmp_path / "a b 7.png").write_bytes((shapes_dir / "0.png").read_bytes())
    (tmp_path / "c.png").write_bytes((shapes_dir / "0.png").read_bytes())
    lines = ("c.png 3", "", "c.png", "a b 7.png 2", "a b 7.png")
    images = ListedImages(model_dir, write_list(tmp_path, *lines))
    assert [images[i][1] for i in range(len(images))] == [3, None, 2, None]


def test_paths_are_relative_to_the_root_given(model_dir, shapes_dir, tmp_path):
    images = ListedImages(model_dir, write_list(tmp_path, "0.png 0"), shapes_dir)
    array, label = images[0]
    assert (array.shape, label) == ((3, 16, 16), 0)


def test_what_cannot_be_used_is_named(model_dir, tmp_path):
    (tmp_path / "c.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"list\.txt:2: no image .*none\.png"):
        ListedImages(model_dir, write_list(tmp_path, "c.png", "none.png 1"))
    with pytest.raises(InputError, match=r"c\.png: "):
        ListedImages(model_dir, write_list(tmp_path, "c.png"))[0]
    with pytest.raises(InputError, match="names no image"):
        ListedImages(model_dir, write_list(tmp_path, ""))
    with pytest.raises(InputError, match=r"nothing\.txt: cannot be read"):
        ListedImages(model_dir, tmp_path / "nothing.txt")
    with pytest.raises(InputError, match=r"inference\.yml is missing"):
        ListedImages(tmp_path, write_list(tmp_path, "c.png"))
    (model_dir / "inference.yml").write_text("Global: 3")
    with pytest.raises(InputError, match="does not describe an exported model"):
        ListedImages(model_dir, write_list(tmp_path, "c.png"))
