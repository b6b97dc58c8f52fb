"""Operations that move boxes with the image. Golden figures are PaddleDetection 2.6.0's own."""

import cv2
import numpy as np
import pytest

from ppghost.data.annotations import Objects
from ppghost.data.transforms.boxes.color import RandomDistort
from ppghost.data.transforms.boxes.compose import build_box_transforms
from ppghost.data.transforms.boxes.crop import RandomCrop
from ppghost.data.transforms.boxes.geometry import Pad, RandomExpand, RandomFlip, Resize
from ppghost.data.transforms.boxes.operation import Sample
from ppghost.data.transforms.operation import BadImage
from ppghost.errors import InputError

PIXELS = (np.arange(5 * 7 * 3) ** 2 % 251).astype(np.uint8).reshape(5, 7, 3)
PNG = cv2.imencode(".png", PIXELS[..., ::-1])[1].tobytes()
BOXES = [[0, 1, 3, 4], [2.5, 0, 6, 4]]
MEAN_STD = {"is_scale": True, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def transformed(*ops, boxes=BOXES, seed=0):
    entries = [op if isinstance(op, dict) else {op: None} for op in ("Decode", *ops)]
    run = build_box_transforms(entries, "ops")
    return run(PNG, Objects.of(boxes, range(len(boxes))), np.random.default_rng(seed))


def marked(height=60, width=80, box=(20, 10, 50, 40)):
    """A black image with a white object, whose box can be found in the pixels again."""
    image = np.zeros((height, width, 3), np.uint8)
    x1, y1, x2, y2 = box
    image[y1:y2, x1:x2] = 255
    return Sample(image, Objects.of([box], [1]))


def box_in(image):
    rows = np.flatnonzero((image > 250).all(axis=2).any(axis=1))
    columns = np.flatnonzero((image > 250).all(axis=2).any(axis=0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


def test_resize_flip_normalize_as_paddledetection():
    image, objects, scale = transformed(
        {"Resize": {"target_size": [2, 3], "keep_ratio": False, "interp": 2}},
        {"RandomFlip": {"prob": 1.0}},
        {"NormalizeImage": MEAN_STD},
        "Permute",
    )
    expected = [
        [[-1.330165, 0.245312, -0.713674], [-1.67266, 0.639182, -0.388304]],
        [[-0.635154, 1.203081, 0.397759], [2.008404, -1.30042, 1.483194]],
        [[0.844793, -1.107277, 0.008192], [0.165055, 2.186841, 0.618214]],
    ]
    np.testing.assert_allclose(image, expected, atol=2e-6)
    assert image.dtype == np.float32
    places = [[1.7142857, 0.4, 3.0, 1.6], [0.4285715, 0.0, 1.9285715, 1.6]]
    np.testing.assert_allclose(objects.boxes, places, rtol=1e-6)
    assert objects.classes.tolist() == [0, 1]
    assert scale == pytest.approx((3 / 7, 2 / 5))


def test_keep_ratio_and_pad_as_paddledetection():
    normalize = {"mean": [127.5] * 3, "std": [127.502231] * 3, "is_scale": False}
    image, objects, scale = transformed(
        {"Resize": {"target_size": 4, "keep_ratio": True}},
        {"Pad": {"size": [4, 5], "fill_value": [1.0, 2.0, 3.0]}},
        {"NormalizeImage": normalize},
    )
    assert image.shape == (3, 4, 5)
    first = [-0.55293, -0.16078, -0.05882, -0.28627, -0.99214]
    last = [0.02745, 0.33333, -0.23921, -0.37254, -0.97645]
    np.testing.assert_allclose(image[0, 0], first, atol=1e-5)
    np.testing.assert_allclose(image[2, 2], last, atol=1e-5)
    places = [[0.0, 0.5714286, 1.7142857, 2.2857144], [1.4285714, 0, 3.4285714, 2.2857144]]
    np.testing.assert_allclose(objects.boxes, places, rtol=1e-6)
    assert scale == pytest.approx((4 / 7, 4 / 7))


@pytest.mark.parametrize("random_apply", [True, False])
def test_distortion_as_paddledetection(random_apply):
    """In whatever order: at these strengths the order makes no difference."""
    changes = {
        "hue": [0.3, 0.3, 0.0], "saturation": [0.7, 0.7, 0.0], "contrast": [1.2, 1.2, 0.0],
    }  # fmt: skip
    still = RandomDistort(**changes, brightness=[9, 9, 1.0], random_apply=random_apply)
    brighter = RandomDistort(**changes, brightness=[9, 9, 0.0], random_apply=False)
    result = brighter(PIXELS[:1, :2], np.random.default_rng(0))
    expected = [[[10.4278, 12.843, 12.2342], [21.9969, 32.579, 26.4703]]]
    np.testing.assert_allclose(result, expected, atol=2e-3)
    without = still(PIXELS[:1, :2], np.random.default_rng(0))
    np.testing.assert_allclose(result - without, np.full((1, 2, 3), 9 * 1.2), atol=0.03)


def test_distortion_of_count_none_changes_nothing():
    op = RandomDistort(count=0)
    np.testing.assert_array_equal(op(PIXELS, np.random.default_rng(0)), PIXELS)


@pytest.mark.parametrize(
    "op",
    [
        Resize([30, 120], keep_ratio=False, interp=0),
        Resize([120, 120], keep_ratio=True, interp=0),
        RandomFlip(1.0),
        RandomExpand(prob=0.0, fill_value=0),
        Pad(size=[70, 90], pad_mode=1, fill_value=0),
        Pad(size=[70, 90], pad_mode=2, fill_value=0),
        Pad(size=[70, 90], pad_mode=-1, offsets=[3, 5], fill_value=0),
        Pad(size_divisor=32, fill_value=0),
    ],
    ids=lambda op: f"{type(op).__name__}",
)
def test_boxes_go_where_their_pixels_go(op):
    before = marked()
    after = op(before, np.random.default_rng(3))
    assert after.objects.boxes[0].tolist() == pytest.approx(box_in(after.image), abs=1)
    assert box_in(before.image) == [20, 10, 50, 40] == before.objects.boxes[0].tolist()
    if not isinstance(op, RandomFlip):
        assert after.image.shape != before.image.shape


def test_crops_keep_the_boxes_on_their_pixels_and_some_object():
    op = RandomCrop(allow_no_crop=False)
    sizes = set()
    for seed in range(40):
        after = op(marked(), np.random.default_rng(seed))
        assert len(after.objects) == 1
        assert after.objects.boxes[0].tolist() == box_in(after.image)
        sizes.add(after.image.shape)
    assert len(sizes) > 20
    assert all(height >= 12 and width >= 16 for height, width, _ in sizes)


def test_a_crop_keeps_what_has_its_centre_inside_and_cuts_it():
    image = np.zeros((100, 100, 3), np.uint8)
    image[..., 0], image[..., 1] = np.arange(100), np.arange(100)[:, None]  # x and y of each pixel
    boxes = np.array([[0, 0, 40, 40], [60, 30, 90, 99], [30, 50, 50, 70]], np.float32)
    op = RandomCrop(allow_no_crop=False, thresholds=[0.0])
    cut = 0
    for seed in range(20):
        after = op(Sample(image, Objects.of(boxes, range(3))), np.random.default_rng(seed))
        corner = after.image[0, 0, :2].astype(int)
        end = corner + after.image.shape[1::-1]
        centers = (boxes[:, :2] + boxes[:, 2:]) / 2
        inside = ((centers >= corner) & (centers < end)).all(axis=1)
        assert after.objects.classes.tolist() == np.flatnonzero(inside).tolist()
        expected = np.clip(boxes[inside], np.tile(corner, 2), np.tile(end, 2)) - np.tile(corner, 2)
        np.testing.assert_array_equal(after.objects.boxes, expected)
        cut += (inside.sum() < 3) and ((boxes[:, :2] < end) & (boxes[:, 2:] > corner)).all()
    assert cut > 3  # so often an object lay in the crop in part, its centre outside


def test_boxes_over_an_edge_are_cut_there_when_the_image_is_resized():
    op = {"Resize": {"target_size": [10, 14], "keep_ratio": False}}
    _, objects, _ = transformed(op, boxes=[[-3, 1, 9, 30]])
    assert objects.boxes.tolist() == [[0, 2, 14, 10]]


def test_every_threshold_is_kept():
    op = RandomCrop(thresholds=[0.9], allow_no_crop=False)
    for seed in range(5):
        after = op(marked(box=(8, 8, 72, 52)), np.random.default_rng(seed))
        height, width = after.image.shape[:2]
        shared = (after.objects.boxes[0, 2:] - after.objects.boxes[0, :2]).prod()
        whole = after.image.shape == (60, 80, 3)  # none was found
        assert whole or shared / (height * width + 64 * 44 - shared) >= 0.9


def test_an_image_without_boxes_is_not_cropped():
    sample = Sample(np.zeros((60, 80, 3), np.uint8), Objects.empty())
    assert RandomCrop(allow_no_crop=False)(sample, np.random.default_rng(0)) is sample


def test_objects_of_which_nothing_is_left_are_dropped():
    _, objects, _ = transformed("Permute", boxes=[[1, 1, 1, 4], [1, 1, 2, 2], [3, 3, 2, 4]])
    assert objects.classes.tolist() == [1]


def test_an_image_without_boxes_goes_through_everything():
    ops = ["RandomDistort", "RandomExpand", "RandomCrop", "RandomFlip"]
    image, objects, _ = transformed(
        *ops, {"Resize": {"target_size": 8, "keep_ratio": False}}, boxes=[]
    )
    assert image.shape == (3, 8, 8)
    assert objects.boxes.shape == (0, 4)


def test_the_same_generator_gives_the_same_sample():
    ops = (
        "RandomDistort", "RandomExpand", "RandomCrop", "RandomFlip",
        {"RandomResize": {"target_size": [[8, 20], [16, 20]], "random_range": True}},
        {"Pad": {"size": 20}}, {"NormalizeImage": MEAN_STD}, "RandomErasing",
    )  # fmt: skip
    images = [transformed(*ops, seed=seed)[0] for seed in (1, 1, 2)]
    np.testing.assert_array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])


def test_padding_after_normalizing_is_padbatch():
    image, _, _ = transformed(
        {"NormalizeImage": MEAN_STD}, "Permute", {"Pad": {"size": [6, 9], "fill_value": 0}}
    )
    alone, _, _ = transformed({"NormalizeImage": MEAN_STD}, "Permute")
    assert image.shape == (3, 6, 9)
    np.testing.assert_array_equal(image[:, :5, :7], alone)
    assert not image[:, 5:].any()
    assert not image[:, :, 7:].any()


def test_normalize_of_either_house():
    ours, _, _ = transformed({"NormalizeImage": MEAN_STD})
    values = {"scale": "1.0/255.0", "mean": MEAN_STD["mean"], "std": MEAN_STD["std"]}
    before, _, _ = transformed({"NormalizeImage": values | {"order": ""}})
    after, _, _ = transformed("Permute", {"NormalizeImage": values | {"order": "chw"}})
    np.testing.assert_allclose(ours, before, atol=1e-6)
    np.testing.assert_allclose(ours, after, atol=1e-6)
    none, _, _ = transformed({"NormalizeImage": {"norm_type": "none", "is_scale": False}})
    np.testing.assert_array_equal(none, PIXELS.transpose(2, 0, 1))


def test_pad_says_what_does_not_fit():
    with pytest.raises(BadImage, match="is 7x5 where Pad makes 6x6: resize it to fit"):
        transformed({"Pad": {"size": 6}})


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        ({}, "ops is dict"),
        ([], r"ops.0: give Decode first"),
        ([{"Resize": None}], r"ops.0: give Decode first"),
        ([{"Decode": None}, {"Decode": None}], r"ops.1: Decode stands first, and only there"),
        ([{"DecodeImage": {"channel_first": True}}], "no channel_first and no reduced"),
        ([{"Decode": None}, {"ResizeImage": {"size": 3}}], "ResizeImage moves pixels but no boxes"),
        ([{"Decode": None}, {"RandFlipImage": None}], "RandFlipImage moves pixels but no boxes"),
        ([{"Decode": None}, {"RandomFlop": None}], "'RandomFlop', did you mean RandomFlip"),
        ([{"Decode": None}, {"Resize": {"target_size": 3}}], "keep_ratio is missing"),
        ([{"Decode": None}, {"Resize": {"target_size": 0, "keep_ratio": True}}], "target_size"),
        ([{"Decode": None}, {"Resize": {"target_size": [1, 2, 3], "keep_ratio": True}}], "height"),
        ([{"Decode": None}, {"RandomFlip": {"prob": 2}}], "prob is 2"),
        ([{"Decode": None}, {"RandomDistort": {"hue": [1, 2]}}], "hue is"),
        ([{"Decode": None}, {"RandomCrop": {"scaling": [0.5, 2]}}], r"scaling\[1\] is 2"),
        ([{"Decode": None}, {"Pad": {"pad_mode": -1}}], "pad_mode -1 needs"),
        ([{"Decode": None}, {"RandomResize": {"target_size": 8}}], "give a list of sizes"),
        ([{"Decode": None}, {"NormalizeImage": {"std": [1, 0, 1]}}], "divided by 0"),
    ],
)  # fmt: skip
def test_wrong_operations_are_one_line(ops, message):
    with pytest.raises(InputError, match=message):
        build_box_transforms(ops, "ops")
