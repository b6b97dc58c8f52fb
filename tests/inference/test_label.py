"""`ppghost label`: a teacher's boxes, or shares of classes, as what a student learns from."""

import json
import re
import shutil

import cv2
import numpy as np
import pytest
import yaml
from support.detectors import draw_weights
from support.runs import logged

from ppghost.config.loading import load_config
from ppghost.data.build import make_loader
from ppghost.data.datasets.shapes import write_shapes
from ppghost.errors import InputError
from ppghost.inference.export import build_inference
from ppghost.inference.journal import Journal
from ppghost.inference.multi_transform import at_scale, load_teacher
from ppghost.static.runtime import static_graph
from ppghost.training import loop

SIDE = 64


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """Images with boxes, 8 to train on, and their names."""
    folder = tmp_path_factory.mktemp("boxes") / "shapes"
    write_shapes(folder, images=10, size=96)
    return folder


@pytest.fixture(scope="module")
def teacher(shapes, tmp_path_factory):
    """A detector's config, with drawn weights that find something in each image."""
    folder = tmp_path_factory.mktemp("teacher")
    ops = [
        {"Decode": None},
        {"Resize": {"target_size": [SIDE, SIDE], "keep_ratio": False}},
        {"NormalizeImage": {"mean": [0.5] * 3, "std": [0.25] * 3, "is_scale": True}},
        {"Permute": None},
    ]

    def part(name):
        dataset = {"name": "COCODataSet", "dataset_dir": str(shapes), "anno_path": f"{name}.json"}
        dataset |= {"transform_ops": ops}
        return {"dataset": dataset, "sampler": {"batch_size": 4}}

    config = {
        "Global": {"image_shape": [3, SIDE, SIDE], "seed": 1, "epochs": 1, "save_interval": -1},
        "Arch": {
            "name": "RetinaNet", "class_num": 3, "backbone": {"name": "SlimNet", "norm": "gn"},
            "levels": [4, 5], "anchors": {"scales_per_octave": 1, "aspect_ratios": [1.0]},
            "neck": {"width": 8}, "head": {"width": 8, "convs": 1},
        },
        "Loss": {phase: [{"RetinaNetLoss": {}}] for phase in ("Train", "Eval")},
        "Optimizer": {"name": "SGD", "lr": {"name": "Constant", "learning_rate": 0.01}},
        "DataLoader": {"Train": part("train"), "Eval": part("val")},
        "Metric": {"Eval": [{"COCOMetric": {}}]},
    }  # fmt: skip
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    draw_weights(load_config(file), folder / "trained")
    config["Global"]["pretrained_model"] = str(folder / "trained")
    file.write_text(yaml.safe_dump(config))
    return file


def label(run, config, images, output, *more):
    code, out, err = run(
        "label", "-c", config, "--images", images, "--output", output, "--json", "-", "--threads",
        2, *more,
    )  # fmt: skip
    return code, json.loads(out) if out else None, err


@pytest.fixture(scope="module")
def labelled(teacher, shapes, tmp_path_factory):
    """The training images, labelled; with as many of each class as they have themselves."""
    from ppghost.inference.label import label

    output = tmp_path_factory.mktemp("labels") / "labels.json"
    config = load_config(teacher)
    return output, label(config, shapes / "images/train", output, scales=(1.5,), threads=2)


def test_each_class_has_as_many_labels_as_in_the_training_set(labelled, shapes):
    output, result = labelled
    content, truth = json.loads(output.read_text()), json.loads((shapes / "train.json").read_text())
    assert content["categories"] == [
        {"id": c["id"], "name": c["name"]} for c in truth["categories"]
    ]
    counts = [
        np.bincount([a["category_id"] for a in part["annotations"]], minlength=4)
        for part in (content, truth)
    ]
    # a drawn teacher may see less of a class than there is
    assert (counts[0] <= counts[1]).all()
    assert counts[0].sum() > 0
    assert result["images"] == len(truth["images"]) == 8
    assert result["labels"] == len(content["annotations"])
    for annotation in content["annotations"]:
        name = truth["categories"][annotation["category_id"] - truth["categories"][0]["id"]]["name"]
        assert annotation["score"] >= result["thresholds"][name] >= result["threshold"]


def test_a_student_learns_the_labels_beside_true_ones(labelled, teacher, shapes, tmp_path):
    output, _ = labelled
    pseudo = {
        "dataset_dir": str(output.parent), "anno_path": output.name, "weight": 0.5, "ratio": 0.25,
        "image_dir": str(shapes / "images/train"),
    }  # fmt: skip
    config = yaml.safe_load(teacher.read_text())
    config["DataLoader"]["Train"]["dataset"]["pseudo"] = pseudo
    config["Global"] |= {"pretrained_model": None, "output_dir": str(tmp_path)}
    config["Global"]["eval_during_train"] = False
    student = tmp_path / "student.yaml"
    student.write_text(yaml.safe_dump(config))
    settings = load_config(student)
    assert make_loader_images(settings) == 16
    loop.train(settings)
    [*_, last] = logged(tmp_path / "RetinaNet")
    assert np.isfinite(last["loss"])


def make_loader_images(settings):
    from ppghost.tasks.factory import make_task

    return make_loader(settings, "Train", collate=make_task(settings).collate).sampler.images


def test_an_interrupted_run_goes_on_and_gives_the_same_files(
    run, labelled, teacher, shapes, tmp_path, monkeypatch
):
    whole, _ = labelled
    output = tmp_path / "labels.json"
    images, how = shapes / "images/train", ("--scales", "1.5")
    add = Journal.add

    def interrupt(self, name, image, answer):
        add(self, name, image, answer)
        if name == "00003.jpg" or len(self._answers) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", interrupt)
        code, _, err = label(run, teacher, images, output, *how)
    assert code == 130
    assert "goes on from" in err
    assert not output.exists()
    journal = output.with_name("labels.json.journal")
    with journal.open("a") as file:
        file.write('{"image": "half a li')
    code, result, err = label(run, teacher, images, output, *how)
    assert code == 0, err
    assert "3 of 8 images are in" in err
    for suffix in (".json", ".html"):
        assert output.with_suffix(suffix).read_text() == whole.with_suffix(suffix).read_text()
    assert journal.read_text() == whole.with_name("labels.json.journal").read_text()
    # another threshold asks the network nothing
    lines = journal.read_text()
    code, more, _ = label(run, teacher, images, output, *how, "--threshold", 0.05)
    assert code == 0
    assert more["labels"] > result["labels"]
    assert journal.read_text() == lines
    code, _, err = label(run, teacher, images, output, "--scales", "1")
    assert code == 2
    assert re.search(
        r"labels\.json\.journal holds the answers of another teacher \(transforms", err
    )


def test_a_file_that_is_no_journal_stays_as_it_is(tmp_path):
    path = tmp_path / "labels.json.journal"
    for content in ("a diary", '["a list"]\n', '{"image": "a.jpg"}\n{"ima'):
        path.write_text(content)
        with pytest.raises(InputError, match="no journal of `ppghost label`"):
            Journal(path, {})
        assert path.read_text() == content


def test_a_broken_image_is_named_and_the_others_are_labelled(run, teacher, shapes, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    [good, *_] = sorted((shapes / "images/val").iterdir())
    shutil.copy(good, images / "good.jpg")
    (images / "broken.jpg").write_bytes(b"no image")
    output = tmp_path / "out" / "labels.json"
    how = ("--scales", "1,1.5", "--no-flip", "--objects-per-image", "2")
    code, result, err = label(run, teacher, images, output, *how)
    assert code == 2
    assert "1 of 2 images could not be answered, for instance" in err
    assert "broken.jpg" in err
    assert (result["images"], result["labels"]) == (
        1,
        len(json.loads(output.read_text())["annotations"]),
    )
    page = output.with_suffix(".html").read_text()
    assert page.count("data:image/jpeg;base64,") == 1
    assert "http" not in page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"-o": "Global.pretrained_model=null"}, r"Global\.pretrained_model is missing"),
        ({"--images": "empty"}, r"empty: no image in this folder"),
        ({"--output": "labels.txt"}, r"labels\.txt: write to a file that ends in \.json"),
        ({"--images": "labels.txt"}, r"labels\.txt: a list of that name is written beside"),
        ({"--output": "file/labels.json"}, r"labels\.json\.journal: cannot be written"),
        ({"-o": "DataLoader.Train.dataset.anno_path=no.json"}, r"no\.json.*give --threshold"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_computed(
    run, teacher, shapes, tmp_path, change, message
):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    given = {"-o": "Global.seed=1", "--images": shapes / "images/val", "--output": "labels.json"}
    given |= change
    for key in ("--images", "--output"):
        given[key] = tmp_path / given[key]
    words = [word for pair in given.items() for word in pair]
    code, out, err = run("label", "-c", teacher, "--scales", "1", *words)
    assert code == 2
    assert re.search(message, err), err
    assert not out
    assert not list(tmp_path.glob("*.json*"))


def test_a_form_of_another_size_has_its_own_transforms_and_anchors(teacher):
    config = at_scale(load_config(teacher), 1.5)
    assert config["Global"]["image_shape"] == [3, 96, 96]
    assert config["Infer"]["transforms"][1]["Resize"]["target_size"] == [96, 96]
    with static_graph():
        block = build_inference(config, 1).program.global_block()
        assert block.var("anchors").shape == (6 * 6 + 3 * 3, 4)


def test_a_mirrored_image_has_the_mirrored_boxes(teacher, shapes, tmp_path):
    [file, *_] = sorted((shapes / "images/val").iterdir())
    pixels = cv2.imread(str(file))
    for name, form in (("a.png", pixels), ("b.png", pixels[:, ::-1])):
        cv2.imwrite(str(tmp_path / name), form)
    network = load_teacher([at_scale(load_config(teacher), 1.0)], flip=True)
    one, other = (np.array(network(tmp_path / name)["boxes"]) for name in ("a.png", "b.png"))
    assert len(one) > 3
    other[:, [2, 4]] = pixels.shape[1] - other[:, [4, 2]]
    np.testing.assert_allclose(one, other, atol=0.02)
    assert np.abs(one[:, 2] - other[::-1, 2]).max() > 1  # they do not all lie in the middle


def test_a_classifiers_soft_labels_are_learnt(run, config_file, shapes_dir, trained, tmp_path):
    output = tmp_path / "soft.json"
    code, result, err = label(
        run, config_file, shapes_dir, output, "-o", f"Global.pretrained_model={trained}",
        "--threshold", "0.34",
    )  # fmt: skip
    assert code == 0, err
    assert (result["images"], result["labels"], result["threshold"]) == (12, 12, 0.34)
    content = json.loads(output.read_text())
    first = content["images"][0]
    assert len(first["classes"]) < 3  # what is below the threshold is not told
    [name, best] = output.with_suffix(".txt").read_text().splitlines()[0].split()
    assert (name, int(best)) == (first["file_name"], first["classes"][0])

    config = yaml.safe_load(config_file.read_text())
    dataset = config["DataLoader"]["Train"]["dataset"] | {"soft_labels": str(output)}
    config["DataLoader"]["Train"]["dataset"] = dataset
    config_file.write_text(yaml.safe_dump(config))
    settings = load_config(config_file)
    loader = make_loader(settings, "Train")
    [(_, labels), *_] = loader.epoch(1)
    np.testing.assert_allclose(labels["label"].sum(axis=1), 1, rtol=1e-6)
    image = loader.batches.datasets[0].load(0, np.random.default_rng(0))[1]
    told = next(i for i in content["images"] if i["file_name"] == "0.png")
    expected = np.full(3, (1 - sum(told["scores"])) / (3 - len(told["scores"])))
    expected[told["classes"]] = told["scores"]
    np.testing.assert_allclose(image, expected, rtol=1e-5)
    settings["Global"] |= {"epochs": 1, "eval_during_train": False}
    assert np.isfinite(loop.train(settings)["train"]["loss"])


def test_soft_labels_that_do_not_fit_are_refused(config_file, tmp_path):
    file = tmp_path / "soft.json"
    settings = load_config(config_file)
    settings["DataLoader"]["Train"]["dataset"]["soft_labels"] = str(file)
    image = {"file_name": "0.png", "classes": [0, 2], "scores": [0.5, 0.25]}
    for class_num, change, message in (
        (4, {}, "is of a teacher of 4 classes, Arch.class_num is 3"),
        (3, {"file_name": "a.png"}, "has none of the 12 images"),
        (3, {"classes": [0, 3]}, r"image 0\.png: class id 3 is not in 0\.\.2"),
        (3, {"scores": [0.9, 0.9]}, r"the scores' sum is 1\.8"),
        (3, {"scores": [0.9]}, "2 classes and 1 scores"),
    ):
        file.write_text(json.dumps({"class_num": class_num, "images": [image | change]}))
        with pytest.raises(InputError, match=message):
            make_loader(settings, "Train")
