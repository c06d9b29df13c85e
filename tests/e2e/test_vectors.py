"""Kazoo's own behaviour: published to the real exchange, compared at the receiver."""

import asyncio
import json
from collections.abc import Mapping
from itertools import groupby

import pytest

from service.dev.process import ServiceProcess
from service.dev.receiver import Receiver
from service.sources.catalogue import BusMessage
from tests import kazoo_vectors
from tests.conftest import Documents, StartService
from tests.e2e.harness import Switch, eventually, metric, switch
from tests.kazoo_vectors import Vector

FAMILIES = ("ch-", "sub-", "cd-", "mod-", "all-channel", "form-null")


def _by_configuration() -> list[tuple[Mapping[str, str], list[Vector]]]:
    """Return the vectors, those that run under the same settings together."""
    key = lambda vector: json.dumps(kazoo_vectors.environment(vector), sort_keys=True)  # noqa: E731
    ordered = sorted(kazoo_vectors.vectors(*FAMILIES), key=key)
    return [(json.loads(settings), list(group)) for settings, group in groupby(ordered, key)]


@pytest.mark.parametrize(
    ("environment", "vectors"),
    [
        pytest.param(environment, vectors, id=f"configuration-{number}-{len(vectors)}-vectors")
        for number, (environment, vectors) in enumerate(_by_configuration(), 1)
    ],
)
async def test_every_channel_vector_arrives_as_kazoo_would_send_it(
    environment: Mapping[str, str],
    vectors: list[Vector],
    start_service: StartService,
    settings: dict[str, str],
    database: Documents,
    receiver: Receiver,
) -> None:
    base_url = receiver.url("")
    for vector in vectors:
        for document in kazoo_vectors.accounts(vector):
            await database["accounts"].replace_one({"_id": document["_id"]}, document, upsert=True)
        await database["webhooks"].insert_one(kazoo_vectors.webhook(vector, base_url))
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
    print(f"{len(vectors) - len(flawed) - len(stray)} of {len(vectors)} vectors")  # noqa: T201
    assert not flawed
    assert not stray


async def _settled(service: ServiceProcess, published: int) -> bool:
    """Return whether every event was taken in, and nothing of it is left to do."""
    metrics = await service.metrics()
    consumed = sum(
        value
        for name, value in metrics.items()
        if name.startswith(("switchhook_events_consumed_total", "switchhook_events_rejected_total"))
    )
    return consumed >= published and not metric(
        metrics, 'switchhook_consumer_unacked{lane="events"}'
    )


async def _flaws(vector: Vector, kazoo: Switch, receiver: Receiver) -> list[str]:
    amqp = vector["amqp"]
    message = BusMessage(
        amqp["exchange"],
        "topic",
        amqp["routing_key"],
        amqp["body"],
        amqp["properties"].get("headers", {}),
    )
    if vector["bound"]:
        await kazoo.publish(message)
    if not kazoo_vectors.fires(vector):
        return []
    path = f"/{vector['id']}"
    await receiver.until(lambda: bool(receiver.at(path)), 10, f"a request to {path}")
    return kazoo_vectors.problems(vector, receiver.at(path)[0])
