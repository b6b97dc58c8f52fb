"""What the programs of the sweep are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
from paddle import nn
from paddle.base.layer_helper import LayerHelper

S = paddle.static.nn
IMAGE = (1, 4, 9, 11)
SMALL = (1, 4, 6, 6)
RGB = (1, 3, 8, 8)
TOKENS = (1, 6, 12)
ROWS = (2, 12)


@dataclass(frozen=True)
class Case:
    """A network, and the shapes of its inputs; `open` is what the program declares for the first,
    and `amplitude` what standard noise is multiplied by."""

    build: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]
    open: tuple[int, ...] | None = None
    amplitude: float = 1.0


def case(build: Callable[..., Any], *shapes: tuple[int, ...], **options: Any) -> Case:
    return Case(build, shapes or (IMAGE,), **options)


def conv(x, channels=4, size=3, **options):
    options.setdefault("padding", size // 2)
    return S.conv2d(x, channels, size, **options)


def norm(x, **options):
    return S.batch_norm(x, is_test=True, **options)


def conv_norm(x, channels=8, size=3, **options):
    return norm(conv(x, channels, size, bias_attr=False, **options))


def depthwise(x, size=3, **options):
    return conv(x, x.shape[1], size, groups=x.shape[1], **options)


def deconv(x, channels=6, size=2, **options):
    options.setdefault("stride", 2)
    return S.conv2d_transpose(x, channels, filter_size=size, **options)


def parameter(*shape):
    return paddle.create_parameter(list(shape), "float32")


def named(name):
    return paddle.ParamAttr(name=name, initializer=nn.initializer.Normal(0, 0.3))


def prelu(x, mode):
    slopes = paddle.ParamAttr(initializer=nn.initializer.Uniform(0.1, 0.6))
    return S.prelu(x, mode, param_attr=slopes)


def operator(kind, x, y=None, **attributes):
    """An operator that no function makes, or not with these attributes."""
    helper = LayerHelper(kind)
    out = helper.create_variable_for_type_inference(x.dtype)
    inputs = {"X": x} if y is None else {"X": x, "Y": y}
    helper.append_op(type=kind, inputs=inputs, outputs={"Out": out}, attrs=attributes)
    return out


def constant(values):
    return paddle.assign(np.array(values))
