"""On the page of `ppghost analyze`: what ghost modules save, and what guidelines would."""

from collections.abc import Iterator, Mapping
from typing import Any

from ppghost.deploy.devices.host.roof import Roof
from ppghost.deploy.reporting.pages.blocks import (
    Block,
    Fact,
    Facts,
    Paragraph,
    Subheading,
    Table,
)
from ppghost.i18n import say, tr, translate
from ppghost.utils.text import format_bytes

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

Analysis = Mapping[str, Any]


def ghost_modules(analysis: Analysis, roof: Roof) -> Iterator[Block]:
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


def guidelines(analysis: Analysis, roof: Roof) -> Iterator[Block]:
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
