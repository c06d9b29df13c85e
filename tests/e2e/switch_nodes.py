"""Stand-in for Kazoo's nodes: answers questions about legs on the bus."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aio_pika


@asynccontextmanager
async def switch_nodes(amqp_url: str, status_of: Callable[[str], str]) -> AsyncIterator[None]:
    """Answer each question with the status of its leg."""
    connection = await aio_pika.connect(amqp_url)
    async with connection:
        channel = await connection.channel(publisher_confirms=False)
        exchange = await channel.declare_exchange("callevt", "topic")
        targeted = await channel.declare_exchange("targeted", "direct")
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(exchange, "call.status_req.*")

        async def answer(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            question = json.loads(message.body)
            said = {
                "Event-Category": "call_event",
                "Event-Name": "channel_status_resp",
                "Msg-ID": question["Msg-ID"],
                "Call-ID": question["Call-ID"],
                "Status": status_of(question["Call-ID"]),
            }
            reply = aio_pika.Message(json.dumps(said).encode())
            await targeted.publish(reply, question["Server-ID"], mandatory=False)

        await queue.consume(answer, no_ack=True)
        yield
