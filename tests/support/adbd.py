"""The emulated phone's adb daemon: `python tests/support/adbd.py ROOT PORT` (see phone.py).

The device's side of the adb protocol on a loopback port, enough for the stock adb client: the
services shell, shell_v2, exec and sync. The phone's file system is the folder ROOT; a command runs
in the host's sh with ROOT/system/bin as its only PATH and with /data and /sys meaning those of
ROOT. What shall go wrong stands in ROOT/faults.json, and what kind of phone it is in
ROOT/kind.json: "state" (device, recovery, ...), "old" (before Android 7: no shell protocol, small
packets with checksums, lines that end as on a terminal), "greet_after_s" (how long it takes to
answer a connection at all), "accept_after_s" (it wants a key, and takes so long to accept one) and
"profile", what its shell prints first. Protocol: AOSP's packages/modules/adb,
protocol.txt and SYNC.TXT.
"""

import asyncio
import contextlib
import errno
import json
import os
import re
import signal
import struct
import sys
from pathlib import Path

sys.path[:0] = map(str, Path(__file__).resolve().parents[1:3])

from support.emulated_lite import Faults, serve_benchmarks  # noqa: E402

#: of the protocol: what Android 7 and later speak, and what is spoken before
VERSION, MAX_DATA = 0x01000001, 256 * 1024
OLD_VERSION, OLD_MAX_DATA = 0x01000000, 4096
HEADER = struct.Struct("<4sIIIII")
FEATURES = "shell_v2,cmd,stat_v2,ls_v2"
#: kinds of AUTH packets: what the phone wants signed, and that
TOKEN, SIGNATURE = 1, 2
#: of the shell protocol's packets
STDOUT, STDERR, EXIT = 1, 2, 3
#: paths of the phone in a command, which mean those of ROOT
PATHS = re.compile(r"(?<![\w.])/(?=(data|sys)\b|proc/cpuinfo)")


class Phone:
    """A folder that stands for a phone, and the processes started on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.faults = Faults(root / "faults.json")
        self.links: set[asyncio.StreamWriter] = set()
        self.server: asyncio.Server | None = None
        self.children: list[asyncio.subprocess.Process] = []

    def kind(self, name: str):
        return json.loads((self.root / "kind.json").read_text()).get(name)

    def real(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def drop_link(self) -> None:
        """Lose every connection, and refuse new ones for as long as the fault says."""
        if seconds := float(self.faults.value("down_s") or 0):
            port = self.server.sockets[0].getsockname()[1]
            self.server.close()
            asyncio.get_running_loop().call_later(
                seconds, lambda: asyncio.ensure_future(self.listen(port))
            )
        for link in self.links:
            link.transport.abort()

    async def listen(self, port: int) -> None:
        """Take connections from now on."""
        self.server = await asyncio.start_server(self._connected, "127.0.0.1", port)

    async def _connected(self, reader, writer) -> None:
        self.links.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await Link(self, reader, writer).serve()
        self.links.discard(writer)
        writer.close()

    async def run(self, command: str, merged: bool = False) -> tuple[bytes, bytes, int]:
        """Output, error output (or both as one) and exit code of a shell command on the phone."""
        if profile := self.kind("profile"):
            command = f"echo {profile!r}; {command}"
        root = str(self.root)
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", re.sub(PATHS, f"{root}/", command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT if merged else asyncio.subprocess.PIPE,
            cwd=root,
            env={"PATH": f"{root}/system/bin", "PHONE_ROOT": root},
            start_new_session=True,
        )  # fmt: skip
        self.children.append(process)
        if "--repeats" in command and self.faults.take("drop_in_run"):
            # while the program is running: the link is lost, the program is not
            await asyncio.sleep(0.1)
            self.drop_link()
        out, err = await process.communicate()
        code = process.returncode
        return (
            out.replace(root.encode(), b""),
            (err or b"").replace(root.encode(), b""),
            128 - code if code < 0 else code,
        )

    def end(self) -> None:
        for process in self.children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)


class Link:
    """One connection of an adb server."""

    def __init__(self, phone, reader, writer) -> None:
        self.phone, self.reader, self.writer = phone, reader, writer
        self.old = bool(phone.kind("old"))
        self.max_data = OLD_MAX_DATA if self.old else MAX_DATA
        self.streams: dict[int, Stream] = {}
        self.tasks: set[asyncio.Task] = set()

    def send(self, command: bytes, arg0: int, arg1: int, data: bytes = b"") -> None:
        magic = int.from_bytes(command, "little") ^ 0xFFFFFFFF
        # the newer version needs no checksum
        check = sum(data) if self.old else 0
        self.writer.write(HEADER.pack(command, arg0, arg1, len(data), check, magic) + data)

    async def serve(self) -> None:
        while True:
            command, arg0, arg1, size, _, _ = HEADER.unpack(
                await self.reader.readexactly(HEADER.size)
            )
            data = await self.reader.readexactly(size)
            if command == b"CNXN":
                await asyncio.sleep(self.phone.kind("greet_after_s") or 0)
                self._greet(wanted=self.phone.kind("accept_after_s") is not None)
            elif command == b"AUTH" and arg0 == SIGNATURE:
                await asyncio.sleep(self.phone.kind("accept_after_s") or 0)
                self._greet()
            elif command == b"OPEN":
                self._open(arg0, data.rstrip(b"\0").decode())
            elif arg1 in self.streams:
                self.streams[arg1].receive(command, data)

    def _greet(self, wanted: bool = False) -> None:
        """Take the connection, or ask for a signature by a key: a wanted one, or any in vain."""
        if wanted or self.phone.real("unauthorized").exists():
            self.send(b"AUTH", TOKEN, 0, os.urandom(20))
            return
        banner = f"{self.phone.kind('state')}::ro.product.name=emulated;ro.product.model=emulated;"
        if not self.old:
            banner += f"features={FEATURES}"
        version = OLD_VERSION if self.old else VERSION
        self.send(b"CNXN", version, self.max_data, banner.encode())

    def _open(self, remote: int, service: str) -> None:
        kind, _, argument = service.partition(":")
        handler = {"shell": Stream.shell, "exec": Stream.exec, "sync": Stream.sync}.get(
            kind.split(",")[0]
        )
        if not handler:
            self.send(b"CLSE", 0, remote)
            return
        stream = Stream(self, len(self.streams) + 1, remote)
        self.streams[stream.local] = stream
        self.send(b"OKAY", stream.local, remote)
        argument = (argument, "v2" in kind.split(","))
        task = asyncio.create_task(stream.work(handler, argument))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class Stream:
    """One service in use."""

    def __init__(self, link: Link, local: int, remote: int) -> None:
        self.link, self.phone, self.local, self.remote = link, link.phone, local, remote
        self.incoming = asyncio.StreamReader()
        self.acknowledged = asyncio.Event()

    def receive(self, command: bytes, data: bytes) -> None:
        if command == b"WRTE":
            self.incoming.feed_data(data)
            self.link.send(b"OKAY", self.local, self.remote)
        elif command == b"OKAY":
            self.acknowledged.set()
        else:
            self.incoming.feed_eof()
            self.acknowledged.set()

    async def write(self, data: bytes) -> None:
        """Send; one packet may be on its way until it is acknowledged."""
        size = self.link.max_data
        for start in range(0, len(data), size):
            self.acknowledged.clear()
            self.link.send(b"WRTE", self.local, self.remote, data[start : start + size])
            await self.acknowledged.wait()

    async def work(self, handler, argument) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await handler(self, *argument)
        self.link.send(b"CLSE", self.local, self.remote)

    async def shell(self, command: str, v2: bool) -> None:
        out, err, code = await self.phone.run(command, merged=not v2)
        if not v2:
            # a terminal
            await self.write(out.replace(b"\n", b"\r\n"))
            return
        packets = b"".join(
            struct.pack("<BI", kind, len(data)) + data
            for kind, data in ((STDOUT, out), (STDERR, err), (EXIT, bytes([code])))
            if data
        )
        await self.write(packets)

    async def exec(self, command: str, v2: bool) -> None:
        out, _, _ = await self.phone.run(command, merged=True)
        await self.write(out)

    async def sync(self, *_) -> None:
        while True:
            request, size = struct.unpack("<4sI", await self.incoming.readexactly(8))
            if request == b"QUIT":
                return
            path = (await self.incoming.readexactly(size)).decode()
            if request == b"SEND":
                await self._send(path.rpartition(",")[0])
            elif request == b"RECV":
                await self._recv(path)
            elif request in (b"LIST", b"LIS2"):
                await self._list(request, path)
            else:
                await self.write(request + self._stat(request, path))

    def _stat(self, request: bytes, path: str) -> bytes:
        try:
            found, error = os.stat(self.phone.real(path)), 0
        except OSError as problem:
            found, error = os.stat_result((0,) * 10), problem.errno
        if request == b"STAT":
            return struct.pack("<III", found.st_mode, found.st_size, int(found.st_mtime))
        times = (int(found.st_atime), int(found.st_mtime), int(found.st_ctime))
        return struct.pack(
            "<IQQIIIIQqqq", error, found.st_dev, found.st_ino, found.st_mode, found.st_nlink,
            found.st_uid, found.st_gid, found.st_size, *times,
        )  # fmt: skip

    async def _send(self, path: str) -> None:
        received = bytearray()
        drop = self.phone.faults.take("drop_in_push")
        while True:
            kind, size = struct.unpack("<4sI", await self.incoming.readexactly(8))
            if kind == b"DONE":
                break
            received += await self.incoming.readexactly(size)
            if drop:
                self.phone.drop_link()
        if self.phone.faults.take("no_space"):
            message = f"couldn't write: {os.strerror(errno.ENOSPC)}".encode()
            await self.write(struct.pack("<4sI", b"FAIL", len(message)) + message)
            return
        target = self.phone.real(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(received)
        target.chmod(0o755)
        await self.write(struct.pack("<4sI", b"OKAY", 0))

    async def _recv(self, path: str) -> None:
        try:
            data = self.phone.real(path).read_bytes()
        except OSError as problem:
            message = (problem.strerror or "cannot be read").encode()
            await self.write(struct.pack("<4sI", b"FAIL", len(message)) + message)
            return
        parts = [data[start : start + 65536] for start in range(0, len(data), 65536)]
        packets = b"".join(struct.pack("<4sI", b"DATA", len(part)) + part for part in parts)
        await self.write(packets + struct.pack("<4sI", b"DONE", 0))

    async def _list(self, request: bytes, path: str) -> None:
        entry = b"DENT" if request == b"LIST" else b"DNT2"
        folder = self.phone.real(path)
        for found in sorted(folder.iterdir()) if folder.is_dir() else ():
            name = found.name.encode()
            fields = self._stat(b"STAT" if request == b"LIST" else b"STA2", f"{path}/{found.name}")
            await self.write(entry + fields + struct.pack("<I", len(name)) + name)
        size = 16 if request == b"LIST" else 72
        await self.write(b"DONE" + bytes(size))


async def main(root: Path, port: int) -> None:
    phone = Phone(root)
    await phone.listen(port)
    ended = asyncio.Event()
    # whoever started us holds the other end of our input
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    async with await serve_benchmarks(root, phone.faults):
        (root / "port.new").write_text(str(phone.server.sockets[0].getsockname()[1]))
        (root / "port.new").rename(root / "port")
        await ended.wait()
    phone.end()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
