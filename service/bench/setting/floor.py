"""The floor: the bare loops that the service is made of, in a process of their own.

    python -m service.bench.setting.floor JSON      (see `Plan`)

The floor decodes, matches, signs, counts, logs and records nothing. It uses every optimisation that
costs nothing: uvloop, one session, keep-alive, no cookies, parsed URLs.
"""

import asyncio
import itertools
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aio_pika
import aiohttp
import orjson
import uvloop
from aio_pika.abc import AbstractIncomingMessage
from yarl import URL

from service.adapters.rabbitmq.tolerance import install_tolerant_decoders

BODY = b'{"floor":"' + 1100 * b"x" + b'"}'
"""Body of requests for which no message was consumed; as long as an event."""

Work = Callable[[AbstractIncomingMessage], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Plan:
    """The loop to run until killed, and its parameters.

    `deliver`: consume, POST the body to the next `fan_out` URLs at once, acknowledge. `consume`:
    the same without the POST. `post`: the POST alone, `connections` at a time.
    """

    loop: str
    amqp_url: str
    queue: str
    urls: list[str]
    fan_out: int
    prefetch: int
    connections: int
    timeout_s: float


async def run(plan: Plan) -> None:
    """Run the planned loop until killed."""
    install_tolerant_decoders()
    connector = aiohttp.TCPConnector(limit=plan.connections)
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=plan.timeout_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    ) as session:
        if plan.loop == "post":
            await _posting(session, plan)
        else:
            await _consuming(plan, _delivery(session, plan) if plan.loop == "deliver" else _ack)


async def _consuming(plan: Plan, work: Work) -> None:
    connection = await aio_pika.connect(plan.amqp_url)
    channel = await connection.channel(publisher_confirms=False)
    await channel.set_qos(prefetch_count=plan.prefetch)
    queue = await channel.get_queue(plan.queue, ensure=False)
    await queue.consume(work)
    await asyncio.Event().wait()


async def _ack(message: AbstractIncomingMessage) -> None:
    await message.ack()


def _delivery(session: aiohttp.ClientSession, plan: Plan) -> Work:
    """Return the handler of a message: one POST, or several at once, then the acknowledgement."""
    urls = itertools.cycle([URL(url) for url in plan.urls])
    fan_out = range(plan.fan_out)

    async def once(message: AbstractIncomingMessage) -> None:
        await _post(session, next(urls), message.body)
        await message.ack()

    async def at_once(message: AbstractIncomingMessage) -> None:
        await asyncio.gather(*(_post(session, next(urls), message.body) for _ in fan_out))
        await message.ack()

    return once if plan.fan_out == 1 else at_once


async def _posting(session: aiohttp.ClientSession, plan: Plan) -> None:
    urls = itertools.cycle([URL(url) for url in plan.urls])

    async def forever() -> None:
        while True:
            await _post(session, next(urls), BODY)

    await asyncio.gather(*(forever() for _ in range(plan.connections)))


async def _post(session: aiohttp.ClientSession, url: URL, body: bytes) -> None:
    async with session.post(url, data=body) as response:
        await response.read()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(run(Plan(**orjson.loads(sys.argv[1]))))
