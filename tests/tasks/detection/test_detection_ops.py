"""Loss, decoding and suppression as ops of a Program, against PaddleDetection's figures."""

import numpy as np
import paddle
import pytest
from goldens import CLASSES, GRID, goldens, predictions, targets

from ppghost.tasks.detection.decoding import scored_boxes, suppress
from ppghost.tasks.detection.losses import retinanet_loss
from ppghost.tasks.detection.targets import RetinaTargets

SETTINGS = {"gamma": 2.0, "alpha": 0.25, "beta": 1 / 9, "box_weight": 1.0}
ANCHORS = GRID.boxes(64, 96)


def compute(build, **arrays):
    """What `build` makes of named arrays, as static inputs of a Program of its own."""
    with paddle.static.program_guard(paddle.static.Program(), paddle.static.Program()):
        inputs = {
            name: paddle.static.data(name, array.shape, str(array.dtype))
            for name, array in arrays.items()
        }
        outputs = build(**inputs)
        main, startup = (
            paddle.static.default_main_program(),
            paddle.static.default_startup_program(),
        )
    executor, scope = paddle.static.Executor(paddle.CPUPlace()), paddle.static.Scope()
    executor.run(startup, scope=scope)
    names = list(outputs)
    values = executor.run(main, feed=arrays, fetch_list=[outputs[n] for n in names], scope=scope)
    return dict(zip(names, values, strict=True))


def losses(settings=SETTINGS, average=lambda scalar: scalar, weights=None):
    logits, deltas = predictions()
    labels = RetinaTargets(GRID)(targets(), (3, 64, 96))
    wanted = {f"to_{name}": labels[name] for name in ("classes", "deltas", "weights")}
    if weights is not None:
        wanted["to_weights"] = wanted["to_weights"] * np.float32(weights)

    def build(logits, deltas, to_classes, to_deltas, to_weights):
        labels = {"classes": to_classes, "deltas": to_deltas, "weights": to_weights}
        return retinanet_loss(settings, logits, deltas, labels, average)

    values = compute(build, logits=logits, deltas=deltas, **wanted)
    return {name: float(value) for name, value in values.items()}


@pytest.mark.usefixtures("static")
def test_the_losses_are_paddledetections():
    found, golden = losses(), goldens()["losses"]
    assert found["loss_cls"] == pytest.approx(golden["loss_cls"], rel=1e-5)
    assert found["loss_box"] == pytest.approx(golden["loss_reg"], rel=1e-5)
    assert found["loss"] == pytest.approx(golden["loss"], rel=1e-5)


@pytest.mark.usefixtures("static")
def test_weights_multiply_and_boxes_can_count_more():
    plain = losses()
    assert losses(weights=0.5)["loss"] == pytest.approx(plain["loss"] / 2, rel=1e-5)
    more = losses(SETTINGS | {"box_weight": 3.0})
    assert more["loss"] == pytest.approx(plain["loss_cls"] + 3 * plain["loss_box"], rel=1e-5)


@pytest.mark.usefixtures("static")
def test_beta_0_is_the_absolute_difference():
    _, deltas = predictions()
    labels = RetinaTargets(GRID)(targets(), (3, 64, 96))
    held = labels["classes"] > 0
    expected = np.abs(deltas - labels["deltas"])[held].sum() / held.sum()
    assert losses(SETTINGS | {"beta": 0.0})["loss_box"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.usefixtures("static")
def test_the_number_of_objects_is_that_of_all_processes():
    # as if the mean over processes were twice this one's
    assert losses(average=lambda count: count * 2)["loss"] == pytest.approx(
        losses()["loss"] / 2, rel=1e-5
    )


def decoded(count, candidates):
    logits, deltas = (part[:count] for part in predictions())

    def build(logits, deltas, image):
        outputs = {"logits": logits, "deltas": deltas, "image": image}
        boxes, scores = scored_boxes(outputs, ANCHORS, candidates)
        return {"boxes": boxes, "scores": scores}

    image = np.zeros((count, 3, 64, 96), np.float32)
    return compute(build, logits=logits, deltas=deltas, image=image)


@pytest.mark.usefixtures("static")
def test_boxes_and_scores_are_paddledetections_cut_off_at_the_image():
    found, golden = decoded(1, 1000), goldens()
    expected = np.clip(np.array(golden["boxes"]), 0, [96, 64, 96, 64])
    np.testing.assert_allclose(found["boxes"][0], expected, atol=1e-4)
    np.testing.assert_allclose(found["scores"][0], golden["scores"], atol=1e-6)


@pytest.mark.usefixtures("static")
def test_the_surest_candidates_are_those_of_each_image():
    whole, few = decoded(2, 1000), decoded(2, 20)
    assert few["boxes"].shape == (2, 20, 4)
    assert few["scores"].shape == (2, CLASSES, 20)
    for image in range(2):
        best = np.argsort(-whole["scores"][image].max(0), kind="stable")[:20]
        np.testing.assert_allclose(few["boxes"][image], whole["boxes"][image][best], atol=1e-5)
    alone = decoded(1, 20)  # as phones compute it
    np.testing.assert_allclose(alone["boxes"][0], few["boxes"][0], atol=1e-5)
    np.testing.assert_allclose(alone["scores"][0], few["scores"][0], atol=1e-6)


@pytest.mark.usefixtures("static")
def test_of_two_boxes_in_one_place_the_surer_stays_in_each_class():
    boxes = np.array([[[0, 0, 10, 10], [1, 0, 11, 10], [40, 40, 60, 60]]], np.float32)
    scores = np.array([[[0.9, 0.8, 0.01], [0.1, 0.7, 0.6]]], np.float32)
    settings = {
        "score_threshold": 0.05, "nms_threshold": 0.5, "nms_top_k": 10, "keep_top_k": 10
    }  # fmt: skip

    def build(boxes, scores):
        rows, counts = suppress(boxes, scores, settings)
        return {"rows": rows, "counts": counts}

    found = compute(build, boxes=boxes, scores=scores)
    kept = {(int(row[0]), round(float(row[1]), 2)) for row in found["rows"]}
    assert kept == {(0, 0.9), (1, 0.7), (1, 0.6)}
    assert found["counts"].tolist() == [3]
