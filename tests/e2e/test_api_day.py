"""A day of calls through the real broker and two workers: every summary tells what is true."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from service.dev.receiver import Receiver
from service.dialects.kazoo.day.make import make_day
from service.dialects.sample_day import CallTruth, DayPlan
from tests.e2e.ecallmgrs import ecallmgrs
from tests.e2e.harness import eventually, switch
from tests.e2e.shared_service import SharedService, StartShared

CALLS, SEED = 150, 7
A_DAY_AGO_S = 57_600
AT_ONCE = 8
"""Messages under way to the broker at once: they overtake each other."""


@pytest.fixture(scope="module")
async def stage(new_shared: StartShared) -> AsyncIterator[SharedService]:
    """A service that sums calls up soon, and soon asks about quiet legs."""
    options = {
        "SWITCHHOOK_CALLS__SETTLE_S": "0.4",
        "SWITCHHOOK_CALLS__QUIET_UNANSWERED_S": "4",
        "SWITCHHOOK_CALLS__QUIET_ANSWERED_S": "4",
        "SWITCHHOOK_CALLS__ASK_AGAIN_S": "0.2",
    }
    async with new_shared(**options) as running:
        yield running


def told_by(receiver: Receiver) -> Mapping[str, Mapping[int, Sequence[dict[str, Any]]]]:
    """Return the summaries that were received, by conversation and revision."""
    found: dict[str, dict[int, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for request in receiver.at("/summary"):
        summary = json.loads(request.body)
        summary["delivery_id"] = request.delivery_id
        found[summary["conversation_id"]][summary["revision"]].append(summary)
    return found


def differences(truth: CallTruth, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a summary tells otherwise than it was: `{member: (true, told)}`."""
    pairs: dict[str, tuple[Any, Any]] = {
        "outcome": (truth.outcome, summary["outcome"]),
        "direction": (truth.direction, summary["direction"]),
        "legs": (list(truth.legs), sorted(leg["call_id"] for leg in summary["legs"])),
        "synthetic": (bool(truth.lost_ends), summary["synthetic"]),
    }
    if not truth.lost_ends:
        pairs |= {
            "ring_s": (truth.ring_s, summary["ring_s"]),
            "talk_s": (truth.talk_s, summary["talk_s"]),
            "transfers": (
                list(truth.transfers),
                [one["Type"] for one in summary["transfers"]],
            ),
        }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def mismatches(truths: Sequence[CallTruth], receiver: Receiver) -> list[Any]:
    """Return the calls whose latest summary is missing or not true."""
    told = told_by(receiver)
    found: list[Any] = []
    for truth in truths:
        revisions = told.get(truth.conversation_id)
        if not revisions:
            found.append((truth.plot, truth.conversation_id, "no summary"))
        elif wrong := differences(truth, revisions[max(revisions)][-1]):
            found.append((truth.plot, truth.conversation_id, wrong))
    return found


def gaps(receiver: Receiver) -> dict[str, list[int]]:
    """Return the revisions of the calls that lack one: a later one may overtake it."""
    told = {name: sorted(revisions) for name, revisions in told_by(receiver).items()}
    return {name: found for name, found in told.items() if found != [*range(1, len(found) + 1)]}


@dataclass(frozen=True)
class AllBut:
    """Every leg but those whose end was lost."""

    lost: Container[object]

    def __contains__(self, leg: object) -> bool:
        return leg not in self.lost


async def test_every_summary_of_a_day_is_true_though_a_worker_is_killed(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    await api.create(receiver.url("/summary"), hook="call_summary")
    victim = await stage.another_worker()
    day = make_day(DayPlan(api.account_id, CALLS, SEED, time.time() - A_DAY_AGO_S))
    messages = [message for _, message in day.messages]
    lost = {leg for truth in day.calls for leg in truth.lost_ends}
    assert lost
    async with (
        ecallmgrs(stage.amqp_url, AllBut(lost)),
        switch(stage.amqp_url) as kazoo,
    ):
        for start in range(0, len(messages), AT_ONCE):
            if start <= len(messages) // 2 < start + AT_ONCE:
                await victim.kill()
            await asyncio.gather(*map(kazoo.publish, messages[start : start + AT_ONCE]))

        async def all_true() -> bool:
            return not mismatches(day.calls, receiver) and not gaps(receiver)

        # The comparison below says more than the failure of this wait.
        with suppress(AssertionError):
            # A killed worker's conversations are looked at again after 15 s, perhaps twice.
            await eventually(all_true, 90)
    assert mismatches(day.calls, receiver) == []
    told = told_by(receiver)
    assert set(told) == {truth.conversation_id for truth in day.calls}
    assert gaps(receiver) == {}
    for revisions in told.values():
        for same in revisions.values():
            assert len({one["delivery_id"] for one in same}) == 1
