"""What is exported: sizes, scores, and how they become an answer."""

import numpy as np
import pytest
from PIL import Image

from ppghost.config import loading as config
from ppghost.errors import InputError
from ppghost.formats.exported import read_description
from ppghost.inference.export import export
from ppghost.inference.predict import Predictor


@pytest.fixture
def exported(config_file, trained, tmp_path):
    """Export with overrides; returns what `export` does."""

    def call(*overrides, **options):
        path = f"Global.pretrained_model={trained}"
        settings = config.load_config(config_file, [path, *overrides])
        return export(settings, tmp_path / "model", **options)

    return call


def test_without_softmax_there_are_logits(exported, shapes_dir):
    image = shapes_dir / "0.png"
    scores = Predictor(exported().model_dir)(image)
    logits = Predictor(exported("Arch.infer_add_softmax=False").model_dir)(image)
    assert scores.sum() == pytest.approx(1)
    assert logits.sum() != pytest.approx(1)
    np.testing.assert_allclose(np.exp(logits) / np.exp(logits).sum(), scores, rtol=1e-5)


def test_height_width_and_batch_are_free_or_fixed(exported, shapes_dir, tmp_path, caplog):
    free = exported("Global.image_shape=[3,-1,-1]")
    assert free.inputs[0]["shape"] == [-1, 3, -1, -1]
    assert "image_shape" not in read_description(free.model_dir)["Global"]
    assert caplog.text == ""  # whatever the transforms leave is taken
    Image.open(shapes_dir / "0.png").resize((48, 40)).save(tmp_path / "other.png")
    predictor = Predictor(free.model_dir)
    assert np.isfinite(predictor(tmp_path / "other.png")).all()
    scores = predictor(shapes_dir / "0.png")
    # of images of two sizes each is computed with those of its own
    mixed = [tmp_path / "other.png", *(shapes_dir / f"{number}.png" for number in range(4))]
    expected = [predictor.topk(image) for image in mixed]
    assert_answers_are_near(predictor.topk_of_each(mixed, batch_size=3), expected)
    for batch in (1, 3):
        fixed = exported(batch=batch)
        assert fixed.inputs[0]["shape"] == [batch, 3, 32, 32]
        fixed_predictor = Predictor(fixed.model_dir)
        np.testing.assert_allclose(fixed_predictor(shapes_dir / "0.png"), scores, rtol=1e-5)
        assert_answers_are_near(fixed_predictor.topk_of_each(mixed[1:]), expected[1:])


def assert_answers_are_near(answers, expected):
    for answer, wanted in zip(answers, expected, strict=True):
        assert [found.class_id for found in answer] == [found.class_id for found in wanted]
        for found, other in zip(answer, wanted, strict=True):
            assert found.score == pytest.approx(other.score, rel=1e-4)


def test_transforms_that_never_fit_are_refused(exported):
    wrong = "Infer.transforms=[{ResizeImage: {size: 40}}, {ToCHWImage: null}]"
    with pytest.raises(InputError, match=r"make \[3, 40, 40\] of an image of 32x32.*\[3, 32, 32\]"):
        exported(wrong)


def test_transforms_that_fit_some_images_are_told_of(exported, shapes_dir, tmp_path, caplog):
    """A shorter side without a crop."""
    result = exported("Infer.transforms=[{ResizeImage: {resize_short: 32}}, {ToCHWImage: null}]")
    assert "make [3, 32, 48] of an image of 640x427 pixels" in caplog.text
    Image.open(shapes_dir / "0.png").resize((64, 32)).save(tmp_path / "wide.png")
    predictor = Predictor(result.model_dir)
    assert predictor(shapes_dir / "0.png").shape == (3,)
    with pytest.raises(
        InputError, match=r"wide\.png: the model's transform_ops make \[3, 32, 64\]"
    ):
        predictor(tmp_path / "wide.png")


def test_a_threshold_decides_between_two_classes(exported, config_file, tmp_path, shapes_dir):
    two = ["Arch.class_num=2", "Infer.PostProcess={name: ThreshOutput, threshold: 0.5, "
           "label_0: nobody, label_1: someone}"]  # fmt: skip
    with pytest.raises(InputError, match=r"needs a threshold, and a network of 2 classes; .* 3"):
        exported(two[1])
    settings = config.load_config(config_file, ["Global.save_inference_dir=" + str(tmp_path), *two])
    model = export(settings, random_weights=True).model_dir
    assert model == tmp_path
    predictor = Predictor(model)
    scores = predictor(shapes_dir / "0.png")
    for threshold, expected in ((scores[1], 1), (scores[1] + 1e-3, 0)):
        predictor.threshold = threshold
        [answer] = predictor.topk(shapes_dir / "0.png")
        assert (answer.class_id, answer.label) == (expected, ["nobody", "someone"][expected])
        assert answer.score == pytest.approx(scores[expected], abs=1e-6)
