"""Three brokers, three mongods: the leader of each is killed under load."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from service.dev.receiver import ScriptedAnswer
from tests.chaos.cluster import Member, Node, rabbit_cluster, replica_set, set_url
from tests.chaos.conftest import ROWS, SEED
from tests.chaos.rig import PREFETCH, SETTLED_S, Rig
from tests.chaos.sink import Sink
from tests.chaos.tally import Stopwatch
from tests.e2e.harness import eventually

DOWN_S = 15


@pytest.mark.long
@pytest.mark.timeout(1500)
async def test_the_leaders_of_both_clusters_are_killed_under_load_and_nothing_is_lost(
    tmp_path: Path, directory: Path, request: pytest.FixtureRequest
) -> None:
    async with AsyncExitStack() as stack:
        nodes = await stack.enter_async_context(rabbit_cluster(directory / "nodes"))
        members = await stack.enter_async_context(replica_set(directory / "members"))
        client = AsyncMongoClient[Mapping[str, Any]](set_url(members), tz_aware=True)
        await stack.enter_async_context(client)
        sink = await stack.enter_async_context(Sink())
        config = request.config
        rig = Rig(
            stack, tmp_path, nodes[1], members[0], "", client["cluster"], sink,
            random.Random(config.stash[SEED]), config.stash[ROWS], full=True,
        )  # fmt: skip
        sink.answer("/flaky", lambda attempt: ScriptedAnswer(503 if attempt == 1 else 200))
        first, second = [[*await rig.healthy(8), *await rig.healthy(2, "/flaky")] for _ in range(2)]
        urls = " ".join(node.url for node in nodes)
        await asyncio.gather(
            *(
                rig.service(SWITCHHOOK_AMQP__URL=urls, SWITCHHOOK_MONGO__URL=set_url(members))
                for _ in range(2)
            )
        )
        leader = await _leader(nodes)
        # The load must not hang on the node that is to die: the switch has its own troubles then.
        rig.amqp_url = next(node for node in nodes if node is not leader).url
        await _broker(rig, first, leader)
        await _store(rig, second, members)


async def _broker(rig: Rig, accounts: list[str], leader: Node) -> None:
    load, before = await rig.under_load(accounts, 100, SETTLED_S, "broker")
    with Stopwatch() as fault:
        await leader.kill()
        await asyncio.sleep(DOWN_S)
    old = rig.tally.owed() - rig.tally.taken().keys()
    settled = len(old) < 100  # what is under way, rather than all retries since the kill
    await leader.start()
    await load.stop()
    await rig.verdict(
        f"cluster of three brokers: SIGKILL of the leader, back after {DOWN_S} s",
        600,  # the broker itself tries stuck dead letters again every 180 s
        bound=2 * PREFETCH,
        before=before,
        during=fault.span,
        accounts=accounts,
        healthy=accounts[:8],
        note="both workers were connected to it; "
        + ("retries went on meanwhile" if settled else "retries waited in their tier for it"),
    )


async def _store(rig: Rig, accounts: list[str], members: Sequence[Member]) -> None:
    load, before = await rig.under_load(accounts, 100, 3, "store")
    primary = await _primary(members)
    with Stopwatch() as fault:
        await primary.kill()
        await asyncio.sleep(DOWN_S)
    await load.stop()
    await rig.verdict(
        "replica set of three: SIGKILL of the primary",
        60,
        before=before,
        during=fault.span,
        accounts=accounts,
        healthy=accounts[:8],
    )


async def _leader(nodes: Sequence[Node]) -> Node:
    """Return the node that leads the event queue."""
    listed = await nodes[0].control("list_queues", "name", "leader", "--formatter", "csv")
    line = next(line for line in listed.splitlines() if "switchhook.events" in line)
    return next(node for node in nodes if node.node in line)


async def _primary(members: Sequence[Member]) -> Member:
    async def asked() -> Member | None:
        for member in members:
            async with AsyncMongoClient[Mapping[str, Any]](member.url, timeoutMS=2000) as client:
                if (await client.admin.command("hello"))["isWritablePrimary"]:
                    return member
        return None

    found = await eventually(asked, 20, "a primary")
    assert isinstance(found, Member)
    return found
