"""Which conversations are looked at after the legs of switches were listed."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import cast

from prometheus_client import CollectorRegistry

from service.domain.call import Conversation, Leg
from service.domain.call_policy import CallPolicy
from service.observability.metrics import Metrics
from service.pipeline.calls.ends import LEASE_S
from service.pipeline.calls.recount import Recount
from service.ports import Conversations, LegChecks

NOW = 1_000_000.0
POLICY = CallPolicy(recount_after_s=0.1)


class Stored:
    """Conversations of one leg each, by the time at which they are to be looked at."""

    def __init__(self, **look_at: float) -> None:
        self.conversations = [
            Conversation(name, "account", "kazoo", {name: Leg(name, created_at=1.0)}, look_at=at)
            for name, at in look_at.items()
        ]
        self.looks: dict[str, float] = {}
        self.asked: dict[str, int] = {}

    async def followed(self, source: str, after: str, limit: int) -> Sequence[Conversation]:
        assert source == "kazoo"
        assert limit
        return [] if after else self.conversations

    async def checked(self, key: str, call_id: str, asked: int, at: float) -> None:
        assert key.endswith(call_id)
        assert at == NOW
        self.asked[call_id] = asked

    async def look(self, key: str, at: float) -> None:
        self.looks[key.rpartition("/")[2]] = at


class Switches:
    """Lists legs once."""

    def __init__(self, *legs: str) -> None:
        self._legs = legs
        self._connections = iter([None])

    async def connected(self) -> None:
        if next(self._connections, self) is self:
            await asyncio.Event().wait()

    async def listed(self, source: str) -> Collection[str]:
        assert source == "kazoo"
        return self._legs


async def recounted(stored: Stored, switches: Switches) -> None:
    recount = Recount(
        cast("Conversations", stored),
        cast("LegChecks", switches),
        ["kazoo"],
        lambda: 0,
        Metrics(CollectorRegistry(), []),
        POLICY,
        lambda: NOW,
    )
    with suppress(TimeoutError):
        await asyncio.wait_for(recount.run(), 1)


async def test_a_leg_that_is_not_listed_is_asked_about_soon() -> None:
    stored = Stored(there=NOW + 3600, lost=NOW + 3600)
    await recounted(stored, Switches("there"))
    assert stored.asked == {"lost": 1}
    assert list(stored.looks.values()) == [NOW + POLICY.ask_again_s]


async def test_a_conversation_that_a_worker_looks_at_is_left_to_it() -> None:
    stored = Stored(leased=NOW + LEASE_S, later=NOW + LEASE_S + 1)
    await recounted(stored, Switches())
    assert list(stored.asked) == ["later"]
    assert len(stored.looks) == 1
