"""On the page of `ppghost analyze`: the layers under a device's roof."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ppghost.deploy.devices.host.roof import Roof
from ppghost.deploy.reporting.drawings.roofline import Dot, draw_roofline
from ppghost.deploy.reporting.pages.blocks import Block, Figure, Figures, Paragraph, Table
from ppghost.i18n import say, tr, translate
from ppghost.utils.text import format_bytes, format_count

#: kinds of layers
_KINDS: dict[str, str] = {
    each: each
    for each in (
        tr("pointwise"), tr("depthwise"), tr("group"), tr("convolution"), tr("transposed"),
        tr("fc"), tr("matmul"), tr("recurrent"), tr("norm"), tr("pooling"), tr("activation"),
        tr("bias"), tr("element-wise"), tr("data movement"), tr("other"),
    )
}  # fmt: skip

Analysis = Mapping[str, Any]


def least_ms(layer: Analysis, roof: Roof) -> float:
    """The least time, in ms, that the roof leaves a layer."""
    computing = (layer["flops"] or 0) / roof.gflops
    moving = (layer["memory_bytes"] or 0) / roof.gb_per_s
    return max(computing, moving) / 1e6


def roofline(analysis: Analysis, roof: Roof) -> Iterator[Block]:
    """Layers under the roof, and what each kind of them is of the least time."""
    layers = [layer for layer in analysis["layers"] if not layer["folds_into"]]
    times = [least_ms(layer, roof) for layer in layers]
    total = sum(times) or 1.0
    kinds = sorted({layer["kind"] for layer in layers},
                   key=lambda kind: -sum(t for t, la in zip(times, layers, strict=True)
                                         if la["kind"] == kind))  # fmt: skip
    dots = [
        Dot(_kind(layer["kind"]), layer["intensity"], time / total)
        for layer, time in zip(layers, times, strict=True)
        if layer["intensity"]
    ]
    if not dots:
        return
    svg = draw_roofline(dots, list(map(_kind, kinds)), roof.gflops, roof.gb_per_s)
    ridge = roof.gflops / roof.gb_per_s
    yield Figures(
        [Figure(svg, say("Roofline of the layers of {name}", name=analysis["name"]))],
        [],
        files={"roofline.svg": svg},
    )
    yield Paragraph(
        say(
            "The roof: {gflops:.3g} GFLOP/s and {gb_per_s:.3g} GB/s ({source}). A layer left of "
            "the ridge, {ridge:.3g} FLOP/byte, waits for memory. A mark is as large as the layer's "
            "share of the least time that the roof leaves the network, {total:.3g} ms; no device "
            "was asked to run it.",
            gflops=roof.gflops,
            gb_per_s=roof.gb_per_s,
            source=roof.source,
            ridge=ridge,
            total=total,
        )
    )
    yield Table(
        [
            say("kind"),
            say("layers"),
            "FLOPs",
            say("memory"),
            say("waiting for memory"),
            say("of the least time"),
        ],
        [_kind_row(kind, layers, times, total, ridge) for kind in kinds],
    )


def _kind(kind: str) -> str:
    return translate(_KINDS.get(kind, kind))


def _kind_row(
    kind: str, layers: Sequence[Analysis], times: Sequence[float], total: float, ridge: float
) -> list[str]:
    own = [(layer, time) for layer, time in zip(layers, times, strict=True)
           if layer["kind"] == kind]  # fmt: skip
    waiting = sum(1 for layer, _ in own if (layer["intensity"] or 0) < ridge)
    return [
        _kind(kind),
        str(len(own)),
        format_count(sum(layer["flops"] or 0 for layer, _ in own)),
        format_bytes(sum(layer["memory_bytes"] or 0 for layer, _ in own)),
        str(waiting),
        f"{100 * sum(time for _, time in own) / total:.1f} %",
    ]
