"""Scores for images, from an exported model."""

import shutil
from pathlib import Path

import numpy as np
import paddle
import pytest
from PIL import Image

from ppghost.deploy.conversion.quantize import quantize
from ppghost.errors import InputError
from ppghost.formats.exported import (
    MODEL_FILE,
    PARAMS_FILE,
    read_description,
    write_description,
)
from ppghost.inference import predict as predict_module
from ppghost.inference.predict import Prediction, Predictor, predict
from ppghost.inference.preprocess import ImageReader, ListedImages


@pytest.fixture
def copy(models, tmp_path) -> Path:
    """A copy of the model Both, with inputs that are small, so that no score is 1."""
    folder = Path(shutil.copytree(models / "Both", tmp_path / "model"))
    normalize = {"scale": 1 / 255, "mean": [0.5] * 3, "std": [0.3] * 3, "order": ""}
    change_ops(folder, lambda ops: [ops[0], {"NormalizeImage": normalize}, *ops[1:]])
    return folder


def change_ops(folder, change):
    description = read_description(folder)
    pre = description["PreProcess"]
    pre["transform_ops"] = change(pre["transform_ops"])
    write_description(folder, description)


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"))


def executor_scores(folder, image):
    """By a static Executor, as predicting was done before."""
    tensor = np.ascontiguousarray(ImageReader(folder)(image))[None]
    paddle.enable_static()
    executor = paddle.static.Executor(paddle.CPUPlace())
    with paddle.static.scope_guard(paddle.static.Scope()):
        graph, _, outputs = paddle.static.load_inference_model(str(folder / "inference"), executor)
        [scores] = executor.run(graph, feed={"x": tensor}, fetch_list=outputs)
    return scores[0]


def test_scores_are_those_of_an_executor_for_files_and_for_pixels(copy, shapes_dir):
    predictor = Predictor(str(copy))
    for number in range(3):
        file = shapes_dir / f"{number}.png"
        scores = predictor(file)
        expected = executor_scores(copy, file)
        assert (scores.shape, scores.dtype) == ((10,), np.float32)
        assert 0 < expected.max() < 1
        # oneDNN's convolutions, Paddle's own in the Executor
        np.testing.assert_allclose(scores, expected, rtol=1e-5)
        assert np.array_equal(predictor(str(file)), scores)
        assert np.array_equal(predictor(pixels(file)), scores)


@pytest.mark.parametrize(("batch_size", "threads"), [(1, 1), (4, 1), (2, 3)])
def test_many_images_are_answered_in_their_order(copy, shapes_dir, tmp_path, batch_size, threads):
    (tmp_path / "broken.png").write_bytes(b"no image")
    images = [shapes_dir / f"{number}.png" for number in range(6)]
    images[2] = tmp_path / "broken.png"
    predictor = Predictor(copy)
    answers = list(predictor.topk_of_each(images, 3, batch_size=batch_size, threads=threads))
    assert isinstance(answers.pop(2), InputError)
    for image, answer in zip(images[:2] + images[3:], answers, strict=True):
        expected = predictor.topk(image, 3)
        assert [p.class_id for p in answer] == [p.class_id for p in expected]
        for one, other in zip(answer, expected, strict=True):
            assert one.score == pytest.approx(other.score, rel=1e-4)
    assert len({answer[0].score for answer in answers}) > 1


@pytest.mark.parametrize("decode", [{"to_rgb": False}, {"to_np": False, "backend": "pil"}])
def test_pixels_are_rgb_whatever_the_network_wants(copy, tmp_path, decode):
    image = np.zeros((32, 32, 3), np.uint8)
    image[..., 0], image[8:, :, 2] = 200, 90
    Image.fromarray(image).save(tmp_path / "red.png")
    change_ops(copy, lambda ops: [{"DecodeImage": decode}, *ops])
    predictor = Predictor(copy)
    assert np.array_equal(predictor(image), predictor(tmp_path / "red.png"))


def test_pixels_of_another_form_are_refused(copy):
    predictor = Predictor(copy)
    wrong = (np.zeros((32, 32), np.uint8), np.zeros((3, 32, 32), np.uint8), np.zeros((32, 32, 3)))
    for image in wrong:
        with pytest.raises(InputError, match=r"give RGB pixels, uint8 \[H, W, 3\]"):
            predictor(image)


def test_best_classes_have_labels_where_they_are_known(copy, shapes_dir):
    description = read_description(copy)
    description["PostProcess"] = {
        "Topk": {"topk": 3, "label_list": [f"class {i}" for i in range(9)]}
    }
    write_description(copy, description)
    predictor = Predictor(copy)
    scores = predictor(shapes_dir / "0.png")
    order = np.argsort(-scores, kind="stable")
    best = predictor.topk(shapes_dir / "0.png")
    assert [prediction.class_id for prediction in best] == order[:3].tolist()
    every = predictor.topk(shapes_dir / "0.png", k=10)
    assert len(every) == 10
    assert Prediction(9, float(scores[9]), None) in every
    assert Prediction(8, float(scores[8]), "class 8") in every


def test_json_form(copy, shapes_dir, tmp_path):
    (tmp_path / "names.txt").write_text("".join(f"{i} name {i}\n" for i in range(10)))
    [result] = predict(str(copy), [str(shapes_dir / "0.png")], 1, str(tmp_path / "names.txt"))
    [best] = result["topk"]
    assert result["image"] == str(shapes_dir / "0.png")
    assert list(best) == ["class_id", "score", "label"]
    assert best["label"] == f"name {best['class_id']}"


def test_paddle_stays_in_the_mode_it_is_in(copy, shapes_dir):
    was_dynamic = paddle.in_dynamic_mode()
    try:
        for change, dynamic in ((paddle.disable_static, True), (paddle.enable_static, False)):
            change()
            Predictor(copy)(shapes_dir / "0.png")
            assert paddle.in_dynamic_mode() == dynamic
    finally:
        (paddle.disable_static if was_dynamic else paddle.enable_static)()


def test_nothing_is_loaded_before_the_operators_are_known(models, monkeypatch):
    def loaded(*arguments, **options):
        raise AssertionError("loaded")

    monkeypatch.setattr(predict_module, "Engine", loaded)
    with pytest.raises(InputError, match="not known to be harmless, print"):
        Predictor(models / "Prints")


def test_files_of_other_names_and_of_paddle_1(copy, shapes_dir):
    expected = Predictor(copy)(shapes_dir / "0.png")
    (copy / MODEL_FILE).rename(copy / "__model__")
    (copy / PARAMS_FILE).rename(copy / "__params__")
    assert np.array_equal(Predictor(copy)(shapes_dir / "0.png"), expected)


def test_an_int8_model_gives_what_the_simulation_gives(copy, shapes_dir, tmp_path):
    images = ListedImages(copy, shapes_dir / "train_list.txt")
    quantize(copy, images, tmp_path / "int8", min_agreement=0)
    predictor = Predictor(tmp_path / "int8")
    for number in range(6):
        file = shapes_dir / f"{number}.png"
        expected = executor_scores(tmp_path / "int8", file)
        np.testing.assert_allclose(predictor(file), expected, rtol=1e-5)


def test_what_the_model_does_not_take_is_one_line(copy, shapes_dir):
    change_ops(copy, lambda ops: [{"ResizeImage": {"size": 40}}, *ops[1:]])
    with pytest.raises(
        InputError,
        match=r"0\.png: the model's transform_ops make \[3, 40, 40\].*takes \[3, 32, 32\]",
    ) as caught:
        Predictor(copy)(shapes_dir / "0.png")
    assert "\n" not in str(caught.value)


def test_a_damaged_parameter_file_is_one_line(copy):
    (copy / PARAMS_FILE).write_bytes((copy / PARAMS_FILE).read_bytes()[:100])
    with pytest.raises(
        InputError, match=r"model: the model cannot be loaded: .*loading model parameters"
    ) as caught:
        Predictor(copy)
    assert "\n" not in str(caught.value)
