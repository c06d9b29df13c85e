"""Who is owed what, and what became of it: the load, and one verdict per fault.

Only events whose confirm arrived count as accepted. A delivery is owed for every accepted event and
every webhook of its account; it must end taken by the receiver or among the dead letters.
"""

import asyncio
import math
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from aiormq.exceptions import AMQPError, ChannelInvalidStateError

from tests.chaos.report import Row
from tests.chaos.sink import Sink
from tests.conftest import Documents
from tests.e2e.harness import Switch, call_event, switch

BROKER_AWAY = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError, RuntimeError)
Owed = tuple[str, str]
"""A call, each of which is one event, and a webhook."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, in monotonic seconds."""

    start: float
    end: float

    def __contains__(self, at: float) -> bool:
        return self.start <= at <= self.end


class Stopwatch:
    """Measures a span: `with Stopwatch() as fault: ...`, then `fault.span`."""

    def __enter__(self) -> "Stopwatch":
        self.start = self.end = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.end = time.monotonic()

    @property
    def span(self) -> Span:
        """What was measured."""
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event that the broker confirmed; monotonic seconds.

    `published_at` is when its publishing began, which an alarm of the broker can hold up.
    """

    account_id: str
    published_at: float
    confirmed_at: float = 0.0


class Tally:
    """What was accepted, what is owed for it, and what the receiver saw."""

    def __init__(self, sink: Sink, database: Documents) -> None:
        self.sink = sink
        self.database = database
        self.accepted: dict[str, Accepted] = {}
        self.webhooks: defaultdict[str, list[str]] = defaultdict(list)
        self.unknown = 0

    def owed(self, accounts: Collection[str] | None = None) -> set[Owed]:
        """Return every delivery that is owed, of these accounts or of all."""
        return {
            (call_id, webhook_id)
            for call_id, event in self.accepted.items()
            if accounts is None or event.account_id in accounts
            for webhook_id in self.webhooks[event.account_id]
        }

    def taken(self) -> dict[Owed, float]:
        """Return when each delivery was taken first."""
        first: dict[Owed, float] = {}
        for seen in self.sink.seen:
            if seen.taken:
                first.setdefault((seen.call_id, seen.webhook_id), seen.at)
        return first

    async def dead(self) -> dict[Owed, str]:
        """Return why each dead letter was given up."""
        wanted = {"call_id": 1, "webhook_id": 1, "reason": 1}
        letters = self.database["dead_letters"].find({}, wanted)
        return {
            (str(letter["call_id"]), str(letter["webhook_id"])): str(letter["reason"])
            async for letter in letters
        }

    async def until_settled(
        self, timeout_s: float, accounts: Collection[str] | None = None
    ) -> bool:
        """Return whether everything owed, to these accounts or to all, ended in time."""
        deadline = time.monotonic() + timeout_s
        while True:
            left = self.owed(accounts) - self.taken().keys()
            if left and not left - (await self.dead()).keys():
                left = set()
            if not left or time.monotonic() > deadline:
                return not left
            await asyncio.sleep(0.3)

    def duplicated(self, webhooks: Collection[str]) -> int:
        """Return how often a receiver was given again what it had taken before."""
        times = Counter(
            (seen.call_id, seen.webhook_id)
            for seen in self.sink.seen
            if seen.taken and seen.webhook_id in webhooks
        )
        return sum(count - 1 for count in times.values())

    def renamed(self) -> list[Owed]:
        """Return the deliveries that came under more than one id: no receiver can dedupe those."""
        ids: defaultdict[Owed, set[str]] = defaultdict(set)
        for seen in self.sink.seen:
            ids[seen.call_id, seen.webhook_id].add(seen.delivery_id)
        return [owed for owed, given in ids.items() if len(given) > 1]

    def latencies(self, during: Span, accounts: Collection[str] | None = None) -> list[float]:
        """Return how long after their publishing the events of a span were taken, in seconds."""
        taken = self.taken()
        return [
            taken[call_id, webhook_id] - event.published_at
            for call_id, event in self.accepted.items()
            if event.published_at in during and (accounts is None or event.account_id in accounts)
            for webhook_id in self.webhooks[event.account_id]
            if (call_id, webhook_id) in taken
        ]

    def latencies_from_confirm(self, during: Span, accounts: Collection[str]) -> list[float]:
        """Return how long after the broker had confirmed them the events of a span were taken."""
        taken = self.taken()
        return [
            max(0.0, taken[call_id, webhook_id] - event.confirmed_at)
            for call_id, event in self.accepted.items()
            if event.published_at in during and event.account_id in accounts
            for webhook_id in self.webhooks[event.account_id]
            if (call_id, webhook_id) in taken
        ]

    def recovery_s(self, fault: Span) -> float:
        """Return how long after the fault the last event accepted before its end was taken."""
        taken = self.taken()
        caught_up = [
            taken.get((call_id, webhook_id), 0.0) - fault.end
            for call_id, event in self.accepted.items()
            if event.published_at < fault.end
            for webhook_id in self.webhooks[event.account_id]
        ]
        return max([0.0, *caught_up])

    async def verdict(
        self,
        fault: str,
        *,
        bound: int = 0,
        before: Span | None = None,
        during: Span | None = None,
        accounts: Collection[str] | None = None,
        healthy: Collection[str] | None = None,
        parked: Collection[str] = (),
        note: str = "",
    ) -> Row:
        """Return the row of a fault: of all accounts, or of those that it hit.

        `parked` are the calls whose events stand in the rejected queue: given up, not lost.
        """
        owed = self.owed(accounts)
        taken = self.taken()
        dead = {*await self.dead(), *((call, hook) for call, hook in owed if call in parked)}
        whose = self.webhooks if accounts is None else accounts
        return Row(
            fault=fault,
            accepted=len({call_id for call_id, _ in owed}),
            delivered=len(owed & taken.keys()),
            dead=len(owed & (dead - taken.keys())),
            lost=len(owed - taken.keys() - dead),
            duplicated=self.duplicated({hook for name in whose for hook in self.webhooks[name]}),
            bound=bound,
            recovery_s=None if during is None else self.recovery_s(during),
            p99_before_s=None if before is None else p99(self.latencies(before, healthy)),
            p99_s=None if during is None else p99(self.latencies(during, healthy)),
            note=note,
        )


def p99(values: Sequence[float]) -> float | None:
    """Return the value that one in a hundred exceeds; None where there are none."""
    return sorted(values)[math.ceil(0.99 * len(values)) - 1] if values else None


class Load:
    """Publishes events at a steady rate, and goes on whatever becomes of the broker."""

    def __init__(
        self, tally: Tally, amqp_url: str, accounts: Sequence[str], name: str = "load"
    ) -> None:
        self._ledger = tally
        self._amqp_url = amqp_url
        self._accounts = accounts
        self._name = name
        self._number = 0
        self._stop = asyncio.Event()
        self._broken = False
        self._task: asyncio.Task[None] | None = None

    def start(self, rate_per_s: float) -> None:
        """Begin publishing in the background."""
        self._stop.clear()
        self._task = asyncio.create_task(self._run(rate_per_s), name=self._name)

    async def stop(self) -> None:
        """Publish no more; returns once every outcome is known or given up."""
        self._stop.set()
        if self._task is not None:
            await self._task

    async def publish(self, count: int, at_once: int = 200) -> None:
        """Publish so many events as fast as confirms come."""
        async with switch(self._amqp_url) as kazoo:
            limit = asyncio.Semaphore(at_once)
            async with asyncio.TaskGroup() as tasks:
                for _ in range(count):
                    await limit.acquire()
                    task = tasks.create_task(self._publish(kazoo))
                    task.add_done_callback(lambda _: limit.release())
        if self._broken:
            raise AssertionError("a publish was not confirmed although nothing was broken")

    async def _run(self, rate_per_s: float) -> None:
        while not self._stop.is_set():
            with suppress(*BROKER_AWAY):
                async with asyncio.timeout(10):
                    link = switch(self._amqp_url)
                    kazoo = await link.__aenter__()
                try:
                    await self._steadily(kazoo, rate_per_s)
                finally:
                    with suppress(*BROKER_AWAY):
                        async with asyncio.timeout(3):
                            await link.__aexit__(None, None, None)
            if not self._stop.is_set():
                await asyncio.sleep(0.1)

    async def _steadily(self, kazoo: Switch, rate_per_s: float) -> None:
        """Publish until told to stop, or until a publish fails."""
        self._broken = False
        due = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            while not (self._stop.is_set() or self._broken):
                tasks.create_task(self._publish(kazoo))
                # A machine that stalled does not make up for it with a burst.
                due = max(due + 1 / rate_per_s, time.monotonic() - 0.1)
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _publish(self, kazoo: Switch) -> None:
        self._number += 1
        account_id = self._accounts[self._number % len(self._accounts)]
        call_id = f"{self._name}-{self._number}"
        published_at = time.monotonic()
        try:
            await kazoo.publish(call_event(call_id, account_id=account_id))
        except (*BROKER_AWAY, asyncio.CancelledError):
            # The driver cancels what waits on a connection that it finds dead.
            self._ledger.unknown += 1
            self._broken = True
        else:
            event = Accepted(account_id, published_at, time.monotonic())
            self._ledger.accepted[call_id] = event
