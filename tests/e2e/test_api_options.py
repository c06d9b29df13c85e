"""What a webhook may have beyond Kazoo's, and how its receiver notices."""

import asyncio
import json
import time
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from service.dev.receiver import ReceivedRequest, Receiver, ScriptedAnswer
from tests.e2e.harness import eventually
from tests.e2e.shared_service import SharedService

OVERLAP_S = 3
HEADERS = {"X-Api-Key": "key-1", "X-Tenant": "acme"}
BASIC = {"type": "basic", "username": "aladdin", "password": "open sesame"}


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ({"type": "bearer", "token": "t-1"}, "Bearer t-1"),
        (BASIC, f"Basic {b64encode(b'aladdin:open sesame').decode()}"),
    ],
    ids=["bearer", "basic"],
)
async def test_credentials_and_headers_of_the_account_arrive(
    shared: SharedService, receiver: Receiver, auth: dict[str, str], expected: str
) -> None:
    api = await shared.tenant()
    await api.create(receiver.url("/"), auth=auth, headers=HEADERS)
    await shared.call(api.account_id, "c-1")
    await receiver.until(lambda: len(receiver.requests) == 1, 10)
    headers = receiver.requests[0].headers
    assert headers["Authorization"] == expected
    assert {name: headers[name] for name in HEADERS} == HEADERS


async def test_a_fallback_is_asked_once_with_the_reason_and_without_what_is_secret(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    receiver.script("/bad", 500)
    async with Receiver() as elsewhere:
        await api.create(
            receiver.url("/bad"),
            retries=1,
            auth=BASIC,
            headers=HEADERS,
            fallback_uri=elsewhere.url("/fallback"),
        )
        await shared.call(api.account_id, "c-1")
        await elsewhere.until(lambda: len(elsewhere.requests) == 1, 10)
        assert [request.attempt for request in receiver.requests] == [1, 2]
        (request,) = elsewhere.requests
        assert request.headers["X-Switchhook-Fallback-Reason"] == "bad_status"
        assert "X-Switchhook-Fallback-Reason" not in receiver.requests[0].headers
        assert not {"Authorization", *HEADERS} & set(request.headers)
        assert request.delivery_id == receiver.requests[0].delivery_id
        assert request.body == receiver.requests[0].body

        async def logged() -> list[Any]:
            made: list[Any] = (await api.get("webhooks/attempts")).data
            return made if len(made) == 3 else []

        made = await eventually(logged, what="three attempts")
        assert [item["result"] for item in made] == ["success", "failure", "failure"]
        assert made[0]["fallback_for"] == "bad_status"
        assert (await api.get("dead_letters")).data == []


async def test_a_fallback_that_fails_is_not_asked_again(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    receiver.script("/bad", 500)
    receiver.script("/fallback", 503)
    fallback = receiver.url("/fallback")
    await api.create(receiver.url("/bad"), retries=1, fallback_uri=fallback, headers=HEADERS)
    await shared.call(api.account_id, "c-1")

    async def dead() -> list[Any]:
        letters: list[Any] = (await api.get("dead_letters")).data
        return letters

    (letter,) = await eventually(dead, what="the dead letter")
    assert letter["reason"] == "exhausted"
    assert len(receiver.at("/bad")) == 2
    (request,) = receiver.at("/fallback")
    # It is the same server, which knows the headers anyway.
    assert {name: request.headers[name] for name in HEADERS} == HEADERS


async def test_a_webhooks_own_timeout_is_kept_to(shared: SharedService, receiver: Receiver) -> None:
    api = await shared.tenant()
    receiver.script("/slow", ScriptedAnswer(200, delay_s=1.8))
    await api.create(receiver.url("/slow"), retries=0, timeout_s=1, name="impatient")
    await api.create(receiver.url("/slow"), retries=0, name="patient")
    await shared.call(api.account_id, "c-1")

    async def logged() -> list[Any]:
        made: list[Any] = (await api.get("webhooks/attempts")).data
        return made if len(made) == 2 else []

    made = {item["outcome"]: item for item in await eventually(logged, what="two attempts")}
    assert set(made) == {"timed_out", "succeeded"}
    # The event loop's timers have whole milliseconds.
    assert 999 <= made["timed_out"]["duration_ms"] < 1800
    assert made["timed_out"]["client_error"].startswith("timed_out")


def genuine(request: ReceivedRequest, secret: str) -> bool:
    try:
        Verifier(secret).verify(request.body, dict(request.headers))
    except WebhookVerificationError:
        return False
    return True


async def test_after_a_rotation_both_secrets_sign_for_a_while_and_then_only_the_new_one(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    webhook = await api.create(receiver.url("/"))
    where = f"webhooks/{webhook['id']}"
    await shared.call(api.account_id, "c-0")
    await receiver.until(lambda: len(receiver.requests) == 1, 10)
    old = webhook["secret"]
    assert genuine(receiver.requests[0], old)

    rotated_at = time.time()
    rotated = await api.post(f"{where}/secret/rotate", overlap_s=OVERLAP_S)
    assert rotated.status == 200
    new = rotated.data["secret"]
    assert new.startswith("whsec_")
    assert new != old

    async def signed(*, by_old: bool) -> ReceivedRequest | None:
        count = len(receiver.requests)
        await shared.call(api.account_id, f"c-{count}")
        await receiver.until(lambda: len(receiver.requests) > count, 10)
        request = receiver.requests[-1]
        assert genuine(request, new) or genuine(request, old)
        return request if genuine(request, new) and genuine(request, old) is by_old else None

    await eventually(lambda: signed(by_old=True), OVERLAP_S, "a request signed by both")
    last = await eventually(lambda: signed(by_old=False), OVERLAP_S + 5, "one of the new alone")
    assert int(last.headers["webhook-timestamp"]) + 1 >= rotated_at + OVERLAP_S
    assert (await api.get(where)).data["secret"] == "(hidden)"
    log = shared.service.log.read_text()
    assert old not in log
    assert new not in log


async def test_after_two_rotations_every_earlier_secret_signs_until_its_own_time_is_over(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    webhook = await api.create(receiver.url("/"))
    where = f"webhooks/{webhook['id']}/secret/rotate"
    rotations = [await api.post(where, overlap_s=overlap_s) for overlap_s in (3600, OVERLAP_S)]
    secrets = [webhook["secret"], *(rotation.data["secret"] for rotation in rotations)]

    async def signing(*wanted: str) -> bool:
        count = len(receiver.requests)
        await shared.call(api.account_id, f"c-{count}")
        await receiver.until(lambda: len(receiver.requests) > count, 10)
        return [genuine(receiver.requests[-1], secret) for secret in secrets] == [
            secret in wanted for secret in secrets
        ]

    assert await signing(*secrets)
    first, _, newest = secrets
    # The first secret has an hour left, the second one only the shorter time.
    await eventually(lambda: signing(first, newest), OVERLAP_S + 5, "the second one's end")


async def test_no_secret_that_a_rotation_told_is_lost_to_another_at_the_same_time(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    webhook = await api.create(receiver.url("/"))
    where = f"webhooks/{webhook['id']}/secret/rotate"
    replies = await asyncio.gather(*(api.post(where, overlap_s=3600) for _ in range(6)))
    assert {reply.status for reply in replies} <= {200, 409}
    told = [reply.data["secret"] for reply in replies if reply.status == 200]
    assert told
    await shared.call(api.account_id, "c-1")
    await receiver.until(lambda: len(receiver.requests) == 1, 10)
    assert all(genuine(receiver.requests[0], secret) for secret in (webhook["secret"], *told))


async def test_more_earlier_secrets_than_a_receiver_can_bear_are_a_conflict(
    shared: SharedService,
) -> None:
    api = await shared.tenant()
    webhook = await api.create("http://127.0.0.1:9/")
    where = f"webhooks/{webhook['id']}/secret/rotate"
    for _ in range(10):
        assert (await api.post(where)).status == 200
    refused = await api.post(where)
    assert (refused.status, "overlap_s 0" in refused.data["message"]) == (409, True)
    assert (await api.post(where, overlap_s=0)).status == 200


async def test_a_rotation_without_overlap_and_with_a_secret_of_ones_own(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    webhook = await api.create(receiver.url("/"))
    own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    where = f"webhooks/{webhook['id']}/secret/rotate"
    rotated = await api.post(where, overlap_s=0, secret=own)
    assert rotated.data["secret"] == own
    await shared.call(api.account_id, "c-1")
    await receiver.until(lambda: len(receiver.requests) == 1, 10)
    request = receiver.requests[0]
    assert request.headers["webhook-signature"].count("v1,") == 1
    assert genuine(request, own)
    at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
    signed = Verifier(own).sign(request.delivery_id, at, request.body.decode())
    assert request.headers["webhook-signature"] == signed
    assert json.loads(request.body)["call_id"] == "c-1"
