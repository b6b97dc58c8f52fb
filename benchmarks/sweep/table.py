"""docs/operators.md out of what was found."""

import collections
import importlib.metadata
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from sweep.inputs import INPUTS

#: largest difference over the range of Paddle's output
RIGHT, LOOSE = 1e-5, 1e-3


@dataclass
class Row:
    """What was found: "right", "loose", "WRONG", "dies" or why not; with the largest difference."""

    section: str
    name: str
    x86: str
    arm: str
    repairs: dict[str, int]
    repaired_x86: str
    repaired_arm: str


def table(rows: list[Row]) -> str:
    """docs/operators.md."""
    version = importlib.metadata.version

    def share(outcome: Callable[[Row], str]) -> str:
        words = collections.Counter(_kind(outcome(row)) for row in known)
        return ", ".join(f"{count} {word}" for word, count in words.most_common())

    known = [row for row in rows if row.arm]
    broken = [row for row in rows if not row.arm]
    lines = [
        "# Operators in Paddle-Lite",
        "",
        "Which operators Paddle-Lite computes correctly, with and without ppghost's repairs. Made "
        f"by `python benchmarks/operator_sweep.py` on {date.today()}, with Paddle "
        f"{version('paddlepaddle')} and Paddle-Lite {version('paddlelite')}: {len(known)} small "
        "programs of one operator, or of a few that converters fuse, each on four inputs "
        f"({', '.join(INPUTS)}).",
        "",
        "The figure in brackets is the largest difference from Paddle, relative to the range of "
        "Paddle's output.",
        "",
        f"- *right*: up to {RIGHT:g}; *loose*: up to {LOOSE:g}; *WRONG*: above.",
        "- *no kernel*: Paddle-Lite lists none for the target; *refused*: `paddle_lite_opt` "
        "reports an error; *dies*: the process ends by a signal.",
        "- *alone*: `paddle_lite_opt` without ppghost; *repaired*: after the rewrites of "
        "`ppghost convert`. A dash: the program needs no repair. `ppghost convert` also refuses "
        "an x86 file whose outputs on its seeded input are not Paddle's.",
        "- x86 files were run. arm files were only made, because we have no phone: *made* says "
        "nothing about what they compute. But a repair that is needed for a file's weights is "
        "needed for every target.",
        "",
        "`hard_swish` with other constants than 3, 6 and 6 is WRONG because Paddle itself ignores "
        "the constants, and Paddle-Lite does not. Only the author of a network knows which of the "
        "two is meant, so it is not changed.",
        "",
        "Limits: one shape and one set of weights for each program, float32, batch 1 unless the "
        "name says otherwise. OpenCL files and fp16 were not measured.",
        "",
        "| | x86 alone | x86 repaired | arm alone | arm repaired |",
        "|---|---|---|---|---|",
        f"| {len(known)} programs | {share(lambda r: r.x86)} | {share(lambda r: r.repaired_x86)} "
        f"| {share(lambda r: r.arm)} | {share(lambda r: r.repaired_arm)} |",
    ]
    if broken:
        reasons = "; ".join(f"{row.name} ({row.x86})" for row in broken)
        lines += ["", f"Left out, since Paddle does not run what it exported: {reasons}."]
    for section in dict.fromkeys(row.section for row in known):
        lines += [
            "",
            f"## {section}",
            "",
            "| program | x86 alone | arm alone | repairs | x86 repaired | arm repaired |",
            "|---|---|---|---|---|---|",
        ]
        for row in known:
            if row.section == section:
                after = (row.repaired_x86, row.repaired_arm) if row.repairs else ("-", "-")
                cells = (row.name, row.x86, row.arm, ", ".join(row.repairs) or "-", *after)
                lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _kind(outcome: str) -> str:
    """An outcome without its figure or its operator."""
    return re.sub(r"^made, |[:(].*", "", outcome).strip()
