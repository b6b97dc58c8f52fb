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
from ppghost.deploy.reporting.messages import Messages, Words
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
    Words("Layer by layer", "逐层延迟"),
    build,
    {
        "rule": Words(
            "Each layer was cut out of the network, converted and timed as a model of its own, in "
            "the same rounds as the whole; layers equal but for their weights were timed once. A "
            "layer is what Paddle-Lite computes in one kernel: a convolution with its batch norm "
            "and activation, say. Its share is of the sum of all layers in each round, with the "
            "95 % interval of the rounds' median.",
            "将网络在各层处切开，每层单独转换为一个模型，与整网在同一轮中计时；仅权重不同的层只测一次。"
            "“层”指 Paddle-Lite 一次内核调用完成的计算，例如卷积连同其批归一化与激活。"
            "占比为每轮中该层占所有层之和的比例，取各轮中位数及其 95% 置信区间。",
        ),
        "sum": Words(
            "{layers} layers, {different} of them different, take {sum} ms together ({rounds} "
            "rounds).",
            "共 {layers} 层（其中 {different} 种不同），合计 {sum} ms（{rounds} 轮）。",
        ),
        "whole": Words(
            "That is {share} % of what the whole network takes, {whole} ms: alone, a layer finds "
            "its data in the caches, and is not always computed as it is in the network.",
            "为整网耗时 {whole} ms 的 {share}%：单独运行时数据已在缓存中，"
            "计算方式也未必与整网中相同。",
        ),
        "same_kernels": Words(
            "The whole is made of exactly the kernels that its layers are made of.",
            "整网所含内核与各层完全一致。",
        ),
        "idle": Words(
            "What a run costs without work, {idle} ms, is taken off each.",
            "各项均已减去空跑一次的耗时 {idle} ms。",
        ),
        "time": Words("% of time", "耗时 %"),
        "macs": Words("% of MACs", "MACs %"),
        "memory": Words("% of memory access", "访存 %"),
        "others": Words(
            "Not drawn: {n} others, which are {time} % of the time, {macs} % of the MACs and "
            "{memory} % of the memory access.",
            "未画出的其余 {n} 种合计占耗时 {time}%、MACs {macs}%、访存 {memory}%。",
        ),
        "alt": Words(
            "The layers' shares of the time, of the MACs and of the memory access as bars",
            "各层在耗时、MACs 与访存中所占比例的条形图",
        ),
        "caption": Words(
            "In the network's order, equal layers together; lines are 95 % intervals. Red: over "
            "{excess} times what MACs and memory access explain.",
            "按网络中的顺序，相同的层合并；细线为 95% 置信区间。"
            "红色：超过 MACs 与访存所能解释的 {excess} 倍。",
        ),
        "slow": Words(
            "These cost more than their MACs and bytes explain. Rule: ms = a MACs + b bytes + c "
            "with a, b, c of 0 or more is fitted to all layers of this campaign (least relative "
            "deviations); the interval of one is above {excess} times its fit, and what is above "
            "the fit is {share} of the sum or more.",
            "下列各层的耗时超出其 MACs 与字节数所能解释的范围。"
            "规则：以本次所有层拟合“耗时 = 系数×MACs + 系数×字节数 + 常数”"
            "（系数与常数均不小于 0，相对偏差绝对值之和最小）；"
            "该层置信区间高于拟合值的 {excess} 倍，且超出部分不小于总和的 {share}。",
        ),
        "slow_layer": Words(
            "{layer} ({ops}): {ms} ms each, {explained} explained; {share} % of the time",
            "{layer}（{ops}）：每次 {ms} ms，可解释 {explained} ms；占 {share}%",
        ),
        "kernels": Words(
            "The whole and its layers are not made of the same kernels: {operator} is in the whole "
            "{whole} times, in the layers {layers} times.",
            "整网与各层所含内核不同：{operator} 在整网中 {whole} 次，在各层中 {layers} 次。",
        ),
        "not_timed": Words(
            "Not timed: {layer} ({ops}): {reason}", "未计时：{layer}（{ops}）：{reason}"
        ),
        "failed": Words("Without figures: {layers}", "无数据：{layers}"),
        "layer": Words("Layer", "层"),
        "times": Words("Times", "次数"),
        "each_ms": Words("ms each", "每次 ms"),
        "interval_ms": Words("95 % interval ms", "95% 置信区间 ms"),
        "share": Words("% of time", "耗时占比 %"),
        "macs_m": Words("MACs M", "MACs M"),
        "memory_mb": Words("Memory access MB", "访存 MB"),
        "explained": Words("Times the explained", "与解释值之比"),
        "operators": Words("Operators", "算子"),
    },
    of_models=False,
)
