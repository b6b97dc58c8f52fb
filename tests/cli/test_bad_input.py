"""What users get wrong: one clear line, the right exit code, no traceback, nothing half-written."""

import shutil

import pytest


def expect(outcome, code, *texts):
    """One line on stderr that starts as errors do and holds all the texts."""
    got, _, err = outcome
    line = err.strip().splitlines()[-1]
    assert got == code, err
    assert "Traceback" not in err
    assert line.startswith("ppghost: error: ")
    for text in texts:
        assert text in line


@pytest.mark.filterwarnings("ignore:The Attr")  # Paddle's own, while Swin is built
@pytest.mark.parametrize(
    ("override", "texts"),
    [
        ("Global.epocs=3", ["Global.epocs: unknown key", "did you mean epochs?"]),
        ("Global.epochs=many", ["Global.epochs: expected int, got 'many'"]),
        ("Optimizer.name=Adamm", ["Optimizer.name", "Momentum"]),
        ("Arch.name=GhostNet_x1", ["no architecture 'GhostNet_x1'", "did you mean GhostNet_x1_"]),
        ("Arch.widht=3", ["Arch.widht: TinyGhostNet takes no such key"]),
        ("DataLoader.Train.dataset.image_root=/none", ["image_root: /none is not a folder"]),
        ("DataLoader.Train.dataset.cls_label_path=/none.txt", ["/none.txt: cannot be read"]),
        ("DataLoader.Train.dataset.name=ImageNetDatset", ["did you mean ImageNetDataset?"]),
        (
            "DataLoader.Train.dataset.transform_ops=[{ResizeImag: {size: 32}}]",
            ["transform_ops.0: unknown operation 'ResizeImag', did you mean ResizeImage?"],
        ),
        ("Global.pretrained_model=/none", ["/none.pdparams: no such weight file"]),
        ("Arch.class_num=2", ["train_list.txt:3: class id 2 is not in 0..1"]),
        ("Global.image_shape=[3]", ["Global.image_shape"]),
        ("Arch={name: MobileNetV2, class_num: 3, bogus: 1}", ["Arch.bogus: MobileNetV2 takes"]),
        (
            "Arch={name: DeiT_tiny_patch16_224, class_num: 3}",
            ["DeiT_tiny_patch16_224 cannot be built so", "Input image size (32*32) doesn't match"],
        ),
    ],
)
def test_train_names_the_mistake(run, config_file, tmp_path, override, texts):
    expect(run("train", "-c", config_file, "-o", override), 2, *texts)
    assert not (tmp_path / "output").exists()


def test_missing_config(run):
    expect(run("train", "-c", "none.yaml"), 2, "none.yaml: cannot read the configuration")


def test_a_list_that_names_a_missing_image(run, config_file, shapes_dir, tmp_path):
    lines = (shapes_dir / "train_list.txt").read_text().splitlines()
    lines[4] = "nowhere.png 1"
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join(lines))
    override = f"DataLoader.Train.dataset.cls_label_path={listed}"
    outcome = run("train", "-c", config_file, "-o", override)
    expect(outcome, 2, f"{listed}:5: image", "nowhere.png does not exist")
    skip = ["-o", "Global.bad_images=skip", "-o", "Global.epochs=1"]
    code, _, err = run("train", "-c", config_file, "-o", override, *skip)
    assert code == 0, err
    assert "nowhere.png does not exist (1 of 12 are missing)" in err


def test_a_list_that_names_a_broken_image(run, config_file, shapes_dir, tmp_path):
    folder = tmp_path / "images"
    shutil.copytree(shapes_dir, folder)
    (folder / "7.png").write_bytes((shapes_dir / "7.png").read_bytes()[:100])
    overrides = [
        f"DataLoader.Train.dataset.image_root={folder}",
        f"DataLoader.Train.dataset.cls_label_path={folder / 'train_list.txt'}",
    ]
    options = [word for override in overrides for word in ("-o", override)]
    outcome = run("train", "-c", config_file, *options)
    expect(outcome, 5, "train_list.txt:8: image", "7.png cannot be decoded")
    skip = ["-o", "Global.bad_images=skip", "-o", "Global.epochs=1"]
    code, _, err = run("train", "-c", config_file, *options, *skip)
    assert code == 0, err
    assert "the next good image takes its place" in err


def test_an_empty_data_set(run, config_file, tmp_path):
    (tmp_path / "empty.txt").write_text("\n")
    override = f"DataLoader.Train.dataset.cls_label_path={tmp_path / 'empty.txt'}"
    expect(run("train", "-c", config_file, "-o", override), 2, "empty.txt names no image")


def test_images_of_other_channels_than_the_config_says(run, config_file):
    outcome = run("train", "-c", config_file, "-o", "Global.image_shape=[1,32,32]")
    expect(outcome, 2, "Global.image_shape", "[1, 32, 32]", "[3, 32, 32]")


def test_weights_of_another_architecture(run, config_file, trained, tmp_path):
    overrides = ["-o", f"Global.pretrained_model={trained}", "-o", "Arch.name=GhostNet_x1_0"]
    expect(
        run("eval", "-c", config_file, *overrides), 2, "not the weights of GhostNet_x1_0", "conv1"
    )
    outcome = run("export", "-c", config_file, *overrides, "--output", tmp_path / "model")
    expect(outcome, 2, "not the weights of GhostNet_x1_0")
    assert [p.name for p in tmp_path.iterdir()] == ["config.yaml"]


def test_model_dir_without_a_model(run, tmp_path):
    expect(run("predict", tmp_path, "a.png"), 2, "no exported model here")
    outcome = run("convert", tmp_path, "--target", "x86", "--output", tmp_path / "m.nb")
    expect(outcome, 2, str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_eval_without_weights(run, config_file):
    expect(run("eval", "-c", config_file), 2, "Global.pretrained_model is missing")


# The tests may run as root, whom no permission stops: a file where a directory must be, and
# /proc, refuse writing to everybody.


def test_unwritable_output_directories(run, config_file, trained, tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "sub", "/proc/none"):
        override = f"Global.output_dir={place}"
        expect(run("train", "-c", config_file, "-o", override), 2, f"{place}", "cannot be written")
        export = ["export", "-c", config_file, "-o", f"Global.pretrained_model={trained}"]
        expect(run(*export, "--output", place), 2, f"{place}: cannot be written")
        expect(run("data", "digits", place), 2, f"{place}: cannot be written")


def test_a_full_disk_leaves_nothing_behind(run, config_file, trained, tmp_path, monkeypatch):
    import errno

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    outcome = run("train", "-c", config_file)
    expect(outcome, 5, "cannot be written (No space left on device)")
    left = [p.name for p in (tmp_path / "output").rglob("*") if p.is_file()]
    assert left == ["train.jsonl"]
    export = ["export", "-c", config_file, "-o", f"Global.pretrained_model={trained}"]
    expect(run(*export, "--output", tmp_path / "model"), 2, "No space left on device")
    assert not (tmp_path / "model" / "inference.yml").exists()
