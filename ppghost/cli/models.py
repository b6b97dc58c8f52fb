"""`ppghost list`: the networks that can be built."""

import argparse

from ppghost.cli.common import Commands, Output
from ppghost.i18n import say
from ppghost.utils.text import pad


def add_commands(commands: Commands) -> None:
    """Add this module's commands to the command line."""
    commands.add("list", list_architectures, help="architectures, ours and PaddleClas's")


def list_architectures(args: argparse.Namespace) -> Output:
    """Every architecture with its family, source, input, parameters and MACs."""
    from ppghost.analysis import complexity
    from ppghost.models import paddleclas_zoo, registry

    rows = []
    for name, known in (paddleclas_zoo.paddleclas_architectures() | registry.ARCHITECTURES).items():
        own = name in registry.ARCHITECTURES
        counts: dict[str, int | None] = {"params": None, "macs": None}
        if own:
            counts |= registry.complexity(name) or complexity.count_architecture(name)._asdict()
        rows.append(
            {
                "name": name,
                "family": known.family,
                "source": "ppghost" if own else "paddleclas",
                "input": list(known.input_shape),
                **counts,
            }
        )
    rows.sort(key=lambda row: row["source"] != "ppghost")
    return rows, "\n".join([_line(_head()), *(_line(row) for row in rows)])


def _head() -> dict[str, str]:
    words = {"name": say("architecture"), "family": say("family"), "source": say("source")}
    return words | {"params": say("params"), "macs": "MACs"}


def _line(row: dict) -> str:
    counts = [_millions(row["params"]), _millions(row["macs"])]
    line = f"{pad(row['name'], 34)} {pad(row['family'], 22)} {pad(row['source'], 10)}"
    return f"{line} {pad(counts[0], 8, right=True)} {pad(counts[1], 10, right=True)}".rstrip()


def _millions(count: int | str | None) -> str:
    return f"{count / 1e6:.2f} M" if isinstance(count, int) else count or ""
