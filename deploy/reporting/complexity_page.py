"""A page of what `ppghost analyze` found: bars by stage, a roofline, guidelines, every layer.

Like every report it reads a result, here the JSON form of an analysis, and nothing else: it works
on what another computer analysed, and knows no network.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ppghost.deploy.devices.host.roof import Roof
from ppghost.deploy.reporting.drawings.roofline import Dot, draw_roofline
from ppghost.deploy.reporting.drawings.stage_bars import BarPanel, draw_stage_bars
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.pages.blocks import (
    Block,
    Fact,
    Facts,
    Figure,
    Figures,
    Paragraph,
    Subheading,
    Table,
)
from ppghost.deploy.reporting.pages.render import printable, render
from ppghost.deploy.reporting.sections.section import BuiltSection
from ppghost.i18n import current_language, say, tr, translate
from ppghost.utils.files import write_text
from ppghost.utils.text import format_bytes, format_count

_COUNTED = (("params", tr("parameters, M"), 1e6), ("macs", tr("MACs, M"), 1e6),
            ("memory_bytes", tr("memory access, MiB"), 2**20))  # fmt: skip
#: each guideline, what its figure is, how it is written, and what the change would be
_RULES = {
    "G1": (tr("G1: equal channels move least"), tr("ratio of channels"), "1 : {:.3g}",
           tr("What is saved, in memory access: A 1x1 convolution with as many MACs from and to "
              "equally many channels.")),
    "G2": (tr("G2: groups cost memory access"), tr("groups"), "{:.0f}",
           tr("What is saved, in memory access: A convolution without groups, from the same input "
              "and with as many MACs.")),
    "G3": (tr("G3: fragments cost parallelism"), tr("convolutions and poolings"), "{:.0f}",
           tr("What is saved, in memory access: One convolution in the place of all between a "
              "fork and its join.")),
    "G4": (tr("G4: element-wise operators are not free"), tr("of the memory access"), "{:.1%}",
           tr("What is saved, in memory access: To do without the operator, beside those that "
              "fold into a convolution.")),
}  # fmt: skip
#: kinds of layers
_KINDS: dict[str, str] = {
    each: each
    for each in (
        tr("pointwise"), tr("depthwise"), tr("group"), tr("convolution"), tr("transposed"),
        tr("fc"), tr("matmul"), tr("recurrent"), tr("norm"), tr("pooling"), tr("activation"),
        tr("bias"), tr("element-wise"), tr("data movement"), tr("other"),
    )
}  # fmt: skip
_UNKNOWN = "?"

Analysis = Mapping[str, Any]


def write_page(analysis: Analysis, output: Path, roof: Roof, command: str) -> Path:
    """Write index.html and its drawings.

    Args:
        analysis: what `ppghost analyze --json` writes.
        output: the folder, made if it is not there.
        roof: of the device that the roofline is for.
        command: what the page was made by.

    Returns:
        The page.

    Raises:
        InputError: the folder cannot be written to.
    """
    analysis = printable(analysis)
    sections = [
        BuiltSection(translate(heading), blocks)
        for heading, build in _SECTIONS.items()
        if (blocks := list(build(analysis, roof)))
    ]
    shape = " x ".join(map(str, analysis["input_shape"]))
    context = {
        "t": {
            **Messages(current_language()),
            "page_title": say("{name}: where its cost goes", name=analysis["name"]),
            "heading": say("{name}: where its cost goes", name=analysis["name"]),
            "intro": say("One image of {shape}. Made by: {command}", shape=shape, command=command),
        },
        "sections": sections,
    }
    for section in sections:
        for block in section.blocks:
            for name, svg in block.files.items() if isinstance(block, Figures) else ():
                write_text(output / name, svg)
    page = output / "index.html"
    write_text(page, render("report.html", context))
    return page


def _whole(analysis: Analysis, roof: Roof) -> Iterator[Block]:
    """The figures of the whole network."""
    networks = [net for net in (analysis, analysis.get("compare")) if net]
    rows = [
        (say("parameters"), lambda net: format_count(net["params"])),
        (say("model"), lambda net: format_bytes(net["model_bytes"])),
        ("MACs", lambda net: format_count(net["macs"])),
        ("FLOPs", lambda net: format_count(net["flops"])),
        (say("activations"), lambda net: format_count(net["activations"])),
        (say("memory access"), lambda net: format_bytes(net["memory_bytes"])),
        (say("the same, folded"), lambda net: format_bytes(net["folded_memory_bytes"])),
        ("FLOP/byte", lambda net: f"{net['intensity']:.2f}"),
    ]
    yield Table(
        ["", *(net["name"] for net in networks)],
        [[name, *(figure(net) for net in networks)] for name, figure in rows],
    )
    yield Paragraph(
        say(
            "FLOPs count two for each MAC, and element-wise operators. Memory access counts what "
            "each operator reads and writes once; folded, BN, bias and activation are computed "
            "with the convolution before them."
        )
    )
    for net in networks:
        if net["uncounted"]:
            yield Paragraph(
                say(
                    "In no sum, as their cost is unknown: {operators} of {name}.",
                    operators=", ".join(net["uncounted"][:8])
                    + (" ..." if len(net["uncounted"]) > 8 else ""),
                    name=net["name"],
                ),
                soft=False,
            )


def _stages(analysis: Analysis, roof: Roof) -> Iterator[Block]:
    """Bars by stage; two networks beside each other."""
    other = analysis.get("compare")
    networks = [analysis["name"], *([other["name"]] if other else [])]
    pairs = analysis.get("compare_stages") or [
        {"stage": part["name"], "first": part, "second": None} for part in analysis["stages"]
    ]
    stages = [pair["stage"] for pair in pairs]
    keys = ("first", "second")[: len(networks)]
    panels = [
        BarPanel(
            translate(title),
            [[(pair[key] or {}).get(name, 0) / unit for pair in pairs] for key in keys],
        )
        for name, title, unit in _COUNTED
    ]
    names = say(" and ").join(networks)
    figures = [
        Figure(
            draw_stage_bars([panel], networks, stages),
            say("{title} of {names} by stage", title=panel.title, names=names),
        )
        for panel in panels
    ]
    yield Figures(figures, [], files={"stages.svg": draw_stage_bars(panels, networks, stages)})
    yield Paragraph(
        say(
            "A stage is a resolution: 1/4 has maps of a quarter of the image's height. The head is "
            "what follows the last global pool."
        )
    )
    for key, name in zip(keys, networks, strict=True):
        if len(networks) > 1:
            yield Subheading(name)
        yield _parts_table(say("stage"), [pair[key] for pair in pairs if pair[key]])


def _parts_table(name: str, parts: Sequence[Analysis]) -> Table:
    rows = [[part["name"], _shape(part["output_shape"]), str(part["layers"]), *_costs(part)]
            for part in parts]  # fmt: skip
    return Table([name, say("gives"), say("layers"), *_cost_heads()], rows, frozenset({1}))


def _cost_heads() -> list[str]:
    return [say("params"), "MACs", "FLOPs", say("memory"), "FLOP/byte"]


def _costs(part: Analysis) -> list[str]:
    counts = [_known(part[key], format_count) for key in ("params", "macs", "flops")]
    intensity = part["intensity"]
    memory = _known(part["memory_bytes"], format_bytes)
    return [*counts, memory, "-" if intensity is None else f"{intensity:.2f}"]


def _known(value: float | None, write: Any) -> str:
    return _UNKNOWN if value is None else write(value)


def _shape(shape: Sequence[int] | None) -> str:
    return _UNKNOWN if shape is None else "x".join(map(str, shape[1:])) or "1"


def _least_ms(layer: Analysis, roof: Roof) -> float:
    """The least time that the roof leaves a layer."""
    computing = (layer["flops"] or 0) / roof.gflops
    moving = (layer["memory_bytes"] or 0) / roof.gb_per_s
    return max(computing, moving) / 1e6


def _roofline(analysis: Analysis, roof: Roof) -> Iterator[Block]:
    """Layers under the roof, and what each kind of them is of the least time."""
    layers = [layer for layer in analysis["layers"] if not layer["folds_into"]]
    times = [_least_ms(layer, roof) for layer in layers]
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


def _blocks(analysis: Analysis, roof: Roof) -> Iterator[Block]:
    if len(analysis["blocks"]) > 1:
        yield _parts_table(say("block"), analysis["blocks"])


def _ghosts(analysis: Analysis, roof: Roof) -> Iterator[Block]:
    """Each ghost module beside the convolution that it replaces."""
    ghost = analysis["ghost"]
    if not ghost:
        return
    yield Facts(
        [
            Fact(
                say("all modules"), f"r_s {ghost['speed_up']:.3f}, r_c {ghost['compression']:.3f}"
            ),
            Fact(
                say("the whole network"),
                f"r_s {ghost['network_speed_up']:.3f}, r_c {ghost['network_compression']:.3f}",
            ),
            Fact("s c / (s + c - 1)", f"{ghost['approximate']:.3f}"),
            Fact("s", f"{ghost['ratio']:.3f}"),
        ]
    )
    yield Paragraph(
        say(
            "r_s and r_c: how much a plain convolution computes and holds against the ghost module "
            "in its place (GhostNet paper, eqs. 4 and 5), exactly, and about s c / (s + c - 1), "
            "about s."
        )
    )
    yield Table(
        [say("module"), say("channels"), "k", "d", "s", "r_s", "r_c", "s c / (s + c - 1)"],
        [
            [
                module["name"],
                say(" to ").join((str(module["in_channels"]), str(module["out_channels"]))),
                str(module["kernel"]),
                str(module["dw_size"]),
                f"{module['ratio']:.3g}",
                f"{module['speed_up']:.3f}",
                f"{module['compression']:.3f}",
                f"{module['approximate']:.3f}",
            ]
            for module in analysis["ghost_modules"]
        ],
        frozenset({1}),
    )


def _guidelines(analysis: Analysis, roof: Roof) -> Iterator[Block]:
    """The findings of each guideline."""
    for rule, (title, figure, form, change) in _RULES.items():
        findings = [each for each in analysis["findings"] if each["rule"] == rule]
        if not findings:
            continue
        yield Subheading(translate(title))
        for finding in findings:
            if finding["layer"] == analysis["name"]:
                yield Paragraph(say("{message}.", message=finding["message"]), soft=False)
        yield Table(
            [say("layer"), translate(figure), say("saves")],
            [
                [f["layer"], form.format(f["figure"]), format_bytes(f["saved_bytes"])]
                for f in findings
                if f["layer"] != analysis["name"]
            ],
        )
        yield Paragraph(translate(change))


def _layers(analysis: Analysis, roof: Roof) -> Iterator[Block]:
    yield Table(
        [
            say("layer"),
            say("type"),
            say("stage"),
            say("gives"),
            *_cost_heads(),
            say("least time ms"),
        ],
        [
            [
                layer["name"],
                layer["type"],
                layer["stage"],
                _shape(layer["output_shape"]),
                *_costs(layer),
                say("folded") if layer["folds_into"] else f"{_least_ms(layer, roof):.4f}",
            ]
            for layer in analysis["layers"]
        ],
        frozenset({1, 2, 3}),
    )


_SECTIONS = {
    tr("The whole"): _whole,
    tr("Stage by stage"): _stages,
    tr("Roofline"): _roofline,
    tr("Blocks"): _blocks,
    tr("Ghost modules"): _ghosts,
    tr("Guidelines of the ShuffleNetV2 paper"): _guidelines,
    tr("Layers"): _layers,
}
