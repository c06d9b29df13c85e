"""Stand-ins for the ecallmgrs of a cluster, which answer questions about calls over the bus."""

import json
from collections.abc import AsyncIterator, Collection, Container, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage


@asynccontextmanager
async def ecallmgrs(amqp_url: str, *calls: Container[str]) -> AsyncIterator[list[dict[str, Any]]]:
    """Run an ecallmgr for each container of the calls it has; yield the questions.

    One whose calls cannot be listed does not answer the question for all of them.
    """
    questions: list[dict[str, Any]] = []
    connection = await aio_pika.connect(amqp_url)
    async with connection:
        channel = await connection.channel(publisher_confirms=False)
        exchange = await channel.declare_exchange("callevt", "topic")
        targeted = await channel.declare_exchange("targeted", "direct")
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(exchange, "call.status_req.*")

        async def answer(message: AbstractIncomingMessage) -> None:
            question = json.loads(message.body)
            questions.append(question)
            for said in _answers(question, calls):
                reply = aio_pika.Message(json.dumps(said).encode())
                await targeted.publish(reply, question["Server-ID"], mandatory=False)

        await queue.consume(answer, no_ack=True)
        yield questions


def _answers(question: dict[str, Any], calls: Sequence[Container[str]]) -> Iterator[dict[str, Any]]:
    said = {"Event-Category": "call_event", "Msg-ID": question["Msg-ID"]}
    for own in calls:
        if question["Event-Name"] == "query_channels_req":
            if not isinstance(own, Collection):
                continue
            channels = {call_id: {"Account-ID": "a"} for call_id in own}
            yield {**said, "Event-Name": "query_channels_resp", "Channels": channels}
        else:
            call_id = question["Call-ID"]
            status = "active" if call_id in own else "terminated"
            named = {"Event-Name": "channel_status_resp", "Call-ID": call_id}
            yield {**said, **named, "Status": status}
