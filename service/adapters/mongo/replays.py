"""Replays and API tokens in MongoDB; see `management/ports.py`."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument

from service.adapters.mongo.history import before
from service.adapters.mongo.store import Document, Store
from service.management.replay import Progress, Replay, ReplayState
from service.management.selection import Selection
from service.management.token import Token, TokenKind

AFTER = ReturnDocument.AFTER
OF_SESSIONS = ("kind", "parent_id", "purge_at")
"""Members of tokens that only the console's links and sessions need."""


class MongoReplays:
    """See `management.ports.Replays`. A document has the replay's members and `leased_until`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._replays = store.database["replays"]

    async def add(self, replay: Replay) -> None:
        """See `management.ports.Replays`."""
        document = {"_id": replay.replay_id, "leased_until": replay.created_at, **asdict(replay)}
        if replay.max_age_s is None:
            # Earlier versions run the same replays, and do not know this member.
            del document["max_age_s"]
        await self._store.ask(self._replays.insert_one(document))

    async def find(self, account_id: str | None, replay_id: str) -> Replay | None:
        """See `management.ports.Replays`."""
        document = await self._store.ask(self._replays.find_one(_one(account_id, replay_id)))
        return None if document is None else _replay(document)

    async def page(
        self, account_id: str | None, start: tuple[datetime, str] | None, size: int
    ) -> Sequence[Replay]:
        """See `management.ports.Replays`."""
        owned = {} if account_id is None else {"account_id": {"$eq": account_id}}
        wanted = {"$and": [owned, before("created_at", *start)]} if start is not None else owned
        found = self._replays.find(wanted).sort([("created_at", -1), ("_id", -1)]).limit(size)
        return [_replay(document) for document in await self._store.ask(found.to_list(None))]

    async def claim(self, now: datetime, until: datetime) -> Replay | None:
        """See `management.ports.Replays`."""
        free = {"state": ReplayState.RUNNING, "leased_until": {"$lte": now}}
        taken = {"$set": {"leased_until": until}}
        question = self._replays.find_one_and_update(
            free, taken, sort=[("created_at", 1)], return_document=AFTER
        )
        document = await self._store.ask(question)
        return None if document is None else _replay(document)

    async def advance(self, replay_id: str, progress: Progress) -> bool:
        """See `management.ports.Replays`."""
        running = {"_id": replay_id, "state": ReplayState.RUNNING}
        question = self._replays.update_one(running, {"$set": asdict(progress)})
        return bool((await self._store.ask(question)).matched_count)

    async def cancel(self, account_id: str | None, replay_id: str, at: datetime) -> Replay | None:
        """See `management.ports.Replays`."""
        running = {**_one(account_id, replay_id), "state": ReplayState.RUNNING}
        ended = {"$set": {"state": ReplayState.CANCELLED, "ended_at": at}}
        question = self._replays.find_one_and_update(running, ended, return_document=AFTER)
        document = await self._store.ask(question)
        return None if document is None else _replay(document)


class MongoTokens:
    """See `management.ports.TokenStore`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tokens = store.database["tokens"]

    async def add(self, token: Token) -> None:
        """See `management.ports.TokenStore`."""
        members = {"_id": token.token_id, **asdict(token)}
        if token.kind is TokenKind.API:
            # Earlier versions read the same tokens, and know none of these members.
            members = {key: value for key, value in members.items() if key not in OF_SESSIONS}
        await self._store.ask(self._tokens.insert_one(members))

    async def find(self, token_id: str) -> Token | None:
        """See `management.ports.TokenStore`."""
        document = await self._store.ask(self._tokens.find_one({"_id": {"$eq": token_id}}))
        return None if document is None else _token(document)

    async def all(self, account_id: str | None) -> Sequence[Token]:
        """See `management.ports.TokenStore`."""
        wanted: dict[str, Any] = {"kind": {"$in": [None, TokenKind.API]}}
        wanted |= {} if account_id is None else {"account_id": {"$eq": account_id}}
        found = self._tokens.find(wanted).sort("created_at", -1).to_list(None)
        return [_token(document) for document in await self._store.ask(found)]

    async def revoke(self, token_id: str, at: datetime) -> bool:
        """See `management.ports.TokenStore`."""
        good = {"_id": {"$eq": token_id}, "revoked_at": None}
        question = self._tokens.update_one(good, {"$set": {"revoked_at": at}})
        return bool((await self._store.ask(question)).modified_count)


def _one(account_id: str | None, replay_id: str) -> dict[str, Any]:
    owned = {} if account_id is None else {"account_id": {"$eq": account_id}}
    return {"_id": {"$eq": replay_id}, **owned}


def _replay(document: Document) -> Replay:
    members = {key: value for key, value in document.items() if key not in ("_id", "leased_until")}
    chosen = members["selection"]
    ids = tuple(chosen["ids"]) if chosen["ids"] is not None else None
    members["selection"] = Selection(**{**chosen, "ids": ids})
    return Replay(**{**members, "state": ReplayState(members["state"])})


def _token(document: Document) -> Token:
    members = {key: value for key, value in document.items() if key != "_id"}
    return Token(**{**members, "kind": TokenKind(members.get("kind", TokenKind.API))})
