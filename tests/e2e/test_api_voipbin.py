"""`/v1.0/webhooks`: the walk that VoIPBIN's documentation describes, and what it refuses."""

import hashlib
import hmac
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from service.adapters.rabbitmq.bus import Bus
from service.dev.receiver import ReceivedRequest, Receiver
from service.dev.servers import HOST
from service.dialects.bus_message import BusMessage, Occasion
from service.dialects.voipbin.catalogue import hooks
from service.dialects.voipbin.policy import VoipbinPolicy
from service.dialects.voipbin.request import SIGNATURE
from tests.api_client import Client
from tests.e2e.shared_service import SharedService, StartShared, new_account
from tests.forking.client import switchhook

ALL = "/v1.0/webhooks"
GOOD = {"name": "CRM", "detail": "calls", "uri": "https://203.0.113.9/voipbin", "method": "POST"}
SAMPLES = {hook.hook_id: hook.sample for hook in hooks(VoipbinPolicy())}
HANGUP = SAMPLES["call_hangup"]


@asynccontextmanager
async def voipbin_api(customers: dict[str, str]) -> AsyncIterator[str]:
    """VoIPBIN's API as far as `GET /customer` goes, for these access keys."""

    async def customer(request: web.Request) -> web.Response:
        found = customers.get(request.query.get("accesskey", ""))
        body = {"id": found, "webhook_uri": "https://203.0.113.9/", "webhook_secret": "own"}
        return web.json_response(body, status=200 if found else 401)

    async def every(request: web.Request) -> web.Response:
        if request.query.get("accesskey") != ADMINISTRATOR:
            return web.json_response({}, status=403)
        start = int(request.query.get("page_token", "0"))
        one = {"id": list(customers.values())[start], "webhook_method": "PUT"}
        one["webhook_uri"] = "https://203.0.113.9/"
        more = str(start + 1) if start + 1 < len(customers) else ""
        return web.json_response({"result": [one], "next_page_token": more})

    application = web.Application()
    application.router.add_get("/v1.0/customer", customer)
    application.router.add_get("/v1.0/customers", every)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    yield f"http://{HOST}:{runner.addresses[0][1]}/v1.0"
    await runner.cleanup()


CUSTOMERS: dict[str, str] = {}
ADMINISTRATOR = "the-administrator"


@pytest.fixture(scope="module")
async def running(new_shared: StartShared) -> AsyncIterator[SharedService]:
    """A service for both switches, whose VoIPBIN webhooks may use plain http."""
    async with voipbin_api(CUSTOMERS) as url:
        options = {
            "SWITCHHOOK_AMQP__SOURCES": '["kazoo", "voipbin"]',
            "SWITCHHOOK_VOIPBIN__REQUIRE_HTTPS": "false",
            "SWITCHHOOK_VOIPBIN__API_URL": url,
            "SWITCHHOOK_CALLS__SETTLE_S": "0.4",
        }
        async with new_shared(**options) as service:
            yield service


async def test_a_customers_walk(running: SharedService, receiver: Receiver) -> None:
    customer, key = new_account(), "the-access-key"
    CUSTOMERS[key] = customer
    await running.database["accounts"].insert_one({"_id": customer, "voipbin_secret": "text"})
    api = running.client(None, customer, running.service)
    query = {"accesskey": key}
    body = {**GOOD, "url": receiver.url("/crm"), "event_types": ["call.*"]}
    del body["uri"]
    created = await api.ask("POST", ALL, body, query=query)
    assert created.status == 200, created.envelope
    one = created.envelope
    assert one["customer_id"] == customer
    assert (one["uri"], one["method"], one["status"]) == (receiver.url("/crm"), "POST", "active")
    assert one["event_types"] == ["call.*"]
    assert (one["tm_update"], one["tm_delete"]) == (None, None)
    await happen(running, customer)
    request = await first(receiver)
    assert json.loads(request.body)["type"] == "call_hangup"
    digest = hmac.digest(b"text", request.body, hashlib.sha256).hex()
    assert request.headers[SIGNATURE] == f"sha256={digest}"
    listed = (await api.ask("GET", ALL, query=query)).envelope
    assert [found["id"] for found in listed["result"]] == [one["id"]]
    path = f"{ALL}/{one['id']}"
    edited = await api.ask("PUT", path, {**body, "event_types": ["message_*"]}, query=query)
    assert edited.envelope["event_types"] == ["message_*"]
    assert edited.envelope["tm_update"]
    assert (await api.ask("GET", path, query=query)).envelope == edited.envelope
    deleted = await api.ask("DELETE", path, query=query)
    assert deleted.envelope["tm_delete"]
    gone = await api.ask("GET", path, query=query)
    assert (gone.status, gone.envelope["error"]["status"]) == (404, "NOT_FOUND")
    assert key not in running.service.log.read_text()


@pytest.mark.parametrize(
    ("change", "reason", "said"),
    [
        ({"uri": None}, "INVALID_WEBHOOK_URI", "uri: must be a URL"),
        ({"uri": "ftp://example.com"}, "INVALID_WEBHOOK_URI", "uri: invalid client URL"),
        ({"uri": "http://10.0.0.1/"}, "INVALID_WEBHOOK_URI", "refused by"),
        ({"method": "PATCH"}, "INVALID_WEBHOOK_METHOD", "POST, PUT"),
        ({"event_types": []}, "INVALID_ARGUMENT", "event_types: must be a list"),
        ({"event_types": ["call_hangup", "nonsense"]}, "INVALID_ARGUMENT", "no event 'nonsense'"),
        ({"event_types": "call_hangup"}, "INVALID_ARGUMENT", "event_types: must be a list"),
        ({"name": "x" * 256}, "INVALID_ARGUMENT", "name: must be a text"),
    ],
)
async def test_bad_members_are_told_in_voipbins_words(
    running: SharedService, change: dict[str, Any], reason: str, said: str
) -> None:
    api = await running.tenant()
    reply = await api.ask("POST", ALL, {**GOOD, "event_types": ["*"], **change})
    error = reply.envelope["error"]
    assert (reply.status, error["status"], error["reason"]) == (400, "INVALID_ARGUMENT", reason)
    assert said in error["message"]
    assert error["request_id"] == reply.headers["X-Request-ID"]


async def test_a_body_that_is_no_json_is_told_so(running: SharedService) -> None:
    reply = await (await running.tenant()).ask("POST", ALL, raw=b"{")
    assert (reply.status, reply.envelope["error"]["reason"]) == (400, "INVALID_JSON_BODY")


async def test_each_account_sees_its_own_webhooks_of_voipbin_alone(
    running: SharedService, receiver: Receiver
) -> None:
    api, other = await running.tenant(), await running.tenant()
    of_kazoo = await api.create(receiver.url("/kazoo"))
    body = {**GOOD, "uri": receiver.url("/voipbin"), "event_types": ["*"]}
    one = (await api.ask("POST", ALL, body)).envelope
    assert await ids(api) == [one["id"]]
    assert await ids(other) == []
    assert (await other.ask("GET", f"{ALL}/{one['id']}")).status == 404
    assert (await other.ask("DELETE", f"{ALL}/{one['id']}")).status == 404
    assert (await api.ask("DELETE", f"{ALL}/{of_kazoo['id']}")).status == 404
    named = {"customer_id": api.account_id}
    assert (await other.ask("GET", ALL, query=named)).status == 403
    superuser = await running.superuser(api.account_id)
    assert await ids(superuser, **named) == [one["id"]]
    assert (await superuser.ask("GET", ALL)).status == 400
    nobody = running.client(None, api.account_id, running.service)
    refused = await nobody.ask("GET", ALL)
    assert (refused.status, refused.envelope["error"]["status"]) == (401, "UNAUTHENTICATED")
    reader = await running.tenant(api.account_id, read_only=True)
    assert (await reader.ask("POST", ALL, body)).status == 403


async def test_our_own_api_takes_hooks_of_both_switches(
    running: SharedService, receiver: Receiver
) -> None:
    api = await running.tenant()
    created = await api.create(receiver.url("/own"), hook="call_hangup")
    assert created["source"] == "voipbin"
    await happen(running, api.account_id)
    assert json.loads((await first(receiver)).body)["type"] == "call_hangup"
    moved = await api.patch(f"webhooks/{created['id']}", hook="channel_create")
    assert moved.data.get("source") is None
    listed = {hook["id"] for hook in (await api.get("/v2/webhooks")).data}
    assert {"call_hangup", "channel_create"} <= listed


async def test_customers_are_imported_from_voipbins_api(running: SharedService) -> None:
    own, other = new_account(), new_account()
    url = running.settings["SWITCHHOOK_VOIPBIN__API_URL"]
    CUSTOMERS[ADMINISTRATOR], CUSTOMERS["another"] = own, other
    command = ("import", "voipbin", "--url", url)
    env = {**running.settings, "VOIPBIN_TOKEN": ADMINISTRATOR}
    count = len(CUSTOMERS)
    code, text = await switchhook(*command, "--dry-run", env=env)
    assert (code, text) == (0, f"{count} accounts would be imported, {count} with a webhook\n")
    assert await running.database["webhooks"].find_one({"account_id": own}) is None
    for _ in range(2):
        code, text = await switchhook(*command, env=env)
        assert (code, text) == (0, f"{count} accounts imported, {count} with a webhook\n")
    [webhook] = await running.database["webhooks"].find({"account_id": other}).to_list(None)
    assert (webhook["http_verb"], webhook["event_types"]) == ("put", ["*"])
    account = await running.database["accounts"].find_one({"_id": own})
    assert account is not None
    assert account["voipbin_secret"] == "own"
    code, text = await switchhook(*command, env={**env, "VOIPBIN_TOKEN": "wrong"})
    assert code == 1
    assert "VoIPBIN refuses the token" in text


async def test_receipts_of_a_profile_follow_each_recipients_status_to_the_final_one(
    running: SharedService, receiver: Receiver
) -> None:
    api = await running.tenant()
    await api.create(receiver.url("/dlr"), hook="message_updated", profile="voxtelesys")
    walk = [("queued", "queued"), ("sent", "queued"), ("delivered", "failed")]
    async with Bus(running.amqp_url) as bus:
        for statuses, count in zip(walk, (2, 3, 5), strict=True):
            await bus.publish(sent_message(api.account_id, "m1", *statuses))
            await receipts(receiver, count)
        await bus.publish(sent_message(api.account_id, "m1", "sent", "sent"))
        # The receipts of another message tell that the late statuses were read.
        await bus.publish(sent_message(api.account_id, "m2", "queued", "queued"))
    bodies = await receipts(receiver, 7)
    assert {body["type"] for body in bodies} == {"per_recipient"}
    told = [(body["to"][0][-4:], body["status"]) for body in bodies if body["batch_id"] == "m1"]
    alice, bob = ([status for to, status in told if to == one] for one in ("3333", "4444"))
    assert (alice, bob) == (["queued", "delivering", "delivered"], ["queued", "failed"])


async def receipts(receiver: Receiver, count: int) -> list[Any]:
    await receiver.until(lambda: len(receiver.requests) >= count, 20, f"{count} receipts")
    return [json.loads(request.body) for request in receiver.requests]


def sent_message(account_id: str, message_id: str, *statuses: str) -> BusMessage:
    """Return the update of a message to two recipients, with their statuses."""
    sample = SAMPLES["message_updated"](Occasion.now(account_id, message_id))
    targets = [
        {"destination": {"type": "tel", "target": number}, "status": status, "parts": 1}
        for number, status in zip(("+15550003333", "+15550004444"), statuses, strict=True)
    ]
    data = {**sample.body["data"], "direction": "outbound", "targets": targets}
    return replace(sample, body={**sample.body, "data": data})


async def test_a_recording_that_comes_late_makes_a_second_revision_of_the_summary(
    running: SharedService, receiver: Receiver
) -> None:
    api = await running.tenant()
    await api.create(receiver.url("/summary"), hook="call_summary")
    call_id, recording_id = str(uuid.uuid4()), str(uuid.uuid4())

    async def told(*names: str) -> None:
        async with Bus(running.amqp_url) as bus:
            for name in names:
                message = SAMPLES[name](Occasion.now(api.account_id, call_id))
                if name.startswith("recording_"):
                    data = {**message.body["data"], "id": recording_id, "reference_id": call_id}
                    message = replace(message, body={**message.body, "data": data})
                await bus.publish(message)

    async def summaries(count: int) -> list[Any]:
        await receiver.until(lambda: len(receiver.at("/summary")) >= count, 15)
        return [json.loads(one.body) for one in receiver.at("/summary")]

    await told("call_created", "call_progressing", "recording_started", "call_hangup")
    (early,) = await summaries(1)
    assert (early["revision"], early["complete"]) == (1, False)
    assert [one["ready"] for one in early["recordings"]] == [False]
    await told("recording_finished")
    late = (await summaries(2))[1]
    assert (late["revision"], late["complete"]) == (2, True)
    assert [one["ready"] for one in late["recordings"]] == [True]
    assert late["conversation_id"] == early["conversation_id"]
    assert len({one.delivery_id for one in receiver.at("/summary")}) == 2


async def happen(running: SharedService, account_id: str) -> None:
    async with Bus(running.amqp_url) as bus:
        await bus.publish(HANGUP(Occasion.now(account_id, "c1")))


async def first(receiver: Receiver) -> ReceivedRequest:
    await receiver.until(lambda: bool(receiver.requests), 20, "the request")
    return receiver.requests[0]


async def ids(api: Client, **query: str) -> list[str]:
    reply = await api.ask("GET", ALL, query=query)
    return [one["id"] for one in reply.envelope["result"]]
