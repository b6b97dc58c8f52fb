"""A data set of one's own, registered by name."""

import io

import numpy as np
import pytest
from PIL import Image
from support.data_sets import Squares

import ppghost
from ppghost.config import schema
from ppghost.data.build import make_loader
from ppghost.data.datasets import user
from ppghost.data.datasets.user import register_dataset
from ppghost.errors import InputError, TrainingError

OPS = [
    {"NormalizeImage": {"scale": "1.0/255.0", "mean": [0, 0, 0], "std": [1, 1, 1], "order": "hwc"}}
]


@pytest.fixture(autouse=True)
def _names():
    """What was registered in a test is forgotten after it."""
    loaders = [schema.SCHEMA["DataLoader"][mode]["dataset"].kinds for mode in ("Train", "Eval")]
    before = [dict(user.REGISTERED), *map(dict, loaders)]
    yield
    for names, kept in zip([user.REGISTERED, *loaders], before, strict=True):
        names.clear()
        names.update(kept)


def load(mode="Train", workers=0, **dataset):
    settings = {"name": "Squares", "transform_ops": OPS} | dataset
    loader = {
        "dataset": settings,
        "sampler": {"batch_size": 4},
        "loader": {"num_workers": workers},
    }
    return ppghost.load_config(
        {
            "Global": {"image_shape": [3, 8, 8]},
            "Arch": {"name": "GhostNet_x0_5", "class_num": 3},
            "DataLoader": {mode: loader},
        }
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_images_of_ones_own_go_through_the_configs_operations(workers):
    register_dataset("Squares", Squares)
    loader = make_loader(load("Eval", workers, count=6, size=8), "Eval")
    images, labels = zip(*loader.epoch(0), strict=True)
    loader.close()
    assert np.concatenate([batch["label"] for batch in labels]).ravel().tolist() == [
        0,
        1,
        2,
        0,
        1,
        2,
    ]
    expected = [Squares(6, 8)[index][0].transpose(2, 0, 1) / 255 for index in range(6)]
    np.testing.assert_allclose(np.concatenate(images), np.array(expected), rtol=1e-6)


def test_files_in_memory_are_decoded():
    class Files(Squares):
        def __getitem__(self, index):
            pixels, label = super().__getitem__(index)
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "PNG")
            return file.getvalue(), label

    register_dataset("Squares")(Files)
    ops = [{"DecodeImage": None}, *OPS]
    images, _ = next(make_loader(load(count=4, size=8, transform_ops=ops), "Train").epoch(0))
    assert images.shape == (4, 3, 8, 8)


def test_mistakes_are_named():
    register_dataset("Squares", Squares)
    register_dataset("Squares", Squares)  # a module that is imported again
    for name in ("Squares", "ImageNetDataset"):
        with pytest.raises(InputError, match=f"a data set {name} already; register another"):
            register_dataset(name, list)
    with pytest.raises(InputError, match=r"dataset\.cuont: unknown key of Squares, did you mean c"):
        load(cuont=6)
    with pytest.raises(InputError, match=r"dataset: Squares: missing a required argument: 'size'"):
        make_loader(load(count=6), "Train")
    with pytest.raises(InputError, match="Squares holds no image"):
        make_loader(load(count=0, size=8), "Train")
    loader = make_loader(load("Eval", count=4, size=8, classes=9), "Eval")
    with pytest.raises(TrainingError, match=r"Squares\[3\]: class id 3 is not in 0\.\.2"):
        list(loader.epoch(0))


def test_workers_cannot_have_a_class_of_the_script_that_was_started(monkeypatch):
    monkeypatch.setattr(Squares, "__module__", "__main__")
    register_dataset("Squares", Squares)
    with pytest.raises(InputError, match=r"move it to a module, or set loader\.num_workers to 0"):
        make_loader(load(workers=1, count=6, size=8), "Train")
