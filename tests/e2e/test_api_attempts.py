"""Attempts through the API: listed as Kazoo does, seen in full, made again, counted."""

import json
from collections.abc import Mapping
from typing import Any

from bson import ObjectId
from pymongo.asynchronous.collection import AsyncCollection

from service.dev.receiver import Receiver, ScriptedAnswer
from service.dev.servers import free_port
from service.documents.buckets import Span, bucket_name
from service.text.gregorian import GREGORIAN_OFFSET_S
from tests.api_client import problem
from tests.e2e.shared_service import SharedService, attempts_of


def bucket_at(shared: SharedService, attempt_id: str) -> AsyncCollection[Mapping[str, Any]]:
    """Return the bucket of the attempt log that an id belongs to."""
    return shared.database[bucket_name(int(attempt_id[:12], 16) / 1000, Span.DAY)]


async def copy(shared: SharedService, attempt_id: str, new_id: str) -> Mapping[str, Any]:
    """Store a copy of an attempt under an id of another time; return the attempt."""
    wanted = {"_id": ObjectId(attempt_id)}
    stored = await bucket_at(shared, attempt_id).find_one(wanted)
    assert stored is not None
    await bucket_at(shared, new_id).insert_one({**stored, "_id": ObjectId(new_id)})
    return stored


async def test_failing_attempts_are_listed_newest_first_as_kazoo_tells_them(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    receiver.script("/bad", ScriptedAnswer(500, headers={"X-Reason": "Full"}, body=b"boom"))
    webhook = await api.create(receiver.url("/bad?token=hush"), retries=2)
    await shared.call(api.account_id, "c-1")
    found = await attempts_of(api, 3)
    assert [item["attempt"] for item in found] == [3, 2, 1]
    assert [item["retries_left"] for item in found] == ["retries exceeded", 1, 2]
    assert [item["try"] for item in found] == [1, 2, 3]
    newest = found[0]
    assert newest["result"] == "failure"
    assert newest["reason"] == "bad response code"
    assert newest["resp_status_code"] == "500"
    assert newest["resp_body"] == "boom"
    assert {name.lower(): value for name, value in newest["resp_headers"].items()}[
        "x-reason"
    ] == "Full"
    assert (newest["hook_event"], newest["hook"]) == ("CHANNEL_CREATE", "channel_create")
    assert newest["hook_id"] == webhook["id"]
    assert newest["uri"] == receiver.url("/bad")
    assert newest["method"].lower() == "post"
    assert json.loads(newest["req_body"])["call_id"] == newest["call_id"] == "c-1"
    assert "client_error" not in newest
    assert {item["delivery_id"] for item in found} == {receiver.requests[0].delivery_id}
    assert len({item["event_id"] for item in found}) == 1
    times = [item["timestamp"] for item in found]
    assert times == sorted(times, reverse=True)
    assert "hush" not in json.dumps(found)


async def test_an_attempt_without_an_answer_says_what_the_client_met(shared: SharedService) -> None:
    api = await shared.tenant()
    await api.create(f"http://127.0.0.1:{free_port()}/", retries=0)
    await shared.call(api.account_id, "c-1")
    (attempt,) = await attempts_of(api, 1)
    assert attempt["reason"] == "kazoo http client error"
    assert attempt["client_error"].startswith("refused")
    assert attempt["retries_left"] == "retries exceeded"
    assert "resp_status_code" not in attempt


async def test_attempts_of_other_hooks_are_named_in_small_letters_as_kazoo_does(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    await api.create(receiver.url("/"), hook="object")
    await shared.call(api.account_id, "c-1", hook="object")
    (attempt,) = await attempts_of(api, 1)
    assert (attempt["hook_event"], attempt["result"]) == ("object", "success")
    assert "reason" not in attempt


async def test_attempts_are_listed_per_account_and_per_webhook_and_by_what_they_have(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    receiver.script("/bad", 404)
    good = (await api.create(receiver.url("/good")))["id"]
    bad = (await api.create(receiver.url("/bad"), retries=0))["id"]
    await shared.call(api.account_id, "c-1", "c-2")
    everything = await attempts_of(api, 4)

    async def found(path: str = "webhooks/attempts", **query: Any) -> list[tuple[str, str]]:
        reply = await api.get(path, **query)
        assert reply.status == 200, reply.envelope
        return sorted((item["hook_id"], item["call_id"]) for item in reply.data)

    of_good, of_bad = [(good, "c-1"), (good, "c-2")], [(bad, "c-1"), (bad, "c-2")]
    assert await found(f"webhooks/{good}/attempts") == of_good
    assert await found(filter_hook_id=bad) == of_bad
    assert await found(f"webhooks/{good}/attempts", filter_hook_id=bad) == []
    assert await found(filter_result="success") == of_good
    assert await found(filter_result="failure") == of_bad
    assert await found(filter_outcome="bad_status") == of_bad
    assert await found(filter_outcome="bad_status", filter_result="success") == []
    assert await found(f"webhooks/{bad}/attempts", filter_result="success") == []
    assert await found(f"webhooks/{bad}/attempts", filter_result="failure") == of_bad
    assert await found(filter_resp_status_code=404) == of_bad
    assert await found(call_id="c-1") == sorted([(good, "c-1"), (bad, "c-1")])
    assert await found(filter_call_id="c-2") == sorted([(good, "c-2"), (bad, "c-2")])
    assert await found(filter_call_id="c-2", filter_hook_id=bad) == [(bad, "c-2")]
    one = everything[0]
    delivery = await found(filter_delivery_id=one["delivery_id"])
    assert delivery == [(one["hook_id"], one["call_id"])]
    unknown = await api.get("webhooks/attempts", filter_no_such_member="x")
    assert "enum" in problem(unknown, "filter_no_such_member")


async def test_attempts_are_paged_without_gap_or_repetition(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    webhook = await api.create(receiver.url("/"))
    await shared.call(api.account_id, *(f"c-{number}" for number in range(7)))
    everything = [item["id"] for item in await attempts_of(api, 7)]
    assert everything == sorted(everything, reverse=True)
    for path in ("webhooks/attempts", f"webhooks/{webhook['id']}/attempts"):
        pages = await api.pages(path, page_size=3)
        assert [len(page) for page in pages] == [3, 3, 1]
        assert [item["id"] for page in pages for item in page] == everything


async def test_an_attempt_lies_within_the_gregorian_second_that_it_tells(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    await api.create(receiver.url("/"))
    await shared.call(api.account_id, "c-1")
    (attempt,) = await attempts_of(api, 1)
    second = attempt["timestamp"]
    # Half a second into it, so that the second's own beginning is not meant by chance.
    key = f"{(second - GREGORIAN_OFFSET_S) * 1000 + 500:012x}{attempt['id'][12:]}"
    stored = await copy(shared, attempt["id"], key)
    await bucket_at(shared, attempt["id"]).delete_one({"_id": stored["_id"]})

    async def found(**query: int) -> list[str]:
        return [item["id"] for item in (await api.get("webhooks/attempts", **query)).data]

    assert await found(created_from=second) == [key]
    assert await found(created_from=second + 1) == []
    assert await found(created_to=second - 1) == []
    assert await found(created_from=second, created_to=second) == [key]


async def test_an_attempt_is_told_in_full_with_all_that_is_secret_hidden(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    receiver.script("/bad", ScriptedAnswer(500, body=b"boom"))
    webhook = await api.create(
        receiver.url("/bad"),
        retries=0,
        headers={"X-Api-Key": "key-1"},
        auth={"type": "bearer", "token": "bearer-1"},
    )
    await shared.call(api.account_id, "c-1")
    (listed,) = await attempts_of(api, 1)
    reply = await api.get(f"webhooks/{webhook['id']}/attempts/{listed['id']}")
    assert reply.status == 200
    assert reply.data["payload"]["call_id"] == "c-1"
    assert json.loads(reply.data["req_body"]) == reply.data["payload"]
    assert (reply.data["resp_status_code"], reply.data["resp_body"]) == ("500", "boom")
    sent = {name.lower(): value for name, value in reply.data["req_headers"].items()}
    hidden = {name for name, value in sent.items() if value == "(hidden)"}
    assert {"authorization", "x-api-key", "webhook-signature"} <= hidden
    assert sent["webhook-id"] == listed["delivery_id"]
    assert sent["x-hook-id"] == webhook["id"]
    request = receiver.requests[0]
    assert request.headers["Authorization"] == "Bearer bearer-1"
    assert request.headers["X-Api-Key"] == "key-1"
    text = json.dumps([reply.envelope, listed])
    for secret in ("key-1", "bearer-1", request.headers["webhook-signature"]):
        assert secret not in text
    assert (await api.get(f"webhooks/{webhook['id']}/attempts/{'0' * 24}")).status == 404
    assert (await api.get(f"webhooks/other/attempts/{listed['id']}")).status == 404


async def test_a_delivery_that_succeeded_is_sent_again_with_the_same_id(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    webhook = await api.create(receiver.url("/good"))
    await shared.call(api.account_id, "c-1")
    (attempt,) = await attempts_of(api, 1)
    where = f"webhooks/{webhook['id']}/attempts/{attempt['id']}/replay"
    reply = await api.post(where)
    assert reply.status == 202
    await receiver.until(lambda: len(receiver.requests) == 2, 10, "the replay")
    first, again = receiver.requests
    assert again.delivery_id == first.delivery_id == reply.data["delivery_id"]
    assert again.headers["X-Switchhook-Replay"] == reply.data["replay_id"]
    assert "X-Switchhook-Replay" not in first.headers
    assert (again.attempt, again.body) == (1, first.body)
    (made,) = await attempts_of(api, 1, filter_replay_id=reply.data["replay_id"])
    assert made["result"] == "success"

    await api.delete(f"webhooks/{webhook['id']}")
    assert (await api.post(where)).status == 404
    assert [item["id"] for item in (await api.get("webhooks/attempts")).data][-1] == attempt["id"]


async def test_stats_count_outcomes_and_measure_durations(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    receiver.script("/mixed", 500, ScriptedAnswer(200, delay_s=0.3), 200)
    webhook = await api.create(receiver.url("/mixed"))
    where = f"webhooks/{webhook['id']}"
    empty = (await api.get(f"{where}/stats")).data
    assert empty["last_hour"] == {
        "attempts": 0,
        "outcomes": {},
        "measured": 0,
        "duration_ms": {},
    }
    await shared.call(api.account_id, "c-1")
    await attempts_of(api, 2)
    await shared.call(api.account_id, "c-2")
    made = await attempts_of(api, 3)
    # Two hours before: of the last day, but not of the last hour.
    newest = made[0]["id"]
    await copy(shared, newest, f"{int(newest[:12], 16) - 7_200_000:012x}{newest[12:]}")
    stats = (await api.get(f"{where}/stats")).data
    hour, day = stats["last_hour"], stats["last_day"]
    assert (hour["attempts"], hour["measured"]) == (3, 3)
    assert hour["outcomes"] == {"bad_status": 1, "succeeded": 2}
    assert day["outcomes"] == {"bad_status": 1, "succeeded": 3}
    assert list(hour["duration_ms"]) == ["p50", "p90", "p95", "p99"]
    durations = sorted(item["duration_ms"] for item in made)
    assert hour["duration_ms"]["p50"] == durations[1]
    assert hour["duration_ms"]["p99"] == durations[2] >= 300
    assert (await api.get("webhooks/no-such-webhook/stats")).status == 404


async def test_attempts_of_a_webhook_that_never_was_are_not_found_and_of_a_deleted_one_are(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    assert (await api.get("webhooks/no-such-webhook/attempts")).status == 404
    webhook = await api.create(receiver.url("/"))
    path = f"webhooks/{webhook['id']}/attempts"
    assert (await api.get(path)).data == []
    await shared.call(api.account_id, "c-1")
    await attempts_of(api, 1, path)
    await api.delete(f"webhooks/{webhook['id']}")
    assert len((await api.get(path)).data) == 1
    assert (await api.get(path, filter_call_id="another")).data == []
    stranger = await shared.tenant()
    assert (await stranger.get(path)).status == 404
