"""In place of VoIPBIN's webhook-manager: its requests are answered, and deliveries follow."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from service import app
from service.dev.receiver import Receiver
from service.dev.servers import free_port
from service.dialects.voipbin.exchanges import TOPIC
from service.dialects.voipbin.request import SIGNATURE
from service.settings.load import load_settings
from service.settings.model import Settings
from tests.conftest import Documents
from tests.e2e.harness import eventually
from tests.integration.test_toy_dialect import is_ready
from tests.voipbin_stand_in import VoipbinServices
from tests.voipbin_vectors import Vector, document, read

CUSTOMER = "5e4a0680-804e-41ec-8477-2fea5968d85b"
ACTIVEFLOW = "6b1ad7a2-6d2e-4d3a-8a0f-0d0e57c0f1aa"


@pytest.fixture
def replacing(settings: dict[str, str]) -> Settings:
    more = {
        "SWITCHHOOK_API__PORT": str(free_port()),
        "SWITCHHOOK_METRICS__PORT": str(free_port()),
        "SWITCHHOOK_AMQP__SOURCES": '["voipbin"]',
        "SWITCHHOOK_VOIPBIN__TAPS": '["rpc"]',
        "SWITCHHOOK_VOIPBIN__FORWARD_SECRETS": "true",
    }
    return load_settings(None, {**settings, **more})


@pytest.fixture
async def services(replacing: Settings) -> AsyncIterator[VoipbinServices]:
    """VoIPBIN's services beside a running Switchhook."""
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        running = asyncio.create_task(app.run(replacing, stop))
        stack.push_async_callback(asyncio.wait_for, running, 60)
        stack.callback(stop.set)
        await eventually(lambda: is_ready(replacing.api.port), 60, "the service")
        yield await stack.enter_async_context(VoipbinServices(replacing.amqp.urls[0]))


async def test_every_vector_is_delivered_and_published_for_the_other_services(
    services: VoipbinServices, database: Documents, receiver: Receiver
) -> None:
    delivered = [one for one in read() if one["topic_routing_keys"] and one["webhook_body"]]
    owners = {one["customer_id"]: one for one in delivered}
    await database["webhooks"].insert_many(
        [document(one, _id=owner, uri=receiver.url(f"/{owner}")) for owner, one in owners.items()]
    )
    topic = await services.channel.declare_exchange(TOPIC, "topic", durable=True)
    other = await services.channel.declare_queue(exclusive=True)
    await other.bind(topic, "#")
    for vector in delivered:
        assert (await services.call("/v1/webhooks", asked(vector)))["status_code"] == 200
    await receiver.until(lambda: len(receiver.requests) >= len(delivered), 60, "every delivery")
    bodies = sorted(request.body.decode() for request in receiver.requests)
    assert bodies == sorted(one["webhook_body"] for one in delivered)
    keys = []
    for _ in range(sum(len(one["topic_routing_keys"]) for one in delivered)):
        message = await eventually(lambda: other.get(no_ack=True, fail=False), what="a copy")
        assert (message.content_type, json.loads(message.body)["publisher"]) == (
            "text/plain", "webhook-manager",
        )  # fmt: skip
        keys.append(message.routing_key)
    assert keys == [key for one in delivered for key in one["topic_routing_keys"]]


async def test_a_dead_receiver_never_opens_the_callers_breaker(
    services: VoipbinServices, database: Documents, receiver: Receiver
) -> None:
    vector = next(one for one in read() if one["event_type"] == "call_hangup")
    dead = document(vector, _id="dead", uri=f"http://127.0.0.1:{free_port()}/")
    await database["webhooks"].insert_many(
        [dead, document(vector, _id="well", uri=receiver.url("/well"))]
    )
    for _ in range(20):
        assert (await services.call("/v1/webhooks", asked(vector)))["status_code"] == 200
    await receiver.until(lambda: len(receiver.requests) >= 20, 30, "the living one's")
    assert services.breaker_opened == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"uri":"/v1/webhooks","method":"POST"}', 400),
        (b'{"uri":"/v1/webhooks","method":"POST","data":{"customer_id":7,"data":{}}}', 400),
        (b'{"uri":"/v1/webhooks","method":"GET","data":{}}', 404),
        (b'{"uri":"/v1/nothing","method":"POST","data":{}}', 404),
    ],
)
async def test_a_request_that_cannot_be_understood_is_told_so(
    services: VoipbinServices, body: bytes, status: int
) -> None:
    reply = await services.call_raw(body)
    assert reply["status_code"] == status
    assert reply["data"]["message"]


async def test_nothing_is_delivered_for_the_system_customer(
    services: VoipbinServices, receiver: Receiver
) -> None:
    system = "00000000-0000-0000-0000-000000000002"
    event = {"type": "call_created", "data": {"id": "1", "customer_id": system}}
    reply = await services.call("/v1/webhooks", {"customer_id": system, "data": event})
    assert reply["status_code"] == 200
    assert not receiver.requests


async def test_customers_and_activeflows_bring_their_own_destinations(
    services: VoipbinServices, database: Documents, receiver: Receiver
) -> None:
    customer = {
        "id": CUSTOMER,
        "name": "Acme",
        "webhook_uri": receiver.url("/customer"),
        "webhook_method": "PUT",
        "webhook_secret": "the secret",
        "tm_update": "2026-08-22T10:00:00.000001Z",
    }
    await services.publish("customer-manager", "customer_created", customer)
    await stored(database, CUSTOMER, "/customer")
    older = {**customer, "webhook_uri": receiver.url("/old"), "tm_update": "2026-08-22T09:00:00Z"}
    await services.publish("customer-manager", "customer_updated", older)
    flow = {"id": ACTIVEFLOW, "webhook_uri": receiver.url("/flow"), "webhook_method": "POST"}
    await services.call("/v1/webhooks", event_of("activeflow_created", flow))
    call = {"id": "c1", "activeflow_id": ACTIVEFLOW, "reference_type": "call"}
    await services.call("/v1/webhooks", event_of("recording_started", call))
    await receiver.until(lambda: len(receiver.requests) >= 3, 30, "three deliveries")
    sent = sorted((request.method, request.path) for request in receiver.requests)
    assert sent == [("POST", "/flow"), ("PUT", "/customer"), ("PUT", "/customer")]
    assert all(is_signed(request, b"the secret") for request in receiver.requests)
    gone = {**customer, "tm_delete": "2026-08-22T11:00:00Z"}
    await services.publish("customer-manager", "customer_deleted", gone)
    await eventually(lambda: is_gone(database), 20, "the webhook's end")


async def test_a_flow_sends_a_body_of_its_own_once(
    services: VoipbinServices, database: Documents, receiver: Receiver
) -> None:
    await database["accounts"].insert_one({"_id": CUSTOMER, "voipbin_secret": "the secret"})
    asked = {
        "customer_id": CUSTOMER,
        "uri": receiver.url("/own"),
        "method": "PUT",
        "data_type": "application/json; charset=utf-8",
        "data": {"b": "1 & 2", "a": 12345678901234567890, "list": []},
    }
    receiver.script("/own", 503, 200)
    assert (await services.call("/v1/webhook_destinations", asked))["status_code"] == 200
    await receiver.until(lambda: len(receiver.requests) >= 2, 30, "both attempts")
    for request in receiver.requests:
        assert request.body == rb'{"b":"1 \u0026 2","a":12345678901234567890,"list":[]}'
        assert request.headers["Content-Type"] == "application/json; charset=utf-8"
        assert is_signed(request, b"the secret")
    wrong = await services.call("/v1/webhook_destinations", {**asked, "method": "PATCH"})
    assert wrong["status_code"] == 400
    assert "PATCH" in wrong["data"]["message"]


def asked(vector: Vector) -> dict[str, Any]:
    return {"customer_id": vector["customer_id"], "data": json.loads(vector["webhook_body"])}


def event_of(name: str, data: dict[str, Any]) -> dict[str, Any]:
    event = {"type": name, "data": {"customer_id": CUSTOMER, **data}}
    return {"customer_id": CUSTOMER, "data_type": "application/json", "data": event}


def is_signed(request: Any, secret: bytes) -> bool:
    signature = hmac.digest(secret, request.body, hashlib.sha256).hex()
    return bool(request.headers.get(SIGNATURE) == f"sha256={signature}")


async def stored(database: Documents, customer_id: str, path: str) -> None:
    async def is_there() -> bool:
        found = await database["webhooks"].find_one({"account_id": customer_id})
        return found is not None and found["uri"].endswith(path)

    await eventually(is_there, 20, f"the webhook at {path}")


async def is_gone(database: Documents) -> bool:
    return await database["webhooks"].find_one({"account_id": CUSTOMER}) is None


async def test_of_interim_speech_the_latest_is_sent_and_none_after_the_end(
    services: VoipbinServices, database: Documents, receiver: Receiver
) -> None:
    owner = {"customer_id": CUSTOMER, "secret": "text"}
    webhook = document(owner, uri=receiver.url("/speech"), coalesce_ms=1000)
    await database["webhooks"].insert_one(webhook)

    async def speak(name: str, text: str) -> None:
        speech = {"id": text, "streaming_id": "s1", "message": text}
        await services.call("/v1/webhooks", event_of(name, speech))

    for text in ("I", "I would", "I would like"):
        await speak("transcribe_speech_interim", text)
    await receiver.until(lambda: len(receiver.requests) == 1, 20, "the latest")
    await speak("transcribe_speech_interim", "I would like to")
    await speak("transcribe_speech_ended", "I would like to pay")
    await speak("transcribe_speech_interim", "too late")
    await receiver.until(lambda: len(receiver.requests) == 2, 20, "the end")
    await services.call("/v1/webhooks", event_of("call_created", {"id": "c1"}))
    await receiver.until(lambda: len(receiver.requests) == 3, 20, "another event")
    said = [json.loads(request.body)["data"].get("message") for request in receiver.requests]
    assert said == ["I would like", "I would like to pay", None]
