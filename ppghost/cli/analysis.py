"""`ppghost analyze`: where the cost of a network goes."""

import argparse
import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppghost.cli.common import (
    BadArgument,
    Commands,
    Output,
    command_line,
    input_shapes,
    named_shape,
)
from ppghost.i18n import say, tr, translate
from ppghost.utils.text import columns, pad

if TYPE_CHECKING:
    from ppghost.analysis.comparison import StagePair
    from ppghost.analysis.complexity import Complexity
    from ppghost.analysis.parts import Part

#: findings of each guideline on the terminal; all are in the JSON and on the page
_FINDINGS = 2


def add_commands(commands: Commands) -> None:
    """Add this module's commands to the command line."""
    parser = commands.add(
        "analyze", analyze, help="where a network's parameters, MACs and bytes are"
    )
    parser.add_argument(
        "target",
        metavar="TARGET",
        help="an architecture (see ppghost list), a config, or an exported model",
    )
    parser.add_argument("--image-size", type=_size, metavar="H[xW]", help="if not the usual one")
    parser.add_argument("--class-num", type=_number, metavar="N", help="if not the usual one")
    parser.add_argument("--ratio", type=float, metavar="S", help="of ghost modules")
    parser.add_argument(
        "--dw-size", type=_number, metavar="D", help="of ghost modules' cheap convolutions"
    )
    parser.add_argument(
        "--input-shape",
        type=named_shape,
        action="append",
        metavar="[NAME=]1,3,224,224",
        help="for an exported model that leaves its inputs open; for each input",
    )
    parser.add_argument("--per-layer", action="store_true", help="print every layer")
    parser.add_argument(
        "--compare", metavar="TARGET", help="another network beside it, stage by stage"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every layer as CSV")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="write a page with bars and a roofline"
    )
    parser.add_argument(
        "--roof",
        type=_roof,
        metavar="GFLOPS,GB/S",
        help="what a device computes and moves in a second, for the page's roofline "
        "(default: this computer's, measured on one thread)",
    )


def _size(text: str) -> tuple[int, int]:
    """ "224" or "224x320"; whether a network can have it, the library says."""
    parts = text.lower().split("x")
    try:
        sizes = [int(part) for part in parts]
    except ValueError:
        sizes = []
    if len(sizes) not in (1, 2):
        raise BadArgument("{text!r} is no size; give one as 224 or 224x320", text=text)
    return sizes[0], sizes[-1]


def _number(text: str) -> int:
    """A whole number; whether a network can have it, the library says."""
    try:
        return int(text)
    except ValueError:
        raise BadArgument("{text!r} is not a whole number", text=text) from None


def _roof(text: str) -> tuple[float, float]:
    try:
        flops, bandwidth = (float(part) for part in text.split(","))
    except ValueError:
        flops = bandwidth = 0.0
    if not (0 < flops < float("inf") and 0 < bandwidth < float("inf")):
        raise BadArgument(
            "{text!r} is not two numbers above 0, as in 20,10 for 20 GFLOP/s and 10 GB/s", text=text
        )
    return flops, bandwidth


def analyze(args: argparse.Namespace) -> Output:
    """All figures of a network, of two beside each other."""
    from ppghost.analysis import complexity

    found = complexity.analyze(
        args.target,
        image_size=args.image_size,
        class_num=args.class_num,
        ratio=args.ratio,
        dw_size=args.dw_size,
        input_shape=input_shapes(args.input_shape),
    )
    result = found.to_json()
    lines = _per_layer(found) if args.per_layer else _stages_table(found.stages)
    lines = [_head(found), "", *lines, "", *_notes(found)]
    if args.compare:
        pairs, other = _compare(args, found)
        result["compare"] = other.to_json()
        result["compare_stages"] = [pair.to_json() for pair in pairs]
        lines += ["", *_comparison(found, other, pairs)]
    if args.csv:
        from ppghost.utils.files import write_text

        write_text(args.csv, _csv(result["layers"]))
    if args.output:
        lines += ["", _write_page(args, result)]
    return result, "\n".join(lines)


def _compare(
    args: argparse.Namespace, found: "Complexity"
) -> tuple[list["StagePair"], "Complexity"]:
    from ppghost.analysis.comparison import analyze_beside, compare_stages

    other = analyze_beside(args.compare, found, args.image_size, args.class_num)
    return compare_stages(found, other), other


def _write_page(args: argparse.Namespace, result: dict[str, Any]) -> str:
    from ppghost.deploy.devices.host.roof import Roof, measure_roof
    from ppghost.deploy.reporting.complexity_page import write_page

    roof = Roof(tr("as given"), *args.roof) if args.roof else measure_roof()
    page = write_page(result, args.output, roof, command_line(args))
    return say("page: {uri}", uri=page.resolve().as_uri())


def _head(found: "Complexity") -> str:
    from ppghost.utils.text import format_bytes, format_count

    shape = "x".join(map(str, found.input_shape))
    file = say(", files {size}", size=format_bytes(found.file_bytes)) if found.file_bytes else ""
    rows = [
        (
            say("parameters"),
            f"{format_count(found.params)}, {format_bytes(found.model_bytes)}{file}",
        ),
        ("MACs", format_count(found.macs)),
        ("FLOPs", say("{count}, two for each MAC and all else", count=format_count(found.flops))),
        (
            say("activations"),
            say("{count} of convolutions and products", count=format_count(found.activations)),
        ),
        (
            say("memory access"),
            say(
                "{size}; {folded} where BN, bias and activation are folded",
                size=format_bytes(found.memory_bytes),
                folded=format_bytes(found.folded_memory_bytes),
            ),
        ),
        (say("intensity"), f"{found.intensity:.2f} FLOP/byte"),
    ]
    head = say("{name}, image {shape}", name=found.name, shape=shape)
    return "\n".join([head, *(f"  {pad(name, 14)} {value}" for name, value in rows)])


def _stages_table(parts: Iterable["Part"]) -> list[str]:
    rows = [
        [part.name, _shape(part.output_shape), str(part.layers), *_costs(part), _ratio(part)]
        for part in parts
    ]
    header = [
        say("stage"), say("gives"), say("layers"), say("params"), "MACs", "FLOPs", say("memory"),
        "FLOP/byte",
    ]  # fmt: skip
    return _table(header, rows, words=2)


def _per_layer(found: "Complexity") -> list[str]:
    rows = [
        [layer.name, layer.type, layer.stage, _shape(layer.output_shape), *_costs(layer)]
        for layer in found.layers
    ]
    header = [
        say("layer"), say("type"), say("stage"), say("gives"), say("params"), "MACs", "FLOPs",
        say("memory"),
    ]  # fmt: skip
    return _table(header, rows, words=4)


def _costs(part: Any) -> list[str]:
    from ppghost.utils.text import format_bytes, format_count

    counts = [
        say("unknown") if count is None else format_count(count)
        for count in (part.params, part.macs, part.flops)
    ]
    memory = part.memory_bytes
    return [*counts, say("unknown") if memory is None else format_bytes(memory)]


def _ratio(part: "Part") -> str:
    return f"{part.intensity:.2f}"


def _shape(shape: Sequence[int] | None) -> str:
    return say("unknown") if shape is None else "x".join(map(str, shape[1:])) or "1"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], words: int) -> list[str]:
    """Rows with their columns aligned; the first `words` are text, the others figures."""
    widths = [max(columns(row[place]) for row in (header, *rows)) for place in range(len(header))]
    return [
        "  ".join(
            pad(cell, width, right=place >= words)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (header, *rows)
    ]


def _notes(found: "Complexity") -> list[str]:
    """What is to be said beside the table: ghost modules, guidelines, what was not counted."""
    lines = []
    if ghost := found.ghost_totals:
        lines.append(
            say(
                "ghost modules: {modules}, s = {ratio:.3g}; against the convolutions that they "
                "replace r_s = {speed_up:.3f}, r_c = {compression:.3f} (about {approximate:.3f}, "
                "about s); the whole network r_s = {network_speed_up:.3f}, "
                "r_c = {network_compression:.3f}",
                modules=ghost.modules,
                ratio=ghost.ratio,
                speed_up=ghost.speed_up,
                compression=ghost.compression,
                approximate=ghost.approximate,
                network_speed_up=ghost.network_speed_up,
                network_compression=ghost.network_compression,
            )
        )
    for rule in ("G1", "G2", "G3", "G4"):
        findings = [finding for finding in found.findings if finding.rule == rule]
        lines += [
            f"{rule}  {each.layer}: {translate(each.message)}" for each in findings[:_FINDINGS]
        ]
        if len(findings) > _FINDINGS:
            more = say("and {count} more (--json, --output)", count=len(findings) - _FINDINGS)
            lines.append(f"{rule}  {more}")
    if found.uncounted:
        names = ", ".join(found.uncounted[:3])
        lines.append(
            say(
                "not counted, as their cost is unknown: {count} ({names})",
                count=len(found.uncounted),
                names=names,
            )
        )
    return lines


def _comparison(
    first: "Complexity", second: "Complexity", pairs: Sequence["StagePair"]
) -> list[str]:
    """Both networks by stage, and as a whole."""
    from ppghost.utils.text import format_bytes, format_count

    def cells(part: Any) -> list[str]:
        if part is None:
            return ["-", "-", "-"]
        counts = [format_count(part.params), format_count(part.macs)]
        return [*counts, format_bytes(part.memory_bytes)]

    rows = [[pair.stage, *cells(pair.first), *cells(pair.second)] for pair in pairs]
    rows.append([say("all"), *cells(first), *cells(second)])
    rows.append([say("ratio"), "", "", "", *_quotients(first, second)])
    header = [say("stage"), *2 * [say("params"), "MACs", say("memory")]]
    return [f"{first.name} | {second.name}", *_table(header, rows, words=1)]


def _quotients(first: "Complexity", second: "Complexity") -> list[str]:
    """How often the first has the second's."""
    pairs = [(getattr(first, key), getattr(second, key)) for key in _COMPARED]
    return [f"{ours / theirs:.3f}" if theirs else "-" for ours, theirs in pairs]


_COMPARED = ("params", "macs", "memory_bytes")


def _csv(layers: Sequence[dict[str, Any]]) -> str:
    """Every layer in a row; shapes as 1x3x224x224."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(layers[0]) if layers else [], lineterminator="\n")
    writer.writeheader()
    for layer in layers:
        writer.writerow(
            {
                k: "x".join(map(str, v)) if isinstance(v, tuple | list) else v
                for k, v in layer.items()
            }
        )
    return buffer.getvalue()
