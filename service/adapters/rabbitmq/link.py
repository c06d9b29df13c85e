"""Link: a connection to the broker that is opened again after every loss.

aio-pika's robust connection restores channels, consumers and bindings one by one on its own; one
binding that cannot be restored (a broker restart deletes the switch's exchanges) makes the whole
connection flap. Here a lost connection ends its session, and the same code builds the next session
from the start.
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
"""A session that lasted for longer resets the pause after it to the first one."""

log = structlog.get_logger(__name__)

BROKER_ERRORS = (AMQPError, OSError, TimeoutError, RuntimeError)
"""Errors of connecting to a broker, and of calls to a broker that fails or is failing."""

Session = Callable[[AbstractConnection], Awaitable[None]]


class Link:
    """Keeps one connection open; `session` runs on each new one and returns when it is lost."""

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
        """Connect and run the session, repeatedly, until cancelled. Raises TopologyConflict."""
        pause_s, turn = FIRST_PAUSE_S, 0
        while True:
            url = self._urls[turn % len(self._urls)]
            turn += 1
            began = time.monotonic()
            try:
                # In a separate task: a TaskGroup of Python 3.11 whose child fails while it is
                # awaited leaves its task cancelled, and that state must end with the session.
                await asyncio.create_task(self._once(url), name=f"{self.name} session")
                log.warning("broker.lost", link=self.name, error="a channel or consumer was closed")
            except TopologyConflict:
                raise
            except asyncio.CancelledError:
                honour_cancellation()
                # aiormq cancels tasks that wait on a connection that it finds dead.
                log.warning("broker.lost", link=self.name, error="the connection was lost")
            except (*BROKER_ERRORS, BrokerUnavailable) as error:
                self._tell(error, url)
            honour_cancellation()
            if time.monotonic() - began > HEALTHY_S:
                pause_s = FIRST_PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _tell(self, error: BaseException, url: str) -> None:
        """Log why there is no connection: once, as an error, what an operator must resolve."""
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
        except BaseExceptionGroup as group:
            # The first error is the cause; the others follow from it.
            raise first_of(group) from None
        finally:
            self._set(up=False)
            await close(connection)

    def _set(self, *, up: bool) -> None:
        self.up = up
        self._gauge.set(up)


class OwnConnection(aio_pika.Connection):
    """A connection that does not close itself when it is garbage-collected; we close it earlier.

    For a connection that was never open, aio-pika's own `__del__` would print a warning about a
    coroutine in the middle of our output.
    """

    def __del__(self) -> None:
        """Do nothing."""


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
    """Close a connection, even if the broker no longer responds."""
    try:
        async with asyncio.timeout(2):
            await connection.close()
    except (*BROKER_ERRORS, asyncio.CancelledError):
        honour_cancellation()


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group, whose groups may hold groups."""
    first = group.exceptions[0]
    return first_of(first) if isinstance(first, BaseExceptionGroup) else first


def describe(error: BaseException) -> str:
    """Return an error's text, or its class if it has none; never a URL with its password."""
    return str(error) or type(error).__name__


def unavailable(error: BaseException) -> BrokerUnavailable:
    """Translate a driver's error to BrokerUnavailable."""
    return BrokerUnavailable(describe(error))
