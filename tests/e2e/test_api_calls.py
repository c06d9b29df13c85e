"""What Switchhook knows of calls: sequence, order, summaries, through the real broker."""

import asyncio
import json
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from service.dev.receiver import ReceivedRequest, Receiver, ScriptedAnswer
from tests.api_client import Client, problem
from tests.e2e.ecallmgrs import ecallmgrs
from tests.e2e.harness import eventually, switch
from tests.e2e.legs import Leg
from tests.e2e.shared_service import SharedService, StartShared, attempts_of

HOOKS = ("channel_create", "channel_answer", "channel_bridge", "channel_destroy")
SETTLE_S = 0.4
QUIET_S = 2.0
MORE: Mapping[str, Any] = {"destroyed": {"billing_s": 1}}
"""Arguments of the steps of a leg."""


@pytest.fixture(scope="module")
async def stage(new_shared: StartShared) -> AsyncIterator[SharedService]:
    """Two workers on one queue; a call's summary follows soon."""
    options = {
        "SWITCHHOOK_CALLS__SETTLE_S": str(SETTLE_S),
        "SWITCHHOOK_RETRY__SCHEDULE": "[0.05, 0.1]",
        "SWITCHHOOK_CALLS__QUIET_UNANSWERED_S": str(QUIET_S),
        "SWITCHHOOK_CALLS__ASK_AGAIN_S": "0.2",
    }
    async with new_shared(**options) as running:
        await running.another_worker()
        yield running


def sequence(request: ReceivedRequest) -> int:
    return int(request.headers["X-Switchhook-Sequence"])


def body(request: ReceivedRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.body)
    return found


async def subscribed(api: Client, receiver: Receiver, path: str, **members: Any) -> list[str]:
    """Create a webhook for each of a call's events; return their ids."""
    made = [await api.create(receiver.url(path), hook=hook, **members) for hook in HOOKS]
    return [one["id"] for one in made]


async def summaries(receiver: Receiver, path: str, count: int) -> list[dict[str, Any]]:
    await receiver.until(lambda: len(receiver.at(path)) >= count, 15, f"{count} summaries")
    return [body(request) for request in receiver.at(path)]


async def test_events_of_a_call_carry_their_place_in_it_as_header_and_on_request_in_the_body(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    await api.create(receiver.url("/plain"), hook="all")
    await api.create(receiver.url("/extra"), hook="all", extras=["sequence"])
    leg = Leg(api.account_id, "c-1@host.example", "talk-1")
    async with switch(stage.amqp_url) as kazoo:
        for number, step in enumerate(("created", "answered", "destroyed"), 1):
            await kazoo.publish(getattr(leg, step)(**MORE.get(step, {})))
            # Without an order, a worker may overtake another: each event is awaited.
            told = 2 * number
            await receiver.until(lambda: len(receiver.requests) == told, 10)  # noqa: B023
    plain, extra = receiver.at("/plain"), receiver.at("/extra")
    assert [sequence(one) for one in plain] == [sequence(one) for one in extra] == [1, 2, 3]
    assert {one.headers["X-Switchhook-Conversation"] for one in plain} == {"talk-1"}
    assert [body(one)["sequence"] for one in extra] == [1, 2, 3]
    assert {body(one)["conversation_id"] for one in extra} == {"talk-1"}
    assert not any("sequence" in body(one) for one in plain)


async def test_an_account_without_such_a_webhook_is_not_followed(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    await api.create(receiver.url("/plain"), hook="all")
    async with switch(stage.amqp_url) as kazoo:
        await kazoo.publish(Leg(api.account_id, "c-1", "talk-1").created())
    await receiver.until(lambda: len(receiver.requests) == 1, 10)
    assert "X-Switchhook-Sequence" not in receiver.requests[0].headers
    found = await stage.database["conversations"].count_documents({"account_id": api.account_id})
    assert found == 0


async def test_strict_order_is_kept_by_two_workers_while_three_requests_in_ten_fail(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    calls = 40
    await api.create(receiver.url("/strict"), hook="all", ordering="call_strict", retries=5)
    answers = [500 if number % 10 in (1, 4, 8) else 200 for number in range(4000)]
    receiver.script("/strict", *answers)
    legs = [Leg(api.account_id, f"c-{number}", f"talk-{number}") for number in range(calls)]
    async with switch(stage.amqp_url) as kazoo:
        for step in ("created", "answered"):
            await asyncio.gather(*(kazoo.publish(getattr(leg, step)()) for leg in legs))
        await asyncio.gather(*(kazoo.publish(leg.bridged()) for leg in legs))
        await asyncio.gather(*(kazoo.publish(leg.destroyed(billing_s=1)) for leg in legs))

    def settled() -> dict[str, list[int]]:
        """The events of each call that were accepted, or failed six times, as chance has it."""
        found, failed = defaultdict(list), Counter[tuple[str, int]]()
        for one in receiver.at("/strict"):
            call, number = one.headers["X-Switchhook-Conversation"], sequence(one)
            failed[call, number] += one.answered != 200
            if one.answered == 200 or failed[call, number] == 6:
                found[call].append(number)
        return found

    await receiver.until(lambda: sum(map(len, settled().values())) >= 4 * calls, 40)
    assert set(map(tuple, settled().values())) == {(1, 2, 3, 4)}
    per_call = defaultdict(list)
    for one in receiver.at("/strict"):
        per_call[one.headers["X-Switchhook-Conversation"]].append(sequence(one))
    assert all(numbers == sorted(numbers) for numbers in per_call.values())
    # Calls do not wait for each other: the first call's end comes before the last call's answer.
    order = [one.headers["X-Switchhook-Conversation"] for one in receiver.at("/strict")]
    assert len({*order[: len(order) // 3]}) > 10

    async def nothing_held() -> bool:
        return await stage.database["held_deliveries"].count_documents({}) == 0

    await eventually(nothing_held, what="an empty store of held deliveries")


async def test_an_end_that_comes_before_the_answer_waits_for_it(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    await api.create(receiver.url("/o"), hook="all", ordering="call_strict")
    leg = Leg(api.account_id, "c-1", "talk-1")
    async with switch(stage.amqp_url) as kazoo:
        await kazoo.publish(leg.created())
        await kazoo.publish(leg.destroyed(billing_s=3))
        await asyncio.sleep(0.01)
        await kazoo.publish(leg.answered())
    await receiver.until(lambda: len(receiver.at("/o")) == 3, 10)
    events = [body(one)["hook_event"] for one in receiver.at("/o")]
    assert events == ["channel_create", "channel_answer", "channel_destroy"]


async def test_what_comes_after_the_end_of_its_leg_is_marked(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    await api.create(receiver.url("/o"), hook="all", ordering="call")
    leg = Leg(api.account_id, "c-1", "talk-1")
    async with switch(stage.amqp_url) as kazoo:
        await kazoo.publish(leg.created())
        await kazoo.publish(leg.destroyed())
        await receiver.until(lambda: len(receiver.at("/o")) == 2, 10)
        await kazoo.publish(leg.answered())
    await receiver.until(lambda: len(receiver.at("/o")) == 3, 10)
    late = receiver.at("/o")[-1]
    assert late.headers["X-Switchhook-Late"] == "true"
    assert sequence(late) == 3


async def test_with_limited_waiting_the_next_event_goes_on_marked(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    receiver.script("/slow", ScriptedAnswer(200, delay_s=3), 200)
    await api.create(receiver.url("/slow"), hook="all", ordering="call", ordering_wait_s=0.5)
    leg = Leg(api.account_id, "c-1", "talk-1")
    async with switch(stage.amqp_url) as kazoo:
        for event in (leg.created(), leg.answered(), leg.destroyed(billing_s=1)):
            await kazoo.publish(event)
    await receiver.until(lambda: len(receiver.at("/slow")) == 3, 10)
    first, *others = receiver.at("/slow")
    assert sequence(first) == 1
    assert "X-Switchhook-Out-Of-Order" not in first.headers
    assert {one.headers["X-Switchhook-Out-Of-Order"] for one in others} == {"true"}
    assert all(0.4 < one.at - first.at < 2.5 for one in others)


async def test_one_summary_tells_the_whole_call_with_all_of_its_legs(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    await api.create(receiver.url("/summary"), hook="call_summary")
    await api.create(receiver.url("/missed"), hook="missed_call")
    a = Leg(api.account_id, "a", "talk", outside=True)
    b = Leg(api.account_id, "b", "talk", direction="outbound")
    now = time.time() - 60
    async with switch(stage.amqp_url) as kazoo:
        for event in (
            a.created(now), b.created(now + 1), b.answered(now + 5), a.answered(now + 5),
            a.bridged("b", now + 5), a.destroyed(now + 35, 30), b.destroyed(now + 35, 30),
        ):  # fmt: skip
            await kazoo.publish(event)
    (summary,) = await summaries(receiver, "/summary", 1)
    assert summary["event"] == "call_summary"
    assert (summary["revision"], summary["complete"], summary["synthetic"]) == (1, True, False)
    assert (summary["outcome"], summary["direction"]) == ("answered", "inbound")
    assert (summary["duration_s"], summary["ring_s"], summary["talk_s"]) == (35, 5, 30)
    assert [leg["call_id"] for leg in summary["legs"]] == ["a", "b"]
    assert not receiver.at("/missed")


async def test_a_call_that_nobody_answers_is_a_missed_call(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    await api.create(receiver.url("/missed"), hook="missed_call")
    a = Leg(api.account_id, "a", "talk", outside=True)
    b = Leg(api.account_id, "b", "talk", direction="outbound")
    async with switch(stage.amqp_url) as kazoo:
        for event in (
            a.created(), b.created(), b.destroyed(cause="LOSE_RACE"),
            a.destroyed(cause="ORIGINATOR_CANCEL"),
        ):  # fmt: skip
            await kazoo.publish(event)
    (missed,) = await summaries(receiver, "/missed", 1)
    assert (missed["outcome"], missed["direction"], missed["call_id"]) == ("missed", "inbound", "a")


async def test_legs_without_a_common_id_are_joined_by_their_bridge(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    await api.create(receiver.url("/summary"), hook="call_summary")
    a, b = Leg(api.account_id, "a"), Leg(api.account_id, "b", direction="outbound")
    async with switch(stage.amqp_url) as kazoo:
        for event in (
            a.created(), b.created(), b.answered(), a.answered(), a.bridged("b"),
            b.destroyed(billing_s=1),
        ):  # fmt: skip
            await kazoo.publish(event)
        await asyncio.sleep(2 * SETTLE_S)
        assert not receiver.at("/summary")
        await kazoo.publish(a.destroyed(billing_s=1))
    (summary,) = await summaries(receiver, "/summary", 1)
    assert {leg["call_id"] for leg in summary["legs"]} == {"a", "b"}
    await asyncio.sleep(2 * SETTLE_S)
    assert len(receiver.at("/summary")) == 1


async def test_what_comes_after_the_summary_makes_a_new_revision(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    await api.create(receiver.url("/summary"), hook="call_summary")
    a = Leg(api.account_id, "a", "talk")
    async with switch(stage.amqp_url) as kazoo:
        for event in (a.created(), a.answered(), a.destroyed(billing_s=1)):
            await kazoo.publish(event)
        await summaries(receiver, "/summary", 1)
        late = Leg(api.account_id, "b", "talk", direction="outbound")
        for event in (late.created(), late.destroyed(cause="USER_BUSY")):
            await kazoo.publish(event)
    first, second = await summaries(receiver, "/summary", 2)
    assert (first["revision"], second["revision"]) == (1, 2)
    assert first["conversation_id"] == second["conversation_id"]
    assert [len(one["legs"]) for one in (first, second)] == [1, 2]


@pytest.mark.parametrize(
    ("having", "ended"),
    [((False, False), True), ((False, True), False), ((), False)],
)
async def test_a_lost_end_is_concluded_only_if_every_switch_says_twice_that_the_leg_is_gone(
    stage: SharedService, receiver: Receiver, having: tuple[bool, ...], *, ended: bool
) -> None:
    api = await stage.tenant()
    await api.create(receiver.url("/destroy"), hook="channel_destroy")
    await api.create(receiver.url("/summary"), hook="call_summary")
    call_id = f"lost-{uuid.uuid4().hex}"
    leg = Leg(api.account_id, call_id, f"talk-{call_id}", outside=True)
    calls = [[call_id] if has_it else [] for has_it in having]
    async with ecallmgrs(stage.amqp_url, *calls) as asked, switch(stage.amqp_url) as kazoo:
        await kazoo.publish(leg.created())
        if not ended:
            await eventually(
                lambda: wanted_count(asked, call_id, 2), timeout_s=20, what="questions"
            )
            assert not receiver.requests
            return
        (summary,) = await summaries(receiver, "/summary", 1)
        await receiver.until(lambda: bool(receiver.at("/destroy")), 10, "the synthetic end")
        (synthetic,) = receiver.at("/destroy")
        assert synthetic.headers["X-Switchhook-Synthetic"] == "true"
        assert body(synthetic)["reason"] == "no_end_seen"
        assert "hangup_cause" not in body(synthetic)
        assert (summary["synthetic"], summary["complete"]) == (True, False)
        assert "hangup_cause" not in summary
        await kazoo.publish(leg.destroyed(cause="ORIGINATOR_CANCEL"))
        _, corrected = await summaries(receiver, "/summary", 2)
        await receiver.until(lambda: len(receiver.at("/destroy")) > 1, 10, "the real end")
    real = receiver.at("/destroy")[1]
    assert real.headers["X-Switchhook-Supersedes"]
    assert corrected["revision"] == 2
    assert corrected["hangup_cause"] == "ORIGINATOR_CANCEL"


async def test_an_end_that_was_lost_while_we_were_away_is_found_at_the_next_start(
    new_shared: StartShared, receiver: Receiver
) -> None:
    options = {
        "SWITCHHOOK_CALLS__SETTLE_S": str(SETTLE_S),
        "SWITCHHOOK_CALLS__ASK_AGAIN_S": "0.3",
        "SWITCHHOOK_CALLS__RECOUNT_AFTER_S": "0.5",
    }
    async with new_shared(**options) as stage:
        api = await stage.tenant()
        await api.create(receiver.url("/create"), hook="channel_create")
        await api.create(receiver.url("/summary"), hook="call_summary")
        lost, there = (
            Leg(api.account_id, f"{name}-{uuid.uuid4().hex}", f"talk-{name}")
            for name in ("lost", "there")
        )
        async with switch(stage.amqp_url) as kazoo:
            await kazoo.publish(lost.created())
            await kazoo.publish(there.created())
        await receiver.until(lambda: len(receiver.at("/create")) == 2, 10)
        await stage.service.stop()
        async with ecallmgrs(stage.amqp_url, [], [there.call_id]) as questions:
            await stage.service.start()
            (summary,) = await summaries(receiver, "/summary", 1)
        assert (summary["conversation_id"], summary["synthetic"]) == ("talk-lost", True)
        assert [one["Event-Name"] for one in questions].count("query_channels_req") == 1
        asked = {one.get("Call-ID") for one in questions} - {None}
        assert asked == {lost.call_id}


async def wanted_count(asked: list[dict[str, Any]], call_id: str, count: int) -> bool:
    return [question.get("Call-ID") for question in asked].count(call_id) >= count


@pytest.mark.parametrize(
    ("members", "field", "code"),
    [
        ({"ordering": "strict"}, "ordering", "enum"),
        ({"ordering_wait_s": 0}, "ordering_wait_s", "minimum"),
        ({"ordering_wait_s": "x"}, "ordering_wait_s", "type"),
        ({"extras": ["sequenc"]}, "extras.0", "enum"),
        ({"extras": "sequence"}, "extras", "type"),
    ],
)
async def test_bad_values_are_named(
    stage: SharedService, receiver: Receiver, members: dict[str, Any], field: str, code: str
) -> None:
    api = await stage.tenant()
    given = {"name": "n", "hook": "all", "uri": receiver.url("/"), **members}
    assert code in problem(await api.put("webhooks", **given), field)


async def test_the_attempt_log_and_a_dead_letter_show_the_place_in_the_call(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    receiver.script("/dead", 500)
    await api.create(receiver.url("/dead"), hook="all", ordering="call_strict", retries=0)
    async with switch(stage.amqp_url) as kazoo:
        await kazoo.publish(Leg(api.account_id, "a", "talk").created())

    async def letters() -> list[Any]:
        found: list[Any] = (await api.get("dead_letters")).data
        return found

    (letter,) = await eventually(letters, what="the dead letter")
    assert (letter["conversation_id"], letter["sequence"]) == ("talk", 1)
    (attempt,) = await attempts_of(api, 1)
    assert (attempt["conversation_id"], attempt["sequence"]) == ("talk", 1)


async def test_killing_a_worker_keeps_order_and_sends_each_summary_once(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    calls = 30
    await api.create(receiver.url("/strict"), hook="all", ordering="call_strict", retries=5)
    await api.create(receiver.url("/summary"), hook="call_summary")
    receiver.script("/strict", *[ScriptedAnswer(200, delay_s=0.02)])
    victims = [await stage.another_worker() for _ in range(2)]
    legs = [Leg(api.account_id, f"k-{number}", f"kill-{number}") for number in range(calls)]
    async with switch(stage.amqp_url) as kazoo:
        for turn, step in enumerate(("created", "answered", "bridged", "destroyed")):
            more = MORE.get(step, {})
            await asyncio.gather(*(kazoo.publish(getattr(leg, step)(**more)) for leg in legs))
            if turn in (1, 3):
                await receiver.until(lambda: len(receiver.at("/strict")) > 10, 10)
                await victims.pop().kill()

    def seen() -> set[tuple[str, int]]:
        return {
            (one.headers["X-Switchhook-Conversation"], sequence(one))
            for one in receiver.at("/strict")
        }

    await receiver.until(lambda: len(seen()) >= 4 * calls, 60, "every event")

    def summed_up() -> set[str]:
        return {body(one)["conversation_id"] for one in receiver.at("/summary")}

    # A killed worker's summary may come twice, so the number of requests tells nothing.
    await receiver.until(lambda: len(summed_up()) >= calls, 30, "every summary")
    per_call = defaultdict(list)
    for one in receiver.at("/strict"):
        per_call[one.headers["X-Switchhook-Conversation"]].append(sequence(one))
    assert all(numbers == sorted(numbers) for numbers in per_call.values()), per_call
    told = {
        (body(one)["conversation_id"], body(one)["revision"]) for one in receiver.at("/summary")
    }
    ids = {one.delivery_id for one in receiver.at("/summary")}
    assert len(told) == len(ids)
    assert {conversation for conversation, _ in told} == {f"kill-{n}" for n in range(calls)}


async def test_a_call_is_shown_with_its_legs_its_events_and_what_waits(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    receiver.script("/strict", ScriptedAnswer(200, delay_s=4))
    made = await api.create(receiver.url("/strict"), hook="all", ordering="call_strict")
    leg = Leg(api.account_id, "shown@host.example", "shown-talk")
    assert (await api.get("calls/shown-talk")).status == 404
    async with switch(stage.amqp_url) as kazoo:
        for event in (leg.created(), leg.answered()):
            await kazoo.publish(event)

    async def both() -> Any:
        found = (await api.get("calls/shown%40host.example")).data
        begun = [one["begun"] for one in found.get("waiting", ())]
        return found if begun == [True, False] else None

    call = await eventually(both, what="two deliveries held, one of them under way")
    assert (call["conversation_id"], call["over"], call["summary"]) == ("shown-talk", False, None)
    assert [one["sequence"] for one in call["events"]] == [1, 2]
    assert [one["open_for"] for one in call["events"]] == [[made["id"]], [made["id"]]]
    assert [one["call_id"] for one in call["legs"]] == ["shown@host.example"]
    stranger = await stage.tenant()
    assert (await stranger.get("calls/shown-talk")).status == 404
