"""Rejected messages: nothing is lost on the way into the store, nor on the way back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from service.domain.errors import BrokerUnavailable, Conflict, NotFound
from service.management.audit import OPERATOR, Audit
from service.management.rejected import MOST_SHOWN, RejectedMessages, rejected_key
from service.management.selection import Selection
from tests.unit.management.audit_parts import Entries

AT = datetime(2026, 1, 2, tzinfo=UTC)
Document = Mapping[str, Any]


@dataclass
class Everything:
    """Queue, store and way back, in memory."""

    waiting: list[Document] = field(default_factory=list)
    kept: dict[str, Document] = field(default_factory=dict)
    returned: list[Document] = field(default_factory=list)
    started: list[Any] = field(default_factory=list)
    away: bool = False

    async def take(self, file: Callable[[Document], Awaitable[None]], most: int) -> int:
        for message in self.waiting[:most]:
            await file(message)
        return len(self.waiting[:most])

    async def add(self, message: Document) -> None:
        self.kept[message["_id"]] = message

    async def page(self, selection: Selection, start: Any, size: int) -> Sequence[Document]:
        self.started.append((selection, start))
        return [*self.kept.values()][:size]

    async def find(self, message_id: str) -> Document | None:
        return self.kept.get(message_id)

    async def remove(self, ids: Sequence[str]) -> int:
        return sum(self.kept.pop(one, None) is not None for one in ids)

    async def bring_back(self, message: Document) -> None:
        if self.away:
            raise BrokerUnavailable("away")
        self.returned.append(message)


def message(number: int, **more: Any) -> Document:
    return {
        "_id": f"m-{number}", "reason": "not_json", "detail": "", "exchange": "callevt",
        "routing_key": "call.x", "queue": "events", "content_encoding": None, "body": b"{]",
        "size": 2,
    } | more  # fmt: skip


def use_cases(parts: Everything, entries: Entries) -> RejectedMessages:
    return RejectedMessages(parts, parts, parts, Audit(entries), ("events",), lambda: AT)


async def test_messages_are_taken_shown_and_brought_back() -> None:
    parts, entries = Everything([message(1), message(2)]), Entries()
    rejected = use_cases(parts, entries)
    assert await rejected.take(OPERATOR) == 2
    views = await rejected.page(Selection(), None, 10)
    assert [one["id"] for one in views] == ["m-1", "m-2"]
    assert "body" not in views[0]
    await rejected.page(Selection(), rejected_key(views[0]), 10)
    assert parts.started[-1] == (Selection(), (AT, "m-1"))
    assert (await rejected.one("m-1"))["body"] == "{]"
    assert await rejected.bring_back(OPERATOR, ["m-1", "unknown"]) == 1
    assert [one["_id"] for one in parts.returned] == ["m-1"]
    assert await rejected.discard(OPERATOR, ["m-1", "m-2"]) == 1
    assert [told[0] for told in entries.told()] == [
        "rejected_taken", "rejected_retried", "rejected_discarded",
    ]  # fmt: skip
    with pytest.raises(NotFound):
        await rejected.one("m-1")


async def test_a_message_stays_in_the_store_until_the_broker_has_it() -> None:
    parts = Everything([message(1)])
    rejected = use_cases(parts, Entries())
    await rejected.take(OPERATOR)
    parts.away = True
    with pytest.raises(BrokerUnavailable):
        await rejected.bring_back(OPERATOR, ["m-1"])
    assert parts.kept.keys() == {"m-1"}


async def test_a_request_that_nobody_waits_for_cannot_go_back() -> None:
    parts = Everything([message(1, queue="requests"), message(2, queue=None)])
    rejected = use_cases(parts, Entries())
    await rejected.take(OPERATOR)
    assert not (await rejected.one("m-1"))["can_return"]
    for message_id in ("m-1", "m-2"):
        with pytest.raises(Conflict):
            await rejected.bring_back(OPERATOR, [message_id])
    assert len(parts.kept) == 2


async def test_any_bytes_are_shown_and_a_long_body_is_cut() -> None:
    parts = Everything([message(1, body=b"\xff\x00"), message(2, body=MOST_SHOWN * b"x" + b"y")])
    rejected = use_cases(parts, Entries())
    await rejected.take(OPERATOR)
    assert (await rejected.one("m-1"))["body"] == "\\xff\x00"
    assert (await rejected.one("m-2"))["body"] == MOST_SHOWN * "x"
