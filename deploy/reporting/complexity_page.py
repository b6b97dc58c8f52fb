"""A page of what `ppghost analyze` found: bars by stage, a roofline, guidelines, every layer.

Like every report it reads a result, here the JSON form of an analysis, and nothing else: it works
on what another computer analysed, and knows no network.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ppghost.deploy.devices.host.roof import Roof
from ppghost.deploy.reporting.complexity_advice import ghost_modules, guidelines
from ppghost.deploy.reporting.complexity_roofline import least_ms, roofline
from ppghost.deploy.reporting.drawings.stage_bars import BarPanel, draw_stage_bars
from ppghost.deploy.reporting.messages import Messages
from ppghost.deploy.reporting.pages.blocks import (
    Block,
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


def _blocks(analysis: Analysis, roof: Roof) -> Iterator[Block]:
    if len(analysis["blocks"]) > 1:
        yield _parts_table(say("block"), analysis["blocks"])


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
                say("folded") if layer["folds_into"] else f"{least_ms(layer, roof):.4f}",
            ]
            for layer in analysis["layers"]
        ],
        frozenset({1, 2, 3}),
    )


_SECTIONS = {
    tr("The whole"): _whole,
    tr("Stage by stage"): _stages,
    tr("Roofline"): roofline,
    tr("Blocks"): _blocks,
    tr("Ghost modules"): ghost_modules,
    tr("Guidelines of the ShuffleNetV2 paper"): guidelines,
    tr("Layers"): _layers,
}
