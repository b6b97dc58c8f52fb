"""The rounds of a campaign on one device; each device of a campaign has a thread of its own.

One thread count after the other; within it each round gives every model a short burst, in a
random order that is seeded and recorded. So a device that slows down slows all models alike.
"""

import logging
import math
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from typing import Any

from ppghost.deploy.devices.base import Device, Session
from ppghost.deploy.devices.notes import Note, format_note
from ppghost.deploy.latency import record
from ppghost.deploy.latency.campaign import Campaign
from ppghost.deploy.latency.progress import Progress, log_warnings
from ppghost.deploy.latency.result_file import ResultFile
from ppghost.deploy.latency.results import Result, device_identity
from ppghost.deploy.latency.stopping import Stopping, is_done
from ppghost.deploy.latency.throttling import throttled
from ppghost.deploy.latency.waiting import Stopped, Waiter
from ppghost.deploy.nb.model import NbModel
from ppghost.errors import DeviceError, DeviceLost, OutputMismatch
from ppghost.i18n import message_of

logger = logging.getLogger(__name__)


class DeviceRun:
    """What one device does of a campaign.

    Attributes:
        problem: why it did not do all; None if it did, or was stopped.
        wrong_files: the errors of models that computed something else than they should.
    """

    def __init__(
        self, file: ResultFile, device: Device, campaign: Campaign, models: dict[int, NbModel]
    ) -> None:
        """A run that has not begun.

        Args:
            file: where its results go, with those of other devices.
            device: what it runs on, from its own thread.
            campaign: what is asked for.
            models: those that the device takes, by their number in the plan.
        """
        self.reference = file.content.plan.reference
        self.file, self.device, self.campaign = file, device, campaign
        self.models = models
        self.problem: str | None = None
        self.wrong_files: set[str] = set()
        self._waiter = Waiter(device, file.stop, campaign)
        self._checks: dict[int, Mapping[str, Any] | None] = {}
        self._caps: list[int] | None = None
        self._about = {"device": device.serial}
        self._progress = Progress(device.serial, campaign.max_rounds)

    def run(self) -> None:
        """Everything, one thread count after the other. Device errors end in `problem`."""
        try:
            self._waiter.retry(self.device.prepare)
            self._caps = self._waiter.retry(self.device.conditions)["freq_cap_khz"]
            for threads in self.campaign.threads:
                self._measure(threads)
        except Stopped:
            pass
        except DeviceError as error:
            self.problem = message_of(error)
            logger.warning("%s", error, extra=self._about)
            self._note_unfinished()
        finally:
            self.device.close()

    def _note_unfinished(self) -> None:
        """What was begun here and not concluded: why, and what can be said of it."""
        with self.file.lock:
            own = [
                result
                for result in self.file.content.results
                if result.device["serial"] == self.device.serial
            ]
            for result in own:
                if result.status == "skipped":
                    result.error = self.problem
                    same = [other for other in own if other.threads == result.threads]
                    base = record.choose_reference(same, self.reference)
                    record.add_ratio(result, same, base)
        self.file.save()

    def _measure(self, threads: int) -> None:
        """All rounds of all models at one thread count."""
        limitation = self.device.limitation(threads)
        if limitation:
            logger.warning(
                "%s, threads %d: %s", self.device.serial, threads, format_note(limitation)
            )
        with self.file.lock:
            results = {
                index: self._find_or_begin(model, threads) for index, model in self.models.items()
            }
        unfinished = [index for index, result in results.items() if result.status != "ok"]
        if not unfinished:
            logger.info(
                "%s, threads %d: all %d models were measured before",
                self.device.serial, threads, len(results),
            )  # fmt: skip
            return
        logger.info(
            "%s: loading %d models, threads %d", self.device.serial, len(unfinished), threads,
            extra=self._about,
        )  # fmt: skip
        with ExitStack() as stack:
            sessions = {}
            for index in [*unfinished, *self._beside(results, unfinished)]:
                session = self._load(index, results[index], threads)
                if session:
                    sessions[index] = stack.enter_context(closing(session))
            self.file.save()
            self._rounds(threads, results, sessions, set(unfinished))
        warnings: list[str] = []
        with self.file.lock:
            base = record.choose_reference(results.values(), self.reference)
            for result in results.values():
                record.add_ratio(result, results.values(), base)
                warnings += record.conclude(result, limitation, self.reference)
        self.file.save()
        log_warnings(warnings)

    def _beside(self, results: dict[int, Result], unfinished: list[int]) -> list[int]:
        """The reference where it is done already: ratios are of rounds that both are in."""
        done = [index for index in results if index not in unfinished]
        name = record.choose_reference((results[index] for index in done), self.reference)
        known = any(results[index].model == self.reference for index in unfinished)
        return [] if known else [index for index in done if results[index].model == name]

    def _rounds(
        self,
        threads: int,
        results: dict[int, Result],
        sessions: dict[int, Session],
        unfinished: set[int],
    ) -> None:
        """All rounds; a session that is not of `unfinished` models is measured beside them."""
        started = time.monotonic()
        begun, limit = -math.inf, self.campaign.time_limit
        stopping = Stopping(self.campaign, self.reference)
        for number, indices in enumerate(self.file.content.plan.order):
            if not sessions or (limit and time.monotonic() - started > limit):
                break
            todo = [
                index
                for index in indices
                if index in sessions and len(results[index].rounds) <= number
            ]
            if not unfinished & set(todo):
                continue
            todo += [index for index in sessions if index not in unfinished]
            self._waiter.wait_until(begun + (self.campaign.round_every or 0))
            begun = time.monotonic()
            state = self._waiter.wait_until_cool()
            state |= {"run": self.file.content.created, "round": number}
            for index in todo:
                self._burst(results[index], sessions, index, state)
            # only here, where samples and conditions agree whenever Ctrl-C may come
            self.file.save()
            self._progress.log(number + 1, threads, started, list(results.values()))
            running = [results[index] for index in sessions]
            if stopping.is_over(number + 1, running, results.values()):
                break

    def _find_or_begin(self, model: NbModel, threads: int) -> Result:
        """The result this run continues, or a fresh one, put into the file."""
        has_others = len(self.models) > 1
        identity = model.info.content_sha256, threads, device_identity(self.device.describe())
        for result in self.file.content.results:
            if result.identity == identity:
                if result.status != "ok" or not is_done(result, self.campaign, has_others):
                    result.status, result.error = "skipped", record.UNFINISHED
                return result
        result = record.begin(model, self.device, threads)
        self.file.content.results.append(result)
        return result

    def _load(self, index: int, result: Result, threads: int) -> Session | None:
        """The model ready to be timed, its outputs checked, warmed up; None if it failed."""
        model = self.models[index]
        try:
            session = self._waiter.retry(lambda: self.device.open(model, threads))
        except DeviceLost:
            raise
        except DeviceError as error:
            self._fail(result, error)
            return None
        try:
            if index not in self._checks:
                self._checks[index] = self._waiter.retry(lambda: self.device.check_output(session))
            warmup_ms = self._warm_up(session)
        except BaseException as error:
            session.close()
            if isinstance(error, DeviceError) and not isinstance(error, DeviceLost):
                self._fail(result, error)
                return None
            raise
        with self.file.lock:
            result.output_check = self._checks[index] or model.output_check or _unchecked()
            result.warmup_ms += warmup_ms
        return session

    def _warm_up(self, session: Session) -> list[float]:
        count = self.campaign.warmup
        if not count:
            return []
        return self._waiter.retry(lambda: self.device.measure(session, count, 0)).samples_ms

    def _burst(
        self, result: Result, sessions: dict[int, Session], index: int, state: dict[str, Any]
    ) -> None:
        campaign = self.campaign
        try:
            burst = self._waiter.retry(
                lambda: self.device.measure(
                    sessions[index], campaign.repeats or self.device.repeats, campaign.burst_warmup
                )
            )
        except DeviceLost:
            raise
        except DeviceError as error:
            self._fail(result, error)
            sessions.pop(index).close()
            return
        reason = throttled(state, burst, self._caps, campaign.max_temp)
        # what only the device as a whole tells (its battery's temperature) is of the round
        before = {name: value for name, value in burst.before.items() if value is not None}
        conditions = {**state, **before, "after": burst.after, **burst.details}
        with self.file.lock:
            record.add_round(result, burst, conditions, reason)

    def _fail(self, result: Result, error: DeviceError) -> None:
        if isinstance(error, OutputMismatch):
            self.wrong_files.add(message_of(error))
        with self.file.lock:
            result.status, result.error = "failed", message_of(error)
        logger.warning("%s", error, extra=self._about)


def _unchecked() -> dict[str, Any]:
    """Of a file that others made."""
    return {"max_abs_diff": None, "ok": None, "why": Note("no_reference")}
