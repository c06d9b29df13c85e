"""Rejected messages: take them from their queue into the store, show, bring back, discard.

A queue cannot be read without a trace: a message that is put back counts as delivered once more,
and loses its place. So the messages are moved into the store, on request.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service.domain.errors import Conflict, NotFound
from service.domain.principal import Principal
from service.management.audit import Action, Audit
from service.management.keys import key_of, start_of
from service.management.ports import Document, RejectedQueue, RejectedStore, ReturnPath
from service.management.selection import Selection

MOST_TAKEN = 1000
MOST_SHOWN = 262_144
"""Bytes of a body in an answer."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class RejectedMessages:
    """The use cases. Every method raises StoreUnavailable.

    `queues` are those that a message can go back to. A question of a call is in none of them: its
    caller has long gone on.
    """

    store: RejectedStore
    queue: RejectedQueue
    path: ReturnPath
    audit: Audit
    queues: Sequence[str]
    now: Callable[[], datetime] = _now

    async def take(self, by: Principal) -> int:
        """Move up to `MOST_TAKEN` messages from the queue into the store; return how many.

        A message leaves the queue once the store has it. Raises BrokerUnavailable.
        """
        taken = await self.queue.take(self._file, MOST_TAKEN)
        if taken:
            await self.audit.note(by, Action.REJECTED_TAKEN, None, None, count=taken)
        return taken

    async def page(self, selection: Selection, start: str | None, size: int) -> list[Document]:
        """Return the messages in the store without their bodies, the newest first.

        Raises Invalid.
        """
        begin = None if start is None else start_of(start)
        return [self._view(one) for one in await self.store.page(selection, begin, size)]

    async def one(self, message_id: str) -> Document:
        """Return a message with its body, cut after `MOST_SHOWN` bytes. Raises NotFound."""
        found = await self._found(message_id)
        return self._view(found) | {"body": _shown(found["body"])}

    async def bring_back(self, by: Principal, ids: Sequence[str]) -> int:
        """Publish messages to the queue that they were rejected from; return how many.

        Unknown ids are passed over. A message leaves the store once the broker has confirmed it,
        so one may be brought back twice, which creates no other event. Raises Conflict for one
        that cannot go back, and BrokerUnavailable.
        """
        done = 0
        for message in [await self.store.find(one) for one in ids]:
            if message is None:
                continue
            if message["queue"] not in self.queues:
                raise Conflict(f"{message['_id']} was a request that nobody waits for any more")
            await self.path.bring_back(message)
            done += await self.store.remove([message["_id"]])
            message_id, reason = str(message["_id"]), message["reason"]
            await self.audit.note(by, Action.REJECTED_RETRIED, None, message_id, reason=reason)
        return done

    async def discard(self, by: Principal, ids: Sequence[str]) -> int:
        """Delete messages from the store for good; return how many."""
        count = await self.store.remove(ids)
        if count:
            await self.audit.note(by, Action.REJECTED_DISCARDED, None, None, count=count)
        return count

    async def _file(self, message: Document) -> None:
        await self.store.add({**message, "taken_at": self.now()})

    async def _found(self, message_id: str) -> Document:
        found = await self.store.find(message_id)
        if found is None:
            raise NotFound(message_id)
        return found

    def _view(self, message: Document) -> dict[str, Any]:
        shown = ("reason", "detail", "exchange", "routing_key", "content_encoding", "size")
        return {
            "id": str(message["_id"]),
            "taken_at": message["taken_at"].isoformat(timespec="milliseconds"),
            **{key: message[key] for key in shown},
            "can_return": message["queue"] in self.queues,
        }


def _shown(body: bytes) -> str:
    """Return the body as text; bytes that are not UTF-8 become escapes."""
    return bytes(body[:MOST_SHOWN]).decode("utf-8", "backslashreplace")


def rejected_key(view: Document) -> str:
    """Return the key of a message in the list; the next page starts after it."""
    return key_of(view["taken_at"], view["id"])
