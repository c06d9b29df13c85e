"""Receivers misbehave, all of them at once; the healthy ones must not notice."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.dev.receiver import ScriptedAnswer
from service.dev.servers import HOST, free_port
from tests.chaos import faulty_receivers
from tests.chaos.faulty_receivers import Authority, FaultyReceiver
from tests.chaos.rig import Rig
from tests.chaos.tally import Stopwatch

TOTAL_TIMEOUT_S = 2
GONE = "endpoint answering 410"


@dataclass(frozen=True, slots=True)
class Villain:
    """An account whose endpoint misbehaves, and how its deliveries must end.

    `outcome` is that of the last attempt of its dead letters; None where there are to be none.
    """

    account_id: str
    outcome: str | None


@pytest.mark.timeout(1000)
@pytest.mark.long
async def test_misbehaving_endpoints_harm_nobody_else_and_nothing_of_theirs_is_lost(
    rig: Rig, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "ca")
    accounts = await rig.healthy(10)
    async with AsyncExitStack() as stack:
        villains = await _villains(rig, stack, authority)
        service = await rig.service(
            SSL_CERT_FILE=str(authority.certificate),
            SWITCHHOOK_HTTP__TOTAL_TIMEOUT_S=str(TOTAL_TIMEOUT_S),
            SWITCHHOOK_HTTP__CONNECT_TIMEOUT_S="1",
            # The tiers of this suite are short: a silent endpoint would be deferred too often.
            SWITCHHOOK_RETRY__MAX_DEFERRALS="1000",
        )
        load, before = await rig.under_load(accounts, 50, 3, "healthy")
        seconds = 60 if rig.full else 8
        with Stopwatch() as fault:
            gone = villains[GONE].account_id
            hit = [villain.account_id for villain in villains.values()]
            others = [account_id for account_id in hit if account_id != gone]
            # One is enough: it switches the webhook off, and later events are not owed to it.
            await rig.load([gone], "gone").publish(1)
            bad = rig.load(others, "bad")
            bad.start(40)
            await asyncio.sleep(seconds)
            await bad.stop()
            # A silent one has a single place: 320 attempts of two seconds each.
            await rig.tally.until_settled(700 if rig.full else 60, hit)
        await load.stop()
        row = await rig.verdict(
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
    dead = await rig.database["dead_letters"].find({}).to_list()
    for name, villain in villains.items():
        row = await rig.tally.verdict(name, accounts=[villain.account_id])
        outcomes = {
            letter["attempts"][-1]["outcome"] if letter["attempts"] else letter["reason"]
            for letter in dead
            if letter["account_id"] == villain.account_id
        }
        rig.judge(row)
        assert row.dead == (row.accepted if villain.outcome else 0), (name, outcomes)
        assert outcomes == ({villain.outcome} if villain.outcome else set()), name
    assert rig.sink.at("/elsewhere") == [], "a redirect is never followed"
    assert len(rig.sink.at("/410")) == 1


async def _villains(rig: Rig, stack: AsyncExitStack, authority: Authority) -> Mapping[str, Villain]:
    sink = rig.sink
    sink.answer("/slow", ScriptedAnswer(delay_s=TOTAL_TIMEOUT_S / 2))
    sink.answer("/loop", ScriptedAnswer(302, headers={"Location": "/loop"}))
    sink.answer("/away", ScriptedAnswer(307, headers={"Location": "/elsewhere"}))
    sink.answer("/500", ScriptedAnswer(500))
    sink.answer("/410", ScriptedAnswer(410))
    sink.answer(
        "/429",
        lambda n: ScriptedAnswer(429, headers={"Retry-After": "2"}) if n == 1 else ScriptedAnswer(),
    )
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
        name: Villain(await rig.account(await sink.url(next(hosts), path), retries=1), outcome)
        for name, (path, outcome) in answering.items()
    }
    expired, valid = authority.context("expired", -1), authority.context("valid", 30)
    talking = {
        "endpoint silent (black hole)": (
            FaultyReceiver(faulty_receivers.silence, sink, takes=False),
            "timed_out",
        ),
        "endpoint resetting": (FaultyReceiver(faulty_receivers.reset, sink, takes=False), "reset"),
        "endpoint answering garbage": (
            FaultyReceiver(faulty_receivers.garbage, sink, takes=False),
            "bad_response",
        ),
        "endpoint with an endless body": (
            FaultyReceiver(faulty_receivers.endless_body, sink, takes=True),
            None,
        ),
        "endpoint with endless headers": (
            FaultyReceiver(faulty_receivers.endless_headers, sink, takes=True),
            None,
        ),
        "endpoint: body, a byte a second": (
            FaultyReceiver(faulty_receivers.dripping_body, sink, takes=True),
            None,
        ),
        "endpoint: headers, a byte a second": (
            FaultyReceiver(faulty_receivers.dripping_headers, sink, takes=False),
            "timed_out",
        ),
        "endpoint with an expired certificate": (
            FaultyReceiver(faulty_receivers.polite, sink, takes=True, tls=expired),
            "tls_failed",
        ),
        "endpoint with a valid one (control)": (
            FaultyReceiver(faulty_receivers.polite, sink, takes=True, tls=valid),
            None,
        ),
    }
    for name, (faulty_receiver, outcome) in talking.items():
        await stack.enter_async_context(faulty_receiver)
        villains[name] = Villain(await rig.account(faulty_receiver.uri, retries=1), outcome)
    nobody = f"http://{HOST}:{free_port()}/"
    villains["endpoint refusing"] = Villain(await rig.account(nobody, retries=1), "refused")
    return villains
