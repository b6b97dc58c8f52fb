"""A small detection set and configs that train detectors on it."""

import numpy as np
import yaml

from ppghost import weights
from ppghost.data.datasets.shapes import write_shapes
from ppghost.inference.export import build_inference
from ppghost.static.runtime import static_graph

SIDE = 64


def write_set(directory):
    """15 images of up to 96 pixels with circles, squares and triangles: 12 to train on, 3 not."""
    write_shapes(directory, images=15, size=96)
    return directory


def detector_config(shapes, output, **arch):
    """Settings that train a slim detector on them for two epochs of three steps."""
    resize = [
        {"Decode": None},
        {"Resize": {"target_size": [SIDE, SIDE], "keep_ratio": False}},
        {"NormalizeImage": {"mean": [0.5] * 3, "std": [0.25] * 3, "is_scale": True}},
    ]
    augmented = [resize[0], {"RandomFlip": {"prob": 0.5}}, *resize[1:]]

    def section(part, ops, **sampler):
        return {
            "dataset": {
                "name": "VOCDataSet",
                "dataset_dir": str(shapes),
                "anno_path": f"{part}.txt",
                "label_list": "label_list.txt",
                "transform_ops": ops,
            },
            "sampler": sampler,
        }

    backbone = {"name": "SlimNet", "norm": "gn"}
    return {
        "Global": {
            "output_dir": str(output), "epochs": 2, "image_shape": [3, SIDE, SIDE], "seed": 1
        },
        "Arch": {
            "name": "RetinaNet", "class_num": 3, "backbone": backbone, "levels": [3, 5],
            "anchors": {"scales_per_octave": 1}, "neck": {"width": 16},
            "head": {"width": 16, "convs": 1},
        } | arch,
        "Loss": {phase: [{"RetinaNetLoss": {}}] for phase in ("Train", "Eval")},
        "Optimizer": {
            "name": "AdamW", "weight_decay": 0.0005,
            "lr": {"name": "Constant", "learning_rate": 0.01},
        },
        "DataLoader": {
            "Train": section("train", augmented, batch_size=4, shuffle=True),
            "Eval": section("val", resize, batch_size=2),
        },
        "Metric": {"Eval": [{"COCOMetric": {}}, {"VOCMetric": {}}]},
    }  # fmt: skip


def draw_weights(settings, prefix):
    """Weights of the detector of a checked config with which it finds boxes in any image."""
    with static_graph():
        specs = weights.tensor_specs(build_inference(settings, 1).network)
    rng = np.random.default_rng(3)
    arrays = {s.parameter: rng.normal(0, 0.2, s.shape).astype("float32") for s in specs}
    weights.write_state(prefix.with_suffix(".pdparams"), arrays, specs)


def write_detector_config(path, settings):
    """The settings as a file."""
    path.write_text(yaml.safe_dump(settings))
    return path
