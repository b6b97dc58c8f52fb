"""`ppghost predict`: with a model or a config, and what becomes of images that cannot be read."""

import json

import numpy as np
import pytest

from ppghost import weights


@pytest.fixture
def with_weights(config_file, trained):
    return ["-c", config_file, "-o", f"Global.pretrained_model={trained}"]


def test_a_broken_image_is_reported_and_the_others_answered(
    run, with_weights, shapes_dir, tmp_path
):
    (tmp_path / "broken.png").write_bytes(b"no image")
    images = [shapes_dir / "0.png", tmp_path / "broken.png", shapes_dir / "1.png"]
    output = tmp_path / "r.jsonl"
    code, out, err = run("predict", *with_weights, *images, "--output", output, "--json", "-")
    assert code == 2
    assert "1 of 3 images could not be answered" in err
    results = json.loads(out)
    assert [len(result["topk"]) for result in results] == [2, 0, 2]
    assert "cannot be decoded" in results[1]["error"]
    assert [json.loads(line) for line in output.read_text().splitlines()] == results


def test_a_config_names_its_images_and_gives_what_its_export_gives(
    run, with_weights, shapes_dir, tmp_path
):
    infer = [f"Infer.infer_imgs={shapes_dir}", f"Infer.infer_list={shapes_dir / 'val_list.txt'}",
             f"Infer.save_dir={tmp_path / 'results'}"]  # fmt: skip
    overrides = [part for key in infer for part in ("-o", key)]
    code, out, err = run("predict", *with_weights, *overrides, "--json", "-")
    assert code == 0, err
    results = json.loads(out)
    assert json.loads((tmp_path / "results.json").read_text()) == results
    assert run("export", *with_weights, "--output", tmp_path / "model")[0] == 0
    code, out, _ = run("predict", tmp_path / "model", shapes_dir / "val_list.txt", "--json", "-")
    assert json.loads(out) == results
    assert len(results) == 6


def test_scores_and_losses_of_nan_are_no_success(run, config_file, trained, shapes_dir, tmp_path):
    state = {k: np.full_like(v, np.nan) for k, v in weights.read_state(trained).items()}
    weights.write_pickle(tmp_path / "nan.pdparams", state)
    nan = ["-c", config_file, "-o", f"Global.pretrained_model={tmp_path / 'nan'}"]
    code, _, err = run("eval", *nan)
    assert (code, "the loss is nan on 6 images" in err) == (1, True)
    code, out, err = run("predict", *nan, shapes_dir / "0.png", "--json", "-")
    message = f"{shapes_dir / '0.png'}: the scores are NaN; are the model's weights?"
    assert (code, err.splitlines()[-1]) == (1, f"ppghost: error: {message}")
    assert json.loads(out)[0]["topk"] == []
    assert message in run("predict", *nan, shapes_dir / "0.png")[1].splitlines()


def test_without_a_model_or_a_config_it_says_what_to_give(run, tmp_path):
    code, _, err = run("predict", tmp_path)
    assert (code, "give MODEL_DIR and images, or -c CONFIG" in err) == (2, True)
