"""Which operators Paddle-Lite computes rightly, alone and with our repairs: docs/operators.md.

    python benchmarks/operator_sweep.py [--output FILE.md] [--only REGEX] [--jobs N]

For each of operator_cases.py's programs: Paddle's outputs on four inputs, the x86 file that
paddle_lite_opt makes of the program as it is and of the repaired program, each run on the same
inputs, and whether an arm file can be made of either. Everything that may end its process
(Paddle, the tool, the runtime) has one of its own; "dies" is a signal.
"""

import argparse
import collections
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
os.environ.setdefault("GLOG_minloglevel", "2")
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402

#: largest difference over the range of Paddle's output
RIGHT, LOOSE = 1e-5, 1e-3
INPUTS = ("noise", "noise x 5", "a ramp from -8 to 8", "zeros with spikes")
#: the parameters of vectors: neither zeros nor ones, whose effect could not be told
LEAST, MOST = 0.4, 1.6


class Worker:
    """A process that does one task after another; one that ends it is answered with None."""

    def __init__(self, kind: str) -> None:
        self._kind, self._process = kind, None

    def ask(self, **task: Any) -> Any:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, __file__, "--worker", self._kind],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        try:
            self._process.stdin.write(json.dumps(task) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())
        except (BrokenPipeError, ValueError):
            self._process.wait()
            return None

    def close(self) -> None:
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait()


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


def work_paddle() -> Callable[..., Any]:
    """Export a case, compute Paddle's outputs, and convert it with and without repairs."""
    import ppghost  # noqa: F401, I001  (zlib before paddle)
    import paddle
    from operator_cases import sections
    from ppghost.deploy.conversion import opt, repairs
    from ppghost.errors import PPGhostError
    from ppghost.formats.exported import MODEL_FILE, PARAMS_FILE, open_model
    from ppghost.formats.program_desc import operator_types
    from ppghost.utils.paddle_inference import Engine, EngineError

    paddle.enable_static()
    cases = sections()

    def convert(model, repaired, folder: Path, target: str) -> str:
        missing = sorted(operator_types(repaired.program) - opt.supported_operators(target))
        if missing:
            return f"no kernel: {', '.join(missing)}"
        model.write(repaired.program, folder, repaired.params)
        files = [f"--model_file={folder / MODEL_FILE}", f"--param_file={folder / PARAMS_FILE}"]
        try:
            opt.run(files, folder / f"{target}.nb", target, 60)
        except PPGhostError as error:
            return "dies" if "crashed" in str(error) else "refused"
        return "made"

    def do(section: str, name: str, folder: str) -> dict[str, Any]:
        path, each = Path(folder), cases[section][name]
        try:
            _export(each, path / "model")
            model = open_model(path / "model")
            values = _inputs(each)
            engine = Engine(model.program.SerializeToString(), model.params())
            expected = [engine(value) for value in values]
        except (
            PPGhostError,
            EngineError,
            ValueError,
            RuntimeError,
            AssertionError,
            TypeError,
        ) as e:
            return {"error": f"cannot: {str(e).strip().splitlines()[-1][:80]}"}
        np.savez(
            path / "inputs.npz",
            **{f"{i}/{k}": v for i, value in enumerate(values) for k, v in value.items()},
        )
        np.savez(
            path / "expected.npz",
            **{f"{i}/{j}": v for i, outputs in enumerate(expected) for j, v in enumerate(outputs)},
        )
        plain = repairs.Repaired(model.program, None, {})
        files = {"plain": {t: convert(model, plain, path / "plain", t) for t in ("x86", "arm")}}
        done = {target: repairs.repair(model, target) for target in ("x86", "arm")}
        counts = done["arm"].counts() | done["x86"].counts()
        if counts:
            files["repaired"] = {
                target: convert(model, repaired, path / "repaired", target)
                for target, repaired in done.items()
            }
        return {"files": files, "repairs": counts}

    return do


def _export(each: Any, folder: Path) -> None:
    import paddle

    main, startup, scope = paddle.static.Program(), paddle.static.Program(), paddle.static.Scope()
    main.random_seed = startup.random_seed = 1
    executor = paddle.static.Executor(paddle.CPUPlace())
    with (
        paddle.static.program_guard(main, startup),
        paddle.utils.unique_name.guard(),
        paddle.static.scope_guard(scope),
    ):
        declared = [each.open or each.shapes[0], *each.shapes[1:]]
        feeds = [
            paddle.static.data(f"x{i}", list(shape), "float32") for i, shape in enumerate(declared)
        ]
        outputs = each.build(*feeds)
        outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        if not main.all_parameters():
            # Paddle cannot load a model without any
            outputs.append(feeds[0] * paddle.create_parameter([1], "float32"))
        executor.run(startup)
        rng = np.random.default_rng(1)
        for var in main.list_vars():
            found = scope.find_var(var.name) if var.persistable and len(var.shape) == 1 else None
            if found is not None and var.name not in ("feed", "fetch"):
                values = rng.uniform(LEAST, MOST, var.shape).astype("float32")
                found.get_tensor().set(values, paddle.CPUPlace())
        path = str(folder / "inference")
        paddle.static.save_inference_model(path, feeds, outputs, executor, program=main)


def _inputs(each: Any) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    values: list[dict[str, np.ndarray]] = [{} for _ in INPUTS]
    for number, shape in enumerate(each.shapes):
        noise, size = rng.standard_normal(shape), int(np.prod(shape))
        spikes = np.zeros(size)
        spikes[:: max(1, size // 7)], spikes[3 :: max(1, size // 5)] = 3, -4
        ramp = np.linspace(-8, 8, size)
        arrays = (noise, noise * 5, ramp.reshape(shape), spikes.reshape(shape))
        for value, array in zip(values, arrays, strict=True):
            value[f"x{number}"] = (array * each.amplitude).astype(np.float32)
    return values


def work_lite() -> Callable[..., Any]:
    """Run an x86 file on several inputs."""
    from paddlelite import lite

    def do(nb: str, inputs: str, outputs: str) -> bool:
        config = lite.MobileConfig()
        config.set_model_from_file(nb)
        predictor = lite.create_paddle_predictor(config)
        values, found = np.load(inputs), {}
        for number in range(len(INPUTS)):
            for name in predictor.get_input_names():
                predictor.get_input_by_name(name).from_numpy(values[f"{number}/{name}"])
            predictor.run()
            for index, name in enumerate(predictor.get_output_names()):
                found[f"{number}/{index}"] = np.array(predictor.get_output_by_name(name).numpy())
        np.savez(outputs, **found)
        return True

    return do


def serve(kind: str) -> None:
    """Answer each line of the input with one."""
    answers = os.fdopen(os.dup(1), "w")
    # what the libraries print is no answer
    os.dup2(2, 1)
    do = {"paddle": work_paddle, "lite": work_lite}[kind]()
    for line in sys.stdin:
        answers.write(json.dumps(do(**json.loads(line))) + "\n")
        answers.flush()


def _names() -> list[tuple[str, str]]:
    """Section and name of every case."""
    import ppghost  # noqa: F401, I001  (zlib before paddle)
    from operator_cases import sections

    return [(section, name) for section, cases in sections().items() for name in cases]


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
        f"Made by `python benchmarks/operator_sweep.py` on {date.today()}, with Paddle "
        f"{version('paddlepaddle')} and Paddle-Lite {version('paddlelite')}: {len(known)} small "
        "programs of one operator, or of a few that converters join, each on four inputs "
        f"({', '.join(INPUTS)}).",
        "",
        "The figure is the largest difference from Paddle over the range of Paddle's output: "
        f"*right* up to {RIGHT:g}, *loose* up to {LOOSE:g}, *WRONG* above. *no kernel* is what "
        "Paddle-Lite lists none for, *refused* a message of `paddle_lite_opt`, *dies* a signal. "
        "x86 files were run. arm files were only made, for there is no phone here: *made* says "
        "nothing about what they compute, but a repair that is needed for a file's weights is "
        "needed for every target. *alone* is `paddle_lite_opt` without us; *repaired* is after "
        "the rewrites of `ppghost convert`, which besides refuses an x86 file whose outputs on "
        "its seeded input are not Paddle's. A dash: the program needs no repair.",
        "",
        "`hard_swish` with other constants than 3, 6 and 6 is WRONG because Paddle itself ignores "
        "them, and Paddle-Lite does not. Which of the two a network means only its author knows: "
        "it is left alone.",
        "",
        "Limits: one shape and one set of weights a program, float32, batch 1 unless it says "
        "otherwise; OpenCL files and fp16 were not measured.",
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "operators.md")
    parser.add_argument("--only", default="", metavar="REGEX", help="on 'section: name'")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--worker", choices=("paddle", "lite"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return serve(args.worker)
    wanted = [pair for pair in _names() if re.search(args.only, ": ".join(pair))]
    own, started = threading.local(), []

    def one(pair: tuple[str, str]) -> Row:
        if not hasattr(own, "workers"):
            own.workers = {kind: Worker(kind) for kind in ("paddle", "lite")}
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
