"""Events that grow too old while a receiver is down: not sent, but listed and replayable."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.dev.receiver import Receiver
from tests.api_client import Client, problem
from tests.e2e.harness import eventually, metric
from tests.e2e.shared_service import SharedService, StartShared, attempts_of

LIMIT_S = 1.0
TINY_S = 0.001


@pytest.fixture(scope="module")
async def hurried(new_shared: StartShared) -> AsyncIterator[SharedService]:
    """A service whose live events expire after a second."""
    settings = {
        "SWITCHHOOK_FRESHNESS__LIVE_S": str(LIMIT_S),
        "SWITCHHOOK_DISABLE__FAILURE_COUNT": "100",
    }
    async with new_shared(**settings) as running:
        yield running


async def expired_letter(api: Client) -> Any:
    """Return the one dead letter that expired."""

    async def found() -> Any:
        letters = (await api.get("dead_letters", filter_reason="expired")).data
        return letters[0] if letters else None

    return await eventually(found, what="a dead letter that expired")


async def arrived(receiver: Receiver, hook: str, **headers: str) -> Any:
    """Return the request for a hook that has these headers, as soon as it is there."""

    async def found() -> Any:
        for one in receiver.requests:
            if f'"hook_event":"{hook}"'.encode() in one.body and all(
                one.headers.get(name.replace("_", "-")) == value for name, value in headers.items()
            ):
                return one
        return None

    return await eventually(found, what=f"{hook} with {headers}")


async def test_after_an_outage_of_a_receiver_only_what_still_matters_is_delivered(
    hurried: SharedService, receiver: Receiver
) -> None:
    api = await hurried.tenant()
    receiver.script("/hook", 503)
    await api.create(receiver.url("/hook"), hook="all", retries=5)
    await hurried.call(api.account_id, "c-1", hook="channel_create")
    await hurried.call(api.account_id, "c-1", hook="channel_destroy")
    letter = await expired_letter(api)
    receiver.requests.clear()
    receiver.script("/hook", 200)
    ended = await arrived(receiver, "channel_destroy")
    assert int(ended.headers["X-Switchhook-Attempt"]) > 1
    assert [one["hook"] for one in (await api.get("dead_letters")).data] == ["channel_create"]
    assert (letter["reason"], letter["attempts"][-1]["outcome"]) == ("expired", "expired")
    assert letter["attempts"][-1]["detail"].endswith("s old; the limit is 1 s")
    assert letter["attempts"][0]["outcome"] == "throttled"
    [row] = await attempts_of(api, 1, filter_outcome="expired")
    assert (row["result"], row["max_age_s"]) == ("failure", LIMIT_S)
    assert row["age_s"] > LIMIT_S
    assert "method" not in row
    metrics = await hurried.service.metrics()
    assert metric(metrics, 'switchhook_attempts_total{outcome="expired"}') == 1
    assert metric(metrics, 'switchhook_dead_letters_total{reason="expired"}') == 1


async def test_an_expired_event_can_be_replayed_with_the_times_it_had(
    hurried: SharedService, receiver: Receiver
) -> None:
    api = await hurried.tenant()
    receiver.script("/hook", 503)
    await api.create(receiver.url("/hook"), retries=5)
    await hurried.call(api.account_id, "c-2")
    first = await arrived(receiver, "channel_create", X_Switchhook_Attempt="1")
    letter = await expired_letter(api)
    receiver.script("/hook", 200)
    order = {"ids": [letter["id"]], "max_age_s": 0}
    reply = await api.post("dead_letters/replay", **order)
    assert (reply.status, reply.data["max_age_s"]) == (202, 0)
    again = await arrived(receiver, "channel_create", X_Switchhook_Replay=reply.data["id"])
    for name in ("X-Switchhook-Occurred-At", "X-Switchhook-Received-At", "webhook-id"):
        assert again.headers[name] == first.headers[name]
    received_at = datetime.fromisoformat(again.headers["X-Switchhook-Received-At"])
    occurred_at = datetime.fromisoformat(again.headers["X-Switchhook-Occurred-At"])
    assert datetime.now(UTC) - received_at < timedelta(minutes=1)
    assert timedelta(0) <= received_at - occurred_at < timedelta(seconds=5)
    assert received_at == datetime.fromisoformat(letter["received_at"])
    assert occurred_at == datetime.fromisoformat(letter["occurred_at"])


async def test_retries_of_a_replay_go_on_for_as_long_as_its_order_says(
    hurried: SharedService, receiver: Receiver
) -> None:
    api = await hurried.tenant()
    receiver.script("/hook", 503)
    webhook = await api.create(receiver.url("/hook"), retries=1, max_age_s=TINY_S)
    await hurried.call(api.account_id, "c-3")
    await expired_letter(api)
    [expired, _] = await attempts_of(api, 2)
    path = f"webhooks/{webhook['id']}/attempts/{expired['id']}/replay"
    assert "minimum" in problem(await api.post(path, max_age_s=-1), "max_age_s")
    reply = await api.post(path, max_age_s=60)
    assert reply.status == 202
    rows = await attempts_of(api, 2, filter_replay_id=reply.data["replay_id"])
    assert [row["outcome"] for row in rows] == ["throttled", "throttled"]


async def test_an_event_that_arrives_on_time_is_attempted_however_low_the_limit_is(
    hurried: SharedService, receiver: Receiver
) -> None:
    api = await hurried.tenant()
    await api.create(receiver.url("/hook"), max_age_s=TINY_S)
    await hurried.call(api.account_id, "c-4")
    await arrived(receiver, "channel_create", X_Switchhook_Attempt="1")


async def test_the_catalogue_tells_class_and_limit_of_each_hook(hurried: SharedService) -> None:
    api = await hurried.tenant()
    hooks = {hook["id"]: hook for hook in (await api.get("/v2/webhooks")).data}
    told = {name: (hook["freshness"], hook["max_age_s"]) for name, hook in hooks.items()}
    assert told["channel_create"] == ("live", LIMIT_S)
    assert told["channel_destroy"] == ("record", 0)
    assert told["pivot"] == ("actionable", 4.5)
    assert hooks["notifications"]["freshness_of"] == {"register": "state", "deregister": "state"}


async def test_an_actionable_webhook_has_a_budget_and_no_age_limit(
    hurried: SharedService, receiver: Receiver
) -> None:
    api = await hurried.tenant()
    members = {"name": "ivr", "uri": receiver.url("/ivr"), "hook": "pivot", "max_age_s": 60}
    assert "invalid" in problem(await api.put("webhooks", **members), "max_age_s")


@pytest.mark.parametrize(("value", "code"), [(-1, "minimum"), (10**9, "maximum"), ("x", "type")])
async def test_a_replay_with_an_impossible_limit_is_refused(
    hurried: SharedService, value: object, code: str
) -> None:
    api = await hurried.tenant()
    reply = await api.post("dead_letters/replay", filter={}, max_age_s=value)
    assert reply.status == 400
    assert code in problem(reply, "max_age_s")
