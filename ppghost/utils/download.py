"""One file from a web server: resumed, checked, and under its name only when it is whole."""

import contextlib
import fcntl
import http.client
import json
import logging
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from ppghost.errors import InputError
from ppghost.i18n import TranslatableError
from ppghost.utils.files import output_errors, write_json

logger = logging.getLogger(__name__)

TIMEOUT = 30  # seconds without a byte
_CHUNK = 1 << 18  # bytes
#: waits in seconds before each new try that follows one without progress
_WAITS = (1, 2, 4, 8)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class _Broken(TranslatableError):
    """The connection failed; the next try may go on where it stopped."""


def download(
    url: str,
    target: Path,
    check: Callable[[Path], object],
    key: str = "Global.pretrained_model",
) -> Path:
    """`url` at `target`, unless it is there already. Processes that want the same file wait.

    Args:
        check: called with the whole file before it gets its name; raises InputError if it is not
            what it should be, and the file is deleted then.
        key: where a config takes a file that was fetched in another way, for messages.

    Raises:
        InputError: not to be had, not what it should be, or `target` cannot be written.
    """
    if target.is_file():
        return target
    part = target.with_name(f"{target.name}.part")
    with output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock(target):
            if target.is_file():  # another process was first
                return target
            _fetch(url, part, target, key)
            try:
                check(part)
            except InputError as error:
                _discard(part)
                raise InputError(
                    "{url}: what the server sent is of no use: {error}", url=url, error=error
                ) from error
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(target)
            _discard(part)
    return target


@contextlib.contextmanager
def _lock(target: Path) -> Iterator[None]:
    """One process at a time; the system lets go of it when the process ends in any way."""
    with target.with_name(f"{target.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("another process is downloading %s; waiting for it", target.name)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(url: str, part: Path, target: Path, key: str) -> None:
    """The whole file at `part`, in as many tries as it makes progress, and a few more."""
    check_scheme(url)
    logger.info("downloading %s to %s", url, target)
    waits = list(_WAITS)
    while True:
        before = _size(part)
        try:
            return _attempt(url, part)
        except (_Broken, http.client.HTTPException, OSError) as error:
            if isinstance(error, OSError) and error.filename is not None:
                raise  # the disk's, not the network's
            reason = getattr(error, "reason", None) or error
            progress = _size(part) > before
            waits = list(_WAITS) if progress else waits
            if not waits or not (progress or before):
                raise InputError(
                    "cannot download {url} ({reason}); fetch it in another way and put it "
                    "at {target}, or give its path as {key}",
                    url=url,
                    reason=reason,
                    target=target,
                    key=key,
                ) from error
            wait = waits.pop(0)
            logger.info("%s: %s; going on in %d s", url, reason, wait)
            time.sleep(wait)


def _attempt(url: str, part: Path) -> None:
    """Ask for what is missing of `part`; returns when it is whole."""
    record = part.with_name(f"{part.name}.json")
    validator, start = _validator(record, url), _size(part)
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity"})  # noqa: S310
    if validator and start:
        # the server sends the rest only if the file is still the one that the validator names
        request.add_header("Range", f"bytes={start}-")
        request.add_header("If-Range", validator)
    try:
        response = _opener().open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 or error.code >= 500:
            if error.code == 416:
                _discard(part)
            raise _Broken("HTTP {code}", code=error.code) from error
        raise InputError(
            "{url}: the server says {code} {reason}", url=url, code=error.code, reason=error.reason
        ) from error
    with response:
        start = _start(response, start)
        length = response.headers.get("Content-Length")
        total = start + int(length) if length and length.isdecimal() else None
        with part.open("r+b" if start else "wb") as file:
            file.truncate(start)
            file.seek(start)
            write_json(record, {"url": url, "validator": _strong_validator(response)})
            _copy(response, file, _Progress(part.stem, start, total))
    if total is not None and _size(part) != total:
        raise _Broken(
            "the connection ended after {size} of {total} bytes", size=_size(part), total=total
        )


def _start(response, asked: int) -> int:
    """Where the bytes of a response belong: 0 unless it is the part that was asked for."""
    if response.status != 206:
        return 0
    given = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if not given or int(given[1]) != asked:
        raise _Broken("the server sent another part than was asked for")
    return asked


def _copy(response, file, progress: "_Progress") -> None:
    while chunk := response.read(_CHUNK):
        file.write(chunk)
        progress.add(len(chunk))
    progress.end()


def _validator(record: Path, url: str) -> str | None:
    """What the server called the file of which a part is here."""
    try:
        known = json.loads(record.read_text())
        return known["validator"] if known["url"] == url else None
    except (OSError, ValueError, KeyError, TypeError):  # none, or cut off by a crash
        return None


def _strong_validator(response) -> str | None:
    """An ETag that promises equal bytes, else the date of the last change."""
    etag = response.headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    part.with_name(f"{part.name}.json").unlink(missing_ok=True)


def check_scheme(url: str) -> None:
    """Raises InputError unless it is https, or http on this machine."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise InputError("{url}: only https is trusted with weights", url=url)


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not out of https."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        check_scheme(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_CheckedRedirects)


class _Progress:
    """A bar on a terminal, a line for each tenth in a file."""

    def __init__(self, name: str, done: int, total: int | None):
        self.name, self.done, self.total = name, done, total
        self.bar = sys.stderr.isatty() and logger.isEnabledFor(logging.INFO)
        self.shown = self._tenth()

    def add(self, count: int) -> None:
        self.done += count
        if self.bar:
            sys.stderr.write(f"\r{self._text()}\033[K")
            sys.stderr.flush()
        elif self._tenth() > self.shown:
            self.shown = self._tenth()
            logger.info("%s", self._text())

    def end(self) -> None:
        if self.bar:
            sys.stderr.write("\n")

    def _tenth(self) -> int:
        """Tenths of the file, or of 100 MB where its size is unknown."""
        return self.done * 10 // (self.total or 100_000_000)

    def _text(self) -> str:
        if self.total is None:
            return f"{self.name}: {self.done / 1e6:.1f} MB"
        share = self.done / self.total
        filled = "#" * int(20 * share) + "." * (20 - int(20 * share))
        bar = f" [{filled}]" if self.bar else ""
        return f"{self.name}:{bar} {100 * share:.0f} % of {self.total / 1e6:.1f} MB"
