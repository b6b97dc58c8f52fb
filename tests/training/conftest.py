"""Training runs as processes of their own, to be killed."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

TESTS = Path(__file__).parents[1]
TINY = [str(TESTS / "support" / "tiny.py"), str(TESTS)]


class Run:
    """One `ppghost train`, alone or under Paddle's launcher; everything it says goes to a file."""

    def __init__(self, config, output, *arguments, processes=1, launcher=(), dump=None):
        self.directory = Path(output)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.said = self.directory / f"said-{time.monotonic_ns()}"
        command = [sys.executable]
        if processes > 1 or launcher:
            command += ["-m", "paddle.distributed.launch", "--log_dir", str(self.directory / "log")]
            command += [*launcher] or ["--nproc_per_node", str(processes)]
        command += [*TINY, "train", "-c", str(config), "-o", f"Global.output_dir={output}"]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS.parent)}
        if dump:
            dump.mkdir()
            environment["DUMP_TO"] = str(dump)
        with self.said.open("wb") as file:
            self.process = subprocess.Popen(
                [*command, *arguments], stdout=file, stderr=subprocess.STDOUT, env=environment
            )

    def wait_for_step(self, step, timeout=60):
        """Until `train.jsonl` has come to that step."""
        end = time.monotonic() + timeout
        while self.step() < step:
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < end, self.text()
            time.sleep(0.02)

    def step(self):
        lines = [line for path in self.directory.glob("*/train.jsonl") for line in path.open()]
        steps = [json.loads(line)["step"] for line in lines if line.endswith("\n")]
        return max(steps, default=0)

    def workers(self):
        """The processes that train, under the launcher."""
        return psutil.Process(self.process.pid).children()

    def end(self, timeout=120):
        """Its exit code; no process of it is left."""
        return self.process.wait(timeout)

    def text(self):
        logs = [self.said, *sorted((self.directory / "log").glob("workerlog.*"))]
        return "\n".join(log.read_text(errors="replace") for log in logs if log.exists())


@pytest.fixture(scope="session")
def tiny_command():
    """The `ppghost` command with the tests' networks, as a list of words."""
    return [sys.executable, *TINY]


@pytest.fixture
def start():
    """Start a `Run`; what is still alive at the end of the test is killed."""
    runs = []

    def start_one(*arguments, **settings):
        runs.append(Run(*arguments, **settings))
        return runs[-1]

    yield start_one
    for run in runs:
        if run.process.poll() is None:
            for child in psutil.Process(run.process.pid).children(recursive=True):
                child.kill()
            run.process.kill()
            run.process.wait()
