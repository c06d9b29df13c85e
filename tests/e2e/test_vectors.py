"""Kazoo's own behaviour: published to the real exchange, compared at the receiver."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Set
from itertools import groupby

import pytest

from service.dev.process import ServiceProcess
from service.dev.receiver import Receiver
from tests import kazoo_vectors
from tests.conftest import Documents, StartService
from tests.e2e.harness import Switch, eventually, metric, switch
from tests.kazoo_vectors import Vector

COUNTED = (
    "switchhook_events_consumed_total",
    "switchhook_events_rejected_total",
    "switchhook_events_ignored_total",
)


def _by_configuration() -> list[tuple[Mapping[str, str], list[Vector]]]:
    """Return the vectors, those that run under the same settings together."""
    key = lambda vector: json.dumps(kazoo_vectors.environment(vector), sort_keys=True)  # noqa: E731
    ordered = sorted(kazoo_vectors.independent(), key=key)
    return [(json.loads(settings), list(group)) for settings, group in groupby(ordered, key)]


@pytest.mark.parametrize(
    ("environment", "vectors"),
    [
        pytest.param(environment, vectors, id=f"configuration-{number}-{len(vectors)}-vectors")
        for number, (environment, vectors) in enumerate(_by_configuration(), 1)
    ],
)
async def test_every_vector_arrives_as_kazoo_would_send_it(
    environment: Mapping[str, str],
    vectors: list[Vector],
    start_service: StartService,
    settings: dict[str, str],
    database: Documents,
    receiver: Receiver,
) -> None:
    vectors = [kazoo_vectors.pointed_at(vector, receiver.url("")) for vector in vectors]
    for vector in vectors:
        for document in kazoo_vectors.accounts(vector):
            await database["accounts"].replace_one({"_id": document["_id"]}, document, upsert=True)
        if vector["webhook"] is not None:
            await database["webhooks"].insert_one(dict(vector["webhook"]))
        for document in kazoo_vectors.numbers(vector):
            await database["numbers"].insert_one(document)
    service = await start_service(**environment)
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        found = await asyncio.gather(*(_flaws(vector, kazoo, receiver) for vector in vectors))
    published = sum(vector["bound"] for vector in vectors)
    await eventually(lambda: _settled(service, published), what="all events being settled")
    silent = {vector["id"] for vector in vectors if not kazoo_vectors.fires(vector)}
    stray = {request.path[1:] for request in receiver.requests} & silent
    flawed = {vector["id"]: flaws for vector, flaws in zip(vectors, found, strict=True) if flaws}
    _report(vectors, flawed.keys() | stray)
    assert not flawed
    assert not stray


def _report(vectors: list[Vector], failed: Set[str]) -> None:
    of_family = Counter(kazoo_vectors.family(vector) for vector in vectors)
    failures = Counter(kazoo_vectors.family(v) for v in vectors if v["id"] in failed)
    for family, count in sorted(of_family.items()):
        print(f"{family:5} {count - failures[family]} of {count}")  # noqa: T201


async def _settled(service: ServiceProcess, published: int) -> bool:
    """Return whether every event was taken in, and nothing of it is left to do."""
    metrics = await service.metrics()
    consumed = sum(value for name, value in metrics.items() if name.startswith(COUNTED))
    return consumed >= published and not metric(
        metrics, 'switchhook_consumer_unacked{lane="events"}'
    )


async def _flaws(vector: Vector, kazoo: Switch, receiver: Receiver) -> list[str]:
    amqp = vector["amqp"]
    if vector["bound"]:
        await kazoo.publish_raw(
            amqp["exchange"],
            amqp["routing_key"],
            kazoo_vectors.body(vector),
            **amqp["properties"],
        )
    if not kazoo_vectors.fires(vector):
        return []
    path = f"/{vector['id']}"
    await receiver.until(lambda: bool(receiver.at(path)), 10, f"a request to {path}")
    return kazoo_vectors.problems(vector, receiver.at(path)[0])
