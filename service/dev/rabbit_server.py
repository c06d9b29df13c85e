"""A real RabbitMQ, started for a while: the one that Debian packages."""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from service.adapters.rabbitmq.diagnosis import HASH_PLUGIN
from service.dev.servers import HOST, Server, free_port
from service.domain.errors import SwitchhookError

RABBITMQ_HOME = Path("/usr/lib/rabbitmq/lib")
ERLANG_ON_LOOPBACK = "-kernel inet_dist_use_interface {127,0,0,1}"
"""By default Erlang's distribution listens on every interface, and the cookie grants control."""


class RabbitServer(Server):
    """A RabbitMQ node with its own Erlang port mapper; each plug-in adds a second to the start."""

    def __init__(
        self, directory: Path, *, with_metrics: bool = False, with_management: bool = False
    ) -> None:
        super().__init__("rabbitmq", directory)
        self._mapper_port = free_port()
        self._node_port = free_port()
        self.metrics_port = free_port() if with_metrics else None
        self.management_port = free_port() if with_management else None

    @property
    def url(self) -> str:
        """The value for `amqp.url`."""
        return f"amqp://guest:guest@{HOST}:{self.port}/"

    def command(self) -> Sequence[str]:
        """See `Server`."""
        ports = {"prometheus": self.metrics_port, "management": self.management_port}
        listeners = {name: port for name, port in ports.items() if port is not None}
        plugins = ",".join([HASH_PLUGIN, *(f"rabbitmq_{name}" for name in listeners)])
        (self.directory / "enabled_plugins").write_text(f"[{plugins}].\n")
        if listeners:
            lines = [
                f"{name}.tcp.ip = {HOST}\n{name}.tcp.port = {port}\n"
                for name, port in listeners.items()
            ]
            (self.directory / "rabbitmq.conf").write_text("".join(lines))
        return [str(_rabbitmq("rabbitmq-server"))]

    def environment(self) -> Mapping[str, str]:
        """See `Server`."""
        return os.environ | {
            "HOME": str(self.directory),
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": HOST,
            "RABBITMQ_NODENAME": f"switchhook{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": HOST,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._node_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG_ON_LOOPBACK,
            "RABBITMQ_CTL_ERL_ARGS": ERLANG_ON_LOOPBACK,
            "RABBITMQ_MNESIA_BASE": str(self.directory / "data"),
            "RABBITMQ_LOG_BASE": str(self.directory / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.directory / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.directory / "rabbitmq"),
        }

    async def ready(self) -> None:
        """See `Server`."""
        _, writer = await asyncio.open_connection(HOST, self.port)
        writer.close()
        await self.control("await_startup")

    async def control(self, *arguments: str) -> str:
        """Run `rabbitmqctl`; return its output. Raises SwitchhookError if it fails."""
        process = await asyncio.create_subprocess_exec(
            str(_rabbitmq("rabbitmqctl")),
            "-q",
            *arguments,
            env=dict(self.environment()),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        text = output.decode("utf-8", "replace")
        if process.returncode:
            raise SwitchhookError(f"rabbitmqctl {' '.join(arguments)}: {text.strip()[-300:]}")
        return text

    async def _end(self, signum: signal.Signals) -> None:
        await super()._end(signum)
        # The port mapper daemonizes itself, out of the process group.
        epmd = await asyncio.create_subprocess_exec(
            "epmd", "-port", str(self._mapper_port), "-kill",
            env=dict(self.environment()),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await epmd.wait()


def _rabbitmq(program: str) -> Path:
    found = sorted(RABBITMQ_HOME.glob(f"rabbitmq_server-*/sbin/{program}"))
    if not found:
        raise SwitchhookError(
            "no RabbitMQ: run `apt-get install rabbitmq-server` as root, or set "
            "SWITCHHOOK_AMQP__URL to a running one",
        )
    return found[-1]
