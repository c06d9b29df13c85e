"""Use cases of dead letters: list, show, count, replay and discard them."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog

from service.domain.delivery import Delivery
from service.domain.errors import Conflict, NotFound
from service.domain.principal import Principal
from service.management.attempts import position_view
from service.management.audit import Action, Audit
from service.management.keys import key_of, start_of
from service.management.ports import DeadLetterArchive, Document, Replays, RevivalQueue
from service.management.replay import Replay
from service.management.selection import Selection
from service.text.json_text import read_json

log = structlog.get_logger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The use cases. Every method raises StoreUnavailable."""

    archive: DeadLetterArchive
    replays: Replays
    queue: RevivalQueue
    audit: Audit
    now: Callable[[], datetime] = _now

    async def page(self, selection: Selection, start: str | None, size: int) -> list[Document]:
        """Return dead letters, the newest first, after `start`, a `letter_key`. Raises Invalid."""
        after = None if start is None else start_of(start)
        return [letter_view(letter) for letter in await self.archive.page(selection, after, size)]

    async def one(self, account_id: str | None, delivery_id: str, *, own_only: bool) -> Document:
        """Return a dead letter with its payload. Raises NotFound."""
        selection = Selection(account_id, ids=(delivery_id,), waiting=False, own_only=own_only)
        found = await self.archive.oldest(selection, 1)
        if not found:
            raise NotFound(delivery_id)
        return letter_view(found[0]) | {"payload": read_json(found[0]["payload"])}

    async def count(self, selection: Selection) -> int:
        """Return how many dead letters a replay of this selection would find."""
        return await self.archive.count(selection)

    async def replay(
        self,
        by: Principal,
        account_id: str | None,
        selection: Selection,
        limit: int,
        rate_per_s: float,
        max_age_s: float | None = None,
    ) -> Replay:
        """Order a replay, the oldest letters first; the first worker to claim it runs it.

        `max_age_s` limits the age of its events, counted anew, in place of their webhooks' limits.
        """
        now = self.now()
        until = min(selection.until or now, now)
        selection = replace(selection, account_id=account_id, until=until, waiting=True)
        replay = Replay(
            uuid.uuid4().hex,
            account_id,
            selection,
            min(limit, await self.archive.count(selection)),
            limit,
            rate_per_s,
            now,
            by.name,
            max_age_s=max_age_s,
        )
        await self.replays.add(replay)
        log.info("replay.started", **_named(replay), by=by.name, matched=replay.matched)
        chosen = {**_chosen(selection), "matched": replay.matched}
        await self.audit.note(by, Action.REPLAY_STARTED, account_id, replay.replay_id, **chosen)
        return replay

    async def all_replays(
        self, account_id: str | None, start: str | None, size: int
    ) -> list[Document]:
        """Return replays, the newest first, after `start`, a `replay_key`. Raises Invalid."""
        after = None if start is None else start_of(start)
        return [replay_view(one) for one in await self.replays.page(account_id, after, size)]

    async def progress(self, account_id: str | None, replay_id: str) -> Replay:
        """Return the current state of a replay. Raises NotFound."""
        replay = await self.replays.find(account_id, replay_id)
        if replay is None:
            raise NotFound(replay_id)
        return replay

    async def cancel(self, by: Principal, account_id: str | None, replay_id: str) -> Replay:
        """Stop a replay; deliveries already revived go on. Raises NotFound and Conflict."""
        cancelled = await self.replays.cancel(account_id, replay_id, self.now())
        if cancelled is None:
            state = (await self.progress(account_id, replay_id)).state
            raise Conflict(f"the replay is {state.value} already")
        log.info("replay.cancelled", **_named(cancelled), by=by.name)
        await self.audit.note(by, Action.REPLAY_CANCELLED, account_id, replay_id)
        return cancelled

    async def discard(self, by: Principal, selection: Selection) -> int:
        """Delete dead letters for good; return how many."""
        count = await self.archive.discard(selection)
        log.info("dead_letters.discarded", by=by.name, count=count)
        chosen = {**_chosen(selection), "count": count}
        await self.audit.note(
            by, Action.DEAD_LETTERS_DISCARDED, selection.account_id, None, **chosen
        )
        return count

    async def revive(
        self, by: Principal, delivery: Delivery, max_age_s: float | None = None
    ) -> str:
        """Have a delivery attempted again, from attempt 1, with its old id; return the replay's id.

        Raises BrokerUnavailable.
        """
        replay_id = uuid.uuid4().hex
        await self.queue.revive(revived(delivery, replay_id, self.now(), max_age_s))
        log.info("delivery.replayed", delivery_id=delivery.delivery_id, by=by.name)
        account_id, delivery_id = delivery.account_id, delivery.delivery_id
        await self.audit.note(by, Action.DELIVERY_REPLAYED, account_id, delivery_id)
        return replay_id


def revived(delivery: Delivery, replay_id: str, now: datetime, max_age_s: float | None) -> Delivery:
    """Return a delivery as part of a replay, which restarts its age."""
    return replace(delivery, replay_id=replay_id, replayed_at=now.timestamp(), max_age_s=max_age_s)


def letter_view(letter: Document) -> dict[str, Any]:
    """Return the members of a dead letter that its account may see, without the payload."""
    view = {
        "id": str(letter["_id"]),
        "account_id": letter["account_id"],
        "hook_id": letter["webhook_id"],
        "hook": letter["hook"],
        "event_name": letter["event_name"],
        "event_id": letter["event_id"],
        "call_id": letter["call_id"],
        "reason": letter["reason"],
        "uri": letter["uri"],
        "endpoint": letter["endpoint"],
        "received_at": _text(letter["received_at"]),
        "died_at": _text(letter["died_at"]),
        "attempts": [
            {**attempt, "started_at": _text(attempt["started_at"])}
            for attempt in letter["attempts"]
        ],
    }
    view |= {key: letter[key] for key in ("source", "trace_id") if letter.get(key)}
    view |= position_view(letter.get("position"))
    if letter.get("occurred_at"):
        view["occurred_at"] = _text(letter["occurred_at"])
    if letter.get("replayed_at"):
        view |= {key: letter[key] for key in ("replay_id", "replayed_by")}
        view["replayed_at"] = _text(letter["replayed_at"])
    return view


def letter_key(view: Document) -> str:
    """Return the key of a dead letter in the list; the next page starts after it."""
    return key_of(view["died_at"], view["id"])


def replay_key(view: Document) -> str:
    """Return the key of a replay in the list; the next page starts after it."""
    return key_of(view["created_at"], view["id"])


def replay_view(replay: Replay) -> dict[str, Any]:
    """Return the members of a replay that its account may see."""
    return {
        "id": replay.replay_id,
        "state": replay.state.value,
        "matched": replay.matched,
        "replayed": replay.replayed,
        "limit": replay.limit,
        "rate_per_s": replay.rate_per_s,
        "max_age_s": replay.max_age_s,
        "created_at": _text(replay.created_at),
        "created_by": replay.created_by,
        "ended_at": _text(replay.ended_at) if replay.ended_at else None,
    }


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _chosen(selection: Selection) -> dict[str, Any]:
    """Return what an order selected: the filters, or the number of ids."""
    given = {**selection.equals, "ids": None if selection.ids is None else len(selection.ids)}
    return {key: value for key, value in given.items() if value is not None}


def _named(replay: Replay) -> dict[str, str | None]:
    return {"replay_id": replay.replay_id, "account_id": replay.account_id}
