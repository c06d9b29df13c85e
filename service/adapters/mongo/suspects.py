"""Number of tries of each suspect message, shared by all workers; see `ports.SuspectCounts`.

A document of `suspects`: `{_id: SHA-256 of the message, tried, updated_at}`. A TTL index deletes it
a day after the last try: a settled message is not delivered again.
"""

import hashlib
from datetime import UTC, datetime

from pymongo import ReturnDocument

from service.adapters.mongo.store import Store


class MongoSuspectCounts:
    """See `ports.SuspectCounts`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._suspects = store.database["suspects"]

    async def begin(self, body: bytes) -> int:
        """See `ports.SuspectCounts`."""
        change = {"$inc": {"tried": 1}, "$set": {"updated_at": datetime.now(UTC)}}
        question = self._suspects.find_one_and_update(
            {"_id": hashlib.sha256(body).hexdigest()},
            change,
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        document = await self._store.ask(question)
        return int(document["tried"]) - 1
