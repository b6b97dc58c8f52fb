"""Networks of several sizes, timed on this host with their uncertainty, and a report.

    python examples/latency_campaign.py [FOLDER]      about a minute on two cores

With a phone: convert for "arm", and give its serial (or "all") to `bench`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import ppghost
from ppghost import deploy
from ppghost.deploy.reporting.write import Report

NETWORKS = ("GhostNet_x0_5", "GhostNet_x1_0")


def main(folder: Path, networks: Sequence[str] = NETWORKS, rounds: int = 20) -> Report:
    base = Path(ppghost.__file__).with_name("configs") / "demo" / "latency.yaml"
    models = []
    for name in networks:
        config = ppghost.load_config(base, [f"Arch.name={name}"])
        # latency does not depend on the weights, so that untrained ones will do
        ppghost.export(config, folder / name, random_weights=True)
        models.append(folder / "nb" / f"{name}.nb")
        deploy.convert(folder / name, "x86", models[-1])

    results = folder / "latency.json"
    deploy.bench(models, "host", output=results, rounds=rounds)
    return deploy.report([results], folder / "report")


if __name__ == "__main__":
    print(main(Path(sys.argv[1] if len(sys.argv) > 1 else "output/example")).index)
