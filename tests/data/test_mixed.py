"""A labelled data set and a teacher's labels in the same batches."""

import json

import cv2
import numpy as np
import pytest

from ppghost.data.build import make_loader
from ppghost.data.mixed_sampler import MixedSampler
from ppghost.errors import InputError
from ppghost.models.anchors import AnchorGrid
from ppghost.tasks.detection.targets import RetinaTargets
from ppghost.training.identity import identity

GRID = AnchorGrid((4, 5), 2.0, 1)


def write_set(folder, count, names, *, shade, empty=()):
    """Images of one shade with a box each, of the classes in turn."""
    folder.mkdir()
    images = [{"id": i, "file_name": f"{i}.png", "height": 32, "width": 48} for i in range(count)]
    for i in range(count):
        cv2.imwrite(str(folder / f"{i}.png"), np.full((32, 48, 3), shade + i, np.uint8))
    boxes = [
        {"id": i, "image_id": i, "category_id": i % len(names) + 1, "bbox": [4, 4, 20, 24]}
        for i in range(count)
        if i not in empty
    ]
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(names)]
    content = {"images": images, "annotations": boxes, "categories": categories}
    (folder / "labels.json").write_text(json.dumps(content))


@pytest.fixture
def settings(tmp_path):
    write_set(tmp_path / "true", 7, ("cat", "dog"), shade=0)
    write_set(tmp_path / "teacher", 5, ("dog", "cat"), shade=100, empty=(3,))
    where = {"dataset_dir": str(tmp_path / "true"), "anno_path": "labels.json"}
    pseudo = where | {"dataset_dir": str(tmp_path / "teacher"), "allow_empty": True}
    ops = {"name": "COCODataSet", "transform_ops": [{"Decode": None}, {"Permute": None}]}
    sampler = {"name": "BatchSampler", "batch_size": 4, "drop_last": False, "shuffle": True}
    train = {
        "dataset": ops | where | {"pseudo": pseudo | {"weight": 0.25, "ratio": 0.25}},
        "sampler": sampler,
        "loader": {"num_workers": 0, "use_shared_memory": True},
    }
    return {
        "Global": {"image_shape": [3, 32, 48], "bad_images": "stop", "bad_boxes": "stop"},
        "Arch": {"name": "RetinaNet", "class_num": 2},
        "Loss": {"Train": []},
        "Optimizer": {},
        "DataLoader": {"Train": train},
    }


def loader_of(settings, **options):
    return make_loader(settings, "Train", 1, collate=RetinaTargets(GRID), **options)


def test_each_batch_has_its_share_of_the_teachers_images_and_an_epoch_all_true_ones(settings):
    loader = loader_of(settings)
    seen, by_teacher = [], []
    for epoch in (1, 2, 3, 4, 5):
        shades = [images[:, 0, 0, 0].astype(int) for images, _ in loader.epoch(epoch)]
        assert [len(batch) for batch in shades] == [4, 4, 2]
        assert [int((batch >= 100).sum()) for batch in shades] == [1, 1, 1]
        seen += [sorted(shade for batch in shades for shade in batch if shade < 100)]
        by_teacher += [shade for batch in shades for shade in batch if shade >= 100]
    assert seen == [list(range(7))] * 5
    assert by_teacher[:5] != by_teacher[5:10]  # a new order in each round
    # which starts anywhere in an epoch; epochs count from 1, so two of the first round are over
    assert sorted(by_teacher[2:7]) == sorted(by_teacher[7:12]) == list(range(100, 105))


def test_a_batch_depends_on_seed_epoch_and_number_alone(settings):
    whole = list(loader_of(settings).epoch(3))
    settings["DataLoader"]["Train"]["loader"]["num_workers"] = 1
    resumed = loader_of(settings)
    [(images, labels)] = resumed.epoch(3, start_batch=2)
    resumed.close()
    np.testing.assert_array_equal(images, whole[2][0])
    for name, values in labels.items():
        np.testing.assert_array_equal(values, whole[2][1][name])


def test_each_process_gets_its_share_of_both():
    parts, options = (10, 4), {"ratio": 0.5, "drop_last": True, "shuffle": True, "seed": 3}
    ranks = [MixedSampler(parts, 4, rank=rank, world_size=2, **options) for rank in range(2)]
    assert [len(rank) for rank in ranks] == [2, 2]
    for batch in range(2):
        together = np.concatenate([rank.positions(1, batch) for rank in ranks]) % 14
        assert (together < 10).sum() == 4
        assert sorted(together[together >= 10]) == [10, 11, 12, 13]  # one round


def test_the_weight_counts_for_objects_and_for_background_with_and_without_objects(settings):
    settings["DataLoader"]["Train"]["sampler"]["shuffle"] = False
    loader = loader_of(settings)
    kinds = set()
    for epoch in (1, 2):
        for images, labels in loader.epoch(epoch):
            for image, classes, weights in zip(
                images, labels["classes"], labels["weights"], strict=True
            ):
                weight = 0.25 if image[0, 0, 0] >= 100 else 1.0
                held = classes > 0
                kinds.add((weight, bool(held.any())))
                assert set(weights[held]) <= {weight}
                assert set(weights[~held]) <= {weight, 0}
                assert (weights[~held] == weight).any()
    assert kinds == {(1.0, True), (0.25, True), (0.25, False)}


def test_classes_are_matched_by_name(settings):
    dataset = loader_of(settings).batches.datasets[0]
    rng = np.random.default_rng(0)
    classes = [dataset.load(index, rng)[1].objects.classes.tolist() for index in (0, 1, 7, 8)]
    assert classes == [[0], [1], [1], [0]]  # the teacher's first class is the second one here


def test_a_teacher_of_other_classes_is_refused(settings, tmp_path):
    write_set(tmp_path / "other", 2, ("dog", "cow", "hen"), shade=0)
    pseudo = settings["DataLoader"]["Train"]["dataset"]["pseudo"]
    pseudo["dataset_dir"] = str(tmp_path / "other")
    message = "only the teacher has cow, hen; only the labelled images have cat"
    with pytest.raises(InputError, match=rf"dataset\.pseudo\.anno_path: .*{message}"):
        loader_of(settings)


def test_a_ratio_that_leaves_nothing_of_a_set_is_refused(settings):
    settings["DataLoader"]["Train"]["dataset"]["pseudo"]["ratio"] = 0.1
    with pytest.raises(InputError, match=r"pseudo\.ratio.* is 0: give another ratio"):
        loader_of(settings)


def test_a_run_goes_on_with_the_same_labels_of_the_teacher_wherever_they_lie(settings, tmp_path):
    loader = loader_of(settings)
    saved = identity(settings, loader, 1.0, 1)
    pseudo = settings["DataLoader"]["Train"]["dataset"]["pseudo"]
    (tmp_path / "teacher").rename(tmp_path / "moved")
    pseudo["dataset_dir"] = str(tmp_path / "moved")
    assert identity(settings, loader_of(settings), 1.0, 1) == saved
    file = tmp_path / "moved" / "labels.json"
    file.write_text(file.read_text().replace("20, 24", "20, 23", 1))
    assert identity(settings, loader_of(settings), 1.0, 1) != saved
    pseudo["weight"] = 0.5
    key = "DataLoader.Train.dataset.pseudo.weight"
    assert identity(settings, loader, 1.0, 1)[key] != saved[key]
