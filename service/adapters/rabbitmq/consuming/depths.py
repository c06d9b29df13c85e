"""Looking at the queues we consume: how much waits in them, and whether the broker knows us.

A consumer can be gone without a word: connection and channel look well, and nothing comes. Only
the queue tells. What it holds goes to the health check: an idle lane with a full queue is no rest.
"""

import asyncio
from collections.abc import Callable, Mapping

from aio_pika.abc import AbstractConnection

LOOK_EVERY_S = 10.0

Note = Callable[[int], None]


async def keep_looking(
    connection: AbstractConnection,
    queues: Mapping[str, Note],
    consuming: Callable[[], bool],
    every_s: float = LOOK_EVERY_S,
) -> None:
    """Tell each queue's `Note` how many messages wait in it, until cancelled.

    Raises ConnectionError where nobody consumes a queue although `consuming` says that we do. In
    the end nothing is known to wait.
    """
    channel = await connection.channel()
    try:
        while True:
            await asyncio.sleep(every_s)
            for name, note in queues.items():
                queue = await channel.declare_queue(name, passive=True)
                note(queue.declaration_result.message_count or 0)
                if not queue.declaration_result.consumer_count and consuming():
                    raise ConnectionError(f"the broker no longer knows our consumer of {name}")
    finally:
        for note in queues.values():
            note(0)
