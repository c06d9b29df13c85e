"""Periodic check of the consumed queues: their backlog, and whether they still have a consumer.

The broker can lose a consumer silently: connection and channel stay open, and no message arrives.
Only the queue's consumer count shows it. The backlog goes to the health check: an idle lane with a
backlog counts as stalled.
"""

import asyncio
from collections.abc import Callable, Mapping

from aio_pika.abc import AbstractConnection

from service.cancellation import honour_cancellation

LOOK_EVERY_S = 10.0

Note = Callable[[int], None]


async def keep_looking(
    connection: AbstractConnection,
    queues: Mapping[str, Note],
    consuming: Callable[[], bool],
    every_s: float = LOOK_EVERY_S,
) -> None:
    """Call each queue's `Note` with its backlog periodically until cancelled, and at last with 0.

    Raises ConnectionError if a queue has no consumer although `consuming` returns True.
    """
    try:
        while True:
            await asyncio.sleep(every_s)
            await _look(connection, queues, consuming)
            honour_cancellation()
    finally:
        for note in queues.values():
            note(0)


async def _look(
    connection: AbstractConnection, queues: Mapping[str, Note], consuming: Callable[[], bool]
) -> None:
    channel = await connection.channel()
    try:
        for name, note in queues.items():
            queue = await channel.declare_queue(name, passive=True)
            note(queue.declaration_result.message_count or 0)
            if not queue.declaration_result.consumer_count and consuming():
                raise ConnectionError(f"the broker has lost our consumer of {name}")
    finally:
        await channel.close()
