"""VoIPBIN's events through a real broker, beside Kazoo's: from both taps to the receiver."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from service import app
from service.adapters.rabbitmq.bus import Bus
from service.dev.receiver import Receiver
from service.dev.servers import free_port
from service.dialects.bus_message import BusMessage, Occasion
from service.dialects.known import dialects_of
from service.dialects.voipbin.exchanges import TOPIC
from service.dialects.voipbin.kinds import KINDS
from service.dialects.voipbin.request import SIGNATURE
from service.settings.load import load_settings
from service.settings.model import Settings
from tests.conftest import Documents
from tests.e2e.harness import eventually
from tests.integration.test_toy_dialect import is_ready
from tests.voipbin_vectors import Vector, document, read

NAMED = {
    "call_hangup": "call.*",
    "transcribe_speech_interim": "transcribe_speech_interim",
    "recording_finished": "recording_completed",
    "ai_created": "ai_created",
    "conferencecall_joined": "conferencecall_joined",
    "queue_updated": "queue_*",
    "flow_created": "flow.created",
    "contact_created": "contact_created",
    "account_created": "conversation-manager/account_created",
}
"""A vector for each of these types is sent; its webhook names the type in some way."""
VERBS = ("post", "get", "put", "delete")


@pytest.fixture
def both(settings: dict[str, str]) -> Settings:
    more = {
        "SWITCHHOOK_API__PORT": str(free_port()),
        "SWITCHHOOK_METRICS__PORT": str(free_port()),
        "SWITCHHOOK_AMQP__SOURCES": '["kazoo", "voipbin"]',
        "SWITCHHOOK_VOIPBIN__TAPS": '["topic", "fanout"]',
        "SWITCHHOOK_VOIPBIN__FORWARD_SECRETS": "true",
    }
    return load_settings(None, {**settings, **more})


@pytest.fixture
async def bus(both: Settings) -> AsyncIterator[Bus]:
    """The bus of a running service."""
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        running = asyncio.create_task(app.run(both, stop))
        stack.push_async_callback(asyncio.wait_for, running, 60)
        stack.callback(stop.set)
        await eventually(lambda: is_ready(both.api.port), 60, "the service")
        yield await stack.enter_async_context(Bus(both.amqp.urls[0]))


async def test_events_of_both_taps_and_of_kazoo_go_end_to_end(
    both: Settings, database: Documents, receiver: Receiver, bus: Bus
) -> None:
    chosen = [chosen_vector(name) for name in NAMED]
    told = list(zip(chosen, itertools.cycle(VERBS), strict=False))
    documents = [stored(vector, verb, receiver) for vector, verb in told]
    await database["webhooks"].insert_many(documents)
    kazoo = {"_id": "k" * 32, "account_id": "kazoo-account", "hook": "parking"}
    await database["webhooks"].insert_one({**kazoo, "uri": receiver.url("/kazoo")})
    hooks = dialects_of(both).hooks
    for vector in chosen:
        for message in messages(vector):
            await bus.publish(message)
    await bus.publish(hooks["parking"].sample(Occasion.now("kazoo-account", "call")))
    await receiver.until(lambda: len(receiver.requests) > len(chosen), 60, "every delivery")
    # The last message has come, so each copy before it has been ignored or sent.
    assert len(receiver.requests) == len(chosen) + 1
    by_path = {request.path: request for request in receiver.requests}
    for vector, verb in told:
        request = by_path[f"/{vector['event_type']}"]
        assert (request.method, request.body.decode()) == (verb.upper(), vector["webhook_body"])
        assert request.headers.get(SIGNATURE) == vector["signature"]
    assert "X-Hook-ID" in by_path["/kazoo"].headers


async def test_every_vector_goes_end_to_end(
    database: Documents, receiver: Receiver, bus: Bus
) -> None:
    every = [one for one in read() if one["resource"] != "transcript_internal"]
    inside = [kind.hook_id for kind in KINDS if not kind.reaches_all]
    owners = {one["customer_id"]: one for one in every}
    await database["webhooks"].insert_many(
        [
            document(one, _id=owner, event_types=["*", *inside], uri=receiver.url(f"/{owner}"))
            for owner, one in owners.items()
        ]
    )
    for vector in every:
        for message in messages(vector):
            await bus.publish(message)
    wanted = sorted(one["webhook_body"] for one in every if one["webhook_body"] is not None)
    await receiver.until(lambda: len(receiver.requests) >= len(wanted), 60, "every delivery")
    assert sorted(request.body.decode() for request in receiver.requests) == wanted


async def test_samples_fire_their_hooks(
    both: Settings, database: Documents, receiver: Receiver, bus: Bus
) -> None:
    owner = {"customer_id": "5e4a0680-804e-11ec-8477-2fea5968d85b", "secret": "text"}
    webhook = document(owner, event_types=["call_hangup", "flow_*"], uri=receiver.url("/samples"))
    await database["webhooks"].insert_one(webhook)
    hooks = dialects_of(both).hooks
    for hook in ("call_hangup", "flow_updated", "call_created"):
        await bus.publish(hooks[hook].sample(Occasion.now(owner["customer_id"], hook)))
    await receiver.until(lambda: len(receiver.requests) == 2, 60, "both deliveries")
    types = {json.loads(request.body)["type"] for request in receiver.requests}
    assert types == {"call_hangup", "flow_updated"}


def chosen_vector(name: str) -> Vector:
    publishers = {"account_created": "conversation-manager"}
    found = [
        one
        for one in read()
        if one["event_type"] == name
        and one["webhook_body"] is not None
        and one["publisher"] == publishers.get(name, one["publisher"])
    ]
    return max(found, key=lambda one: len(one["webhook_body"]))


def stored(vector: Vector, verb: str, receiver: Receiver) -> dict[str, object]:
    name = vector["event_type"]
    there = {"_id": name, "uri": receiver.url(f"/{name}")}
    return document(vector, **there, event_types=[NAMED[name]], http_verb=verb)


def messages(vector: Vector) -> list[BusMessage]:
    """Return what VoIPBIN publishes of an event, on both taps."""
    inside = BusMessage(vector["exchange"], "fanout", "", vector["fanout_body"], {}, durable=True)
    body = {"publisher": "webhook-manager", **json.loads(vector["webhook_body"] or "{}")}
    return [
        inside,
        *(
            BusMessage(TOPIC, "topic", key, body, {}, durable=True)
            for key in vector["topic_routing_keys"]
        ),
    ]
