"""Time `.nb` files on a device: interleaved rounds, every sample kept, nothing lost on the way.

One thread count after the other; within it every model stays loaded in a session of its own, and
each round gives every model a short burst, in a random order that is seeded and recorded. So a
machine that slows down slows all models alike.
"""

import logging
import random
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from deploy.devices import Device, Session
from deploy.results import SCHEMA, device_identity, host_metadata, load_result, result_key
from deploy.sidecar import NbModel, load_models
from deploy.stats import MAX_RELATIVE_WIDTH, relative_width, summarize, too_wide
from ppghost.errors import DeviceError, InputError
from ppghost.files import write_json

logger = logging.getLogger(__name__)

ROUNDS = 20
#: inferences of one burst that count, and those before them that refill the caches
REPEATS = 5
BURST_WARMUP = 1
#: inferences after loading, before the first round
WARMUP = 5
PROGRESS_EVERY_S = 2.0
_UNFINISHED = "not finished; run again with --resume"
#: what two runs must have in common for --resume to put their samples together
_SAME_PLAN = ("repeats", "warmup", "burst_warmup")


def bench(
    models: Sequence[Path],
    device: Device,
    *,
    threads: Sequence[int] = (1,),
    rounds: int = ROUNDS,
    repeats: int = REPEATS,
    warmup: int = WARMUP,
    output: Path,
    resume: bool = False,
    dry_run: bool = False,
    seed: int = 0,
    command: str | None = None,
) -> dict[str, Any]:
    """Time every model (`.nb` files, or folders of them) at every thread count on `device`.

    Returns, and keeps up to date in `output`, a result of schema ppghost.latency/1. With
    `resume`, what `output` already holds of the same file, threads and device is not measured
    again. With `dry_run`, returns the plan and touches nothing. `command` is kept in the plan.
    A model that fails is a result of status "failed", and the others go on. Raises InputError
    before anything runs for a bad argument or file, DeviceError if every model failed.
    """
    output = Path(output)
    loaded = load_models(models)
    for model in loaded:
        device.check(model.path)
    _check_counts(threads, rounds, repeats, warmup)
    plan = {
        "command": command,
        "models": [{"model": one.name, "nb": str(one.path)} for one in loaded],
        "device": device.serial,
        "threads": list(threads),
        "rounds": rounds,
        "repeats": repeats,
        "warmup": warmup,
        "burst_warmup": BURST_WARMUP,
        "seed": seed,
        "order": _orders(len(loaded), rounds, seed),
    }
    document = _start(plan, output, resume)
    if dry_run:
        return document
    campaign = _Campaign(document, output, device)
    campaign.save()
    for count in threads:
        campaign.measure(loaded, count)
    results = document["results"]
    if results and all(result["status"] == "failed" for result in results):
        raise DeviceError(f"every model failed; the first: {results[0]['error']}")
    return document


class _Campaign:
    """The run of a plan on one device; the file is whole after every round."""

    def __init__(self, document: dict[str, Any], output: Path, device: Device) -> None:
        self.document = document
        self.output = output
        self.device = device
        self.description = device.describe()
        self._spoken = time.monotonic()

    def save(self) -> None:
        write_json(self.output, self.document)

    def measure(self, models: list[NbModel], threads: int) -> None:
        """All rounds of all models at one thread count."""
        plan = self.document["plan"]
        if caveat := self.device.caveat(threads):
            logger.warning("threads %d: %s", threads, caveat)
        results = [self._result(model, threads) for model in models]
        unfinished = sum(result["status"] != "ok" for result in results)
        if not unfinished:
            logger.info("threads %d: all %d models were measured before", threads, len(models))
            return
        logger.info("loading %d models, threads %d", unfinished, threads)
        with ExitStack() as stack:
            sessions = {}
            for index, model in enumerate(models):
                if results[index]["status"] != "ok":
                    session = self._load(model, results[index], threads)
                    if session:
                        sessions[index] = stack.enter_context(closing(session))
            self.save()
            started = time.monotonic()
            for number, order in enumerate(plan["order"]):
                for index in order:
                    self._burst(results[index], sessions, index, number)
                # only here, where samples and conditions agree whenever Ctrl-C may come
                self.save()
                self._progress(threads, number, started, results)
        for result in results:
            self._finish(result)
        self.save()

    def _result(self, model: NbModel, threads: int) -> dict[str, Any]:
        """The result this run continues, or a fresh one, put into the document."""
        wanted = (model.info.content_sha256, threads, device_identity(self.description))
        for result in self.document["results"]:
            if result_key(result) == wanted:
                # an earlier run may have had fewer rounds than this one asks for
                if len(result["conditions"]) < self.document["plan"]["rounds"]:
                    result["status"], result["error"] = "skipped", _UNFINISHED
                return result
        result = {
            "model": model.name,
            "weights": model.weights,
            "nb": str(model.path),
            "nb_sha256": model.info.content_sha256,
            "nb_bytes": model.info.bytes,
            "inputs": model.inputs,
            "device": self.description,
            "threads": threads,
            "power_mode": None,
            "precision": model.info.precision,
            "status": "skipped",
            "error": _UNFINISHED,
            "samples_ms": [],
            "warmup_ms": [],
            "stats": None,
            "warning": None,
            "conditions": [],
            "output_check": model.output_check,
        }
        self.document["results"].append(result)
        return result

    def _load(self, model: NbModel, result: dict[str, Any], threads: int) -> Session | None:
        logger.debug("loading %s, %d threads", model.name, threads)
        session = None
        try:
            session = self.device.open(model.path, model.inputs, threads, model.name)
            result["warmup_ms"] += session.measure(self.document["plan"]["warmup"])
        except DeviceError as error:
            self._fail(result, error)
            if session:
                session.close()
            return None
        except BaseException:
            if session:
                session.close()
            raise
        return session

    def _burst(
        self, result: dict[str, Any], sessions: dict[int, Session], index: int, number: int
    ) -> None:
        """One burst, unless the model failed or an earlier run already has this round."""
        if index not in sessions or len(result["conditions"]) > number:
            return
        plan = self.document["plan"]
        try:
            condition = self.device.conditions()
            times = sessions[index].measure(plan["burst_warmup"] + plan["repeats"])
        except DeviceError as error:
            self._fail(result, error)
            sessions.pop(index).close()
        else:
            result["warmup_ms"] += times[: plan["burst_warmup"]]
            result["samples_ms"] += times[plan["burst_warmup"] :]
            result["conditions"].append(condition)
            result["stats"] = summarize(result["samples_ms"], len(result["conditions"]))

    def _fail(self, result: dict[str, Any], error: DeviceError) -> None:
        result["status"], result["error"] = "failed", str(error)
        logger.warning("%s", error)

    def _finish(self, result: dict[str, Any]) -> None:
        if result["status"] == "failed":
            return
        result["status"], result["error"] = "ok", None
        spread = _spread_warning(result)
        if spread:
            logger.warning("%s", spread)
        caveat = self.device.caveat(result["threads"])
        said = (spread, caveat and f"threads {result['threads']}: {caveat}")
        result["warning"] = "; ".join(filter(None, said)) or None

    def _progress(
        self, threads: int, number: int, started: float, results: list[dict[str, Any]]
    ) -> None:
        now, rounds = time.monotonic(), len(self.document["plan"]["order"])
        if now - self._spoken < PROGRESS_EVERY_S and number + 1 < rounds:
            return
        self._spoken = now
        left = (now - started) / (number + 1) * (rounds - number - 1)
        medians = ", ".join(
            f"{one['model']} {one['stats']['median']:.2f}" for one in results if one["stats"]
        )
        logger.info(
            "round %d/%d, threads %d, %.0f s left; ms: %s",
            number + 1,
            rounds,
            threads,
            left,
            medians,
        )


def _spread_warning(result: dict[str, Any]) -> str | None:
    if not too_wide(result["stats"]):
        return None
    width = relative_width(result["stats"])
    problem = (
        "too few rounds for an interval"
        if width is None
        else f"the 95 % interval is {width:.1%} of the median (trusted up to "
        f"{MAX_RELATIVE_WIDTH:.0%})"
    )
    return (
        f"{result['model']}, threads {result['threads']}: {problem}; "
        "measure again with more --rounds, and with nothing else running"
    )


def _start(plan: dict[str, Any], output: Path, resume: bool) -> dict[str, Any]:
    """A document to fill; with `resume`, holding what is already in `output`."""
    document = {
        "schema": SCHEMA,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "host": host_metadata(),
        "plan": plan,
        "results": [],
    }
    if output.exists():
        # also without --resume: a file that is no result of ours is not overwritten
        earlier = load_result(output)
        if resume:
            document["results"] = _resumable(earlier, plan, output)
    return document


def _resumable(earlier: dict[str, Any], plan: dict[str, Any], output: Path) -> list[dict]:
    """What an earlier run measured; failures are left out, to be tried again."""
    for name in _SAME_PLAN:
        if earlier.get("plan", {}).get(name) != plan[name]:
            raise InputError(
                f"{output}: was measured with {name} {earlier.get('plan', {}).get(name)}, not "
                f"{plan[name]}; resume with the same value or choose another output"
            )
    return [result for result in earlier["results"] if result["status"] != "failed"]


def _orders(models: int, rounds: int, seed: int) -> list[list[int]]:
    """For each round the models' numbers in the order they are run."""
    generator = random.Random(seed)  # noqa: S311 - an order, no secret
    return [generator.sample(range(models), models) for _ in range(rounds)]


def _check_counts(threads: Sequence[int], rounds: int, repeats: int, warmup: int) -> None:
    if not threads or min(threads) < 1 or min(rounds, repeats) < 1 or warmup < 0:
        raise InputError("threads, rounds and repeats must be 1 or more, warm-up 0 or more")
