"""Which operators Paddle-Lite computes rightly, alone and with our repairs: docs/operators.md.

    python benchmarks/operator_sweep.py [--output FILE.md] [--only REGEX] [--jobs N]

For each of operator_cases's programs: Paddle's outputs on four inputs, the x86 file that
paddle_lite_opt makes of the program as it is and of the repaired program, each run on the same
inputs, and whether an arm file can be made of either. Everything that may end its process
(Paddle, the tool, the runtime) has one of its own; "dies" is a signal.
"""

import argparse
import re
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
from sweep.table import LOOSE, RIGHT, Row, table  # noqa: E402
from sweep.workers import Worker  # noqa: E402


def measure(section: str, name: str, workers: dict[str, Worker]) -> Row:
    """One row, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="operator-sweep-") as folder:
        exported = workers["paddle"].ask(section=section, name=name, folder=folder)
        if exported is None or "error" in exported:
            reason = "Paddle itself " + ("dies" if exported is None else exported["error"])
            return Row(section, name, reason, "", {}, "", "")
        found = {}
        for kind, targets in exported["files"].items():
            for target, outcome in targets.items():
                if outcome == "made" and target == "x86":
                    outcome = _judge(workers["lite"], Path(folder), kind)
                found[kind, target] = outcome
        if not exported["repairs"]:
            # the same program
            found |= {("repaired", target): found["plain", target] for target in ("x86", "arm")}
        return Row(
            section, name, found["plain", "x86"], found["plain", "arm"], exported["repairs"],
            found["repaired", "x86"], found["repaired", "arm"],
        )  # fmt: skip


def _judge(lite: Worker, folder: Path, kind: str) -> str:
    """Run an x86 file and compare with Paddle."""
    outputs = folder / f"{kind}.npz"
    nb = folder / kind / "x86.nb"
    if lite.ask(nb=str(nb), inputs=str(folder / "inputs.npz"), outputs=str(outputs)) is None:
        return "made, dies when run"
    expected, actual = np.load(folder / "expected.npz"), np.load(outputs)
    worst = max(_difference(expected[key], actual[key]) for key in expected.files)
    word = "right" if worst <= RIGHT else "loose" if worst <= LOOSE else "WRONG"
    return f"{word} ({worst:.0e})" if np.isfinite(worst) else "WRONG (shape or NaN)"


def _difference(x: np.ndarray, y: np.ndarray) -> float:
    # Paddle-Lite has no tensor without dimensions
    if x.shape not in (y.shape, ()) or x.size != y.size:
        return np.inf
    x, y = x.astype(np.float64).ravel(), y.astype(np.float64).ravel()
    finite = np.isfinite(x)
    if not np.array_equal(finite, np.isfinite(y)):
        return np.inf
    x, y = x[finite], y[finite]
    if not x.size:
        return 0.0
    # the range of one number is its size
    spread = max(np.ptp(x), np.abs(x).max() * (1.0 if x.size == 1 else 1e-3), 1e-12)
    return float(np.abs(x - y).max() / spread)


def _names() -> list[tuple[str, str]]:
    """Section and name of every case."""
    import ppghost  # noqa: F401, I001  (zlib before paddle)
    from operator_cases import sections

    return [(section, name) for section, cases in sections().items() for name in cases]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "operators.md")
    parser.add_argument("--only", default="", metavar="REGEX", help="on 'section: name'")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    wanted = [pair for pair in _names() if re.search(args.only, ": ".join(pair))]
    own, started = threading.local(), []

    def one(pair: tuple[str, str]) -> Row:
        if not hasattr(own, "workers"):
            own.workers = {kind: Worker(f"{kind}_worker") for kind in ("paddle", "lite")}
            started.extend(own.workers.values())
        row = measure(*pair, own.workers)
        print(f"{row.section}: {row.name}: {row.x86} | {row.arm} | {', '.join(row.repairs)} | "
              f"{row.repaired_x86} | {row.repaired_arm}", flush=True)  # fmt: skip
        return row

    with ThreadPoolExecutor(args.jobs) as pool:
        rows = list(pool.map(one, wanted))
    for worker in started:
        worker.close()
    args.output.write_text(table(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
