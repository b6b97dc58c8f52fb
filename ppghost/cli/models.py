"""`ppghost list`: the networks that can be built."""

import argparse

from ppghost.cli.common import Commands, Output


def add_commands(commands: Commands) -> None:
    """Add this module's commands to the command line."""
    commands.add("list", list_architectures, "architectures, ours and PaddleClas's")


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
    return rows, "\n".join([_line(_HEAD), *(_line(row) for row in rows)])


_HEAD = {"name": "architecture", "family": "family", "source": "source", "params": "params"}
_HEAD["macs"] = "MACs"


def _line(row: dict) -> str:
    counts = [_millions(row["params"]), _millions(row["macs"])]
    line = f"{row['name']:<34} {row['family']:<22} {row['source']:<10}"
    return f"{line} {counts[0]:>8} {counts[1]:>10}".rstrip()


def _millions(count: int | str | None) -> str:
    return f"{count / 1e6:.2f} M" if isinstance(count, int) else count or ""
