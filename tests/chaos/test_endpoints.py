"""Receivers misbehave, all of them at once; the healthy ones must not notice."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.dev.receiver import Answer
from tests.chaos import rogues
from tests.chaos.arena import Arena
from tests.chaos.ledger import Stopwatch
from tests.chaos.proxy import HOST, reserved_port
from tests.chaos.rogues import Authority, Rogue

TOTAL_TIMEOUT_S = 2
GONE = "endpoint answering 410"


@dataclass(frozen=True, slots=True)
class Villain:
    """An account whose endpoint misbehaves, and how its deliveries must end.

    `outcome` is that of the last attempt of its dead letters; None where there are to be none.
    """

    account_id: str
    outcome: str | None


@pytest.mark.long
async def test_misbehaving_endpoints_harm_nobody_else_and_nothing_of_theirs_is_lost(
    arena: Arena, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "ca")
    accounts = await arena.healthy(10)
    async with AsyncExitStack() as stack:
        villains = await _villains(arena, stack, authority)
        service = await arena.service(
            SSL_CERT_FILE=str(authority.certificate),
            SWITCHHOOK_HTTP__TOTAL_TIMEOUT_S=str(TOTAL_TIMEOUT_S),
            SWITCHHOOK_HTTP__CONNECT_TIMEOUT_S="1",
        )
        load, before = await arena.under_load(accounts, 50, 3, "healthy")
        seconds = 60 if arena.full else 8
        with Stopwatch() as fault:
            gone = villains[GONE].account_id
            hit = [villain.account_id for villain in villains.values()]
            others = [account_id for account_id in hit if account_id != gone]
            # One is enough: it switches the webhook off, and later events are not owed to it.
            await arena.load([gone], "gone").publish(1)
            bad = arena.load(others, "bad")
            bad.start(40)
            await asyncio.sleep(seconds)
            await bad.stop()
            await arena.ledger.until_settled(120 if arena.full else 60, hit)
        await load.stop()
        row = await arena.verdict(
            f"{len(villains)} kinds of misbehaving endpoints at once: the healthy",
            bound=0,
            before=before,
            during=fault.span,
            accounts=accounts,
            healthy=accounts,
        )
        assert row.dead == 0
        assert row.isolated, row
        metrics = await service.metrics()
    assert metrics["process_resident_memory_bytes"] < 300e6
    dead = await arena.database["dead_letters"].find({}).to_list()
    for name, villain in villains.items():
        row = await arena.ledger.verdict(name, accounts=[villain.account_id])
        outcomes = {
            letter["attempts"][-1]["outcome"] if letter["attempts"] else letter["reason"]
            for letter in dead
            if letter["account_id"] == villain.account_id
        }
        arena.judge(row)
        assert row.dead == (row.accepted if villain.outcome else 0), (name, outcomes)
        assert outcomes == ({villain.outcome} if villain.outcome else set()), name
    assert arena.sink.at("/elsewhere") == [], "a redirect is never followed"
    assert len(arena.sink.at("/410")) == 1


async def _villains(
    arena: Arena, stack: AsyncExitStack, authority: Authority
) -> Mapping[str, Villain]:
    sink = arena.sink
    sink.answer("/slow", Answer(delay_s=TOTAL_TIMEOUT_S / 2))
    sink.answer("/loop", Answer(302, headers={"Location": "/loop"}))
    sink.answer("/away", Answer(307, headers={"Location": "/elsewhere"}))
    sink.answer("/500", Answer(500))
    sink.answer("/410", Answer(410))
    sink.answer("/429", lambda n: Answer(429, headers={"Retry-After": "2"}) if n == 1 else Answer())
    answering = {
        "endpoint slow, but within its time": ("/slow", None),
        "endpoint redirecting to itself": ("/loop", "redirected"),
        "endpoint redirecting elsewhere": ("/away", "redirected"),
        "endpoint answering 500": ("/500", "bad_status"),
        "endpoint answering 429, Retry-After: 2": ("/429", None),
        GONE: ("/410", "gone"),
    }
    hosts = (f"127.2.0.{number}" for number in range(1, 100))
    villains = {
        name: Villain(await arena.account(await sink.url(next(hosts), path), retries=1), outcome)
        for name, (path, outcome) in answering.items()
    }
    expired, valid = authority.context("expired", -1), authority.context("valid", 30)
    talking = {
        "endpoint silent (black hole)": (Rogue(rogues.silence, sink, takes=False), "timed_out"),
        "endpoint resetting": (Rogue(rogues.reset, sink, takes=False), "reset"),
        "endpoint answering garbage": (Rogue(rogues.garbage, sink, takes=False), "bad_response"),
        "endpoint with an endless body": (Rogue(rogues.endless_body, sink, takes=True), None),
        "endpoint with endless headers": (
            Rogue(rogues.endless_headers, sink, takes=True),
            None,
        ),
        "endpoint: body, a byte a second": (Rogue(rogues.dripping_body, sink, takes=True), None),
        "endpoint: headers, a byte a second": (
            Rogue(rogues.dripping_headers, sink, takes=False),
            "timed_out",
        ),
        "endpoint with an expired certificate": (
            Rogue(rogues.polite, sink, takes=True, tls=expired),
            "tls_failed",
        ),
        "endpoint with a valid one (control)": (
            Rogue(rogues.polite, sink, takes=True, tls=valid),
            None,
        ),
    }
    for name, (rogue, outcome) in talking.items():
        await stack.enter_async_context(rogue)
        villains[name] = Villain(await arena.account(rogue.uri, retries=1), outcome)
    nobody = f"http://{HOST}:{reserved_port()}/"
    villains["endpoint refusing"] = Villain(await arena.account(nobody, retries=1), "refused")
    return villains
