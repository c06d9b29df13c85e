"""Measurement of the attempt log alone: bytes on disk, cost of a row, time of each question.

Run `python -m service.bench.attempt_log --help`. It starts its own MongoDB and writes through the
service's own adapter.
"""

import asyncio
import heapq
import random
import tempfile
import time
import uuid
from collections.abc import Awaitable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from prometheus_client import CollectorRegistry

from service.adapters.mongo.bucket_upkeep import BucketUpkeep
from service.adapters.mongo.history import MongoAttemptHistory
from service.adapters.mongo.logs import MongoAttemptLog
from service.adapters.mongo.store import Store, open_client, open_database
from service.bench.sample import cpu_seconds
from service.dev.servers import MongoServer
from service.domain.delivery import (
    Attempt,
    Delivery,
    Outcome,
    Response,
    attempt_id_of,
    delivery_id_of,
)
from service.management.selection import Selection
from service.observability.metrics import Metrics
from service.text.json_text import write_json

START = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
DAY_S = 86_400
AT_ONCE = 500
PER_S = 5000
QUESTIONS = 20
PAGE = 51
SUCCESS = Response(Outcome.SUCCEEDED, 200)
NAMES = ("Jane", "Test Man", "Zoë Testerová", "Acme Sales", "John Smith", "Front Desk")


class Tenant:
    """An account with its own users, numbers and webhooks."""

    def __init__(self, fan_out: int) -> None:
        self.account_id, self.reseller_id, self.resource_id = _hex(), _hex(), _hex()
        self.realm = f"{_hex()[:6]}.sip.example.com"
        self.users = [(_hex(), _hex(), f"user_{_hex()[:6]}") for _ in range(20)]
        self.numbers = [_number() for _ in range(10)]
        self.webhooks = [
            (_hex(), f"https://hooks{random.randrange(500)}.example.net/kazoo/{_hex()[:12]}")
            for _ in range(fan_out)
        ]

    def call(self, at: float) -> Iterator[tuple[float, str, str, bytes]]:
        """Yield time, hook, call id and payload of a call's four events."""
        owner, device, user = random.choice(self.users)
        number, interaction, other = random.choice(self.numbers), _hex()[:8], _hex()[:16]
        call_id = f"{_hex()[:16]}.{_hex()[:12]}@10.26.{random.randrange(4)}.{random.randrange(256)}"
        payload = {
            "account_id": self.account_id, "authorizing_id": device, "authorizing_type": "device",
            "call_direction": "inbound", "call_id": call_id,
            "callee_id_name": random.choice(NAMES), "callee_id_number": number,
            "caller_id_name": random.choice(NAMES), "caller_id_number": _number(),
            "custom_channel_vars": {
                "Call-Interaction-ID": f"{round(at)}-{interaction}", "Channel-Authorized": "true",
                "Ecallmgr-Node": f"ecallmgr@kz{random.randrange(4)}.example.com",
                "Fetch-ID": str(uuid.UUID(hex=_hex())), "Global-Resource": "false",
                "Resource-ID": self.resource_id,
            },
            "custom_application_vars": {"crm_case": "42"}, "emergency_resource_used": False,
            "from": f"{user}@{self.realm}", "local_resource_id": self.resource_id,
            "local_resource_used": True, "is_internal_leg": False, "owner_id": owner,
            "reseller_id": self.reseller_id, "timestamp": round(at),
            "to": f"{number}@{self.realm}", "cluster_id": "c1b2c3d4e5f60718293a4b5c6d7e8f90",
        }  # fmt: skip
        bridged = {"other_leg_call_id": other, "other_leg_destination_number": "1001"}
        ended = {"hangup_cause": "NORMAL_CLEARING", "duration_seconds": random.randrange(300)}
        for after_s, hook, more in (
            (0.0, "channel_create", {}),
            (4.0, "channel_answer", {}),
            (5.0, "channel_bridge", bridged),
            (random.uniform(6, 120), "channel_destroy", bridged | ended),
        ):
            yield at + after_s, hook, call_id, write_json(payload | more | {"hook_event": hook})


def _hex() -> str:
    return f"{random.getrandbits(128):032x}"


def _number() -> str:
    return f"+1555{random.randrange(10_000_000):07}"


def attempts(tenants: Sequence[Tenant], start: float, count: int) -> Iterator[Attempt]:
    """Yield about `count` successful attempts of calls that overlap, in the order of their time."""
    fan_out = len(tenants[0].webhooks)
    events: list[Any] = []
    at, made = start, 0
    while made < count:
        at += random.expovariate(PER_S / fan_out / 4)
        tenant = random.choice(tenants)
        for number, event in enumerate(tenant.call(at)):
            heapq.heappush(events, (event[0], made, number, tenant, event))
        while events and events[0][0] <= at:
            *_, tenant, event = heapq.heappop(events)
            yield from _deliveries(tenant, *event)
            made += fan_out


def _deliveries(
    tenant: Tenant, at: float, hook: str, call_id: str, payload: bytes
) -> Iterator[Attempt]:
    event_id = _hex()
    for webhook_id, uri in tenant.webhooks:
        delivery = Delivery(
            delivery_id_of(event_id, webhook_id), event_id, webhook_id, tenant.account_id, hook,
            hook.upper(), call_id, at, payload, source="kazoo",
        )  # fmt: skip
        began = at + random.expovariate(100)
        yield Attempt(
            delivery, 1, uri, None, SUCCESS, began, random.expovariate(20), attempt_id_of(began), 2
        )


async def measure(rows: int, buckets: int, fan_out: int, accounts: int) -> None:
    """Print what the log costs and how long its answers take."""
    tenants = [Tenant(fan_out) for _ in range(accounts)]
    with tempfile.TemporaryDirectory(prefix="switchhook-log-") as directory:
        async with MongoServer(Path(directory)) as server, open_client(server.url, 60) as client:
            store = Store(open_database(server.url, "bench", 60), Metrics(CollectorRegistry(), []))
            log = MongoAttemptLog(store, client, BucketUpkeep(store, 90))
            spent_s, known = 0.0, [tenants[0].account_id, tenants[0].webhooks[0][0], "none"]
            before_s = cpu_seconds(server)
            for day in range(buckets):
                batch: list[Attempt] = []
                for attempt in attempts(tenants, START + day * DAY_S, rows // buckets):
                    batch.append(attempt)
                    if len(batch) == AT_ONCE:
                        spent_s += await _timed(log.write(batch))
                        batch = []
                    if attempt.delivery.account_id == known[0] and day == buckets // 2:
                        known[2] = str(attempt.delivery.call_id)
                spent_s += await _timed(log.write(batch))
            click.echo(f"worker {spent_s / rows * 1e6:.1f} µs CPU per row")
            click.echo(f"mongod {(cpu_seconds(server) - before_s) / rows * 1e6:.1f} µs CPU per row")
            await _tell_sizes(store, rows)
            await _tell_answers(store, *known)
            store.close()


async def _timed(writing: Awaitable[None]) -> float:
    """Return the CPU time of this process, all of whose other tasks are idle."""
    began = time.process_time()
    await writing
    return time.process_time() - began


async def _tell_sizes(store: Store, rows: int) -> None:
    await store.database.client.admin.command("fsync")
    stats = await store.database.command("dbStats")
    data, indexes = stats["storageSize"] / rows, stats["indexSize"] / rows
    click.echo(
        f"on disk {data + indexes:.0f} bytes per row: data {data:.0f}, indexes {indexes:.0f}"
    )


async def _tell_answers(store: Store, account_id: str, webhook_id: str, call_id: str) -> None:
    history = MongoAttemptHistory(store)
    for name, equals in (
        ("account", {}),
        ("webhook", {"webhook_id": webhook_id}),
        ("call id", {"call_id": call_id}),
        ("unknown call id", {"call_id": "unknown"}),
    ):
        times, found = [], 0
        for _ in range(QUESTIONS):
            began = time.perf_counter()
            found = len(await history.page(Selection(account_id, equals), None, PAGE))
            times.append((time.perf_counter() - began) * 1000)
        times.sort()
        middle, longest = times[len(times) // 2], times[-1]
        click.echo(f"by {name}: {found} rows, median {middle:.1f} ms, longest {longest:.1f} ms")


@click.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Attempts in all buckets.")
@click.option("--buckets", default=1, show_default=True, help="Days.")
@click.option("--fan-out", default=10, show_default=True, help="Webhooks per account.")
@click.option("--accounts", default=1000, show_default=True, help="Accounts.")
def main(rows: int, buckets: int, fan_out: int, accounts: int) -> None:
    """Measure the attempt log."""
    asyncio.run(measure(rows, buckets, fan_out, accounts))


if __name__ == "__main__":
    main()
