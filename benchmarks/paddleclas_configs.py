"""Which of PaddleClas's ImageNet configs run here, unchanged, and why the others do not.

    python benchmarks/paddleclas_configs.py CHECKOUT [--only GLOB...] [--json FILE]

Every file under CHECKOUT/ppcls/configs/ImageNet (of 1.x under CHECKOUT/configs) is read, its
training Program is built, and two steps (eight with MultiScaleSampler, four with RASampler, two
for each progressive stage) and a checkpoint follow, all by the Trainer itself. Overridden are the
paths, the epochs, the batch size (2), the workers, downloads, evaluation, and the image size:
64x64, or the file's own where the network does not work at 64x64; of several sizes two are left,
64 and 96. The data are a few random JPEGs.

Each file runs in a process of its own, so that a crash is a row of the table and not its end;
rows that the JSON file holds already are kept.
"""

import argparse
import collections
import copy
import fnmatch
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("GLOG_minloglevel", "2")
sys.path.insert(0, str(Path(__file__).parents[1]))

import ppghost  # noqa: F401, I001  (zlib before paddle)
import numpy as np
import yaml
from PIL import Image

from ppghost.utils.yaml_files import read_yaml
from ppghost.config import loading as config
from ppghost.static.runtime import static_graph
from ppghost.data.samplers import STAGES as TRAINING_STAGES
from ppghost.errors import PPGhostError
from ppghost.utils.files import read_json, write_json
from ppghost.models import paddleclas_zoo
from ppghost.training import loop

SMALL, LARGER = 64, 96
BATCH = 2
#: what the training samplers are run with, where it is not BATCH
SAMPLING = {"MultiScaleSampler": {"first_bs": BATCH}, "RASampler": {"batch_size": 64}}
#: how often the images are listed: so that both sizes come up, and as many as there must be
REPEATS = {"MultiScaleSampler": 3, "RASampler": 64}
#: what a row can have come to, in order
STAGES = ("refused", "unreadable", "parsed", "built", "trained")


def write_images(directory: Path) -> None:
    """Six random 64x64 JPEGs, the first four listed for training, two for evaluation."""
    rng = np.random.default_rng(0)
    for i in range(6):
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        image = Image.fromarray(pixels).resize((SMALL, SMALL), Image.Resampling.BICUBIC)
        image.save(directory / f"{i}.jpg")
    lines = [f"{i}.jpg {i}\n" for i in range(6)]
    (directory / "train_list.txt").write_text("".join(lines[:4]))
    for sampler, times in REPEATS.items():
        (directory / f"{sampler}.txt").write_text("".join(lines[:4]) * times)
    (directory / "val_list.txt").write_text("".join(lines[4:]))


def overrides(path: Path, data: Path, output: Path) -> list[str]:
    """What a config is run with."""
    own = read_yaml(path).get("DataLoader", {}).get("Train", {})
    sampler = (own.get("sampler") or {}).get("name")
    sampling = SAMPLING.get(sampler, {"batch_size": BATCH})
    train_list = data / f"{sampler if sampler in REPEATS else 'train_list'}.txt"
    both = {"dataset.image_root": data, "loader.num_workers": 1}
    values = {f"DataLoader.{mode}.{k}": v for mode in ("Train", "Eval") for k, v in both.items()}
    values |= {f"DataLoader.Train.sampler.{key}": value for key, value in sampling.items()}
    values |= {
        "DataLoader.Eval.sampler.batch_size": BATCH,
        "DataLoader.Train.dataset.cls_label_path": train_list,
        "DataLoader.Eval.dataset.cls_label_path": data / "val_list.txt",
        "Global.output_dir": output,
        "Global.epochs": 1,
        "Global.save_interval": 1000,
        "Global.eval_during_train": False,
        "Global.device": "cpu",
        "Arch.pretrained": False,
    }
    return [f"{key}={value}" for key, value in values.items()]


def shrink(settings: dict) -> dict:
    """The config for 64x64: the network's input and the sizes that its operations make."""
    small = copy.deepcopy(settings)
    if "scales" in small["DataLoader"]["Train"]["sampler"]:
        small["DataLoader"]["Train"]["sampler"]["scales"] = [SMALL, LARGER]
    if small["Global"].get("train_mode") == "progressive":
        small["Global"]["epochs"] = TRAINING_STAGES
    small["Global"]["image_shape"][1:] = [SMALL, SMALL]
    for mode in ("Train", "Eval"):
        for op in small["DataLoader"][mode]["dataset"]["transform_ops"]:
            for parameters in op.values():
                for key in {"size", "resize_short"} & set(parameters or ()):
                    parameters[key] = SMALL
                if "progress_size" in (parameters or ()):
                    parameters["progress_size"] = [SMALL, LARGER] * (TRAINING_STAGES // 2)
    return small


def run(path: Path, data: Path, report) -> None:
    """One config, to its end; each stage is reported as it is reached."""
    with tempfile.TemporaryDirectory() as output:
        try:
            settings = config.load_config(path, overrides(path, data, Path(output)))
        except PPGhostError as error:
            refused = str(error).endswith("not supported")
            report(stage="refused" if refused else "unreadable", reason=_one_line(error))
            return
        report(stage="parsed", arch=settings["Arch"]["name"])
        for attempt in (shrink(settings), settings):
            report(stage="parsed", size=attempt["Global"]["image_shape"][1], reason="")
            try:
                _train(attempt, report)
                return
            except Exception as error:  # of any kind: it is what the row says
                report(reason=_one_line(error))


def _train(settings: dict, report) -> None:
    """Build, two steps, a checkpoint; nothing stays in memory if it fails."""
    with static_graph() as place:
        trainer = loop.prepare(settings, place)
        report(stage="built")
        figures = trainer.run()
    report(stage="trained", loss=round(figures["train"]["loss"], 4))


def _one_line(error: BaseException) -> str:
    """The kind and the last line that says something, of Paddle's long messages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "Error:" in line] or lines or [""]
    known = isinstance(error, PPGhostError)
    return told[0] if known else f"{type(error).__name__}: {told[0][:300]}"


def _child(path: Path, data: Path, pipe, memory_gb: float) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (int(memory_gb * 2**30),) * 2)
    with open(os.devnull, "w") as null:
        os.dup2(null.fileno(), 1)
        os.dup2(null.fileno(), 2)
    run(path, data, lambda **row: pipe.send(row))
    pipe.send({"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024})
    os._exit(0)  # what the parent would clean up at its own end is not the child's to clean up


def run_apart(path: Path, data: Path, timeout: float, memory_gb: float) -> dict:
    """`run` in a process of its own: the row it came to."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)
    process = fork.Process(target=_child, args=(path, data, theirs, memory_gb))
    started = time.monotonic()
    process.start()
    theirs.close()
    row: dict = {"stage": "unreadable", "reason": ""}
    try:
        while "peak_mb" not in row:
            if not ours.poll(max(0, started + timeout - time.monotonic())):
                row["reason"] = f"not done after {timeout:.0f} s"
                process.kill()
                break
            row |= ours.recv()
    except EOFError:
        process.join()
        if process.exitcode:
            row["reason"] = f"the process ended with {process.exitcode}"
    process.join()
    return row | {"seconds": round(time.monotonic() - started, 1)}


def summary(rows: dict[str, dict]) -> str:
    """Counts, then a line for each file that did not come to its end."""
    reached = collections.Counter(STAGES.index(row["stage"]) for row in rows.values())
    at_least = [sum(n for stage, n in reached.items() if stage >= i) for i in range(len(STAGES))]
    sizes = collections.Counter(r["size"] for r in rows.values() if r["stage"] == "trained")
    lines = [
        f"{len(rows)} files: {reached[0]} of other tasks, {at_least[2]} parse, "
        f"{at_least[3]} build, {at_least[4]} train two steps "
        f"({', '.join(f'{n} at {size}' for size, n in sizes.items())})"
    ]
    for name, row in sorted(rows.items(), key=lambda item: (STAGES.index(item[1]["stage"]), item)):
        if row["stage"] != "trained":
            lines.append(f"{row['stage']:<10} {name}: {row['reason']}")
    return "\n".join(lines)


def _one_of_each_first(names: Iterable[str]) -> list[str]:
    """The first file of each folder, then the second of each: a run cut short has seen them all."""
    seen: collections.Counter = collections.Counter()
    turns = []
    for name in names:
        folder = name.partition("/")[0]
        turns.append((seen[folder], name))
        seen[folder] += 1
    return [name for _, name in sorted(turns)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help="of PaddleClas, 2.x or 1.x (release/static)")
    parser.add_argument("--only", nargs="+", default=["*"], metavar="GLOB", help="below ImageNet/")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where rows are kept")
    parser.add_argument("--again", action="store_true", help="run again what did not train")
    parser.add_argument("--most", type=int, metavar="N", help="run no more than N files now")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=900, help="seconds for one file")
    parser.add_argument("--memory", type=float, default=8, help="GB for one file")
    args = parser.parse_args()
    root = args.checkout / "ppcls/configs/ImageNet"
    if not root.is_dir():  # 1.x
        root = args.checkout / "configs"
    names = [str(p.relative_to(root)) for p in sorted(root.rglob("*.yaml"))]
    chosen = {name for glob in args.only for name in fnmatch.filter(names, glob)}
    names = _one_of_each_first(sorted(chosen))
    rows = read_json(args.json) if args.json and args.json.exists() else {}
    final = ("trained", "refused") if args.again else STAGES
    kept = {name for name, row in rows.items() if row["stage"] in final}
    paddleclas_zoo.paddleclas_architectures()  # imported once, for every child
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(args.jobs) as pool:
        data = Path(directory)
        write_images(data)
        todo = [name for name in names if name not in kept][: args.most]
        limits = (args.timeout, args.memory)
        tasks = [(n, pool.submit(run_apart, root / n, data, *limits)) for n in todo]
        for done, (name, task) in enumerate(tasks, 1):
            rows[name] = task.result()
            row = yaml.safe_dump(rows[name], default_flow_style=True, width=10**6).strip()
            print(f"[{done}/{len(tasks)}] {name}: {row}", flush=True)
            if args.json:
                write_json(args.json, rows)
    print(summary({name: rows[name] for name in names if name in rows}))


if __name__ == "__main__":
    main()
