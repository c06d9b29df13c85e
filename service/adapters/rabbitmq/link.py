"""A connection to the broker that comes back, by a loop of our own.

aio-pika's robust connection restores channels, consumers and bindings one by one behind our back; a
single binding that cannot be restored (the switch's exchanges vanish with every broker restart)
makes all of it flap. Here a lost connection ends the whole session, and a new one is built from the
start by the same few lines.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import aio_pika
import structlog
from aio_pika.abc import AbstractConnection
from aiormq.exceptions import AMQPError
from yarl import URL

from service.adapters.rabbitmq.diagnosis import diagnosis_of, refuse_old
from service.adapters.rabbitmq.topology.permissions import OURS_ALONE, Permissions
from service.cancellation import honour_cancellation
from service.domain.errors import BrokerUnavailable, TopologyConflict
from service.observability.metrics import Metrics

CONNECT_TIMEOUT_S = 10
HEARTBEAT_S = 10
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
HEALTHY_S = 1.0
"""A session that lasted for longer was a good one: the pause after it is the first again."""

log = structlog.get_logger(__name__)

BROKER_ERRORS = (AMQPError, OSError, TimeoutError, RuntimeError)
"""Errors of connecting to a broker, and of a connection that breaks."""

Session = Callable[[AbstractConnection], Awaitable[None]]


class Link:
    """Keeps one connection up; `session` builds on each new one and returns when it has ended."""

    def __init__(
        self,
        name: str,
        urls: Sequence[str],
        session: Session,
        metrics: Metrics,
        needed: Permissions = OURS_ALONE,
    ) -> None:
        self.name = name
        self.up = False
        self._urls = urls
        self._session = session
        self._needed = needed
        self._complained_of = ""
        self._gauge = metrics.connected.labels(name)
        self._gauge.set(0)

    async def run(self) -> None:
        """Connect, run the session, and again, until cancelled. Raises TopologyConflict."""
        pause_s, turn = FIRST_PAUSE_S, 0
        while True:
            url = self._urls[turn % len(self._urls)]
            turn += 1
            began = time.monotonic()
            try:
                # In a task of its own: a TaskGroup of Python 3.11 whose child fails while being
                # waited for leaves a cancellation behind, which is to end with the session.
                await asyncio.create_task(self._once(url), name=f"{self.name} session")
                log.warning("broker.lost", link=self.name, error="a channel or consumer was closed")
            except TopologyConflict:
                raise
            except asyncio.CancelledError:
                honour_cancellation()
                # aiormq cancels what waits on a connection that it finds dead.
                log.warning("broker.lost", link=self.name, error="the connection was lost")
            except (*BROKER_ERRORS, BrokerUnavailable) as error:
                self._tell(error, url)
            honour_cancellation()
            if time.monotonic() - began > HEALTHY_S:
                pause_s = FIRST_PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _tell(self, error: BaseException, url: str) -> None:
        """Say why there is no connection: what a person must mend at level error, and once."""
        found = diagnosis_of(error, url, self._needed)
        if found.lasting and found.text != self._complained_of:
            self._complained_of = found.text
            said = {"error": found.text, "remedy": found.remedy}
            log.error("broker.refuses", link=self.name, **said)
        else:
            log.warning("broker.lost", link=self.name, error=found.text, remedy=found.remedy)

    async def _once(self, url: str) -> None:
        connection = await connect(url, self.name)
        log.info("broker.connected", link=self.name)
        try:
            refuse_old(connection)
            self._set(up=True)
            await self._session(connection)
        finally:
            self._set(up=False)
            await close(connection)

    def _set(self, *, up: bool) -> None:
        self.up = up
        self._gauge.set(up)


class OwnConnection(aio_pika.Connection):
    """A connection that we close ourselves: the driver would close it on collection, too late.

    For one that never stood that is a warning about a coroutine, in the middle of what we print.
    """

    def __del__(self) -> None:
        """Leave it at that."""


async def connect(url: str, name: str) -> AbstractConnection:
    """Return a new connection. Raises one of BROKER_ERRORS."""
    address = URL(url)
    if "heartbeat" not in address.query:
        address = address.update_query(heartbeat=HEARTBEAT_S)
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        return await aio_pika.connect(
            address,
            connection_class=OwnConnection,
            client_properties={"connection_name": f"switchhook {name}"},
        )


async def close(connection: AbstractConnection) -> None:
    """Close a connection, whether or not the broker still hears us."""
    try:
        async with asyncio.timeout(2):
            await connection.close()
    except (*BROKER_ERRORS, asyncio.CancelledError):
        honour_cancellation()


def describe(error: BaseException) -> str:
    """Return an error's text, or its kind where it has none; never a URL with its password."""
    return str(error) or type(error).__name__


def unavailable(error: BaseException) -> BrokerUnavailable:
    """Return our own error for one of the driver's."""
    return BrokerUnavailable(describe(error))
