"""A connection to a real broker is lost, cancelled, stopped: another follows, or the end."""

import asyncio
import contextlib

from aio_pika.abc import AbstractConnection

from service.adapters.rabbitmq.link import FIRST_PAUSE_S, HEALTHY_S, Link, Session
from service.adapters.rabbitmq.publishing.publisher import Publisher
from service.cancellation import honour_cancellation
from service.observability.metrics import Metrics
from tests.e2e.harness import eventually
from tests.integration.background import running
from tests.integration.broker_parts import NAMES, Taken, consumer_of


async def test_a_link_can_be_stopped_at_any_moment(amqp_url: str, metrics: Metrics) -> None:
    for moment in range(60):
        consumer, publisher = consumer_of(Taken(), metrics), Publisher(NAMES, 5, metrics)
        links = [
            asyncio.create_task(Link("stop", [amqp_url], session, metrics).run())
            for session in (consumer.session, publisher.session)
        ]
        await asyncio.sleep(moment / 1000)
        for link in links:
            link.cancel()
        _, hanging = await asyncio.wait(links, timeout=5)
        assert not hanging, f"after {moment} ms"


async def test_a_cancellation_that_a_library_swallowed_is_heeded() -> None:
    async def careless() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        honour_cancellation()
        await asyncio.sleep(60)

    task = asyncio.create_task(careless())
    await asyncio.sleep(0)
    task.cancel()
    _, hanging = await asyncio.wait([task], timeout=1)
    assert not hanging
    honour_cancellation()  # nobody cancelled us


async def test_a_session_that_leaves_a_cancellation_behind_is_followed_by_another(
    amqp_url: str, metrics: Metrics
) -> None:
    sessions: list[AbstractConnection] = []

    async def fails_when_cancelled() -> None:
        """As aiormq does on a connection that was just lost."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionResetError("the connection was lost") from None

    async def session(connection: AbstractConnection) -> None:
        sessions.append(connection)
        async with asyncio.TaskGroup() as tasks:
            child = tasks.create_task(fails_when_cancelled())
            await asyncio.sleep(0)
            child.cancel()

    await _comes_back(amqp_url, metrics, session, sessions)


async def test_a_session_whose_part_of_a_part_fails_is_followed_by_another(
    amqp_url: str, metrics: Metrics
) -> None:
    sessions: list[AbstractConnection] = []

    async def fails() -> None:
        raise ConnectionResetError("the connection was lost")

    async def part() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fails())

    async def session(connection: AbstractConnection) -> None:
        sessions.append(connection)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(part())

    await _comes_back(amqp_url, metrics, session, sessions)


async def _comes_back(
    amqp_url: str, metrics: Metrics, session: Session, sessions: list[AbstractConnection]
) -> None:
    async def again() -> bool:
        return len(sessions) > 1

    async with running(Link("consume", [amqp_url], session, metrics)) as task:
        await eventually(again, 10, "a second session")
        assert not task.done()


async def test_after_a_session_that_went_well_the_link_comes_back_at_once(
    amqp_url: str, metrics: Metrics
) -> None:
    loop = asyncio.get_running_loop()
    ended: list[float] = []
    pauses: list[float] = []

    async def session(_: AbstractConnection) -> None:
        if ended:
            pauses.append(loop.time() - ended[-1])
        await asyncio.sleep(HEALTHY_S + 0.1)
        ended.append(loop.time())
        raise ConnectionResetError("the connection was lost")

    async def four_pauses() -> bool:
        return len(pauses) == 4

    async with running(Link("consume", [amqp_url], session, metrics)):
        await eventually(four_pauses, 60, "four pauses")
    assert max(pauses) < 4 * FIRST_PAUSE_S, "the fourth would be eight times the first"
