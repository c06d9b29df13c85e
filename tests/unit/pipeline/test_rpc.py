"""Requests of the switch's services: stored first, answered in time, acknowledged last."""

import asyncio
from dataclasses import dataclass, field

from service.dialects.rpc import RpcResult
from service.domain.errors import BrokerUnavailable
from service.domain.event import Event
from service.domain.publication import Publication
from service.domain.reply import Reply
from service.pipeline.progress import Progress
from service.pipeline.rpc import RpcWork
from tests.dialects import DIALECTS
from tests.fakes import incoming
from tests.unit.pipeline.parts import Parts

FIRST, SECOND = Publication("events", "a", b"{}", wanted=True), Publication("events", "b", b"{}")
WEBHOOK = {"_id": "w", "account_id": "a", "hook": "once", "uri": "https://example.com/"}
EVENT = Event("e" * 32, "kazoo", "once", "once", "a", {"members": 1}, webhook=WEBHOOK)


@dataclass
class Server:
    """Answers every request with the same result."""

    asked: RpcResult
    reply_within_s: float = 5.0
    queue: str = "requests"
    publishes_on: tuple[str, ...] = ("events",)

    def result(self, _: bytes) -> RpcResult:
        return self.asked


@dataclass
class FakeBus:
    """Confirms once `open` is set; notes what happens in which order."""

    open: asyncio.Event = field(default_factory=asyncio.Event)
    replied: asyncio.Event = field(default_factory=asyncio.Event)
    told: list[object] = field(default_factory=list)
    failures: int = 0

    async def publish(self, publication: Publication) -> None:
        await self.open.wait()
        if self.failures:
            self.failures -= 1
            raise BrokerUnavailable("not confirmed")
        self.told.append(publication)

    async def reply(self, reply: Reply) -> bool:
        self.told.append(reply.body)
        self.replied.set()
        return True


def work(parts: Parts, bus: FakeBus, server: Server) -> RpcWork:
    return RpcWork(DIALECTS.enabled[0], server, bus, parts.queues, parts.availability)


async def test_the_reply_comes_after_everything_is_stored() -> None:
    parts, bus = Parts(), FakeBus()
    bus.open.set()
    server = Server(RpcResult(b"done", b"late", (FIRST, SECOND), EVENT))
    await work(parts, bus, server)(incoming({}), Progress())
    assert bus.told == [FIRST, SECOND, b"done"]
    [delivery] = parts.queues.revived
    assert (delivery.webhook, delivery.payload) == (WEBHOOK, b'{"members":1}')


async def test_a_caller_is_told_in_time_what_is_not_stored_yet() -> None:
    parts, bus = Parts(), FakeBus(failures=1)
    server = Server(RpcResult(b"done", b"late", (FIRST,)), reply_within_s=0.01)
    settling = asyncio.create_task(work(parts, bus, server)(incoming({}), Progress()))
    await bus.replied.wait()
    assert (bus.told, settling.done()) == ([b"late"], False)
    bus.open.set()
    await settling
    assert bus.told == [b"late", FIRST]
