"""Dead letters in the hands of an operator: list, show, replay, discard."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import pytest

from service.dev.receiver import Receiver
from tests.conftest import Documents, StartService
from tests.e2e.harness import call_event, eventually, switch, webhook_document
from tests.forking.client import switchhook

Command = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def deadletters(settings: dict[str, str]) -> Command:
    async def run(*arguments: str) -> tuple[int, str]:
        return await switchhook("deadletters", *arguments, env=settings)

    return run


@pytest.fixture
async def dead(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> list[str]:
    """Three dead letters of one webhook and one of another; their receiver is well again."""
    receiver.script("/hook", 500, 500, 500, 200)
    receiver.script("/other", 500, 200)
    await database["webhooks"].insert_many(
        [
            webhook_document(receiver.url("/hook"), _id="crm", retries=0),
            webhook_document(
                receiver.url("/other"), _id="other", retries=0, hook="channel_destroy"
            ),
        ]
    )
    await start_service()
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        for call in ("c-1", "c-2", "c-3"):
            await kazoo.publish(call_event(call))
        await kazoo.publish(call_event("c-4", "channel_destroy"))

    async def all_filed() -> bool:
        return await database["dead_letters"].count_documents({}) == 4

    await eventually(all_filed, what="four dead letters")
    return [letter["_id"] async for letter in database["dead_letters"].find().sort("call_id", 1)]


async def test_they_are_listed_by_what_one_asks_for(
    dead: list[str], deadletters: Command, receiver: Receiver
) -> None:
    code, text = await deadletters("list")
    assert code == 0
    assert "4 of 4 shown" in text
    assert all(delivery_id in text for delivery_id in dead)
    _, text = await deadletters("list", "--webhook", "crm", "--call", "c-2", "--json")
    [letter] = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert (letter["id"], letter["reason"], letter["call_id"]) == (dead[1], "exhausted", "c-2")
    for arguments, count in (
        (["--hook", "channel_destroy"], 1),
        (["--reason", "gone"], 0),
        (["--endpoint", f"http://127.0.0.1:{receiver.port}"], 4),
        (["--younger-than", "1h"], 4),
        (["--older-than", "1h"], 0),
        (["--account", "another"], 0),
        (["--id", dead[0], "--id", dead[3]], 2),
    ):
        _, text = await deadletters("list", *arguments)
        assert f"{count} of {count} shown" in text, arguments


async def test_one_is_shown_in_full(dead: list[str], deadletters: Command) -> None:
    code, text = await deadletters("show", dead[0])
    letter = json.loads(text)
    assert code == 0
    assert letter["payload"]["call_id"] == "c-1"
    assert [attempt["status"] for attempt in letter["attempts"]] == [500]
    code, text = await deadletters("show", "nothing")
    assert (code, text) == (1, "problem  there is no nothing\n")


async def test_a_replay_delivers_them_with_their_old_ids(
    dead: list[str], deadletters: Command, receiver: Receiver, database: Documents
) -> None:
    code, text = await deadletters("replay", "--webhook", "crm", "--dry-run")
    assert (code, text) == (0, "3 would be replayed\n")
    assert len(receiver.requests) == 4
    code, text = await deadletters("replay", "--webhook", "crm", "--rate", "1000")
    assert code == 0, text
    assert "3 of 3 replayed: finished" in text
    await receiver.until(lambda: len(receiver.at("/hook")) == 6, 10)
    again = receiver.at("/hook")[3:]
    assert {request.delivery_id for request in again} == set(dead[:3])
    assert {request.attempt for request in again} == {1}
    assert len({request.headers["X-Switchhook-Replay"] for request in again}) == 1
    _, text = await deadletters("list")
    assert "1 of 1 shown" in text
    letter = await database["dead_letters"].find_one({"_id": dead[0]})
    assert letter is not None
    assert letter["replayed_by"] == "operator"


async def test_a_replay_that_is_interrupted_is_cancelled(
    dead: list[str], settings: dict[str, str], receiver: Receiver, database: Documents
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service", "deadletters", "replay", "--rate", "0.1",
        env={**os.environ, **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    await receiver.until(lambda: len(receiver.requests) == 5, 15, "the first one")
    process.send_signal(signal.SIGINT)
    output, _ = await process.communicate()
    assert process.returncode == 1, output
    assert b"of 4 replayed: cancelled" in output
    replay = await database["replays"].find_one({})
    assert replay is not None
    assert replay["state"] == "cancelled"
    assert await database["dead_letters"].count_documents({"replayed_at": None}) >= 2
    assert len(dead) == 4


async def test_what_is_discarded_is_gone_for_good(
    dead: list[str], deadletters: Command, database: Documents
) -> None:
    code, text = await deadletters("discard", "--call", "c-1", "--dry-run")
    assert (code, text) == (0, "1 would be deleted\n")
    code, text = await deadletters("discard", "--call", "c-1", "--yes")
    assert (code, text) == (0, "1 deleted\n")
    left = {letter["_id"] async for letter in database["dead_letters"].find()}
    assert left == set(dead[1:])
