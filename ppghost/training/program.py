"""Static Programs of a network: for training, for evaluation, for inference.

All are built under a fresh name guard, so that the same architecture has the same parameter names
in each; the Programs share their tensors through the scope that an Executor runs in.
"""

import collections
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import paddle
from paddle.optimizer.lr import LRScheduler
from paddle.utils import unique_name

from ppghost.models import dy2static
from ppghost.models import factory as zoo
from ppghost.static import shape_folding as shapes
from ppghost.tasks.losses import main_output, total_loss
from ppghost.tasks.metrics import topk_accuracy
from ppghost.training import distributed
from ppghost.training.optimizer import mixed_precision, optimizer
from ppghost.weights import Slot, slots_of


class Graph(NamedTuple):
    """A Program, what to feed it, what to fetch from it, and the network inside."""

    program: paddle.static.Program
    startup: paddle.static.Program
    inputs: list
    outputs: dict
    network: paddle.nn.Layer


class TrainingGraph(NamedTuple):
    """A `Graph` that trains, and what else it keeps in the scope."""

    program: paddle.static.Program
    startup: paddle.static.Program
    inputs: list
    outputs: dict
    network: paddle.nn.Layer
    statistics: list[str]  # tensors of the network that no gradient moves: BN's
    averages: dict[str, str]  # with EMA: tensor of the network -> its moving average


#: keys of Arch that are not arguments of the network
_NOT_ARGUMENTS = ("name", "pretrained", "use_ssld", "use_sync_bn")


def image_shape(config: dict) -> list[int]:
    """[C, H, W] of `Global.image_shape`."""
    return list(config["Global"]["image_shape"])


def arch_arguments(config: dict) -> dict:
    """What `Arch` says to the network's constructor."""
    return {k: v for k, v in config["Arch"].items() if k not in _NOT_ARGUMENTS}


def build_inference(config: dict) -> Graph:
    """Image [N, C, H, W] -> softmax scores [N, class_num], in evaluation mode."""
    graph = _build(config, _scores, training=False)
    return graph._replace(program=graph.program.clone(for_test=True), inputs=graph.inputs[:1])


def build_calibration(config: dict) -> Graph:
    """Image -> scores in training mode; one run sets BN's statistics to those of its batch."""
    graph = _build(config, _scores)
    for op in graph.program.global_block().ops:
        if op.type == "batch_norm":
            op._set_attr("momentum", 0.0)
    return graph._replace(inputs=graph.inputs[:1])


def build_evaluation(config: dict, *, on_gpu: bool = False) -> Graph:
    """Image and label -> loss and top-k of the batch, in evaluation mode."""
    graph = _build(config, lambda f: _loss_and_metrics(config, "Eval", f), training=False)
    graph = graph._replace(program=graph.program.clone(for_test=True))
    if not on_gpu and config["Global"]["onednn"]:
        _use_onednn(graph.program)
    return graph


def build_variants(
    config: dict, schedule: LRScheduler, shapes: Sequence, processes: int, *, on_gpu: bool
) -> list[TrainingGraph]:
    """A training graph for each of the loader's variants, of images [C, H, W] of those shapes.

    They have all tensors in common and are to run in one scope, which the first one initializes.
    One Program with free H and W would not do: MobileViTV3 computes with them as it is built.
    """
    progressive = config["Global"].get("train_mode") == "progressive"
    graphs = []
    for number, shape in enumerate(shapes):
        settings = config | {"Global": config["Global"] | {"image_shape": list(shape)}}
        stage = number if progressive else None
        graphs.append(build_training(settings, schedule, processes, on_gpu=on_gpu, stage=stage))
        if number:
            dy2static.take_starting_values(graphs[number].network)  # the memory
    return graphs


def build_training(
    config: dict,
    schedule: LRScheduler,
    processes: int = 1,
    *,
    on_gpu: bool = False,
    stage: int | None = None,
) -> TrainingGraph:
    """Image and label -> loss and top-k of the batch, after one optimizer step.

    With `batch_transform_ops` the label is the shares of the classes, float32 [N, class_num], and
    there is no top-k: such an image has no one class (PaddleClas leaves it out as well).

    Of several `processes` each feeds its share of the batch; the step is that of the whole, and so
    are loss and top-k. They also feed "stop", 1 where one was asked to end, and get the sum.

    `on_gpu` is where the Program will run: there the config's AMP counts, and processes meet
    through NCCL. `stage`, of progressive training, chooses the dropout rate.
    """
    mixed = bool(config["DataLoader"]["Train"]["dataset"].get("batch_transform_ops"))
    made: dict = {}

    def outputs(forward: _Forward) -> dict:
        values = _loss_and_metrics(config, "Train", forward)
        steps = optimizer(config, schedule, forward.network)
        if on_gpu and config.get("AMP", {}).get("use_amp"):
            steps = mixed_precision(steps, config)
        gradients = steps.backward(values["loss"])
        if processes > 1:
            stop = paddle.static.data("stop", [1], "float32")
            values = distributed.average(gradients, values, stop, processes)
        steps.apply_gradients(gradients)
        trained = {parameter.name for parameter, _ in gradients}
        state = forward.network.state_dict().values()
        made["statistics"] = [v.name for v in state if v.name not in trained]
        made["averages"] = _append_averages(state, config) if "EMA" in config else {}
        return values

    graph = _build(config, outputs, mixed, stage=stage)
    if on_gpu and processes > 1:
        distributed.append_nccl_startup(graph.startup)
    elif not on_gpu and config["Global"]["onednn"]:
        _use_onednn(graph.program)
    return TrainingGraph(*graph, **made)


def _append_averages(state: Iterable, config: dict) -> dict[str, str]:
    """Append the update of `EMA`'s moving averages, PaddleClas's `ppcls/utils/ema.py`.

    `average = decay * average + (1 - decay) * value`, once per update of the weights, for each
    tensor of the network but tables of whole numbers, BN's statistics too; the caller sets the
    averages' first values. Returns tensor -> average, by name.
    """
    share = 1 - config["EMA"]["decay"]
    if config["Global"]["update_freq"] > 1:
        block = paddle.static.default_main_program().global_block()
        merged = block.var("gradient_merge_step")  # GradientMergeOptimizer's, 0 at an update
        share = share * paddle.cast(merged == 0, "float32")
    names = {}
    for tensor in state:
        if tensor.dtype != paddle.float32:
            continue
        average = paddle.static.create_global_var(
            tensor.shape, 0.0, tensor.dtype, persistable=True, name=f"{tensor.name}@EMA"
        )
        paddle.assign((1 - share) * average + share * tensor, output=average)
        names[tensor.name] = average.name
    return names


class _Forward(NamedTuple):
    """A network that was called in the current Program."""

    network: paddle.nn.Layer
    outputs: paddle.static.Variable | list | dict
    label: paddle.static.Variable


def _build(
    config: dict,
    make_outputs: Callable[[_Forward], dict],
    mixed: bool = False,
    training: bool = True,
    stage: int | None = None,
) -> Graph:
    program, startup = paddle.static.Program(), paddle.static.Program()
    paddle.seed(config["Global"]["seed"] or 0)  # PaddleClas's networks draw their weights here
    with paddle.static.program_guard(program, startup), unique_name.guard():
        image = paddle.static.data("image", [None, *image_shape(config)], "float32")
        if mixed:
            label = paddle.static.data("label", [None, config["Arch"]["class_num"]], "float32")
        else:
            label = paddle.static.data("label", [None, 1], "int64")
        network = zoo.create(config["Arch"]["name"], **arch_arguments(config))
        if not training:
            dy2static.set_evaluating(network)
        if stage is not None:
            _set_dropout(network, stage)
        with zoo.building(config["Arch"]["name"]):
            outputs = network(image)
        shapes.fold(program, outputs)
        outputs = make_outputs(_Forward(network, outputs, label))
    return Graph(program, startup, [image, label], outputs, network)


def _set_dropout(network: paddle.nn.Layer, stage: int) -> None:
    """The dropout rate of a stage, where the network's head has one for each (EfficientNetV2_S)."""
    for layer in network.sublayers():
        rates = getattr(layer, "dropout_rate", None)
        if isinstance(rates, list | tuple):
            layer._dropout.p = rates[stage]


def _scores(forward: _Forward) -> dict:
    return {"scores": paddle.nn.functional.softmax(main_output(forward.outputs))}


def _loss_and_metrics(config: dict, mode: str, forward: _Forward) -> dict:
    loss = total_loss(config["Loss"][mode], forward.outputs, forward.label)
    logits = main_output(forward.outputs)
    return {"loss": loss} | topk_accuracy(config["Metric"][mode], logits, forward.label)


#: on a CPU the better part of a step; measured in docs/results.md
_ONEDNN_OPS = ("conv2d", "depthwise_conv2d", "relu")
#: what may read a convolution's output in oneDNN's layout. The gradients of others (`concat`,
#: `unfold`, `roll`, `gather`, interpolation) call plain memory oneDNN's, and the step fails; each
#: of these is compared with plain kernels by a test
READ_ONEDNN = frozenset({
    "batch_norm", "conv2d", "depthwise_conv2d", "dropout", "elementwise_add", "elementwise_mul",
    "flatten_contiguous_range", "gelu", "hard_sigmoid", "hard_swish", "leaky_relu", "pool2d",
    "relu", "relu6", "reshape2", "shape", "sigmoid", "silu", "slice", "split", "swish",
    "transpose2",
})  # fmt: skip


def _use_onednn(program: paddle.static.Program) -> None:
    """Run convolutions and ReLU, forward and backward, in oneDNN's kernels.

    Paddle's own CPU kernels for them take most of a step. Not for every op: oneDNN's batch_norm
    and others crash in training.
    """
    ops = program.global_block().ops
    readers: dict[str, set[str]] = collections.defaultdict(set)
    for op in ops:
        for name in () if op.type.endswith("_grad") else op.input_arg_names:
            readers[name].add(op.type)
    for op in ops:
        if op.type.removesuffix("_grad") not in _ONEDNN_OPS:
            continue
        convolution = "Output" in op.output_names
        if convolution and not readers[op.output("Output")[0]] <= READ_ONEDNN:
            continue
        op._set_attr("use_mkldnn", True)
        # else an evaluation Program keeps the weights of its first run, in oneDNN's layout,
        # and never sees what training makes of them
        if op.has_attr("is_test"):
            op._set_attr("is_test", False)


def initialize(executor, graph: Graph | TrainingGraph, seed: int, scope) -> None:
    """Give every tensor of the graph in `scope` its first value, drawn from `seed`."""
    paddle.seed(seed)
    executor.run(graph.startup, scope=scope)
    assign(scope, dy2static.take_starting_values(graph.network), executor.place)


def assign(scope, arrays: dict[str, np.ndarray], place=None) -> None:
    """Set tensors of the scope by name, in the memory of `place` (the CPU if None)."""
    place = place or paddle.CPUPlace()
    for name, array in arrays.items():
        scope.var(name).get_tensor().set(np.ascontiguousarray(array), place)


def fetch(scope, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Copies of tensors of the scope by name."""
    return {name: np.array(scope.find_var(name).get_tensor()) for name in names}


def network_state(scope, network) -> tuple[dict[str, np.ndarray], list[Slot]]:
    """The network's tensors (parameters and BN statistics) as the scope has them."""
    slots = slots_of(network)
    return fetch(scope, [slot.parameter for slot in slots]), slots
