"""From a config's DataLoader section to a loader."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from ppghost.config import loading as config
from ppghost.config import schema
from ppghost.data.build import make_loader
from ppghost.errors import InputError
from ppghost.utils import validation


@pytest.fixture
def settings(tmp_path):
    """A config for seven 6x4 images; image i is labelled i."""
    lines = []
    for number in range(7):
        pixels = np.full((4, 6, 3), 10 * number, np.uint8)
        (tmp_path / f"{number}.png").write_bytes(cv2.imencode(".png", pixels)[1])
        lines.append(f"{number}.png {number}\n")
    (tmp_path / "list.txt").write_text("".join(lines))
    dataset = {"image_root": str(tmp_path), "cls_label_path": str(tmp_path / "list.txt")}
    part = {
        "dataset": {"name": "ImageNetDataset"} | dataset | {"transform_ops": [{"DecodeImage": {}}]},
        "sampler": {"name": "DistributedBatchSampler", "batch_size": 2},
        "loader": {"num_workers": 0},
    }
    (tmp_path / "config.yaml").write_text(
        yaml.safe_dump(
            {
                "Global": {"image_shape": [3, 4, 6]},
                "Arch": {"name": "GhostNet_x0_5", "class_num": 7},
                "DataLoader": {"Train": part, "Eval": part},
            }
        )
    )
    return config.load_config(tmp_path / "config.yaml")


def labels(loader):
    return [label for _, batch in loader.epoch(0) for label in batch["label"][:, 0].tolist()]


def test_training_pads_the_ranks_and_evaluation_counts_every_image_once(settings):
    shares = [make_loader(settings, "Train", rank=rank, world_size=3) for rank in range(3)]
    assert [len(labels(share)) for share in shares] == [3, 3, 3]
    assert len({len(share) for share in shares}) == 1
    shares = [make_loader(settings, "Eval", rank=rank, world_size=3) for rank in range(3)]
    assert sorted(label for share in shares for label in labels(share)) == list(range(7))


def test_sampler_and_loader_are_as_the_config_says(settings):
    part = settings["DataLoader"]["Train"]
    part["sampler"] |= {"batch_size": 3, "drop_last": True, "shuffle": False}
    part["loader"] |= {"num_workers": 2, "use_shared_memory": False}
    loader = make_loader(settings, "Train")
    assert labels(loader) == [0, 1, 2, 3, 4, 5]
    assert (loader.num_workers, loader.use_shared_memory) == (2, False)
    loader.close()


def test_a_batch_larger_than_the_data_set_is_refused_by_its_key(settings):
    settings["DataLoader"]["Eval"]["sampler"] |= {"batch_size": 8, "drop_last": True}
    with pytest.raises(InputError, match=r"^DataLoader\.Eval\.sampler: 7 images leave no full"):
        make_loader(settings, "Eval")


def test_seeds_have_their_own_order(settings):
    orders = {tuple(labels(make_loader(settings, "Train", seed))) for seed in (0, 1, 1, 2)}
    assert len(orders) == 3


def test_training_may_have_a_size_of_its_own_and_says_so(settings, caplog):
    caplog.set_level("INFO", logger="ppghost")
    settings["Global"]["image_shape"] = [3, 4, 4]
    assert make_loader(settings, "Train").image_shapes() == [(3, 4, 6)]
    assert "make images of [3, 4, 6]; exports take Global.image_shape, [3, 4, 4]" in caplog.text


def test_images_of_other_channels_than_the_networks_are_refused(settings):
    settings["Global"]["image_shape"] = [1, 4, 6]
    with pytest.raises(InputError, match=r"image_shape is \[1, 4, 6\].*make images of \[3, 4, 6\]"):
        make_loader(settings, "Train")


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ({"name": "ImageNetDataset"}, r"Train\.dataset\.image_root is missing"),
        ({"name": "ImageNetDatset"}, r"'ImageNetDatset' is unknown.*ImageNetDataset"),
        (
            {"name": "Cifar100", "download": False},
            r"Train\.dataset\.data_file is missing; give the path of cifar-100",
        ),
        ({"name": "Cifar10", "data_file": "none.tar.gz"}, r"Train\.dataset\.data_file: none"),
    ],
)
def test_a_data_set_that_is_not_there_is_refused(settings, dataset, message):
    settings["DataLoader"]["Train"]["dataset"] = dataset | {"transform_ops": []}
    with pytest.raises(InputError, match=message):
        make_loader(settings, "Train")


def train_with(settings, sampler, **dataset):
    """Let the training data come by another sampler, checked as `config.load_config` does."""
    settings["DataLoader"]["Train"]["sampler"] = sampler
    settings["DataLoader"]["Train"]["dataset"] |= dataset
    return validation.check(settings, schema.SCHEMA, "", "file")


def shapes(loader, epoch=1):
    return [images.shape for images, _ in loader.epoch(epoch)]


CROP = [{"DecodeImage": {}}, {"RandCropImage": {"size": 224}}]
MULTI_SCALE = {"name": "MultiScaleSampler", "scales": [64, 40], "first_bs": 2, "seed": 3}


def test_a_multi_scale_sampler_makes_batches_of_each_size(settings):
    path = Path(settings["DataLoader"]["Train"]["dataset"]["cls_label_path"])
    path.write_text(path.read_text() * 9)
    checked = train_with(settings, MULTI_SCALE, name="MultiScaleDataset", transform_ops=CROP)
    loaders = [make_loader(checked, "Train", seed=5, rank=rank, world_size=2) for rank in (0, 1)]
    made = shapes(loaders[0])
    assert set(made) == {(2, 3, 64, 64), (8, 3, 32, 32)}
    assert made == shapes(loaders[1])
    assert loaders[0].image_shapes() == [(3, 64, 64), (3, 32, 32)]
    assert shapes(make_loader(checked, "Eval"), 0)[0] == (2, 3, 4, 6)


def test_repeated_augmentation_is_as_the_config_says(settings):
    path = Path(settings["DataLoader"]["Train"]["dataset"]["cls_label_path"])
    path.write_text(path.read_text().splitlines()[0] + "\n" + "1.png 1\n" * 299)
    sampler = {"name": "RASampler", "batch_size": 100, "drop_last": True, "num_repeats": 2}
    made = list(make_loader(train_with(settings, sampler), "Train").epoch(1))
    assert [len(images) for images, _ in made] == [100, 100]
    assert made[0][1]["label"][:3, 0].tolist() == [0, 0, 1]


def test_progressive_training_changes_the_images_at_each_stage(settings):
    ops = [{"DecodeImage": {}}, {"RandCropImage": {"size": 1, "progress_size": [2, 3, 5, 8]}}]
    settings["Global"] |= {"train_mode": "progressive", "epochs": 8}
    checked = train_with(settings, {"batch_size": 7}, transform_ops=ops)
    loader = make_loader(checked, "Train")
    assert loader.image_shapes() == [(3, side, side) for side in (2, 3, 5, 8)]
    sides = [shapes(loader, epoch)[0][-1] for epoch in range(1, 9)]
    assert sides == [2, 2, 3, 3, 5, 5, 8, 8]


@pytest.mark.parametrize(
    ("sampler", "dataset", "mode", "message"),
    [
        (MULTI_SCALE, {}, None, "ImageNetDataset does not go with MultiScaleSampler"),
        (
            {"batch_size": 2},
            {"name": "MultiScaleDataset"},
            None,
            "MultiScaleDataset does not go with DistributedBatchSampler",
        ),
        (
            MULTI_SCALE | {"scales": [16]},
            {"name": "MultiScaleDataset"},
            None,
            r"^DataLoader\.Train\.sampler: scales has 16, below divided_factor 32",
        ),
        (MULTI_SCALE, {"name": "MultiScaleDataset"}, "progressive", "progressive has no Multi"),
        (
            {"name": "RASampler"},
            {},
            None,
            r"^DataLoader\.Train\.sampler: RASampler leaves no batch of 64 of 7 images",
        ),
        ({"name": "RASampler"}, {}, "progressive", "progressive has no RASampler"),
    ],
)
def test_samplers_that_do_not_fit_are_refused(settings, sampler, dataset, mode, message):
    settings["Global"]["train_mode"] = mode
    with pytest.raises(InputError, match=message):
        make_loader(train_with(settings, sampler, **dataset), "Train")


def test_evaluation_has_one_size(settings):
    settings["DataLoader"]["Eval"]["sampler"] = MULTI_SCALE
    with pytest.raises(InputError, match=r"Eval\.sampler\.name: 'MultiScaleSampler' is none of"):
        validation.check(settings, schema.SCHEMA, "", "file")
