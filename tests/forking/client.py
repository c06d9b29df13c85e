"""Starts `switchhook` by a fork of a process that has imported it; see `server.py`."""

import asyncio
import atexit
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

from service.dev.process import ServiceProcess
from service.dev.servers import Process
from service.domain.errors import SwitchhookError
from tests.forking.server import Order

FORKING = Path(__file__).parent
"""The directory with a command `switchhook` for scripts; FORK_SERVER says where the server is."""
READY_S = 60.0
LONGEST_REPLY = 32
READ_BEFORE_IMPORTS = ("PYTHON", "LD_", "LC_", "LANG", "MALLOC_", "OPENSSL_", "PROMETHEUS_")
"""Beginnings of variables that a process reads before, or during, its imports."""


class ForkServer:
    """The process that forks; it ends with the process that made this."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="switchhook-fork-")
        self.path = Path(self._directory.name) / "socket"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forking.server", str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd=FORKING.parents[1],
            start_new_session=True,
        )
        atexit.register(self.close)

    def close(self) -> None:
        """End it."""
        self._process.communicate()
        self._directory.cleanup()

    def takes(self, environment: Mapping[str, str]) -> bool:
        """Return whether a process with this environment may be a fork."""
        names = {*environment, *os.environ}
        changed = {name for name in names if environment.get(name) != os.environ.get(name)}
        return not any(name.startswith(READ_BEFORE_IMPORTS) for name in changed)

    def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], output: IO[bytes]
    ) -> "Forked":
        """Start `switchhook` with these arguments, as the leader of a process group."""
        connection = self._connected()
        order = Order(
            arguments=[*arguments], environment={**environment}, directory=str(Path.cwd())
        )
        with Path(os.devnull).open("rb") as nothing:
            streams = [nothing.fileno(), output.fileno(), output.fileno()]
            socket.send_fds(connection, [json.dumps(order).encode()], streams)
        return Forked(int(connection.recv(LONGEST_REPLY)), connection)

    def _connected(self) -> socket.socket:
        deadline = time.monotonic() + READY_S
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                connection.connect(str(self.path))
            except OSError as error:
                connection.close()
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise SwitchhookError("the fork server does not run") from error
                time.sleep(0.02)
            else:
                return connection


@cache
def fork_server() -> ForkServer:
    """Return the fork server of this process, started by the first call."""
    return ForkServer()


class Forked:
    """A forked process; see `service.dev.servers.Process`."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self._connection = connection

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self._exit_code() if self._has_ended(0) else None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended. Raises TimeoutExpired."""
        if not self._has_ended(timeout):
            raise subprocess.TimeoutExpired("switchhook", timeout or 0)
        return self._exit_code()

    def _has_ended(self, timeout_s: float | None) -> bool:
        ended = select.poll()
        ended.register(self._connection, select.POLLIN)
        return bool(ended.poll(None if timeout_s is None else timeout_s * 1000))

    def _exit_code(self) -> int:
        # Several threads may ask, so the message stays where it is.
        return int(self._connection.recv(LONGEST_REPLY, socket.MSG_PEEK))


class ForkedService(ServiceProcess):
    """The service, forked where its environment permits it."""

    def _spawn(self, output: IO[bytes]) -> Process:
        environment = self.environment()
        if not fork_server().takes(environment):
            return super()._spawn(output)
        _, *arguments = self.command()[2:]
        return fork_server().start(arguments, environment, output)


async def switchhook(*arguments: str, env: Mapping[str, str]) -> tuple[int, str]:
    """Run the command; return its exit code and all it printed."""
    return await asyncio.to_thread(_run, arguments, env)


def _run(arguments: Sequence[str], settings: Mapping[str, str]) -> tuple[int, str]:
    clean = {key: value for key, value in os.environ.items() if key[:11] != "SWITCHHOOK_"}
    environment = {**clean, **settings}
    assert fork_server().takes(environment), "a fork has done its imports already"
    with tempfile.TemporaryFile() as output:
        code = fork_server().start(arguments, environment, output).wait()
        output.seek(0)
        return code, output.read().decode()
