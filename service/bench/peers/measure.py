"""The measurements of one peer, whose servers run."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from service.bench.figures import p99_ms, percentile, rounded, speed
from service.bench.measurements.latency import SLOW_PER_S
from service.bench.peers.events import Event, endpoints, events
from service.bench.peers.marks import Arrival, arrival_of, duplicates, lost, overtaken
from service.bench.peers.peer import Peer
from service.bench.sample import EVERY_S, STALLED_S, watch
from service.bench.setting.sink import ReceiverSink, Sink
from service.bench.tree import tree_cpu_s, tree_pss_mb
from service.domain.errors import SwitchhookError

ACCOUNTS = 10
HEALTHY = 8
PUBLISHERS = 64
"""Requests or publishes in flight; more did not make a sender faster."""
MOST_CALLS = 50
EVENTS_PER_CALL = 20
FAIR_PER_S = 100.0
AGAIN_S = 0.1
QUIET_S = 90.0
"""Longer than a sender waits before it takes up what a killed process held (Svix: 45 s)."""
SETTLED_S = 3.0
"""Time after the last event in which further duplicates are waited for."""
FILED_S = 1.0
"""Time after the last request in which attempts are filed; their cost counts as well."""

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trial:
    """A peer, the sinks, and the effort: events of a drain, seconds at a steady rate."""

    peer: Peer
    sink: Sink
    receiver: ReceiverSink
    events: int
    seconds: float

    @property
    def roots(self) -> list[int]:
        """The processes whose trees are all that the peer runs."""
        return [server.pid for server in self.peer.servers]


async def drain(trial: Trial) -> Figures:
    """Publish as fast as the peer accepts: deliveries/s, CPU time of all its processes, memory."""
    made = events(await _subscribed(trial, trial.sink.urls()), trial.events, trial.events)
    cpu_s = tree_cpu_s(trial.roots)
    async with trial.sink.counting() as count, asyncio.TaskGroup() as tasks:
        tasks.create_task(_publish_all(trial.peer, made))
        samples = await watch(count, [], trial.events)
    pss_mb = tree_pss_mb(trial.roots)
    await asyncio.sleep(FILED_S)
    cpu_s = tree_cpu_s(trial.roots) - cpu_s
    return {
        "per_s": rounded(speed(samples, trial.events).per_s),
        "cpu_s_per_1000": rounded(cpu_s / trial.events * 1000),
        "pss_mb": rounded(pss_mb),
    }


async def latency(trial: Trial, per_s: float) -> Figures:
    """Return p50 and p99 from publishing to the receiver, at a steady rate."""
    accounts = await _subscribed(trial, trial.receiver.urls("/aged"))
    await _steadily(trial, accounts, "/aged", per_s, trial.seconds / 5)
    ages = await _steadily(trial, accounts, "/aged", per_s, trial.seconds)
    p50_ms = percentile(ages, 50) * 1000
    return {"per_s": rounded(per_s), "p50_ms": rounded(p50_ms), "p99_ms": rounded(p99_ms(ages))}


async def order(trial: Trial) -> Figures:
    """Publish calls side by side, each event once the one before is accepted.

    The receiver takes an uneven time to answer. Counts events that arrive after a later one.
    """
    accounts = await _subscribed(trial, trial.receiver.urls("/uneven"), ordered=True)
    calls = min(MOST_CALLS, trial.events // EVENTS_PER_CALL)
    made = events(accounts, calls, calls * EVENTS_PER_CALL)
    async with asyncio.TaskGroup() as tasks:
        for call in range(calls):
            tasks.create_task(_one_by_one(trial.peer, iter(made[call::calls])))
        arrivals = await _arrived(trial, "/uneven", made, len(made))
    return {"events": len(made), "overtaken": overtaken(arrivals)}


async def killed(trial: Trial) -> Figures:
    """Kill the sender at half of a drain and start it again: losses and duplicates."""
    path, sender = "/killed", trial.peer.servers[-1]
    accounts = await _subscribed(trial, trial.receiver.urls(path))
    made = events(accounts, trial.events, trial.events)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_publish_all(trial.peer, made))
        arrivals = await _arrived(trial, path, made, len(made) // 2)
        await sender.kill()
        await sender.start()
        arrivals = await _arrived(trial, path, made, len(made), arrivals, may_lack=True)
    await asyncio.sleep(SETTLED_S)
    arrivals = await _arrived(trial, path, made, 0, arrivals)
    figures = {"lost": lost(arrivals, len(made)), "duplicates": duplicates(arrivals)}
    return {"events": len(made), **figures}


async def fairness(trial: Trial) -> Figures:
    """Return p99 of eight endpoints, with two more that are healthy, then dead and slow."""
    found = {}
    for name, others in {"without": ("/other", "/other"), "beside": ("/hang", "/slow")}.items():
        path = f"/fair-{name}"
        urls = trial.receiver.urls(path)[:HEALTHY]
        urls += [trial.receiver.urls(other)[HEALTHY + n] for n, other in enumerate(others)]
        accounts = await _subscribed(trial, urls)
        await _steadily(trial, accounts, path, FAIR_PER_S, trial.seconds / 2)
        ages = await _steadily(trial, accounts, path, FAIR_PER_S, trial.seconds)
        found[f"{name}_p99_ms"] = rounded(p99_ms(ages))
    return found


async def measured(trial: Trial) -> Figures:
    """Make all measurements; one that fails has its reason instead of figures."""
    results: Figures = {"drain": await _or_reason(drain(trial))}
    results["latency_slow"] = await _or_reason(latency(trial, SLOW_PER_S))
    if "per_s" in results["drain"]:
        half = results["drain"]["per_s"] / 2
        results["latency_half"] = await _or_reason(latency(trial, half))
    results["order"] = await _or_reason(order(trial))
    results["killed"] = await _or_reason(killed(trial))
    results["fairness"] = await _or_reason(fairness(trial))
    return results


async def _or_reason(measurement: Awaitable[Figures]) -> Figures:
    found: Figures = {}
    try:
        found = await measurement
    except* (SwitchhookError, OSError) as group:
        found = {"failed": "; ".join(str(error) for error in group.exceptions)}
    return found


async def _subscribed(trial: Trial, urls: Sequence[str], *, ordered: bool = False) -> list[str]:
    """Return new accounts, each with a webhook to one of the URLs in turn."""
    accounts = [uuid.uuid4().hex for _ in range(ACCOUNTS)]
    await trial.peer.subscribe(endpoints(accounts, urls), ordered=ordered)
    return accounts


async def _publish_all(peer: Peer, made: Sequence[Event]) -> None:
    """Publish as fast as the peer accepts."""
    left = iter(made)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(PUBLISHERS):
            tasks.create_task(_one_by_one(peer, left))


async def _one_by_one(peer: Peer, left: Iterator[Event]) -> None:
    for event in left:
        await _accepted(peer, event.due(time.monotonic_ns()))


async def _accepted(peer: Peer, event: Event) -> None:
    """Publish an event until it is accepted. Raises SwitchhookError if it is not in time."""
    deadline = time.monotonic() + STALLED_S
    while True:
        try:
            return await peer.publish(event)
        except (SwitchhookError, OSError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(AGAIN_S)


async def _steadily(
    trial: Trial, accounts: Sequence[str], path: str, per_s: float, seconds: float
) -> list[float]:
    """Publish at a fixed rate, whatever the peer does; return the ages of those on the path."""
    count, start_ns = round(per_s * seconds), time.monotonic_ns()
    made = events(accounts, count, count)
    async with asyncio.TaskGroup() as tasks:
        for event in made:
            due = event.due(start_ns + round(event.number * 1e9 / per_s))
            await asyncio.sleep(max(0.0, (due.due_ns - time.monotonic_ns()) / 1e9))
            tasks.create_task(_accepted(trial.peer, due))
    healthy = accounts[:HEALTHY] if path.startswith("/fair") else accounts
    goal = sum(event.account_id in healthy for event in made)
    return [arrival.age_s for arrival in await _arrived(trial, path, made, goal)]


async def _arrived(
    trial: Trial,
    path: str,
    made: Sequence[Event],
    goal: int,
    before: Sequence[Arrival] = (),
    *,
    may_lack: bool = False,
) -> list[Arrival]:
    """Return the arrivals before and since, once there are as many different events as the goal.

    Raises SwitchhookError if nothing has arrived for `QUIET_S`, unless some may be missing.
    """
    calls, found = {event.call_id for event in made}, list(before)
    grown_at = time.monotonic()
    while True:
        marks = (await trial.receiver.marks()).get(path, [])
        new = [each for each in (arrival_of(*mark) for mark in marks) if each.call_id in calls]
        found += new
        missing = goal - len({arrival.number for arrival in found})
        if missing <= 0:
            return found
        if new:
            grown_at = time.monotonic()
        elif time.monotonic() - grown_at > QUIET_S:
            if may_lack:
                return found
            raise SwitchhookError(f"{missing} of {goal} events have not arrived")
        await asyncio.sleep(EVERY_S)
