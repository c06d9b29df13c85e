"""Partitions of the event queue on a real broker: who gets which events, and what a change does."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence

import pytest
from prometheus_client import CollectorRegistry

from service.adapters.rabbitmq.consuming import turn
from service.adapters.rabbitmq.consuming.consumer import Consumer, EventLane
from service.adapters.rabbitmq.consuming.event_queues import EventQueues
from service.adapters.rabbitmq.consuming.subscription import Subscription
from service.adapters.rabbitmq.consuming.turn import SETTLED_WITHIN_S
from service.adapters.rabbitmq.link import Link
from service.adapters.rabbitmq.topology.bindings import Bindings
from service.adapters.rabbitmq.topology.partitions import Partitions
from service.adapters.rabbitmq.topology.queues import queue_exists
from service.dialects.binding import Binding
from service.dialects.kazoo.events import calls
from service.observability.metrics import Metrics
from service.ports import Incoming
from tests.e2e.harness import Switch, call_event, eventually, switch
from tests.integration.broker_parts import NAMES, TIERS_MS, connected, is_so

CALLS = calls.binding("CHANNEL_CREATE")
OBJECTS = Binding("configuration", "topic", ("#",))


class Worker:
    """A worker that takes only events, and acknowledges them unless told otherwise."""

    def __init__(self, amqp_url: str, count: int, workers: "Workers") -> None:
        metrics = Metrics(CollectorRegistry(), [("kazoo", "channel_create")])
        self.taken: list[Incoming] = []
        self._all = workers
        self.waiting = 0
        self.acks = True
        partitions = Partitions(NAMES, count, (CALLS, OBJECTS))
        bindings = Bindings(
            NAMES.events, partitions.bindings, metrics, may_declare=True, partitions=partitions
        )
        one = Subscription(NAMES.events, 50, lambda: 50, self.accept, self.note)
        self.queues = EventQueues(partitions, bindings, self.note, 0.1, share_every_s=0.1)
        lane = EventLane(self.queues, one, one)
        self.consumer = Consumer(NAMES, TIERS_MS, [], bindings, metrics, 0.1, lane)
        self.link = Link("consume", [amqp_url], self.consumer.session, metrics)

    def accept(self, incoming: Incoming) -> None:
        self.taken.append(incoming)
        self._all.note(self, incoming)
        if self.acks and self._all.settled_after_s:
            loop = asyncio.get_running_loop()
            loop.call_later(self._all.settled_after_s, self.settle, incoming)
        elif self.acks:
            self.settle(incoming)

    def settle(self, incoming: Incoming) -> None:
        self._all.in_progress[incoming.routing_key].subtract([self])
        incoming.ack()

    def note(self, messages: int) -> None:
        self.waiting = messages

    async def consuming(self) -> bool:
        return self.consumer.consuming

    def calls(self) -> set[str]:
        return {one.routing_key for one in self.taken}


class Workers:
    """Starts workers, and ends them by closing their connections, with what they hold unsettled."""

    def __init__(self, amqp_url: str) -> None:
        self.amqp_url = amqp_url
        self.taken: list[Incoming] = []
        self.settled_after_s = 0.0
        self.in_progress: dict[str, Counter[Worker]] = defaultdict(Counter)
        self.met: set[str] = set()
        """Calls of which two workers had events in progress at the same time."""
        self._running: dict[Worker, asyncio.Task[None]] = {}

    def note(self, worker: Worker, incoming: Incoming) -> None:
        call = self.in_progress[incoming.routing_key]
        call[worker] += 1
        if len(+call) > 1:
            self.met.add(incoming.routing_key)
        self.taken.append(incoming)

    def begin(self, count: int) -> Worker:
        worker = Worker(self.amqp_url, count, self)
        self._running[worker] = asyncio.create_task(worker.link.run())
        return worker

    async def start(self, count: int) -> Worker:
        worker = self.begin(count)
        await eventually(worker.consuming, what="consuming")
        return worker

    async def end(self, *workers: Worker) -> None:
        for worker in workers or [*self._running]:
            task = self._running.pop(worker)
            task.cancel()
            await asyncio.wait([task])


@pytest.fixture
async def workers(amqp_url: str) -> AsyncIterator[Workers]:
    made = Workers(amqp_url)
    yield made
    await made.end()


async def publish(kazoo: Switch, calls: int, events: int = 3) -> None:
    """Publish events of so many calls, in turns."""
    for _ in range(events):
        async with asyncio.TaskGroup() as tasks:
            for number in range(calls):
                tasks.create_task(kazoo.publish(call_event(f"call-{number}")))


class Load:
    """Publishes numbered events of 20 calls, one after another."""

    def __init__(self, amqp_url: str) -> None:
        self.published = 0
        self._amqp_url = amqp_url
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        self._ending.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        async with switch(self._amqp_url) as kazoo:
            while not self._ending.is_set():
                call = f"call-{self.published % 20}"
                key, body = f"call.CHANNEL_CREATE.{call}", b"%d" % self.published
                await kazoo.publish_raw("callevt", key, body, headers={"call-id": call})
                self.published += 1


def bodies(workers: Workers) -> set[bytes]:
    return {one.body for one in workers.taken}


def out_of_order(workers: Workers) -> list[int]:
    """Return the events that were first taken after a later one of their call."""
    newest: dict[str, int] = {}
    seen: set[int] = set()
    late = []
    for one in workers.taken:
        number = int(one.body)
        if number not in seen and number < newest.get(one.routing_key, -1):
            late.append(number)
        seen.add(number)
        newest[one.routing_key] = max(number, newest.get(one.routing_key, -1))
    return late


async def shared(*workers: Worker) -> bool:
    """Return whether all have equally many partitions."""
    return {len(worker.queues.held) for worker in workers} == {4 // len(workers)}


def taken_by(workers: Sequence[Worker]) -> int:
    return sum(len(worker.taken) for worker in workers)


async def shared_under_load(kazoo: Switch, workers: Sequence[Worker]) -> bool:
    """Publish, since a worker knows its partitions by their events; return whether all have equally
    many, and everything published was taken.
    """
    before = taken_by(workers)
    await publish(kazoo, calls=40, events=1)
    await eventually(lambda: is_so(taken_by(workers) == before + 40), what="all events")
    return await shared(*workers)


async def test_all_events_of_a_call_meet_in_one_worker(workers: Workers, amqp_url: str) -> None:
    four = [await workers.start(4) for _ in range(4)]
    async with switch(amqp_url) as kazoo:
        await eventually(lambda: shared_under_load(kazoo, four), what="a partition each")
        for worker in four:
            worker.taken.clear()
        await publish(kazoo, calls=40)
        await eventually(lambda: is_so(taken_by(four) == 120), what="all events")
    met = Counter(call for worker in four for call in worker.calls())
    assert set(met.values()) == {1}
    assert all(worker.taken for worker in four)


async def test_a_second_worker_gets_half_of_the_partitions(workers: Workers, amqp_url: str) -> None:
    first = await workers.start(4)
    async with switch(amqp_url) as kazoo:
        await publish(kazoo, calls=40)
        await eventually(lambda: is_so(len(first.queues.held) == 4), what="all partitions")
        both = [first, await workers.start(4)]
        await eventually(lambda: shared_under_load(kazoo, both), what="half of them each")


async def test_partitions_of_a_worker_that_is_gone_are_taken_over_within_two_seconds(
    workers: Workers, amqp_url: str
) -> None:
    first = await workers.start(4)
    first.acks = False
    async with switch(amqp_url) as kazoo:
        await publish(kazoo, calls=40, events=1)
        await eventually(lambda: is_so(len(first.taken) == 40), what="the events")
        second = workers.begin(4)
        await eventually(second.consuming, what="consuming")
        await workers.end(first)
        died_at = time.monotonic()
        await eventually(lambda: is_so(len(second.calls()) == 40), what="the same events")
        assert time.monotonic() - died_at < 2


async def one_under_load(workers: Workers, amqp_url: str) -> tuple[Worker, Load]:
    """Return a worker that takes from all four partitions, and what publishes to them."""
    load = Load(amqp_url)
    worker = await workers.start(4)
    load.start()
    await eventually(lambda: is_so(len(worker.queues.held) == 4), what="all partitions")
    return worker, load


async def test_a_partition_passes_on_once_its_worker_has_settled_what_it_took(
    workers: Workers, amqp_url: str
) -> None:
    first, load = await one_under_load(workers, amqp_url)
    workers.settled_after_s = 0.3
    rest = [await workers.start(4) for _ in range(3)]
    four = [first, *rest]
    await eventually(lambda: shared(*four), what="a partition each")
    await load.stop()
    await eventually(lambda: is_so(len(bodies(workers)) == load.published), what="everything")
    assert out_of_order(workers) == []
    assert workers.met == set()
    assert all(worker.taken for worker in four)


async def test_a_partition_passes_on_after_two_seconds_though_an_event_is_in_progress(
    workers: Workers, amqp_url: str
) -> None:
    first, load = await one_under_load(workers, amqp_url)
    first.acks = False
    before_joining = time.monotonic()
    second = await workers.start(4)
    await eventually(lambda: is_so(bool(second.taken)), what="events of the second worker")
    assert SETTLED_WITHIN_S <= time.monotonic() - before_joining < 2 * SETTLED_WITHIN_S
    await load.stop()


async def test_a_worker_that_stops_passes_its_partitions_on_in_order(
    workers: Workers, amqp_url: str
) -> None:
    load = Load(amqp_url)
    first, second = await workers.start(4), await workers.start(4)
    load.start()
    third = await workers.start(4)
    await eventually(lambda: shared(first, second), what="two partitions each")
    for stopping in (first, second):
        stopping.acks, settled = False, len(stopping.taken)
        await asyncio.sleep(0.2)  # events in progress
        await stopping.consumer.stop()
        for incoming in stopping.taken[settled:]:
            stopping.settle(incoming)
        await asyncio.sleep(0.2)  # events that others take meanwhile
        await workers.end(stopping)
    await load.stop()
    await eventually(lambda: is_so(len(bodies(workers)) == load.published), what="everything")
    assert out_of_order(workers) == []
    assert third.taken


async def test_a_worker_that_stops_before_its_turn_gives_back_what_it_held(
    workers: Workers, amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "SETTLED_WITHIN_S", 60)
    first, load = await one_under_load(workers, amqp_url)
    first.acks, settled = False, len(first.taken)
    second = await workers.start(4)
    await eventually(lambda: is_so(len(first.queues.held) == 2), what="partitions on their way")
    await second.consumer.stop()
    first.acks = True
    for incoming in first.taken[settled:]:
        first.settle(incoming)
    await load.stop()
    await eventually(lambda: is_so(len(bodies(workers)) == load.published), what="everything")
    assert second.taken == []


@pytest.mark.parametrize("count", [1, 2])
async def test_what_a_dead_worker_held_comes_again_in_the_order_in_which_it_was_sent(
    workers: Workers, amqp_url: str, count: int
) -> None:
    first = await workers.start(count)
    first.acks = False
    load = Load(amqp_url)
    load.start()
    await eventually(lambda: is_so(len(first.taken) == 50 * count), what="full windows")
    await workers.end(first)
    workers.taken.clear()
    second = await workers.start(count)
    await load.stop()
    await eventually(lambda: is_so(len(second.taken) == load.published), what="all events")
    assert out_of_order(workers) == []


async def test_events_without_a_call_are_spread_by_their_routing_keys(
    workers: Workers, amqp_url: str
) -> None:
    worker = await workers.start(4)
    async with switch(amqp_url) as kazoo:
        for number in range(40):
            await kazoo.publish_raw("configuration", f"doc_edited.db.user.{number}", b"{}")
    await eventually(lambda: is_so(len(worker.taken) == 40), what="all events")
    await eventually(lambda: is_so(len(worker.queues.held) == 4), what="all partitions")


@pytest.mark.parametrize("counts", [(1, 4, 2), (2, 3, 1)])
async def test_a_change_of_the_number_loses_and_doubles_nothing_and_keeps_the_order_in_a_call(
    workers: Workers, amqp_url: str, counts: tuple[int, ...]
) -> None:
    load = Load(amqp_url)
    await workers.start(counts[0])
    load.start()
    for number in counts[1:]:
        await asyncio.sleep(0.3)
        await workers.end()
        await asyncio.sleep(0.3)  # a backlog for the old queues
        # Without partitions, a second worker would get events of the same calls.
        for worker in [workers.begin(number) for _ in range(2 if number > 1 else 1)]:
            await eventually(worker.consuming, what="consuming")
    await load.stop()
    await eventually(lambda: is_so(len(bodies(workers)) == load.published), what="everything")
    assert out_of_order(workers) == []
    async with connected(amqp_url) as connection:
        for old in {4, 3, 2} - {counts[-1]}:
            assert not await queue_exists(connection, NAMES.event_queues(old)[0])


async def test_a_worker_that_goes_in_a_change_is_followed_by_another_that_ends_it(
    workers: Workers, amqp_url: str
) -> None:
    old = await workers.start(2)
    old.acks = False
    async with switch(amqp_url) as kazoo:
        await publish(kazoo, calls=10, events=1)
    await eventually(lambda: is_so(len(old.taken) == 10), what="the events")
    await workers.end(old)
    dying = workers.begin(3)
    dying.acks = False  # so that the old queues cannot be emptied
    await eventually(lambda: is_so(len(dying.taken) == 10), what="the events of the old queues")
    following = workers.begin(3)
    async with switch(amqp_url) as kazoo:
        await publish(kazoo, calls=20, events=1)
    assert not following.taken
    await workers.end(dying)
    await eventually(following.consuming, what="consuming")
    await eventually(lambda: is_so(len(following.taken) == 30), what="old and new events")
    assert {one.routing_key for one in following.taken[:10]} == dying.calls()


async def test_workers_with_another_number_wait_until_those_that_run_have_ended(
    workers: Workers, amqp_url: str
) -> None:
    old = await workers.start(1)
    new = workers.begin(4)
    await asyncio.sleep(0.5)
    assert not new.consumer.consuming
    async with switch(amqp_url) as kazoo:
        await publish(kazoo, calls=10, events=1)
        await eventually(lambda: is_so(len(old.taken) == 10), what="the events")
    await workers.end(old)
    await eventually(new.consuming, what="consuming")
    late = workers.begin(1)
    await asyncio.sleep(0.5)
    assert not late.consumer.consuming
