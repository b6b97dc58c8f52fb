"""Waiting for a device: that it comes back, that it cools down, and not longer than allowed."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from ppghost.deploy.devices.base import Device
from ppghost.deploy.latency.campaign import Campaign
from ppghost.errors import DeviceError, DeviceLost

logger = logging.getLogger(__name__)

#: a link that breaks this often in one action is not waited for again
MAX_LOSSES = 3
COOL_EVERY_S = 5.0

T = TypeVar("T")


class Stopped(Exception):
    """The user asked to stop; nobody's error."""


class Waiter:
    """Waits for one device, within the limits of a campaign, until `stop` is set."""

    def __init__(self, device: Device, stop: threading.Event, campaign: Campaign) -> None:
        self.device, self.stop = device, stop
        self.max_wait, self.max_temp = campaign.max_wait, campaign.max_temp
        self._about = {"device": device.serial}

    def retry(self, action: Callable[[], T]) -> T:
        """Do it, and again where the link broke and came back.

        Args:
            action: a call of the device.

        Returns:
            What it returned.

        Raises:
            Stopped: asked to stop.
            DeviceLost: the device stays away.
        """
        for attempt in range(MAX_LOSSES):
            if self.stop.is_set():
                raise Stopped
            try:
                return action()
            except DeviceLost as error:
                if self.stop.is_set():
                    raise Stopped from error
                logger.warning(
                    "%s; waiting for it up to %g s", error, self.max_wait, extra=self._about
                )
                back = attempt + 1 < MAX_LOSSES and self.device.recover(self.max_wait)
                if not back and not self.stop.is_set():
                    raise
        raise Stopped

    def wait_until(self, moment: float) -> None:
        """Wait for a moment.

        Args:
            moment: a reading of the monotonic clock, in seconds.

        Raises:
            Stopped: asked to stop.
        """
        if self.stop.wait(max(0.0, moment - time.monotonic())):
            raise Stopped

    def wait_until_cool(self) -> dict[str, Any]:
        """The device's conditions, once it is not above `max_temp`.

        Raises:
            Stopped: asked to stop.
            DeviceError: it stays too hot.
        """
        state = self.retry(self.device.conditions)
        if not self._is_hot(state):
            return state
        logger.info(
            "%s: %.1f °C, cooling to %g", self.device.serial, state["temp_c"], self.max_temp,
            extra=self._about,
        )  # fmt: skip
        deadline = time.monotonic() + self.max_wait
        while self._is_hot(state):
            if time.monotonic() > deadline:
                raise DeviceError(
                    "{serial}: still {temp_c:.1f} °C after {max_wait:g} s, above the "
                    "{max_temp:g} allowed; cool it and go on with --resume",
                    serial=self.device.serial,
                    temp_c=state["temp_c"],
                    max_wait=self.max_wait,
                    max_temp=self.max_temp,
                )
            self.stop.wait(min(COOL_EVERY_S, self.max_wait / 10))
            state = self.retry(self.device.conditions)
        return state

    def _is_hot(self, state: dict[str, Any]) -> bool:
        temperature = state["temp_c"]
        return self.max_temp is not None and temperature is not None and temperature > self.max_temp
