"""Summaries of calls that are over: the worker that sends each, and when, on a real MongoDB."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from service.adapters.mongo.conversations import MongoConversations
from service.adapters.mongo.store import Store, open_database
from service.dev.servers import MongoServer
from service.domain.call import CallNote, Conversation, Happening, Step
from service.domain.call_policy import CallPolicy
from service.domain.event import Event
from service.domain.own_events import CALL_SUMMARY
from service.observability.metrics import Metrics
from service.pipeline.calls import ends
from service.pipeline.calls.ends import CallEnds, Watchdog
from tests.conftest import Documents
from tests.e2e.harness import eventually
from tests.integration.background import running
from tests.integration.broker_parts import is_so

HANGING, HEALTHY = "a" * 32, "b" * 32
POLICY = CallPolicy(settle_s=0.1, quiet_answered_s=3600)


class Receivers:
    """Answers all summaries at once, but for an account whose server never does."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        self.hanging: list[Event] = []
        self._never = asyncio.Event()

    async def deliver(self, event: Event) -> None:
        if event.account_id == HANGING:
            self.hanging.append(event)
            await self._never.wait()
        if event.hook == CALL_SUMMARY:
            self.told.append(event)


class NobodyAsked:
    """A watchdog whose question to the switch lasts until `asked` is set."""

    def __init__(self) -> None:
        self.asking, self.asked = asyncio.Event(), asyncio.Event()

    async def look_after(self, conversation: Conversation) -> float:
        self.asking.set()
        await self.asked.wait()
        return conversation.legs["leg"].seen_at + POLICY.quiet_answered_s


@pytest.fixture
async def conversations(
    store: MongoServer, database: Documents, metrics: Metrics
) -> AsyncIterator[MongoConversations]:
    made = Store(open_database(store.url, database.name, 5), metrics)
    yield MongoConversations(made, POLICY.kept_s)
    made.close()


def ends_of(
    conversations: MongoConversations,
    receivers: Receivers,
    metrics: Metrics,
    watchdog: Watchdog | None = None,
) -> CallEnds:
    return CallEnds(
        conversations, receivers.deliver, watchdog or NobodyAsked(), metrics, POLICY, clock=now
    )


def now() -> float:
    return 1_000_000.0 + asyncio.get_running_loop().time()


def happening(
    account_id: str, name: str, step: Step, leg: str = "leg", look_after_s: float = 0.0
) -> Happening:
    note = CallNote(leg, step, now(), facts={"direction": "inbound"})
    return Happening(
        account_id, name, "kazoo", f"{leg}/{step}", note, now(), now() + look_after_s, ()
    )


async def call_ends(
    conversations: MongoConversations, account_id: str, name: str, leg: str = ""
) -> None:
    for step in (Step.CREATED, Step.DESTROYED):
        await conversations.note([happening(account_id, name, step, leg or name)])


async def test_a_server_that_never_answers_delays_only_summaries_of_its_own_account(
    conversations: MongoConversations, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ends, "SLOW_AFTER_S", 0.3)
    receivers = Receivers()
    for number in range(100):
        await call_ends(conversations, HANGING, f"hanging-{number}")
    async with running(ends_of(conversations, receivers, metrics)):
        await eventually(lambda: is_so(receivers.hanging))
        for number in range(60):
            await call_ends(conversations, HEALTHY, f"healthy-{number}")
        await eventually(lambda: is_so(len(receivers.told) == 60), 5, "the other summaries")
        told = {event.fields["conversation_id"] for event in receivers.told}
        assert told == {f"healthy-{number}" for number in range(60)}
        assert len(receivers.hanging) <= ends.MOST_AT_ONCE + ends.MOST_SLOW


async def test_no_other_worker_gets_a_conversation_while_its_summary_lasts(
    conversations: MongoConversations, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ends, "LEASE_S", 2.0)
    monkeypatch.setattr(ends, "KEEP_EVERY_S", 0.5)
    receivers = Receivers()
    await call_ends(conversations, HANGING, "hanging")
    async with running(ends_of(conversations, receivers, metrics)):
        await eventually(lambda: is_so(receivers.hanging))
        until = now() + 5
        while now() < until:
            assert not await conversations.due(now(), now() + 1, 10)
            await asyncio.sleep(0.02)
    assert len(receivers.hanging) == 1


async def test_an_event_that_comes_while_a_summary_is_sent_is_told_by_the_next_one(
    conversations: MongoConversations, metrics: Metrics
) -> None:
    receivers, told = Receivers(), asyncio.Event()

    async def slowly(event: Event) -> None:
        await receivers.deliver(event)
        await told.wait()

    sending = CallEnds(conversations, slowly, NobodyAsked(), metrics, POLICY, clock=now)
    await call_ends(conversations, HEALTHY, "call")
    async with running(sending):
        await eventually(lambda: is_so(receivers.told))
        for step in (Step.CREATED, Step.DESTROYED):
            await conversations.note([happening(HEALTHY, "call", step, "another leg")])
        # No other worker takes it: both would call theirs the same revision.
        assert not await conversations.due(now() + 1, now() + 2, 10)
        told.set()
        await eventually(lambda: is_so(len(receivers.told) == 2), 5, "the next summary")
    assert [event.fields["revision"] for event in receivers.told] == [1, 2]
    assert [len(event.fields["legs"]) for event in receivers.told] == [1, 2]


async def test_an_end_that_comes_while_the_switch_is_asked_is_not_forgotten(
    conversations: MongoConversations, metrics: Metrics
) -> None:
    receivers, watchdog = Receivers(), NobodyAsked()
    await conversations.note([happening(HEALTHY, "call", Step.CREATED)])
    async with running(ends_of(conversations, receivers, metrics, watchdog)):
        await watchdog.asking.wait()
        await conversations.note([happening(HEALTHY, "call", Step.DESTROYED, look_after_s=0.2)])
        watchdog.asked.set()
        await eventually(lambda: is_so(receivers.told), 5, "the summary")


async def test_two_are_not_joined_both_ways(conversations: MongoConversations) -> None:
    await call_ends(conversations, HEALTHY, "one", "leg")
    await call_ends(conversations, HEALTHY, "two", "leg")
    one, two = await conversations.of_legs(HEALTHY, ["leg"])
    await asyncio.gather(conversations.join(one, two), conversations.join(two, one))
    found = await conversations.of_legs(HEALTHY, ["leg"])
    assert any(each.joined is None for each in found)


async def test_the_one_that_is_kept_is_looked_at_though_a_worker_dies_in_between(
    conversations: MongoConversations, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    receivers = Receivers()
    await call_ends(conversations, HEALTHY, "older", "leg")
    async with running(ends_of(conversations, receivers, metrics)):
        await eventually(lambda: is_so(receivers.told))
    await call_ends(conversations, HEALTHY, "younger", "leg")

    async def dies(kept: Conversation, other: Conversation) -> None:
        assert (kept.conversation_id, other.conversation_id) == ("older", "younger")
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(MongoConversations, "join", lambda _, *both: dies(*both))
        dying = asyncio.create_task(ends_of(conversations, receivers, metrics).run())
        await eventually(lambda: _is_due(conversations, "older"), what="a look at the one kept")
        dying.cancel()


async def _is_due(conversations: MongoConversations, name: str) -> bool:
    found = await conversations.one(f"{HEALTHY}/{name}")
    assert found is not None
    return found.look_at is not None
