"""What a config says of non-maximum suppression."""

from typing import Any

from ppghost.errors import InputError

#: what `Infer.PostProcess` is if the config does not say it; PaddleDetection's for RetinaNet
NMS = {"score_threshold": 0.05, "nms_threshold": 0.5, "nms_top_k": 1000, "keep_top_k": 100}


def nms_settings(config: dict[str, Any]) -> dict[str, float]:
    """How boxes are chosen, `Infer.PostProcess`'s keys over the defaults.

    Raises:
        InputError: it is of classifiers.
    """
    post = config["Infer"]["PostProcess"]
    if post["name"] not in ("MultiClassNMS", "Topk"):
        raise InputError(
            "Infer.PostProcess.name: {name} is for classifiers; give MultiClassNMS",
            name=post["name"],
        )
    return {key: post.get(key, default) for key, default in NMS.items()}
