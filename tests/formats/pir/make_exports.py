"""Makes exports.tar.xz, small exports of Paddle 3 that use every operator that is translated.

In an environment with nothing but some Paddle 3 (what is there was made by 3.0.0 and 3.3.1):

    python make_exports.py FOLDER           # FOLDER/<version of Paddle>/<group>/
    tar -C FOLDER -cJf exports.tar.xz .

A group is one program, in which every function has an output (or several) of its own. Beside
`inference.json` and `inference.pdiparams` lies `reference.npz`: the inputs (x, x1, x2), and for
every output, as Paddle 3 computes it in plain kernels (`paddle.jit.load`), its sizes and up to 24
of its numbers.
"""

import os
import sys
from pathlib import Path

import numpy as np
import paddle
from paddle import nn
from paddle.static import InputSpec
from paddle.vision import ops

IMAGE = (2, 4, 6, 6)
#: of an output
NUMBERS = 24
C, F = paddle._C_ops, nn.functional


class Group(nn.Layer):
    """Every function's outputs, one after the other."""

    def __init__(self, functions):
        super().__init__()
        self.functions = functions
        self.layers = nn.LayerList([f for f in functions if isinstance(f, nn.Layer)])
        # Paddle 2.6 loads no program without parameters
        self.one = self.create_parameter([1], default_initializer=nn.initializer.Constant(1.0))

    def outputs(self, x, *others):
        found = []
        for function in self.functions:
            made = function(x * self.one, *others)
            found += list(made) if isinstance(made, (list, tuple)) else [made]
        return found


class Group1(Group):
    def forward(self, x):
        return self.outputs(x)


class Group2(Group):
    def forward(self, x, x1):
        return self.outputs(x, x1)


class Group3(Group):
    def forward(self, x, x1, x2):
        return self.outputs(x, x1, x2)


class Recurrent(nn.Layer):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


class Words(nn.Layer):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(9, 4)

    def forward(self, x):
        return self.embedding(whole(x))


class Deformable(nn.Layer):
    def __init__(self):
        super().__init__()
        self.offset, self.mask = nn.Conv2D(4, 18, 3, padding=1), nn.Conv2D(4, 9, 3, padding=1)
        self.conv = ops.DeformConv2D(4, 5, 3, padding=1)

    def forward(self, x):
        return self.conv(x, self.offset(x), F.sigmoid(self.mask(x)))


class Attention(nn.Layer):
    """As vision transformers do it, with a batch that stays open."""

    def __init__(self):
        super().__init__()
        self.qkv, self.norm = nn.Linear(8, 24), nn.LayerNorm(8)
        self.token = self.create_parameter([1, 1, 8])

    def forward(self, x):
        token = self.token.expand([paddle.shape(x)[0], -1, -1])
        x = self.norm(paddle.concat([token, x], axis=1))
        shape = [paddle.shape(x)[0], 5, 3, 2, 4]
        q, k, v = self.qkv(x).reshape(shape).transpose([2, 0, 3, 1, 4])
        weights = F.softmax(paddle.matmul(q, k, transpose_y=True) * 0.5, axis=-1)
        return paddle.matmul(weights, v).transpose([0, 2, 1, 3]).reshape([0, -1, 8])


def named(names, *arguments, module=paddle):
    """The functions of these names, called with an input and `arguments`."""
    return [
        lambda *inputs, name=name: getattr(module, name)(*inputs, *arguments)
        for name in names.split()
    ]


def assigned(index, value, dtype="float32"):
    """`x[index] = value`."""

    def assign(x):
        y = x.astype(dtype) * 1
        y[index] = value(x) if callable(value) else value
        return y

    return assign


def uniform(low, high):
    return lambda rng, shape: rng.uniform(low, high, shape)


def fixed(*values):
    return lambda rng, shape: np.array(values).reshape(shape)


def tensor(values, dtype=None):
    return paddle.to_tensor(values, dtype=dtype)


def whole(x, dtype="int64"):
    """Small whole numbers."""
    return paddle.abs(x * 3).astype(dtype)


def resized(mode, **options):
    return lambda x: F.interpolate(x, mode=mode, **options)


ALL = slice(None)
UNARY = (
    "abs acos asin asinh atan atanh ceil cos cosh erf erfinv exp expm1 floor log log10 log1p log2 "
    "logit reciprocal round rsqrt sign sin sinh sqrt square tan tanh trunc"
)
ACTIVATIONS = (
    "relu relu6 silu swish mish gelu elu selu celu leaky_relu hardswish hardsigmoid hardtanh "
    "softplus softsign log_sigmoid thresholded_relu softshrink hardshrink tanhshrink sigmoid "
    "softmax log_softmax"
)
BINARY = (
    "add subtract multiply divide maximum minimum fmax fmin pow remainder floor_divide atan2 "
    "greater_than less_than equal not_equal greater_equal less_equal"
)
SHAPE_OPEN = [-1, 4, -1, -1]
BOXES = fixed(0, 0, 3, 3, 1, 1, 5, 5, 0, 2, 4, 5)
SCORES = fixed(0.9, 0.5, 0.3, 0.1, 0.2, 0.8)

#: name -> functions, shape of each input; and, where they are not the usual ones, what draws the
#: values of inputs (by their numbers) and the sizes that inputs are exported with
GROUPS = {
    "network": (lambda: [nn.Sequential(
        nn.Conv2D(3, 8, 3, 2, 1, bias_attr=False), nn.BatchNorm2D(8), nn.Hardswish(),
        nn.Conv2D(8, 8, 3, padding=1, groups=8), nn.ReLU(), nn.AdaptiveAvgPool2D(1), nn.Flatten(),
        nn.Dropout(0.2), nn.Linear(8, 5), nn.Softmax(),
    )], [(2, 3, 16, 16)]),
    "unary": (lambda: named(UNARY), [(2, 3, 4)], {0: uniform(0.05, 0.9)}),
    "acosh": (lambda: named("acosh isnan isinf isfinite stanh"), [(2, 3, 4)], {0: uniform(1.1, 3)}),
    "activations": (lambda: [*named(ACTIVATIONS, module=F), nn.PReLU(4), nn.PReLU(1),
                             lambda x: F.gelu(x, approximate=True), lambda x: F.elu(x, 0.7),
                             lambda x: F.maxout(x, 2), lambda x: F.glu(x, 1)], [(2, 4, 3, 2)]),
    "binary": (lambda: named(BINARY), [(2, 3, 4), (2, 3, 4)],
               {0: uniform(0.1, 3), 1: uniform(0.1, 3)}),
    "bits": (lambda: [
        lambda x, y: paddle.bitwise_and(whole(x), whole(y)),
        lambda x, y: paddle.bitwise_or(whole(x), whole(y)),
        lambda x, y: paddle.bitwise_xor(whole(x), whole(y)),
        lambda x, y: paddle.bitwise_not(whole(x)),
        lambda x, y: paddle.logical_and(x > 0, y > 0), lambda x, y: paddle.logical_or(x > 0, y > 0),
        lambda x, y: paddle.logical_xor(x > 0, y > 0), lambda x, y: paddle.logical_not(x > 0),
    ], [(2, 3, 4), (2, 3, 4)]),
    "products": (lambda: [
        paddle.bmm, paddle.matmul, lambda x, y: paddle.einsum("bij,bjk->bik", x, y),
        lambda x, y: paddle.matmul(x, x, False, True), lambda x, y: paddle.kron(x[0], y[0]),
        lambda x, y: paddle.mv(x[0], y[0, :, 0]), lambda x, y: paddle.dot(x[0, 0], y[0, :, 0]),
        lambda x, y: paddle.addmm(paddle.ones([3, 5]), x[0], y[0], 0.5, 2.0),
        lambda x, y: paddle.lerp(x, x * 2, 0.3), lambda x, y: paddle.add_n([x, x, x * 2]),
        lambda x, y: paddle.broadcast_tensors([x[:, :1], x]),
    ], [(2, 3, 4), (2, 4, 5)]),
    "reductions": (lambda: [
        *named("sum mean max min prod amax amin logsumexp"),
        *named("sum mean max min prod amax amin logsumexp", 1),
        *named("sum mean max min prod amax amin logsumexp", [-1, -2]),
        lambda x: paddle.all(x > -1, axis=1), lambda x: paddle.any(x > 1),
        lambda x: paddle.sum(x, axis=1, dtype="float64"),
        lambda x: paddle.sum(whole(x, "int32"), 1),
        lambda x: paddle.sum(x > 0, axis=[1, 2]), lambda x: C.mean_all(x), paddle.numel,
        lambda x: paddle.linalg.norm(x, "fro", axis=[2, 3]), lambda x: paddle.norm(x, 1, axis=2),
        lambda x: paddle.std(x, axis=1), lambda x: paddle.cumsum(x, 1), paddle.cumsum,
        lambda x: paddle.cumprod(x, dim=1), lambda x: paddle.argmax(x, 1), paddle.argmax,
        lambda x: paddle.argmin(x, -1, keepdim=True), lambda x: paddle.topk(x, 2, axis=1),
        lambda x: paddle.topk(x, 2, largest=False), lambda x: paddle.argsort(x, 1, descending=True),
    ], [(2, 3, 4, 2)]),
    "choices": (lambda: [
        lambda x: paddle.nonzero(x > 0), lambda x: paddle.masked_select(x, x > 0),
        lambda x: paddle.unique(whole(x), return_index=True, return_inverse=True,
                                return_counts=True),
        lambda x: paddle.gather(x, tensor([0, 2]), 1), lambda x: paddle.gather(x, tensor([1])),
        lambda x: paddle.gather_nd(x, tensor([[0, 1], [1, 2]])),
        lambda x: paddle.index_select(x, tensor([1, 1, 2]), 1),
        lambda x: paddle.index_sample(x[:, :, 0], tensor([[0, 1], [2, 0]])),
        lambda x: paddle.index_add(x, tensor([0, 2]), 1, x[:, :2]),
        lambda x: paddle.take_along_axis(x, paddle.argsort(x, 1)[:, :2], 1),
        lambda x: paddle.put_along_axis(x, paddle.argsort(x, 1)[:, :2], 9.0, 1),
        lambda x: paddle.scatter(x, tensor([1]), x[:1] * 2),
        lambda x: paddle.scatter_nd_add(x, tensor([[1], [0]]), x),
        lambda x: paddle.where(x > 0, x, x * 0.1), lambda x: F.one_hot(paddle.argmax(x, 1), 4),
        lambda x: F.sequence_mask(whole(x[0, 0]), 5), lambda x: paddle.repeat_interleave(x, 2, 1),
    ], [(2, 3, 4)], {}, [[2, 3, 4]]),
    "layout": (lambda: [
        lambda x: paddle.transpose(x, [0, 2, 3, 1]), lambda x: paddle.reshape(x, [0, -1]),
        lambda x: paddle.flatten(x, 1, 2), lambda x: paddle.squeeze(x[:, :1], 1),
        lambda x: paddle.unsqueeze(x, [0, 3]), lambda x: paddle.concat([x, x * 2], -1),
        lambda x: paddle.stack([x, x * 2], -1), lambda x: paddle.split(x, [1, -1], 1),
        lambda x: paddle.split(x, 3, 2), lambda x: paddle.unbind(x, 1),
        lambda x: paddle.unstack(x, 1), lambda x: paddle.tile(x, [1, 2, 1, 1]),
        lambda x: paddle.expand(x[:, :1], [-1, 4, -1, -1]), lambda x: paddle.expand_as(x[:, :1], x),
        lambda x: paddle.flip(x, [1, -1]), lambda x: paddle.roll(x, [1, -2], [2, 3]),
        lambda x: paddle.triu(x, 1), lambda x: paddle.tril(x, -1),
        lambda x: paddle.diagonal(x, 1, 2, 3), lambda x: paddle.diag(x[0, 0, 0]),
        lambda x: paddle.meshgrid(x[0, 0, 0], x[0, 0, :, 0]),
        lambda x: F.pixel_shuffle(x, 2), lambda x: F.pixel_unshuffle(x, 2),
        lambda x: F.channel_shuffle(x, 2), lambda x: C.shuffle_channel(x, 2),
        lambda x: F.temporal_shift(x, 1, 0.25), lambda x: F.unfold(x, 3, 2, 1),
        lambda x: F.fold(x.reshape([2, 16, 9]), [6, 6], 2, 2), lambda x: C.share_data(x),
        lambda x: paddle.assign(x), lambda x: paddle.assign(x * 2, output=x + 0.0),
        lambda x: paddle.crop(x, [-1, 2, 3, 3], [0, 1, 2, 1]),
    ], [IMAGE], {}, [list(IMAGE)]),
    "slices": (lambda: [
        lambda x: x[:, 1:3, -3:], lambda x: x[:, -1], lambda x: x[:, :, 1::2, :-1:3],
        lambda x: x[:, ::-1], lambda x: x[:, :, ::-2], lambda x: x[:, :, 4::-1],
        lambda x: x[:, :, 4:1:-1], lambda x: x[:, :, -2::-2, ::-1], lambda x: x[:, :, :-4:-1],
        lambda x: x[::-1], assigned((ALL, 0), 0.0), assigned((ALL, slice(1, 3), slice(2, 4)), 1.5),
        assigned((ALL, 3), lambda x: x[:, 0] * 2), assigned((ALL, 1), 5, "int64"),
        assigned((ALL, ALL, slice(None, None, 2)), 7.0),
    ], [IMAGE]),
    "constants": (lambda: [
        lambda x: paddle.arange(0, 6, 2, dtype="float32") + x[..., :3],
        lambda x: paddle.arange(6, dtype="int32").astype("float32") + x,
        lambda x: paddle.arange(0, 0.6, 0.1) + x,
        lambda x: paddle.arange(paddle.shape(x)[0]).astype("float32") + x[0, 0, 0, 0],
        lambda x: paddle.linspace(0, 1, 6) + x, lambda x: paddle.full_like(x, 3),
        lambda x: paddle.ones_like(x, dtype="int64"), lambda x: paddle.full([6, 6], 2.5) * x,
        lambda x: paddle.eye(6) + x,
        lambda x: paddle.full([2], 2**40, dtype="int64") + whole(x[:2, 0, 0, 0]),
        lambda x: paddle.maximum(x, paddle.full([1], float("-inf"))),
        lambda x: tensor(np.arange(6, dtype="float32")) * x,
        lambda x: tensor([1, 2]) + whole(x[:2, 0, 0, 0]),
        lambda x: tensor(np.arange(6) / 3) * x.astype("float64"),
        lambda x: paddle.logical_or(x > 0, tensor([True, False] * 3)),
        lambda x: paddle.clip(x, -0.5, 0.7),
        lambda x: paddle.clip(x, tensor(-0.5) * x.mean().abs(), 1.0),
        lambda x: paddle.scale(x, 2.0, 1.0, bias_after_scale=False), lambda x: x.astype("bool"),
        lambda x: F.dropout(x, 0.3, training=False), lambda x: 2.0**x, lambda x: x**3,
        lambda x: F.dropout(x, 0.3, training=False, mode="downscale_in_infer"),
        lambda x: paddle.full([2], 3.0),
    ], [IMAGE]),
    "shapes": (lambda: [
        paddle.shape, lambda x: x.reshape([-1, paddle.shape(x)[1] // 2, paddle.shape(x)[2] * 2, 6]),
        lambda x: x.reshape([paddle.shape(x)[0], paddle.shape(x)[2] * paddle.shape(x)[3], -1]),
        lambda x: x.reshape(paddle.concat([paddle.shape(x)[:2], tensor([-1])])),
        lambda x: paddle.ones([1, 1, 1, 1]).expand(paddle.shape(x)) + x,
        lambda x: x[:, :, : paddle.shape(x)[3] - 1], lambda x: paddle.zeros(paddle.shape(x)) + x,
        lambda x: paddle.tile(x[:1, :, :1, :1], [paddle.shape(x)[0], 1, 1, 1]),
        lambda x: paddle.topk(x, paddle.shape(x)[3] - 1)[0], lambda x: paddle.mean(x, [2, 3]),
        lambda x: F.interpolate(F.avg_pool2d(x, 2), size=paddle.shape(x)[2:], mode="bilinear"),
        lambda x: F.interpolate(x, size=[paddle.shape(x)[2] * 2, paddle.shape(x)[3] * 3]),
        lambda x: x[:, :, ::-1], lambda x: F.adaptive_avg_pool2d(x, 1),
        lambda x: paddle.scale(x, paddle.shape(x)[0].astype("float32")),
    ], [IMAGE], {}, [SHAPE_OPEN]),
    "resizing": (lambda: [
        *[resized(mode, size=[9, 7]) for mode in ("nearest", "bilinear", "bicubic")],
        *[resized(mode, scale_factor=[1.5, 0.7]) for mode in ("nearest", "bilinear", "bicubic")],
        resized("bilinear", size=[9, 7], align_corners=True), resized("area", size=[3, 3]),
        resized("bilinear", size=[9, 9], align_mode=1),
        lambda x: F.interpolate(x[0], size=[9], mode="linear", data_format="NCW"),
        lambda x: F.interpolate(x.unsqueeze(2), size=[4, 5, 6], mode="trilinear",
                                data_format="NCDHW"),
        lambda x: F.affine_grid(x[:, 0, :2, :3], [2, 3, 4, 5]),
        lambda x: F.grid_sample(x, F.tanh(x[:, :3, :, :2])),
    ], [IMAGE]),
    "pooling": (lambda: [
        lambda x: F.max_pool2d(x, 3, 2, 1), lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True),
        lambda x: F.max_pool2d(x, 2, 2, return_mask=True),
        lambda x: F.avg_pool2d(x, 3, 2, 1, exclusive=False),
        lambda x: F.avg_pool2d(x, 3, 2, "SAME"),
        lambda x: F.adaptive_avg_pool2d(x, [4, 3]), lambda x: F.adaptive_max_pool2d(x, 1),
        lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, 2, return_mask=True), 2, 2),
        lambda x: F.avg_pool3d(x.unsqueeze(0), 2, 2), lambda x: F.pad(x, [1, 2, 0, 1]),
        lambda x: F.pad(x, [1, 2, 0, 1], value=2.0),
        lambda x: F.pad(x, [1, 2, 0, 1], mode="reflect"),
        lambda x: F.pad(x, [1, 2, 0, 1], mode="replicate"),
        lambda x: F.pad(x, [0, 0, 1, 1, 2, 0, 0, 1], value=0.5),
    ], [IMAGE]),
    "convolutions": (lambda: [
        nn.Conv2D(4, 6, 3, 2, 1), nn.Conv2D(4, 6, 3, groups=2, dilation=2, padding=2),
        nn.Conv2D(4, 4, 3, groups=4, bias_attr=False), nn.Conv2D(4, 6, 3, stride=2, padding="SAME"),
        nn.Conv2DTranspose(4, 3, 3, 2, 1), nn.Conv2DTranspose(4, 3, 3, 2, 1, output_padding=1),
        nn.Conv2DTranspose(4, 4, 3, 2, 1, groups=4), Deformable(), nn.BatchNorm2D(4),
        nn.LayerNorm([6, 6]), nn.GroupNorm(2, 4), nn.InstanceNorm2D(4), nn.LocalResponseNorm(3),
        nn.LayerNorm(6, weight_attr=False, bias_attr=False), nn.Linear(6, 5),
        nn.GroupNorm(2, 4, weight_attr=False, bias_attr=False),
    ], [IMAGE]),
    "volumes": (lambda: [nn.Conv3D(2, 3, 2), nn.Conv3DTranspose(2, 3, 2), nn.BatchNorm3D(2)],
                [(1, 2, 4, 4, 4)]),
    "recurrent": (lambda: [
        Recurrent(nn.LSTM(5, 4, 2, "bidirect")), Recurrent(nn.GRU(5, 4)),
        Recurrent(nn.SimpleRNN(5, 4)), Recurrent(nn.LSTM(5, 4, time_major=True)),
    ], [(2, 3, 5)]),
    "attention": (lambda: [Attention(), nn.TransformerEncoderLayer(8, 2, 16)], [(2, 4, 8)]),
    "words": (lambda: [
        Words(),
        lambda x: x.astype("int32").astype("float64"),
    ], [(2, 4)]),
    "boxes": (lambda: [
        lambda x, b, s: ops.roi_align(x, b[0], tensor([2, 1], "int32"), 2),
        lambda x, b, s: ops.roi_pool(x, b[0], tensor([2, 1], "int32"), 2),
        lambda x, b, s: ops.nms(b[0], 0.3),
        lambda x, b, s: ops.prior_box(x, x, [4.0], [8.0], [2.0], flip=True),
        lambda x, b, s: ops.box_coder(b[0], [0.1, 0.1, 0.2, 0.2], b + 1, "decode_center_size"),
        lambda x, b, s: ops.matrix_nms(b, s, 0.01, 0.0, 10, 5, background_label=-1),
        lambda x, b, s: C.multiclass_nms3(b, s, None, 0.01, 50, 20, 0.45, True, 1.0, -1),
        lambda x, b, s: ops.distribute_fpn_proposals(b[0] * 40, 2, 4, 3, 60,
                                                     rois_num=tensor([3], "int32"))[2],
        lambda x, b, s: C.collect_fpn_proposals(
            [b[0] * 40, b[0] * 20], [s[0, 0].unsqueeze(1), s[0, 1].unsqueeze(1)],
            [tensor([3], "int32"), tensor([3], "int32")], 4),
    ], [IMAGE, (1, 3, 4), (1, 2, 3)], {1: BOXES, 2: SCORES}, [list(IMAGE), [1, 3, 4], [1, 2, 3]]),
    "detection": (lambda: [
        lambda x, y, a: ops.yolo_box(x, tensor([[32, 32]], "int32"), [10, 13], 7, 0.01, 8),
        lambda x, y, a: ops.generate_proposals(
            x[:, :3], y, tensor([[32.0, 32.0]]), a, paddle.ones([4, 4, 3, 4]), 10, 5,
            return_rois_num=True),
    ], [(1, 12, 4, 4), (1, 12, 4, 4), (4, 4, 3, 4)], {2: uniform(0, 30)},
        [[1, 12, 4, 4], [1, 12, 4, 4], [4, 4, 3, 4]]),
}  # fmt: skip


def draw(net, rng):
    """Statistics and vectors that are neither 0 nor 1, so that taking one for another shows."""
    for name, value in net.state_dict().items():
        if name.endswith(("_mean", "_variance")) or (value.ndim == 1 and name != "one"):
            value.set_value(rng.uniform(0.4, 1.6, value.shape).astype("float32"))


def sampled(output):
    """Sizes, type and some numbers of an output."""
    flat = output.reshape(-1)
    return flat[np.linspace(0, max(flat.size - 1, 0), min(flat.size, NUMBERS)).astype(int)]


def export(name, folder):
    """Write a group with its reference."""
    make, shapes, draws, sizes = (*GROUPS[name], {}, None)[:4]
    paddle.seed(0)
    rng = np.random.default_rng(0)
    net = (Group1, Group2, Group3)[len(shapes) - 1](make())
    draw(net, rng)
    net.eval()
    inputs = []
    for number, shape in enumerate(shapes):
        values = (draws or {}).get(number, lambda rng, shape: rng.normal(0, 1, shape))(rng, shape)
        # few different numbers, which can be compressed
        inputs.append((np.round(values * 64) / 64).astype("float32"))
    sizes = sizes or [[-1, *shape[1:]] for shape in shapes]
    keys = ["x", "x1", "x2"][: len(shapes)]
    specs = [InputSpec(s, "float32", name=key) for s, key in zip(sizes, keys, strict=True)]
    folder.mkdir(parents=True)
    paddle.jit.save(
        paddle.jit.to_static(net, input_spec=specs, full_graph=True), str(folder / "inference")
    )
    outputs = paddle.jit.load(str(folder / "inference"))(*map(paddle.to_tensor, inputs))
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    reference = dict(zip(keys, inputs, strict=True))
    for number, output in enumerate(output.numpy() for output in outputs):
        reference[f"shape{number}"] = np.array(output.shape, "int32")
        reference[f"numbers{number}"] = sampled(output)
    np.savez(folder / "reference.npz", **reference)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for group in sys.argv[2:] or GROUPS:
        export(group, Path(sys.argv[1]) / paddle.__version__ / group)
        print(paddle.__version__, group, flush=True)
