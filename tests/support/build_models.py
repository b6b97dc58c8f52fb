"""Export the small models of these tests: `python build_models.py DIR`, in a process of its own."""

import sys
import zlib  # noqa: F401 - before paddle, see ppghost/__init__.py
from pathlib import Path

import numpy as np
import paddle
import paddle.nn.functional as F  # noqa: N812
import yaml
from paddleclas.ppcls.arch import GhostNet_x0_5


def convolution(x, act):
    return paddle.static.nn.conv2d(x, 8, 3, stride=2, act=act)


def classifier(x):
    return F.softmax(paddle.static.nn.fc(x, 10))


def plain(x):
    return classifier(convolution(x, "relu"))


def linear(x):
    return F.softmax(paddle.nn.Linear(8 * 15 * 15, 10)(x))


def flatten(x):
    return linear(paddle.flatten(convolution(x, "relu"), 1))


def relu6(x):
    return classifier(F.relu6(4 * convolution(x, None)))


def both(x):
    return linear(paddle.flatten(F.relu6(4 * convolution(x, None)), 1))


def swish(x):
    return classifier(F.swish(convolution(x, None)))


def instance_norm(x):
    return classifier(paddle.nn.InstanceNorm2D(8)(convolution(x, None)))


def bmm(x):
    tokens = paddle.flatten(convolution(x, None), 2)
    return classifier(paddle.bmm(tokens, paddle.transpose(tokens, [0, 2, 1])))


def split(x):
    return classifier(paddle.concat(paddle.split(convolution(x, None), 4, axis=1)[::-1], axis=1))


def random_parameters(x):
    layer = paddle.nn.Linear(3072, 10)
    paddle.nn.initializer.Normal()(layer.weight)
    return F.softmax(layer(paddle.flatten(x, 1)))


def prints(x):
    return classifier(paddle.static.Print(x))


def unsupported(x):
    return classifier(paddle.erfinv(paddle.tanh(x)))


def ghostnet(x):
    network = GhostNet_x0_5(class_num=10)
    network.eval()
    return F.softmax(network(x))


MODELS = {
    "Plain": plain,
    "Flatten": flatten,
    "Relu6": relu6,
    "Both": both,
    "Swish": swish,
    "InstanceNorm": instance_norm,
    "Bmm": bmm,
    "Split": split,
    "RandomParameters": random_parameters,
    "Prints": prints,
    "Unsupported": unsupported,
    "GhostNet_x0_5": ghostnet,
}


def export(name: str, build, folder: Path) -> None:
    main, startup = paddle.static.Program(), paddle.static.Program()
    startup.random_seed = 7
    executor = paddle.static.Executor(paddle.CPUPlace())
    with (
        paddle.static.program_guard(main, startup),
        paddle.utils.unique_name.guard(),
        paddle.static.scope_guard(paddle.static.Scope()),
    ):
        x = paddle.static.data("x", [-1, 3, 32, 32], "float32")
        scores = build(x)
        executor.run(startup)
        folder.mkdir(parents=True)
        paddle.static.save_inference_model(str(folder / "inference"), [x], [scores], executor)
    config = {
        "Global": {"model_name": name, "image_shape": [3, 32, 32], "class_num": 10},
        "PreProcess": {"transform_ops": [{"ResizeImage": {"size": 32}}, {"ToCHWImage": None}]},
        "PostProcess": {"Topk": {"topk": 5, "label_list": [str(label) for label in range(10)]}},
    }
    (folder / "inference.yml").write_text(yaml.safe_dump(config), encoding="utf-8")


if __name__ == "__main__":
    paddle.enable_static()
    np.random.seed(0)
    for model, builder in MODELS.items():
        export(model, builder, Path(sys.argv[1]) / model)
