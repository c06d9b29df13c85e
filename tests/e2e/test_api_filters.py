"""Filters that know calls, and masks: through the API, the broker, and back in the logs."""

import asyncio
import json
import time
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from service.dev.receiver import Receiver
from tests.api_client import problem
from tests.e2e.harness import call_event, eventually, switch
from tests.e2e.legs import Leg
from tests.e2e.shared_service import SharedService, attempts_of

CALLER = "+15556783945"
"""Who calls in the samples."""
BUSY = {"member": "hangup_cause", "op": "eq", "value": "USER_BUSY"}


async def test_only_events_that_satisfy_the_filters_are_sent(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    clauses: dict[str, list[dict[str, Any]]] = {
        "/long": [{"min_duration_s": 30}],
        "/from-us": [{"caller": "+1 (555)*"}, {"not": {"direction": "outbound"}}],
        "/busy": [{"any_of": [BUSY, {"member": "to", "op": "prefix", "value": "nobody"}]}],
        "/always": [{"time": {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}}],
        "/abroad": [{"callee": ["+49*", "+33*"]}],
    }
    for path, filters in clauses.items():
        await api.create(receiver.url(path), hook="channel_destroy", format="json", filters=filters)
    changes: dict[str, dict[str, Any]] = {
        "short": {},
        "long": {"Duration-Seconds": 31},
        "busy": {"Hangup-Cause": "USER_BUSY", "Call-Direction": "outbound"},
    }
    async with switch(shared.amqp_url) as kazoo:
        for call_id, members in changes.items():
            message = call_event(call_id, "channel_destroy", api.account_id)
            await kazoo.publish(replace(message, body={**message.body, **members}))
    # Several webhooks get an event at the same time, in no order.
    await receiver.until(lambda: len(receiver.requests) >= 7, 10, "all that satisfies a filter")
    heard = {
        path: sorted(json.loads(request.body)["call_id"] for request in receiver.at(path))
        for path in clauses
    }
    assert heard == {
        "/long": ["long"],
        "/from-us": ["long", "short"],
        "/busy": ["busy"],
        "/always": ["busy", "long", "short"],
        "/abroad": [],
    }


async def test_of_each_call_the_first_leg_and_the_last_end_are_told_once(
    shared: SharedService, receiver: Receiver
) -> None:
    api, calls = await shared.tenant(), 20
    first, last = [{"first_leg": True}], [{"last_leg": True}]
    for path, members in {
        "/first": {"hook": "channel_create", "filters": first},
        "/last": {"hook": "channel_destroy", "filters": last},
        "/between": {"hook": "channel_destroy", "filters": [{"not": last[0]}]},
        "/strict": {"hook": "all", "filters": first, "ordering": "call_strict"},
        "/ends": {"hook": "channel_destroy", "filters": last, "ordering": "call_strict"},
    }.items():
        await api.create(receiver.url(path), format="json", **members)
    callers = [Leg(api.account_id, f"a-{n}", f"talk-{n}") for n in range(calls)]
    callees = [Leg(api.account_id, f"b-{n}", f"talk-{n}") for n in range(calls)]
    both = [leg for pair in zip(callers, callees, strict=True) for leg in pair]
    async with switch(shared.amqp_url) as kazoo:
        await asyncio.gather(*(kazoo.publish(leg.created()) for leg in callers))
        await receiver.until(lambda: len(receiver.at("/first")) == calls, 10)
        # By their switch's clock, these began earlier.
        earlier = time.time() - 5
        await asyncio.gather(*(kazoo.publish(leg.created(earlier)) for leg in callees))
        await asyncio.gather(*(kazoo.publish(leg.answered()) for leg in both))
        await asyncio.gather(*(kazoo.publish(leg.destroyed(billing_s=1)) for leg in both))
    await receiver.until(lambda: len(receiver.requests) >= 7 * calls, 20)

    def heard(path: str) -> list[str]:
        return sorted(json.loads(request.body)["call_id"] for request in receiver.at(path))

    talks = sorted(str(n) for n in range(calls))
    assert heard("/first") == sorted(f"a-{n}" for n in talks)
    assert sorted(leg[2:] for leg in heard("/last")) == talks
    assert heard("/ends") == heard("/last")
    assert sorted([*heard("/last"), *heard("/between")]) == sorted(leg.call_id for leg in both)
    assert heard("/strict") == sorted(f"a-{n}" for n in talks for _ in range(3))
    assert len(receiver.requests) == 7 * calls


async def test_a_bad_clause_is_refused_with_its_path(shared: SharedService) -> None:
    api = await shared.tenant()
    webhook = await api.create("http://127.0.0.1:9/")
    bad = [{"caller": "1"}, {"any_of": [{"member": "to", "op": "contains", "value": "x"}]}]
    reply = await api.ask("PATCH", f"webhooks/{webhook['id']}", {"filters": bad})
    found = problem(reply, "filters.1.any_of.0.op")["enum"]
    assert "between" in found["target"]
    assert (await api.get(f"webhooks/{webhook['id']}")).data.get("filters") is None
    for members, path in (
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"mask": [{"member": "to", "keep": "all"}]}, "mask.0.keep"),
        ({"mask": [{"member": "to", "hash": True}]}, "mask"),
        ({"omit": ["dream"]}, "omit.0"),
    ):
        assert problem(await api.ask("PATCH", f"webhooks/{webhook['id']}", members), path)


async def test_would_it_match_explains_every_clause(shared: SharedService) -> None:
    api = await shared.tenant()
    filters = [{"direction": "inbound"}, {"any_of": [{"caller": "+49*"}, {"min_duration_s": 5}]}]
    await api.create("http://127.0.0.1:9/", hook="channel_destroy", filters=filters)
    event = {"Call-Direction": "outbound"}
    (answer,) = (await api.post("webhooks/match", hook="channel_destroy", event=event)).data
    (verdict,) = answer["webhooks"]
    assert verdict["matches"] is False
    assert [(one["clause"], one["held"]) for one in verdict["clauses"]] == [
        ("filters.0", False),
        ("filters.1", True),
        ("filters.1.any_of.0", False),
        ("filters.1.any_of.1", True),
    ]
    assert verdict["clauses"][2]["found"] == f'the event\'s caller is "{CALLER}"'
    (reason,) = verdict["reasons"]
    assert reason == (
        'filters.0 (direction is inbound) did not hold: the event\'s direction is "outbound"'
    )


async def test_masked_members_are_nowhere_to_be_seen(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    receiver.script("/json", 500)
    hidden = {
        "mask": [{"member": "caller_id_number", "keep": 4}, {"member": "call_id", "keep": 2}],
        "omit": ["custom_channel_vars", "from"],
    }
    dead = await api.create(receiver.url("/json"), format="json", retries=1, **hidden)
    await api.create(receiver.url("/form"), format="form-data", **hidden)
    await api.create(receiver.url("/get"), http_verb="get", **hidden)
    await api.create(receiver.url("/open"), format="json")
    await shared.call(api.account_id, "call-77")
    await receiver.until(lambda: len(receiver.requests) == 5, 10)
    whole = json.loads(receiver.at("/open")[0].body)
    assert (whole["caller_id_number"], whole["call_id"]) == (CALLER, "call-77")
    first, second = (json.loads(request.body) for request in receiver.at("/json"))
    assert first == second
    assert (first["caller_id_number"], first["call_id"]) == ("********3945", "*****77")
    assert whole.keys() - first.keys() == {"custom_channel_vars", "from"}
    sent_form = parse_qs(receiver.at("/form")[0].body.decode())
    sent_query = parse_qs(receiver.at("/get")[0].body.decode())
    for sent in (sent_form, sent_query):
        assert sent["caller_id_number"] == ["********3945"]

    async def letters() -> Any:
        return (await api.get("dead_letters")).data

    (letter,) = await eventually(letters, what="a dead letter")
    shown = [
        (await api.get(f"dead_letters/{letter['id']}")).data,
        *(await attempts_of(api, 2, f"webhooks/{dead['id']}/attempts")),
    ]
    shown += [
        (await api.get(f"webhooks/{dead['id']}/attempts/{one['id']}")).data for one in shown[1:]
    ]
    for one in shown:
        assert CALLER not in json.dumps(one)
        assert "call-77" not in json.dumps(one)
        assert one["call_id"] == "*****77"
    receiver.script("/json", 200)
    await api.post("dead_letters/replay", ids=[letter["id"]])
    await receiver.until(lambda: len(receiver.at("/json")) == 3, 10)
    assert json.loads(receiver.at("/json")[2].body) == first
