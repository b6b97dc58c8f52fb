"""What each layer of a network takes."""

from collections.abc import Iterator, Sequence

from ppghost.deploy.latency.layer_shares import (
    EXCESS,
    MATTERS,
    LayerShare,
    LayerShares,
    layer_shares,
    slow_layers,
)
from ppghost.deploy.latency.stats import Estimate
from ppghost.deploy.latency.tables import format_ms, format_percent
from ppghost.deploy.reporting.data import ReportData
from ppghost.deploy.reporting.drawings.layer_bars import LayerBar, draw_layer_bars
from ppghost.deploy.reporting.groups import Group
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.pages.blocks import (
    Block,
    Bullets,
    Figure,
    Figures,
    Image,
    Paragraph,
    Subheading,
    Table,
)
from ppghost.deploy.reporting.sections.cells import (
    NOTHING,
    format_interval,
    format_latency,
    format_millions,
)
from ppghost.deploy.reporting.sections.section import Section
from ppghost.i18n import tr

#: so many layers are drawn, those that take most
MAX_BARS = 40


def build(data: ReportData, t: Messages) -> Iterator[Block]:
    """For each network, device and thread count: the sum, a drawing, what stands out, a table."""
    measured = [shares for _, result in data.measured for shares in layer_shares(result)]
    if not measured:
        return
    yield Paragraph(t["rule"])
    for number, shares in enumerate(measured, 1):
        yield Subheading(_title(shares, t))
        yield Paragraph(t["space"].join(_sum(shares, t)), soft=False)
        yield _drawing(shares, f"layers{number}.svg" if len(measured) > 1 else "layers.svg", t)
        if slow := list(slow_layers(shares)):
            yield Paragraph(t["slow"].format(excess=f"{EXCESS:g}", share=f"{MATTERS:.0%}"))
            yield Bullets([_slow(each, t) for each in slow])
        if left := list(_left_out(shares, t)):
            yield Bullets(left, warn=True)
        yield _table(shares, t)


def _title(shares: LayerShares, t: Messages) -> str:
    device = Group(shares.device, None, None).format_title(t)
    parts = (shares.plan.network, device, t.format_threads(shares.threads))
    return t["comma"].join(parts)


def _sum(shares: LayerShares, t: Messages) -> Iterator[str]:
    layers = sum(len(each.layer.layers) for each in shares.shares)
    yield t["sum"].format(
        layers=layers, different=len(shares.shares), sum=_ms(shares.sum_ms, t), rounds=shares.rounds
    )
    if shares.whole_ms and shares.sum_of_whole:
        share = _percent(shares.sum_of_whole, t, 1)
        yield t["whole"].format(share=share, whole=_ms(shares.whole_ms, t))
    if shares.whole_ms and shares.plan.is_same_kernels:
        yield t["same_kernels"]
    yield t["idle"].format(idle=_ms(shares.idle_ms, t))


def _drawing(shares: LayerShares, file: str, t: Messages) -> Figures:
    ranked = sorted(shares.shares, key=lambda each: -each.share.median)
    bars = {id(each): _bar(each, shares) for each in shares.shares}
    drawn = [bars[id(each)] for each in shares.shares if each in ranked[:MAX_BARS]]
    svg = draw_layer_bars(drawn, (t["time"], t["macs"], t["memory"]))
    captions = [t["caption"].format(excess=f"{EXCESS:g}")]
    if others := [bars[id(each)] for each in ranked[MAX_BARS:]]:
        captions.append(_others(others, t))
    figure = Figure(svg, t["alt"], caption=t["space"].join(captions))
    return Figures([figure], [Image(file, t["alt"])], files={file: svg})


def _bar(each: LayerShare, shares: LayerShares) -> LayerBar:
    macs = sum(len(other.layer.layers) * (other.layer.macs or 0) for other in shares.shares)
    memory = sum(len(other.layer.layers) * other.layer.bytes for other in shares.shares)
    count, layer, interval = len(each.layer.layers), each.layer, each.share.ci95
    return LayerBar(
        _name(each),
        100 * each.share.median,
        (100 * interval[0], 100 * interval[1]) if interval else None,
        100 * count * (layer.macs or 0) / macs if macs else None,
        100 * count * layer.bytes / memory,
        each.slow,
    )


def _others(bars: Sequence[LayerBar], t: Messages) -> str:
    """What is not drawn."""
    return t["others"].format(
        n=len(bars),
        time=f"{sum(bar.time for bar in bars):.0f}",
        macs=f"{sum(bar.macs or 0 for bar in bars):.0f}",
        memory=f"{sum(bar.memory for bar in bars):.0f}",
    )


def _name(each: LayerShare) -> str:
    count = len(each.layer.layers)
    return each.layer.model if count == 1 else f"{each.layer.model} × {count}"


def _slow(each: LayerShare, t: Messages) -> str:
    return t["slow_layer"].format(
        layer=_name(each),
        ops=" + ".join(each.layer.ops),
        ms=format_ms(each.ms.median),
        explained=format_ms(each.explained_ms or 0.0),
        share=_percent(each.share, t),
    )


def _left_out(shares: LayerShares, t: Messages) -> Iterator[str]:
    for operator, count in shares.plan.other_kernels.items():
        yield t["kernels"].format(operator=operator, whole=count.whole, layers=count.layers)
    for untimed in shares.plan.not_timed:
        yield t["not_timed"].format(
            layer=untimed.layer, ops=" + ".join(untimed.ops), reason=untimed.reason
        )
    if shares.without_figures:
        yield t["failed"].format(layers=t["list_comma"].join(shares.without_figures))


def _table(shares: LayerShares, t: Messages) -> Table:
    headers = [
        t["layer"], t["times"], t["each_ms"], t["interval_ms"], t["share"], t["macs_m"],
        t["memory_mb"], t["explained"], t["operators"],
    ]  # fmt: skip
    return Table(headers, [_cells(each, t) for each in shares.shares], frozenset({8}))


def _cells(each: LayerShare, t: Messages) -> list[str]:
    times = each.times_explained
    return [
        each.layer.model,
        str(len(each.layer.layers)),
        format_latency(each.ms.median),
        format_interval(each.ms.ci95, t),
        _percent(each.share, t),
        format_millions(each.layer.macs),
        format_millions(each.layer.bytes),
        NOTHING if times is None else f"{times:.1f}",
        " + ".join(each.layer.ops),
    ]


def _ms(estimate: Estimate, t: Messages) -> str:
    value = format_ms(estimate.median)
    if not estimate.ci95:
        return value
    return t["with_interval"].format(value=value, interval=format_interval(estimate.ci95, t))


def _percent(estimate: Estimate, t: Messages, digits: int = 2) -> str:
    value = format_percent(estimate.median, digits)
    if not estimate.ci95:
        return value
    low, high = (format_percent(end, digits) for end in estimate.ci95)
    interval = t["interval"].format(low=low, high=high)
    return t["with_interval"].format(value=value, interval=interval)


SECTION = Section(
    tr("Layer by layer"),
    build,
    {
        "rule": tr(
            "Each layer was cut out of the network, converted and timed as a model of "
            "its own, in the same rounds as the whole; layers equal but for their "
            "weights were timed once. A layer is what Paddle-Lite computes in one "
            "kernel: a convolution with its batch norm and activation, say. Its share "
            "is of the sum of all layers in each round, with the 95 % interval of the "
            "rounds' median."
        ),
        "sum": tr(
            "{layers} layers, {different} of them different, take {sum} ms together "
            "({rounds} rounds)."
        ),
        "whole": tr(
            "That is {share} % of what the whole network takes, {whole} ms: alone, a "
            "layer finds its data in the caches, and is not always computed as it is "
            "in the network."
        ),
        "same_kernels": tr("The whole is made of exactly the kernels that its layers are made of."),
        "idle": tr("What a run costs without work, {idle} ms, is taken off each."),
        "time": tr("% of time"),
        "macs": tr("% of MACs"),
        "memory": tr("% of memory access"),
        "others": tr(
            "Not drawn: {n} others, which are {time} % of the time, {macs} % of the "
            "MACs and {memory} % of the memory access."
        ),
        "alt": tr("The layers' shares of the time, of the MACs and of the memory access as bars"),
        "caption": tr(
            "In the network's order, equal layers together; lines are 95 % intervals. "
            "Red: over {excess} times what MACs and memory access explain."
        ),
        "slow": tr(
            "These cost more than their MACs and bytes explain. Rule: ms = a MACs + b "
            "bytes + c with a, b, c of 0 or more is fitted to all layers of this "
            "campaign (least relative deviations); the interval of one is above "
            "{excess} times its fit, and what is above the fit is {share} of the sum "
            "or more."
        ),
        "slow_layer": tr(
            "{layer} ({ops}): {ms} ms each, {explained} explained; {share} % of the time"
        ),
        "kernels": tr(
            "The whole and its layers are not made of the same kernels: {operator} is "
            "in the whole {whole} times, in the layers {layers} times."
        ),
        "not_timed": tr("Not timed: {layer} ({ops}): {reason}"),
        "failed": tr("Without figures: {layers}"),
        "layer": tr("Layer"),
        "times": tr("Times"),
        "each_ms": tr("ms each"),
        "interval_ms": tr("95 % interval ms"),
        "share": tr("% of time"),
        "macs_m": tr("MACs M"),
        "memory_mb": tr("Memory access MB"),
        "explained": tr("Times the explained"),
        "operators": tr("Operators"),
    },
    of_models=False,
)
