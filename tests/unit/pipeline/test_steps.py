"""Receipts of a profiled webhook: one for each change, and none after a final one."""

import asyncio
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry

from service.dialects.voipbin.dialect import voipbin
from service.dialects.voipbin.exchanges import TOPIC
from service.dialects.voipbin.policy import VoipbinPolicy
from service.domain.delivery import Delivery, Outcome, Request, Response
from service.domain.webhook import Webhook
from service.observability.metrics import Metrics
from service.pipeline.envelope import seal
from service.pipeline.progress import Progress
from tests.builders import ACCOUNT, make_webhook
from tests.dialects import MOST_BYTES
from tests.fakes import FakeIncoming, FakeSender, FakeToldSteps, counted, incoming
from tests.unit.pipeline.parts import Parts
from tests.virtual_time import in_virtual_time, settle

ALICE, BOB = "+15550003333", "+15550004444"
FAILED = Response(Outcome.BAD_STATUS, 500)


class GatedSender(FakeSender):
    """Makes no request before the gate is open."""

    gate = asyncio.Event()

    async def send(self, request: Request) -> Response:
        self.sent.append(request)
        await self.gate.wait()
        return Response(Outcome.SUCCEEDED, 200)


def on_voipbin(**fakes: Any) -> Parts:
    dialect = voipbin(VoipbinPolicy(), MOST_BYTES)
    hooks = [("voipbin", hook.hook_id) for hook in dialect.hooks]
    return Parts(further=(dialect,), metrics=Metrics(CollectorRegistry(), hooks), **fakes)


def receiving(told: FakeToldSteps | None = None, **webhook: Any) -> Parts:
    parts = on_voipbin(told=told or FakeToldSteps())
    parts.subscribe(hook_of(**webhook))
    return parts


def hook_of(**changes: Any) -> Webhook:
    values = {"source": "voipbin", "hook": "message_updated", "profile": "voxtelesys", **changes}
    return make_webhook(**values)


def update(*statuses: tuple[str, str], redelivered: bool = False) -> FakeIncoming:
    """Return the message that tells of each recipient's status."""
    targets = [
        {"destination": {"type": "tel", "target": number}, "status": status, "parts": 1}
        for number, status in statuses
    ]
    data = {
        "id": "m1",
        "customer_id": ACCOUNT,
        "direction": "outbound",
        "targets": targets,
        "tm_create": "2026-08-22T11:01:00Z",
    }
    body = {"type": "message_updated", "data": data}
    message = incoming(body, redelivered=redelivered)
    message.exchange = TOPIC
    return message


def told(parts: Parts) -> list[tuple[str, str]]:
    bodies = [orjson.loads(request.body or b"") for request in parts.sender.sent]
    return [(body["to"][0], body["status"]) for body in bodies]


@in_virtual_time
async def test_each_change_of_each_recipient_has_one_receipt() -> None:
    parts = receiving()
    await parts.events(update((ALICE, "queued"), (BOB, "queued")), Progress())
    await parts.events(update((ALICE, "sent"), (BOB, "queued")), Progress())
    await parts.events(update((ALICE, "delivered"), (BOB, "queued")), Progress())
    await parts.events(update((ALICE, "delivered"), (BOB, "failed")), Progress())
    assert sorted(told(parts)) == [
        (ALICE, "delivered"),
        (ALICE, "delivering"),
        (ALICE, "queued"),
        (BOB, "failed"),
        (BOB, "queued"),
    ]
    assert len({request.headers["webhook-id"] for request in parts.sender.sent}) == 5


@pytest.mark.parametrize("late", ["queued", "sent", "failed", "dlr_timeout"])
@in_virtual_time
async def test_nothing_follows_a_final_status(late: str) -> None:
    parts = receiving()
    await parts.events(update((ALICE, "delivered")), Progress())
    await parts.events(update((ALICE, late)), Progress())
    assert told(parts) == [(ALICE, "delivered")]


@in_virtual_time
async def test_a_redelivered_message_sends_what_a_killed_worker_had_begun() -> None:
    killed = receiving()
    await killed.events(update((ALICE, "delivered")), Progress())
    parts = receiving(killed.told)
    await parts.events(update((ALICE, "delivered"), redelivered=True), Progress())
    ids = [one.sender.sent[0].headers["webhook-id"] for one in (killed, parts)]
    assert ids[0] == ids[1]


@in_virtual_time
async def test_an_interim_receipt_that_waited_is_dropped_after_the_final_one() -> None:
    parts = receiving()
    parts.sender.responses = [FAILED, Response(Outcome.SUCCEEDED, 200)]
    await parts.events(update((ALICE, "sent")), Progress())
    await parts.events(update((ALICE, "delivered")), Progress())
    [(waiting, _)] = parts.queues.retried
    await parts.retries(back(waiting), Progress())
    assert told(parts) == [(ALICE, "delivering"), (ALICE, "delivered")]
    assert counted(parts.metrics, "deliveries_total", outcome="cancelled") == 1


@in_virtual_time
async def test_an_interim_receipt_that_waited_is_sent_while_it_is_the_latest() -> None:
    parts = receiving()
    parts.sender.responses = [FAILED, Response(Outcome.SUCCEEDED, 200)]
    await parts.events(update((ALICE, "sent")), Progress())
    [(waiting, _)] = parts.queues.retried
    await parts.retries(back(waiting), Progress())
    assert told(parts) == [(ALICE, "delivering"), (ALICE, "delivering")]


@in_virtual_time
async def test_a_final_receipt_waits_for_the_interim_one_that_is_under_way() -> None:
    parts = on_voipbin(sender=GatedSender())
    parts.subscribe(hook_of())
    interim = asyncio.create_task(parts.events(update((ALICE, "sent")), Progress()))
    await settle()
    final = asyncio.create_task(parts.events(update((ALICE, "delivered")), Progress()))
    await asyncio.sleep(1)
    assert told(parts) == [(ALICE, "delivering")]
    GatedSender.gate.set()
    await asyncio.gather(interim, final)
    assert told(parts) == [(ALICE, "delivering"), (ALICE, "delivered")]


@in_virtual_time
async def test_a_webhook_without_a_profile_gets_the_whole_message() -> None:
    parts = receiving(profile=None)
    await parts.events(update((ALICE, "delivered"), (BOB, "queued")), Progress())
    [request] = parts.sender.sent
    assert len(orjson.loads(request.body or b"")["data"]["targets"]) == 2
    assert parts.told.latest == {}


@in_virtual_time
async def test_a_receipt_is_retried_in_voipbins_form_where_the_profile_was_removed() -> None:
    parts = receiving()
    parts.sender.responses = [FAILED, Response(Outcome.SUCCEEDED, 200)]
    await parts.events(update((ALICE, "delivered"), (BOB, "")), Progress())
    [(waiting, _)] = parts.queues.retried
    parts.subscribe(hook_of(profile=None))
    await parts.retries(back(waiting), Progress())
    data = orjson.loads(parts.sender.sent[-1].body or b"")["data"]
    assert [target["status"] for target in data["targets"]] == ["delivered"]


def back(delivery: Delivery) -> FakeIncoming:
    return incoming(seal([delivery]))
