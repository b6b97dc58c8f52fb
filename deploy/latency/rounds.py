"""The rounds of a campaign on one device; each device of a campaign has a thread of its own.

One thread count after the other; within it each round gives every model a short burst, in a
random order that is seeded and recorded. So a device that slows down slows all models alike.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any

from ppghost.deploy.devices.base import Device, Session
from ppghost.deploy.latency import record
from ppghost.deploy.latency.campaign import Campaign
from ppghost.deploy.latency.results import device_identity, result_key
from ppghost.deploy.latency.stats import relative_width
from ppghost.deploy.latency.throttling import throttled
from ppghost.deploy.latency.waiting import Patience, Stopped
from ppghost.deploy.nb.sidecar import NbModel
from ppghost.errors import DeviceError, DeviceLost

logger = logging.getLogger(__name__)

PROGRESS_EVERY_S = 2.0
#: never stopped earlier by a wanted precision: intervals of very few rounds are often too short
FEWEST_ROUNDS = 10


class Document:
    """A result file that several devices write to; `lock` guards its content."""

    def __init__(self, content: dict[str, Any], save: Callable[[], None]) -> None:
        self.content, self._save = content, save
        self.lock = threading.RLock()
        self.stop = threading.Event()

    def save(self) -> None:
        """Write the file; it is whole whenever this is called."""
        with self.lock:
            self._save()


class DeviceRounds:
    """What one device does of a campaign. `problem`, once set, says why it did not do all."""

    def __init__(
        self, document: Document, device: Device, campaign: Campaign, models: dict[int, NbModel]
    ) -> None:
        """`models` by their number in the plan."""
        self.reference: str = document.content["plan"]["reference"]
        self.document, self.device, self.campaign = document, device, campaign
        self.models = models
        self._patience = Patience(device, document.stop, campaign)
        self.problem: str | None = None
        self._checks: dict[int, dict[str, Any] | None] = {}
        self._caps: list[int] | None = None
        self._spoken = time.monotonic()

    def run(self) -> None:
        """Everything, one thread count after the other. Device errors end in `problem`."""
        try:
            self._patience.insist(self.device.prepare)
            self._caps = self._patience.insist(self.device.conditions)["freq_cap_khz"]
            for threads in self.campaign.threads:
                self._measure(threads)
        except Stopped:
            pass
        except DeviceError as error:
            self.problem = str(error)
            logger.warning("%s", error)
            self._note_unfinished()
        finally:
            self.device.close()

    def _note_unfinished(self) -> None:
        """What was begun here and not concluded: why, and what can be said of it."""
        with self.document.lock:
            mine = [
                result
                for result in self.document.content["results"]
                if result["device"]["serial"] == self.device.serial
            ]
            for result in mine:
                if result["status"] == "skipped":
                    result["error"] = self.problem
                    same = [one for one in mine if one["threads"] == result["threads"]]
                    record.add_ratio(result, same, self.reference)
        self.document.save()

    def _measure(self, threads: int) -> None:
        """All rounds of all models at one thread count."""
        limitation = self.device.limitation(threads)
        if limitation:
            logger.warning("%s, threads %d: %s", self.device.serial, threads, limitation)
        with self.document.lock:
            results = {index: self._result(one, threads) for index, one in self.models.items()}
        unfinished = [index for index, one in results.items() if one["status"] != "ok"]
        if not unfinished:
            logger.info(
                "%s, threads %d: all %d models were measured before",
                self.device.serial, threads, len(results),
            )  # fmt: skip
            return
        logger.info(
            "%s: loading %d models, threads %d", self.device.serial, len(unfinished), threads
        )
        with ExitStack() as stack:
            sessions = {}
            for index in unfinished:
                session = self._load(index, results[index], threads)
                if session:
                    sessions[index] = stack.enter_context(closing(session))
            self.document.save()
            self._rounds(threads, results, sessions)
        with self.document.lock:
            for result in results.values():
                record.add_ratio(result, results.values(), self.reference)
                record.conclude(result, limitation)
        self.document.save()

    def _rounds(
        self, threads: int, results: dict[int, dict[str, Any]], sessions: dict[int, Session]
    ) -> None:
        started = time.monotonic()
        begun, limit = -math.inf, self.campaign.time_limit
        order = self.document.content["plan"]["order"]
        for number, indices in enumerate(order):
            if not sessions or (limit and time.monotonic() - started > limit):
                break
            todo = [
                index
                for index in indices
                if index in sessions and len(results[index]["conditions"]) <= number
            ]
            if not todo:
                continue
            self._patience.until(begun + (self.campaign.round_every or 0))
            begun = time.monotonic()
            state = self._patience.fair_state()
            state |= {"run": self.document.content["created"], "round": number}
            for index in todo:
                self._burst(results[index], sessions, index, state)
            # only here, where samples and conditions agree whenever Ctrl-C may come
            self.document.save()
            self._progress(threads, number, started, list(results.values()))
            if number + 1 >= FEWEST_ROUNDS and self._precise(results, sessions):
                break

    def _precise(self, results: dict[int, dict[str, Any]], sessions: dict[int, Session]) -> bool:
        wanted = self.campaign.precision
        return wanted is not None and all(
            _narrower(results[index]["stats"], wanted) for index in sessions
        )

    def _result(self, model: NbModel, threads: int) -> dict[str, Any]:
        """The result this run continues, or a fresh one, put into the document."""
        description = self.device.describe()
        wanted = (model.info.content_sha256, threads, device_identity(description))
        for result in self.document.content["results"]:
            if result_key(result) == wanted:
                if result["status"] != "ok" or not self._done(result):
                    result["status"], result["error"] = "skipped", record.UNFINISHED
                return result
        result = record.begin(model, self.device, threads)
        self.document.content["results"].append(result)
        return result

    def _done(self, result: dict[str, Any]) -> bool:
        """Whether an earlier run did all that this one asks for."""
        if len(result["conditions"]) >= self.campaign.most_rounds:
            return True
        return self.campaign.precision is not None and _narrower(
            result["stats"], self.campaign.precision
        )

    def _load(self, index: int, result: dict[str, Any], threads: int) -> Session | None:
        """The model ready to be timed, its outputs checked, warmed up; None if it failed."""
        model = self.models[index]
        session = None
        try:
            session = self._patience.insist(lambda: self.device.open(model, threads))
            if index not in self._checks:
                self._checks[index] = self._patience.insist(
                    lambda: self.device.check_output(session)
                )
            warm = self._warm_up(session)
        except (DeviceLost, Stopped):
            raise
        except DeviceError as error:
            self._fail(result, error)
            if session:
                session.close()
            return None
        except BaseException:
            if session:
                session.close()
            raise
        with self.document.lock:
            result["output_check"] = self._checks[index] or model.output_check
            result["warmup_ms"] += warm
        return session

    def _warm_up(self, session: Session) -> list[float]:
        count = self.campaign.warmup
        if not count:
            return []
        return self._patience.insist(lambda: self.device.measure(session, count, 0)).samples_ms

    def _burst(
        self,
        result: dict[str, Any],
        sessions: dict[int, Session],
        index: int,
        state: dict[str, Any],
    ) -> None:
        campaign = self.campaign
        try:
            burst = self._patience.insist(
                lambda: self.device.measure(
                    sessions[index], campaign.repeats or self.device.repeats, campaign.burst_warmup
                )
            )
        except (DeviceLost, Stopped):
            raise
        except DeviceError as error:
            self._fail(result, error)
            sessions.pop(index).close()
            return
        why = throttled(state, burst, self._caps, campaign.max_temp)
        condition = {**state, **burst.before, "after": burst.after, **burst.details}
        condition["throttled"] = why
        with self.document.lock:
            record.add_burst(result, burst, condition)

    def _fail(self, result: dict[str, Any], error: DeviceError) -> None:
        with self.document.lock:
            result["status"], result["error"] = "failed", str(error)
        logger.warning("%s", error)

    def _progress(
        self, threads: int, number: int, started: float, results: list[dict[str, Any]]
    ) -> None:
        now, rounds = time.monotonic(), self.campaign.most_rounds
        if now - self._spoken < PROGRESS_EVERY_S and number + 1 < rounds:
            return
        self._spoken = now
        left = (now - started) / (number + 1) * (rounds - number - 1)
        medians = ", ".join(
            f"{one['model']} {one['stats']['median']:.2f}" for one in results if one["stats"]
        )
        logger.info(
            "%s: round %d/%d, threads %d, %.0f s left; ms: %s",
            self.device.serial, number + 1, rounds, threads, left, medians,
        )  # fmt: skip


def _narrower(stats: dict[str, Any] | None, wanted: float) -> bool:
    width = stats and relative_width(stats)
    return width is not None and width <= wanted
