"""Conversations in the store; see `ports.Conversations`.

A document of `conversations`: `{_id: account/conversation, account_id, source, legs: {digest of
the call id: leg}, leg_ids, events: [{k: event id, w: [webhook ids]}], first, recordings, revision,
told, look_at, leased_until, expires_at}`. The digest stands for a call id, which may contain dots.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError

from service.adapters.mongo.store import Store
from service.domain.call import CallNote, Conversation, Happening, Leg, Step, TrackedEvent

DUPLICATE_KEY = 11000
MOST_EVENTS, EVENTS_KEPT = 500, 250
"""Events of a conversation that are remembered; beyond it, settled ones are left out."""


class MongoConversations:
    """See `ports.Conversations`."""

    def __init__(self, store: Store, kept_s: float) -> None:
        self._store = store
        self._kept_s = kept_s
        self._conversations = store.database["conversations"]

    async def note(self, happenings: Sequence[Happening]) -> Sequence[Conversation]:
        """See `ports.Conversations`.

        Two workers may create the same conversation at once; the second one's write fails as a
        duplicate then, and is repeated.
        """
        keys = list({one.key for one in happenings})
        left = list(happenings)
        while True:
            await self._write(left)
            found = self._conversations.find({"_id": {"$in": keys}})
            documents = await self._store.ask(found.to_list(None))
            known = {str(one["_id"]): conversation_of(one) for one in documents}
            left = [one for one in left if not _has(known.get(one.key), one.event_id)]
            if not left:
                break
        for document in documents:
            if len(document["events"]) > MOST_EVENTS:
                await self._trim(document)
        return [known[one.key] for one in happenings]

    async def _write(self, happenings: Sequence[Happening]) -> None:
        await self._store.ask(self._written([self._update(one) for one in happenings]))

    async def _written(self, writes: Sequence[UpdateOne]) -> None:
        try:
            await self._conversations.bulk_write(list(writes), ordered=False)
        except BulkWriteError as error:
            if any(one["code"] != DUPLICATE_KEY for one in (error.details or {})["writeErrors"]):
                raise

    def _update(self, one: Happening) -> UpdateOne:
        note, leg = one.note, f"legs.{digest_of(one.note.leg)}"
        later: dict[str, Any] = {f"{leg}.facts.{name}": note.facts[name] for name in note.facts}
        added: dict[str, Any] = {"leg_ids": note.leg}
        if note.other_leg is not None:
            # So the other leg's next event finds this conversation, whatever its own id says.
            added["leg_ids"] = {"$each": [note.leg, note.other_leg]}
            added[f"{leg}.other_legs"] = note.other_leg
        change: dict[str, Any] = {
            "$setOnInsert": {"account_id": one.account_id, "source": one.source, "first": 1},
            "$set": {
                f"{leg}.call_id": note.leg,
                "look_at": one.look_at,
                "expires_at": datetime.fromtimestamp(one.received_at + self._kept_s, UTC),
                **later,
                **_end(leg, one),
            },
            "$min": _earliest(leg, note),
            "$max": {f"{leg}.seen_at": one.received_at},
            "$addToSet": added,
            "$push": {"events": {"k": one.event_id, "w": list(one.open_for)}},
        }
        if note.recording is not None:
            name = f"recordings.{digest_of(str(note.recording['id']))}"
            change["$set"] |= {f"{name}.{key}": value for key, value in note.recording.items()}
        if note.step is not Step.TOLD:
            change["$set"][f"{leg}.asked"] = 0
        wanted = {"_id": one.key, "events.k": {"$ne": one.event_id}}
        return UpdateOne(wanted, {name: part for name, part in change.items() if part}, upsert=True)

    async def _trim(self, document: Mapping[str, Any]) -> None:
        """Leave out the oldest events as far as they are settled; later sequences stay as is."""
        events = document["events"]
        most = len(events) - EVENTS_KEPT
        settled = next((place for place in range(most) if events[place]["w"]), most)
        if settled:
            wanted = {"_id": document["_id"], "first": document["first"]}
            kept = {"$slice": ["$events", settled, {"$max": [1, {"$size": "$events"}]}]}
            change = [{"$set": {"events": kept, "first": {"$add": ["$first", settled]}}}]
            await self._store.ask(self._conversations.update_one(wanted, change))

    async def of_legs(self, account_id: str, call_ids: Sequence[str]) -> Sequence[Conversation]:
        """See `ports.Conversations`."""
        wanted = {"account_id": account_id, "leg_ids": {"$in": list(call_ids)}}
        documents = await self._store.ask(self._conversations.find(wanted).to_list(10))
        found = [conversation_of(one) for one in documents]
        return sorted(found, key=lambda one: one.precedence)

    async def join(self, kept: Conversation, other: Conversation) -> None:
        """See `ports.Conversations`.

        The other one is marked before its legs are read: who adds an event afterwards sees the
        mark, and adds it to the first one. Two workers that join two both ways, as one of them has
        read less, see each other's mark and take back their own.
        """
        marking = self._conversations.find_one_and_update(
            {"_id": other.key},
            {"$set": {"joined": kept.conversation_id}},
            return_document=ReturnDocument.AFTER,
        )
        moved = await self._store.ask(marking)
        if moved is None:
            return
        first = await self._store.ask(
            self._conversations.find_one({"_id": kept.key}, {"joined": 1})
        )
        if first is None or first.get("joined") is not None:
            mine = {"_id": other.key, "joined": kept.conversation_id}
            await self._store.ask(self._conversations.update_one(mine, {"$unset": {"joined": ""}}))
            return
        change = [{"$set": _merged(moved)}]
        await self._store.ask(self._conversations.update_one({"_id": kept.key}, change))
        emptied = {"$set": {"legs": {}, "leg_ids": []}, "$unset": {"look_at": ""}}
        await self._store.ask(self._conversations.update_one({"_id": other.key}, emptied))

    async def one(self, key: str) -> Conversation | None:
        """See `ports.Conversations`."""
        document = await self._store.ask(self._conversations.find_one({"_id": key}))
        return None if document is None else conversation_of(document)

    async def settle(self, key: str, event_id: str, webhook_id: str) -> Conversation | None:
        """See `ports.Conversations`."""
        question = self._conversations.find_one_and_update(
            {"_id": key, "events.k": event_id},
            {"$pull": {"events.$.w": webhook_id}},
            return_document=ReturnDocument.AFTER,
        )
        document = await self._store.ask(question)
        return None if document is None else conversation_of(document)

    async def look(self, key: str, at: float) -> None:
        """See `ports.Conversations`."""
        change = {"$set": {"look_at": at}}
        await self._store.ask(self._conversations.update_one({"_id": key}, change))

    async def due(
        self, now: float, until: float, limit: int, without: Sequence[str] = ()
    ) -> Sequence[Conversation]:
        """See `ports.Conversations`."""
        free = {"joined": None, "leased_until": {"$not": {"$gt": now}}}
        wanted = {"look_at": {"$lte": now}, "account_id": {"$nin": list(without)}, **free}
        found = self._conversations.find(wanted, {"_id": 1})
        taken = []
        for one in await self._store.ask(found.sort("look_at", 1).to_list(limit)):
            question = self._conversations.find_one_and_update(
                {"_id": one["_id"], "look_at": {"$lte": now}, **free},
                {"$set": {"leased_until": until}},
                return_document=ReturnDocument.AFTER,
            )
            document = await self._store.ask(question)
            if document is not None:
                taken.append(conversation_of(document))
        return taken

    async def keep(self, keys: Sequence[str], until: float) -> None:
        """See `ports.Conversations`."""
        wanted = {"_id": {"$in": list(keys)}, "leased_until": {"$exists": True}}
        change = {"$set": {"leased_until": until}}
        await self._store.ask(self._conversations.update_many(wanted, change))

    async def looked(self, conversation: Conversation, again: float | None) -> None:
        """See `ports.Conversations`."""
        await self._looked(conversation, again)

    async def _looked(
        self, conversation: Conversation, again: float | None, **members: object
    ) -> None:
        """Set members, and the next look unless an event has set it; end the lease."""
        unchanged = {"$eq": ["$look_at", conversation.look_at]}
        next_look = {"$cond": [unchanged, "$$REMOVE" if again is None else again, "$look_at"]}
        values = {name: {"$literal": value} for name, value in members.items()}
        changed: dict[str, Any] = {**values, "look_at": next_look}
        change: list[dict[str, Any]] = [{"$set": changed}, {"$unset": "leased_until"}]
        await self._store.ask(self._conversations.update_one({"_id": conversation.key}, change))

    async def followed(self, source: str, after: str, limit: int) -> Sequence[Conversation]:
        """See `ports.Conversations`."""
        wanted = {"_id": {"$gt": after}, "source": source, "look_at": {"$exists": True}}
        found = self._conversations.find(wanted).sort("_id", 1)
        return [conversation_of(one) for one in await self._store.ask(found.to_list(limit))]

    async def checked(self, key: str, call_id: str, asked: int, at: float) -> None:
        """See `ports.Conversations`."""
        leg = f"legs.{digest_of(call_id)}"
        change = {"$set": {f"{leg}.asked": asked, f"{leg}.checked_at": at}}
        await self._store.ask(self._conversations.update_one({"_id": key}, change))

    async def told(self, conversation: Conversation, revision: int, digest: str) -> None:
        """See `ports.Conversations`."""
        await self._looked(conversation, None, told=digest, revision=revision)


def digest_of(call_id: str) -> str:
    """Return the name of a leg in its conversation's document."""
    return blake2b(call_id.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _earliest(leg: str, note: CallNote) -> dict[str, float]:
    """Return the times of the leg that the event tells and of which the earliest counts."""
    times = {}
    if note.step in (Step.CREATED, Step.ANSWERED, Step.BRIDGED) or note.synthetic:
        times[f"{leg}.{note.step}_at"] = note.at
    if note.answered_at is not None:
        times[f"{leg}.answered_at"] = note.answered_at
    return times


def _merged(moved: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stage that adds a conversation's legs and events to another's document.

    A leg of both has the earliest of its times, and otherwise what the other document says.
    """
    # Their events keep the numbers that they have; new ones must come after them.
    numbered = [{"k": event["k"], "w": []} for event in moved["events"]]
    new = {"$not": [{"$in": ["$$this.k", "$events.k"]}]}
    stage: dict[str, Any] = {
        "leg_ids": {"$setUnion": ["$leg_ids", {"$literal": moved.get("leg_ids", [])}]},
        "events": {
            "$concatArrays": [
                "$events",
                {"$filter": {"input": {"$literal": numbered}, "cond": new}},
            ]
        },
    }
    for name, leg in moved["legs"].items():
        stage[f"legs.{name}"] = _merged_leg(f"$legs.{name}", leg)
    return stage


def _merged_leg(there: str, leg: Mapping[str, Any]) -> dict[str, Any]:
    times = [name for name in ("created_at", "answered_at", "bridged_at") if name in leg]
    parts: dict[str, Any] = {name: {"$min": [leg[name], f"{there}.{name}"]} for name in times}
    parts["seen_at"] = {"$max": [leg["seen_at"], f"{there}.seen_at"]}
    parts["facts"] = {"$mergeObjects": [{"$literal": leg.get("facts", {})}, f"{there}.facts"]}
    others = {"$ifNull": [f"{there}.other_legs", []]}
    parts["other_legs"] = {"$setUnion": [{"$literal": leg.get("other_legs", [])}, others]}
    return {"$mergeObjects": [{"$literal": leg}, there, parts]}


def _end(leg: str, one: Happening) -> dict[str, Any]:
    """Return what the end of the leg sets; the real one prevails over a synthetic one."""
    if one.note.step is not Step.DESTROYED:
        return {}
    seen = {f"{leg}.end_seen_at": one.received_at}
    if one.note.synthetic:
        return {f"{leg}.synthetic_end": one.event_id, **seen}
    return {f"{leg}.end_event": one.event_id, f"{leg}.destroyed_at": one.note.at, **seen}


def _has(conversation: Conversation | None, event_id: str) -> bool:
    return conversation is not None and conversation.sequence_of(event_id) is not None


def conversation_of(document: Mapping[str, Any]) -> Conversation:
    """Return the conversation of a document."""
    legs = sorted(document["legs"].values(), key=_began)
    return Conversation(
        conversation_id=str(document["_id"]).partition("/")[2],
        account_id=document["account_id"],
        source=document["source"],
        legs={one["call_id"]: _leg(one) for one in legs},
        events=tuple(TrackedEvent(one["k"], tuple(one["w"])) for one in document["events"]),
        first_sequence=document["first"],
        recordings=tuple(document.get("recordings", {}).values()),
        revision=document.get("revision", 0),
        told=document.get("told", ""),
        look_at=document.get("look_at"),
        leased_until=document.get("leased_until", 0.0),
        first_leg=next((one["call_id"] for one in document["legs"].values()), None),
        joined=document.get("joined"),
    )


def _began(leg: Mapping[str, Any]) -> tuple[float, bool]:
    """Return when a leg began; of two in one second, the caller's comes first."""
    at: float = leg.get("created_at", leg.get("answered_at", leg["seen_at"]))
    return at, leg.get("facts", {}).get("direction") == "outbound"


def _leg(document: Mapping[str, Any]) -> Leg:
    return Leg(
        call_id=document["call_id"],
        created_at=document.get("created_at"),
        answered_at=document.get("answered_at"),
        bridged_at=document.get("bridged_at"),
        destroyed_at=document.get("destroyed_at"),
        # Legs that ended under an earlier version have the switch's time only.
        end_seen_at=document.get("end_seen_at", document.get("destroyed_at", 0.0)),
        seen_at=document["seen_at"],
        other_legs=tuple(document.get("other_legs", ())),
        facts=document.get("facts", {}),
        end_event=document.get("end_event"),
        synthetic_end=document.get("synthetic_end"),
        asked=document.get("asked", 0),
        checked_at=document.get("checked_at", 0.0),
    )
