"""Moving from Kazoo's app, rehearsed: in its shadow, switched over, and back again.

Both consume the same events of one broker, each from a queue of its own.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import aiohttp

from service.dev.receiver import ReceivedRequest, Receiver
from tests import kazoo_vectors
from tests.conftest import Documents, StartService
from tests.e2e.harness import call_event, eventually, metric, switch, webhook_document
from tests.kazoo_vectors import Vector

ACCOUNT = "11110000000000000000000000000c03"
HOOK = "11110a9be1d44c7f9a3be0d1c2b3a495"
KAZOO, OURS = "kazoo", "switchhook"


class StandIn:
    """Sends what Kazoo's app would: its own request for a vector, a short one for other calls."""

    def __init__(self, amqp_url: str, receiver: Receiver, vectors: list[Vector]) -> None:
        self._amqp_url = amqp_url
        self._receiver = receiver
        self._expected = {_key(vector["amqp"]["body"]): vector for vector in vectors}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Consume as Kazoo does: a queue that goes with the last consumer, and no acknowledging."""
        connection = await aio_pika.connect(self._amqp_url)
        async with connection, aiohttp.ClientSession() as session:
            channel = await connection.channel()
            exchange = await channel.declare_exchange("callevt", "topic", durable=False)
            queue = await channel.declare_queue(
                "webhooks_shared_listener",
                auto_delete=True,
                arguments={"x-message-ttl": 60_000, "x-max-length": 100},
            )
            for event in ("CREATE", "ANSWER", "BRIDGE", "DESTROY"):
                await queue.bind(exchange, f"call.CHANNEL_{event}.*")
            under_way = set[asyncio.Task[None]]()

            async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
                task = asyncio.create_task(self._send(session, json.loads(message.body)))
                under_way.add(task)

            tag = await queue.consume(take, no_ack=True)
            yield
            await queue.cancel(tag)
            await asyncio.gather(*under_way)

    async def _send(self, session: aiohttp.ClientSession, body: Mapping[str, Any]) -> None:
        vector = self._expected.get(_key(body))
        path, headers, data = f"/{HOOK}", {"X-Hook-ID": HOOK}, body["Call-ID"]
        if vector is not None:
            path, expected = f"/{vector['id']}", vector["expect"]
            headers, data = expected["headers"], json.dumps(expected.get("body"))
        agent = {"User-Agent": KAZOO}
        async with session.post(self._receiver.url(path), data=data, headers=headers | agent):
            pass


def _key(body: Any) -> str:
    return json.dumps(body, sort_keys=True)


def sender_of(request: ReceivedRequest) -> str:
    return request.headers["User-Agent"].partition("/")[0]


def calls_by(receiver: Receiver, who: str) -> Counter[str]:
    """Return how often each call of the stream arrived from one of the two."""
    requests = [request for request in receiver.at(f"/{HOOK}") if sender_of(request) == who]
    return Counter(
        json.loads(request.body)["call_id"] if who == OURS else request.body.decode()
        for request in requests
    )


def json_vectors(receiver: Receiver) -> list[Vector]:
    """Return the vectors of calls whose requests are JSON, under the first one's settings."""
    every = [kazoo_vectors.pointed_at(v, receiver.url("")) for v in kazoo_vectors.independent()]
    of_calls = [
        vector
        for vector in every
        if vector["bound"]
        and vector["webhook"]
        and vector["amqp"]["exchange"] == "callevt"
        and "PARK" not in vector["amqp"]["routing_key"]
        and "body" in (vector["expect"] or {})
        and vector["expect"]["method"] == "POST"
        and "content_encoding" not in vector["amqp"]["properties"]
    ]
    environment = kazoo_vectors.environment(of_calls[0])
    return [vector for vector in of_calls if kazoo_vectors.environment(vector) == environment]


async def test_the_shadow_logs_what_kazoo_sends_and_sends_nothing(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    vectors = json_vectors(receiver)
    assert len(vectors) > 5
    for vector in vectors:
        await database["accounts"].insert_many(kazoo_vectors.accounts(vector))
        await database["webhooks"].insert_one(dict(vector["webhook"]))
        for number in kazoo_vectors.numbers(vector):
            await database["numbers"].insert_one(number)
    amqp_url = settings["SWITCHHOOK_AMQP__URL"]
    environment = kazoo_vectors.environment(vectors[0])
    async with StandIn(amqp_url, receiver, vectors).running():
        service = await start_service(shadow=True, **environment)
        async with switch(amqp_url) as kazoo:
            for vector in vectors:
                await kazoo.publish_raw(
                    "callevt",
                    vector["amqp"]["routing_key"],
                    kazoo_vectors.body(vector),
                    **vector["amqp"]["properties"],
                )
        await receiver.until(lambda: len(receiver.requests) == len(vectors), 10)
        rows = await eventually(lambda: _rows(database, len(vectors)), what="the rows")
    assert {sender_of(request) for request in receiver.requests} == {KAZOO}
    sent = Counter((r.path[1:], r.headers["X-Hook-ID"]) for r in receiver.requests)
    logged = Counter((row["uri"].rpartition("/")[2], row["webhook_id"]) for row in rows)
    assert logged == sent
    assert set(sent.values()) == {1}
    for vector in vectors:
        [row] = [row for row in rows if row["uri"].endswith(f"/{vector['id']}")]
        assert kazoo_vectors.problems(vector, as_received(row)) == [], vector["id"]
        assert (row["outcome"], row["status"]) == ("shadowed", None)
    metrics = await service.metrics()
    assert metric(metrics, 'switchhook_deliveries_total{outcome="shadowed"}') == len(vectors)
    assert metric(metrics, 'switchhook_deliveries_total{outcome="delivered"}') == 0
    assert metric(metrics, 'switchhook_attempts_total{outcome="succeeded"}') == 0
    assert await database["webhooks"].count_documents({"enabled": False}) == 0
    assert service.log.read_text("utf-8").count('"event":"service.shadow"') == 1


def as_received(row: Mapping[str, Any]) -> ReceivedRequest:
    """Return the request of a row as a receiver would have had it."""
    body, headers = row["request_body"].encode(), row["request_headers"]
    return ReceivedRequest("", row["method"], "", headers, body, 0.0, 200)


async def _rows(database: Documents, count: int) -> list[Any] | None:
    rows = await database["attempts"].find().to_list(None)
    return rows if len(rows) >= count else None


class Stream:
    """Calls, one after the other, for as long as it runs."""

    def __init__(self, amqp_url: str) -> None:
        self._amqp_url = amqp_url
        self.published: list[str] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        async with switch(self._amqp_url) as kazoo:
            while True:
                call_id = f"c-{len(self.published)}"
                await kazoo.publish(call_event(call_id, account_id=ACCOUNT))
                self.published.append(call_id)
                await asyncio.sleep(0.02)

    async def go_on(self, count: int = 25) -> int:
        """Return where the stream is once so many more calls were published."""
        wanted = len(self.published) + count
        await eventually(lambda: _at_least(self.published, wanted), what="more calls")
        return len(self.published)


async def _at_least(published: list[str], count: int) -> bool:
    return len(published) >= count


async def test_switching_over_and_back_loses_nothing_and_repeats_only_what_both_were_there_for(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    document = webhook_document(receiver.url(f"/{HOOK}"), _id=HOOK, account_id=ACCOUNT)
    await database["webhooks"].insert_one(document)
    amqp_url = settings["SWITCHHOOK_AMQP__URL"]
    kazoos_app, stream = StandIn(amqp_url, receiver, []), Stream(amqp_url)
    async with contextlib.AsyncExitStack() as stack:
        before = await stack.enter_async_context(contextlib.AsyncExitStack())
        await before.enter_async_context(kazoos_app.running())
        shadow = await start_service(shadow=True)
        await stack.enter_async_context(stream.running())
        watched = await stream.go_on() - 5
        await shadow.stop()
        ours = await start_service()
        await stream.go_on()
        await before.aclose()
        alone_from = len(stream.published) + 5
        alone_until = await stream.go_on() - 5
        after = await stack.enter_async_context(contextlib.AsyncExitStack())
        await after.enter_async_context(kazoos_app.running())
        await stream.go_on()
        await ours.stop()
        shadow = await start_service(shadow=True)
        back_from = len(stream.published) + 5
        back_until = await stream.go_on() - 5
        assert {*stream.published[:back_until]} <= {*await everything(stream, receiver)}
    kazoo, own = calls_by(receiver, KAZOO), calls_by(receiver, OURS)
    spans = {
        "in the shadow": (0, watched, kazoo, own),
        "switched over": (alone_from, alone_until, own, kazoo),
        "back again": (back_from, back_until, kazoo, own),
    }
    for span, (start, end, one, other) in spans.items():
        calls = stream.published[start:end]
        assert len(calls) > 10, span
        assert [one[call] for call in calls] == [1] * len(calls), span
        assert [other[call] for call in calls] == [0] * len(calls), span
    assert max(kazoo.values()) == max(own.values()) == 1
    twice = [call for call in stream.published if kazoo[call] and own[call]]
    assert {int(call[2:]) for call in twice} <= {
        *range(watched, alone_from),
        *range(alone_until, back_from),
    }
    print(f"{len(stream.published)} calls, {len(twice)} of them twice")  # noqa: T201


async def everything(stream: Stream, receiver: Receiver) -> Counter[str]:
    """Return what arrived, once all of what was published by now has."""
    wanted = set(stream.published)

    async def arrived() -> Counter[str] | None:
        found = calls_by(receiver, KAZOO) + calls_by(receiver, OURS)
        return found if wanted <= found.keys() else None

    found: Counter[str] = await eventually(arrived, what="every call")
    return found


async def test_what_we_owed_when_the_shadow_began_is_kept_and_can_be_replayed(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    receiver.script(f"/{HOOK}", 503)
    document = webhook_document(receiver.url(f"/{HOOK}"), _id=HOOK, account_id=ACCOUNT)
    await database["webhooks"].insert_one(document)
    schedule = {"SWITCHHOOK_RETRY__SCHEDULE": "[2.0]", "SWITCHHOOK_RETRY__JITTER": "0"}
    service = await start_service(**schedule)
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-1", account_id=ACCOUNT))
    await receiver.until(lambda: len(receiver.requests) == 1, 10)
    await service.stop()
    shadow = await start_service(workers=2, shadow=True, **schedule)
    letter = await eventually(database["dead_letters"].find_one, what="the dead letter")
    assert (letter["reason"], letter["call_id"]) == ("shadowed", "c-1")
    assert [attempt["outcome"] for attempt in letter["attempts"]] == ["throttled", "shadowed"]
    assert len(receiver.requests) == 1
    assert shadow.log.read_text("utf-8").count('"event":"service.shadow"') == 2
