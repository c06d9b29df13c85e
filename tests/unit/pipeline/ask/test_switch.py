"""Questions over a switch's own bus: which are asked, and what the switch is told."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from service.dialects.kazoo.pivot_requests import PivotRequests
from service.domain.reply import Reply
from service.domain.webhook import Asking
from service.pipeline.ask.asker import Asker
from service.pipeline.ask.switch import SwitchAsks
from service.pipeline.ask.values import Applied, Ask
from service.pipeline.progress import Progress
from service.ports import SwitchBus
from tests.builders import ACCOUNT, make_webhook
from tests.dialects import DIALECTS
from tests.fakes import FakeDirectory, FakeStore, incoming

KEY = 32 * "0"
URL = f"https://us.example/ask/{ACCOUNT}/hook-{KEY}"
CALL = {"Call-ID": "c1", "Controller-Queue": "callflow", "Account-ID": ACCOUNT}


@dataclass
class FakeBus:
    up: bool = True
    sent: list[bytes] = field(default_factory=list)

    async def reply(self, reply: Reply) -> bool:
        if self.up:
            self.sent.append(reply.body)
        return self.up


@dataclass
class FakeAsker:
    """Applies the same document to every question."""

    asked: list[Ask] = field(default_factory=list)

    async def ask(self, ask: Ask, budget_s: float) -> Applied:
        assert 6 < budget_s <= 7
        self.asked.append(ask)
        return cast("Applied", Document(b'{"module":"hangup"}'))


@dataclass
class Document:
    content: bytes


@dataclass
class Setting:
    store: FakeStore = field(default_factory=FakeStore)
    asker: FakeAsker = field(default_factory=FakeAsker)
    bus: FakeBus = field(default_factory=FakeBus)

    def __post_init__(self) -> None:
        self.store.webhooks["hook"] = make_webhook("hook", hook="pivot", asking=Asking(KEY))
        self.work = SwitchAsks(
            PivotRequests("callevt"),
            cast("Asker", self.asker),
            FakeDirectory(self.store),
            DIALECTS,
            cast("SwitchBus", self.bus),
            65_536,
        )

    async def take(self, url: str = URL, *, redelivered: bool = False, **more: Any) -> list[str]:
        """Take a request in; return the names of the messages that the switch got for it."""
        self.bus.sent.clear()
        body = {"Call": CALL, "Voice-URI": url, "Msg-ID": "m1", **more}
        await self.work(incoming(body, redelivered=redelivered), Progress())
        names = ("processing", "CHANNEL_PIVOT", "failed")
        return [name for one in self.bus.sent for name in names if f'"{name}"'.encode() in one]


async def test_the_webhook_of_the_address_is_asked_with_the_members_of_the_call() -> None:
    setting = Setting()
    assert await setting.take(f"{URL}?menu=1") == ["processing", "CHANNEL_PIVOT"]
    [ask] = setting.asker.asked
    assert ask.own_url == URL
    assert (ask.members["menu"], ask.members["CallSid"], ask.call_id) == ("1", "c1", "c1")


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/ivr",
        URL[:-1],
        f"{URL}?switchhook-next=forged.{KEY}",
        f"https://us.example/ask/{ACCOUNT}/none-{KEY}",
    ],
)
async def test_where_no_webhook_of_ours_is_meant_the_callflow_goes_on_at_once(url: str) -> None:
    setting = Setting()
    assert await setting.take(url) == ["failed"]
    assert not setting.asker.asked


async def test_no_call_waits_for_the_store() -> None:
    setting = Setting()
    setting.store.failures = -1
    assert await setting.take() == ["failed"]


async def test_no_call_is_steered_twice() -> None:
    setting = Setting()
    await setting.take()
    assert await setting.take(redelivered=True) == []
    assert len(setting.asker.asked) == 1


async def test_a_request_whose_answer_was_lost_lets_the_callflow_go_on() -> None:
    setting = Setting()
    setting.bus.up = False
    await setting.take()
    setting.bus.up = True
    assert await setting.take(redelivered=True) == ["failed"]
