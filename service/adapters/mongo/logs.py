"""Stores of attempts and dead letters; see `ports.AttemptLog` and `ports.DeadLetterStore`."""

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import ReplaceOne
from pymongo.errors import BulkWriteError

from service.adapters.mongo.store import Client, Document, Store
from service.cancellation import honour_cancellation
from service.documents.log import attempt_document, dead_letter_document
from service.domain.delivery import Attempt, DeadLetter

DUPLICATE_KEY = 11_000


class MongoAttemptLog:
    """See `ports.AttemptLog`.

    Uses PyMongo's own asyncio client: Motor hands every call to a thread, and at full load the
    threads took a fifth of the event loop's time.
    """

    def __init__(self, store: Store, client: Client, *, keep_payloads: bool = True) -> None:
        self._store = store
        self._keep_payloads = keep_payloads
        self._attempts = client[store.database.name]["attempts"]

    async def write(self, attempts: Sequence[Attempt]) -> None:
        """See `ports.AttemptLog`."""
        keep = self._keep_payloads
        rows = [attempt_document(attempt, keep_payload=keep) for attempt in attempts]
        try:
            await self._store.ask(self._insert(rows))
        finally:
            honour_cancellation()

    async def _insert(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert the rows. A duplicate key comes from an earlier insert whose reply was lost."""
        try:
            await self._attempts.insert_many(rows, ordered=False)
        except BulkWriteError as error:
            failed = error.details.get("writeErrors", ())
            if not failed or any(write["code"] != DUPLICATE_KEY for write in failed):
                raise


class MongoDeadLetters:
    """See `ports.DeadLetterStore`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._letters = store.database["dead_letters"]

    async def file(self, letters: Sequence[DeadLetter]) -> None:
        """See `ports.DeadLetterStore`; idempotent, because `_id` is the delivery's id."""
        documents = [dead_letter_document(letter) for letter in letters]
        writes: list[ReplaceOne[Document]] = [
            ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in documents
        ]
        await self._store.ask(self._letters.bulk_write(writes, ordered=False))
