"""A dialect that the product does not know, wired in from outside: all else must work with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from jsonschema import Draft202012Validator
from yarl import URL

from service import app
from service.adapters.rabbitmq.bus import Bus
from service.dev.receiver import Receiver
from service.dev.servers import HOST, free_port
from service.dialects.bus_message import Occasion
from service.dialects.dialect import Dialects
from service.settings.load import load_settings
from service.settings.model import Settings
from tests.api_client import Client, make_token
from tests.conftest import Documents
from tests.dialects import KAZOO
from tests.e2e.harness import eventually
from tests.toy_dialect import GROWN, GROWN_HOOK, HOOK, TOY

ACCOUNT = "house-7"


@pytest.fixture
def both(settings: dict[str, str]) -> Settings:
    ports = {
        "SWITCHHOOK_API__PORT": str(free_port()),
        "SWITCHHOOK_METRICS__PORT": str(free_port()),
        "SWITCHHOOK_RETRY__SCHEDULE": "[0.3, 0.9]",
    }
    return load_settings(None, {**settings, **ports})


@pytest.mark.parametrize(
    "dialects", [Dialects((TOY,)), Dialects((KAZOO, TOY))], ids=["alone", "beside"]
)
async def test_a_dialect_from_outside_goes_end_to_end(
    both: Settings, dialects: Dialects, database: Documents, receiver: Receiver
) -> None:
    webhook = {
        "_id": "w" * 32,
        "account_id": ACCOUNT,
        "source": "toy",
        "event_types": ["doorbell"],
        "uri": receiver.url("/door"),
        "http_verb": "delete",
    }
    await database["webhooks"].insert_one(dict(webhook))
    await database["webhooks"].insert_one({**webhook, "_id": "x" * 32, "event_types": ["other"]})
    receiver.script("/door", 503, 200)
    async with serving(both, dialects):
        async with Bus(both.amqp.urls[0]) as bus:
            await bus.publish(HOOK.sample(Occasion.now(ACCOUNT, "Zoë")))
        await receiver.until(lambda: len(receiver.requests) == 2, 20, "attempt and retry")
        first, second = receiver.requests
        assert first.body == second.body == '{"rang":"Zoë"}'.encode()
        assert (first.method, first.headers["Content-Type"]) == ("DELETE", "text/x-toy")
        assert first.headers["X-Toy"] == webhook["_id"]
        assert first.headers["X-Toy-Length"] == str(len(first.body))
        assert first.headers["X-Switchhook-Schema"] == "doorbell/1"
        assert first.delivery_id == second.delivery_id
        assert "X-Hook-ID" not in first.headers
        await shown_by_the_api(both, database)


async def test_a_pinned_webhook_goes_on_with_the_version_before(
    both: Settings, database: Documents, receiver: Receiver
) -> None:
    receiver.script("/old", 503, 200)
    dialects = Dialects((GROWN,))
    async with serving(both, dialects), aiohttp.ClientSession() as session:
        token = await make_token(database, ACCOUNT)
        api = Client(session, f"http://{HOST}:{both.api.port}", token, ACCOUNT)
        hook = GROWN_HOOK.hook_id
        old = {"hook": hook, "schema_version": 1}
        await api.create(receiver.url("/old"), **old)
        await api.create(receiver.url("/old-odd"), **old, modifiers={"rang": "Bob"})
        await api.create(receiver.url("/new"), hook=hook)
        refused = await api.put("webhooks", name="x", uri="https://a.example/", hook=hook,
                                schema_version=3)  # fmt: skip
        assert refused.status == 400
        assert refused.data["schema_version"]["enum"]["target"] == [1, 2]
        async with Bus(both.amqp.urls[0]) as bus:
            await bus.publish(GROWN_HOOK.sample(Occasion.now(ACCOUNT, "Zoë")))
        await receiver.until(lambda: len(receiver.requests) == 3, 20, "two attempts and one")
        assert receiver.at("/old-odd") == []
        for request in receiver.at("/old"):
            assert request.body == '{"rang":"Zoë"}'.encode()
            assert request.headers["X-Switchhook-Schema"] == "front/doorbell/1"
            assert request.headers["Deprecation"] == "@1772323200"
            assert request.headers["Sunset"] == "Mon, 01 Mar 2027 12:00:00 GMT"
        [request] = receiver.at("/new")
        assert request.body == '{"visitor":{"name":"Zoë"}}'.encode()
        assert request.headers["X-Switchhook-Schema"] == "front/doorbell/2"
        assert "Deprecation" not in request.headers
        await published(session, f"http://{HOST}:{both.api.port}")


async def published(session: aiohttp.ClientSession, url: str) -> None:
    """Check both versions as the API publishes them, to anybody."""
    async with session.get(f"{url}/v2/schemas") as answer:
        [listed] = (await answer.json())["data"]
    assert (listed["hook"], listed["current"]) == ("front/doorbell", 2)
    new, old = listed["versions"]
    assert new["changes"] == "`rang` became `visitor.name`."
    assert (new["deprecated_at"], old["deprecated_at"]) == (None, "2026-03-01T00:00:00+00:00")
    async with session.get(URL(f"{url}{old['path']}", encoded=True)) as answer:
        schema = await answer.json()
        assert answer.headers["Deprecation"] == "@1772323200"
        assert answer.headers["Sunset"] == "Mon, 01 Mar 2027 12:00:00 GMT"
    assert schema["$id"] == "front/doorbell/1"
    for example in schema["examples"]:
        Draft202012Validator(schema).validate(example)
        assert example.keys() == {"rang"}
    async with session.get(URL(f"{url}{new['path']}", encoded=True)) as answer:
        assert (await answer.json())["examples"][0].keys() == {"visitor"}
        assert "Deprecation" not in answer.headers
    async with session.get(URL(f"{url}{old['path']}1", encoded=True)) as answer:
        assert answer.status == 404


@asynccontextmanager
async def serving(settings: Settings, dialects: Dialects) -> AsyncIterator[None]:
    """Run the service in this process while the block runs."""
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        running = asyncio.create_task(app.run(settings, stop, dialects=dialects))
        stack.push_async_callback(asyncio.wait_for, running, 30)
        stack.callback(stop.set)
        await eventually(lambda: is_ready(settings.api.port), 30, "the service")
        yield


async def shown_by_the_api(settings: Settings, database: Documents) -> None:
    async with aiohttp.ClientSession() as session:
        token = await make_token(database, ACCOUNT)
        api = Client(session, f"http://{HOST}:{settings.api.port}", token, ACCOUNT)

        async def both_attempts() -> bool:
            found = (await api.get("webhooks/attempts", filter_hook="doorbell")).data
            return [one["attempt"] for one in found] == [2, 1]

        await eventually(both_attempts, 20, "both attempts in the log")
        [latest, _] = (await api.get("webhooks/attempts")).data
        assert (latest["source"], latest["hook"], latest["result"]) == (
            "toy",
            "doorbell",
            "success",
        )
        refused = await api.get("webhooks/attempts", filter_hook="bell")
        assert refused.status == 400
        assert "doorbell" in str(refused.envelope)


async def is_ready(port: int) -> bool:
    try:
        url = f"http://{HOST}:{port}/readyz"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False
