"""`transform_ops` by scale and by stage."""

import pytest

from ppghost.data.transforms.variants import at_sizes, at_stages
from ppghost.errors import InputError

DECODE, FLIP = {"DecodeImage": {"to_rgb": True}}, {"RandFlipImage": {"flip_code": 1}}


def test_the_batch_s_size_takes_the_place_of_the_config_s_and_the_rest_stays():
    crop = {"RandCropImage": {"size": 256, "interpolation": "bilinear", "use_log_aspect": True}}
    resize = {"ResizeImage": {"resize_short": 256, "backend": "pil"}}
    small, large = at_sizes([DECODE, crop, resize, {"CropImage": {"size": 9}}, FLIP], [64, 96], "")
    kept = {"interpolation": "bilinear", "use_log_aspect": True}
    assert small == [
        DECODE,
        {"RandCropImage": kept | {"size": 64}},
        {"ResizeImage": {"backend": "pil", "size": 64}},
        {"CropImage": {"size": 64}},
        FLIP,
    ]
    assert large[1] == {"RandCropImage": kept | {"size": 96}}


def test_several_sizes_need_an_operation_that_makes_them():
    with pytest.raises(InputError, match=r"^key: MultiScaleDataset needs one of RandCropImage"):
        at_sizes([DECODE, FLIP], [64], "key")


def test_every_stage_has_its_size_and_its_magnitude():
    crop = {"RandCropImage": {"size": 5, "progress_size": [5, 6, 7, 8], "scale": [0.05, 1.0]}}
    augment = {"RandAugmentV2": {"num_layers": 2, "progress_magnitude": [5.0, 8.3, 11.6, 15.0]}}
    stages = at_stages([DECODE, crop, augment, FLIP], "")
    assert [len(stage) for stage in stages] == [4] * 4
    assert [stage[1]["RandCropImage"]["size"] for stage in stages] == [5, 6, 7, 8]
    assert [stage[2]["RandAugmentV2"]["magnitude"] for stage in stages] == [5.0, 8.3, 11.6, 15.0]
    assert stages[3] == [
        DECODE,
        {"RandCropImage": {"size": 8, "scale": [0.05, 1.0]}},
        {"RandAugmentV2": {"num_layers": 2, "magnitude": 15.0}},
        FLIP,
    ]


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        ([DECODE, {"RandCropImage": {"size": 5}}], "key: Global.train_mode progressive needs"),
        (
            [DECODE, {"RandCropImage": {"size": 5, "progress_size": [5, 6, 7]}}],
            r"^key\.1\.RandCropImage\.progress_size is \[5, 6, 7\]: give a list of 4",
        ),
        (
            [{"RandAugmentV2": {"progress_magnitude": 9}}],
            r"^key\.0\.RandAugmentV2\.progress_magnitude is 9: give a list of 4",
        ),
    ],
)
def test_stages_that_make_no_sense_are_refused(ops, message):
    with pytest.raises(InputError, match=message):
        at_stages(ops, "key")
