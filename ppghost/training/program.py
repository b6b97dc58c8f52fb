"""Programs that train and evaluate a network."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import paddle
from paddle.optimizer.lr import LRScheduler

from ppghost.models import dy2static
from ppghost.models.network import named_state
from ppghost.static.onednn import use_onednn
from ppghost.static.program import Graph, build, with_image_shape
from ppghost.tasks.task import Task
from ppghost.training import all_reduce
from ppghost.training.ema import append_averages
from ppghost.training.gradients import append_gradients, append_steps
from ppghost.training.optimizer import mixed_precision, optimizer


@dataclass(frozen=True)
class TrainingGraph(Graph):
    """A `Graph` that trains, and what else it keeps in the scope."""

    statistics: list[str]  # tensors of the network that no gradient moves: BN's
    averages: dict[str, str]  # with EMA: tensor of the network -> its moving average


def build_evaluation(config: dict, task: Task, *, on_gpu: bool = False) -> Graph:
    """Images and labels -> loss and metrics of the batch, in evaluation mode.

    Args:
        config: a checked configuration.
        task: what the labels and the loss are.
        on_gpu: where the Program will run.

    Raises:
        InputError: no such architecture, or losses that do not fit it.
    """
    labels: list = []

    def outputs(network: paddle.nn.Layer, outputs: object) -> dict:
        labels.extend(task.labels("Eval"))
        # each process evaluates for itself, and the metrics are added up at the end
        return task.loss_and_metrics("Eval", outputs, labels, lambda scalar: scalar)

    graph = build(config, outputs, dy2static.set_eval_mode)
    program = graph.program.clone(for_test=True)
    if not on_gpu and config["Global"]["onednn"]:
        use_onednn(program)
    return replace(graph, program=program, inputs=[*graph.inputs, *labels])


def build_variants(
    config: dict,
    task: Task,
    schedule: LRScheduler,
    shapes: Sequence,
    processes: int,
    *,
    on_gpu: bool,
) -> list[TrainingGraph]:
    """A training graph for each of the loader's variants, of images [C, H, W] of those shapes.

    They have all tensors in common and are to run in one scope, which the first one initializes.
    One Program with free H and W would not do: MobileViTV3 computes with them as it is built.
    """
    progressive = config["Global"].get("train_mode") == "progressive"
    graphs = []
    for number, shape in enumerate(shapes):
        settings = with_image_shape(config, shape)
        stage = number if progressive else None
        graphs.append(
            build_training(settings, task, schedule, processes, on_gpu=on_gpu, stage=stage)
        )
        if number:
            dy2static.pop_initial_values(graphs[number].network)  # the memory
    return graphs


def build_training(
    config: dict,
    task: Task,
    schedule: LRScheduler,
    processes: int = 1,
    *,
    on_gpu: bool = False,
    stage: int | None = None,
) -> TrainingGraph:
    """Images and labels -> loss and metrics of the batch, after one optimizer step.

    Args:
        config: a checked configuration.
        task: what the labels and the loss are.
        schedule: of the learning rate.
        processes: how many train together. Each feeds its share of the batch; the step is that of
            the whole, and so are loss and metrics. Of several, each also feeds "stop", float32
            [1], 1 where it was asked to end, and fetches the sum.
        on_gpu: where the Program will run: there the config's AMP counts, and processes meet
            through NCCL.
        stage: of progressive training; it chooses the dropout rate.

    Raises:
        InputError: no such architecture, or losses that do not fit it.
    """
    labels: list = []
    kept: dict = {}

    def outputs(network: paddle.nn.Layer, outputs: object) -> dict:
        labels.extend(task.labels("Train"))
        average = partial(all_reduce.mean, size=processes)
        values = task.loss_and_metrics("Train", outputs, labels, average)
        steps = optimizer(config, schedule, network)
        if on_gpu and config.get("AMP", {}).get("use_amp"):
            steps = mixed_precision(steps, config)
        gradients = append_gradients(steps, values["loss"])
        if processes > 1:
            stop = paddle.static.data("stop", [1], "float32")
            values = all_reduce.average(gradients, values, stop, processes)
        append_steps(steps, gradients)
        trained = {parameter.name for parameter, _ in gradients}
        state = named_state(network).values()
        kept["statistics"] = [v.name for v in state if v.name not in trained]
        kept["averages"] = append_averages(state, config) if "EMA" in config else {}
        return values

    prepare = None if stage is None else partial(_set_dropout, stage=stage)
    graph = build(config, outputs, prepare)
    if on_gpu and processes > 1:
        all_reduce.append_nccl_startup(graph.startup)
    elif not on_gpu and config["Global"]["onednn"]:
        use_onednn(graph.program)
    graph = replace(graph, inputs=[*graph.inputs, *labels])
    return TrainingGraph(**vars(graph), **kept)


def _set_dropout(network: paddle.nn.Layer, stage: int) -> None:
    """The dropout rate of a stage, where the network's head has one for each (EfficientNetV2_S)."""
    for layer in network.sublayers():
        rates = getattr(layer, "dropout_rate", None)
        if isinstance(rates, list | tuple):
            layer._dropout.p = rates[stage]
