"""Stores of attempts and dead letters; see `ports.AttemptLog` and `ports.DeadLetterStore`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from bson import ObjectId
from pymongo import ReplaceOne
from pymongo.errors import BulkWriteError

from service.adapters.mongo.bucket_upkeep import BucketUpkeep
from service.adapters.mongo.store import Client, Document, Store
from service.bounded import BoundedDict
from service.cancellation import honour_cancellation
from service.documents.buckets import Span, bucket_name
from service.documents.log import attempt_document, dead_letter_document
from service.domain.delivery import Attempt, DeadLetter

DUPLICATE_KEY = 11_000
MOST_HOLDERS = 10_000

HolderKey = tuple[str, str, int]
"""Bucket, event, and hash of the payload."""
Holders = dict[HolderKey, ObjectId]
"""Ids of rows that hold a payload."""


class MongoAttemptLog:
    """See `ports.AttemptLog`. Of rows with the same payload in a bucket, the first one holds it.

    Uses PyMongo's own asyncio client: Motor hands every call to a thread, and at full load the
    threads took a fifth of the event loop's time.
    """

    def __init__(
        self,
        store: Store,
        client: Client,
        upkeep: BucketUpkeep,
        span: Span = Span.DAY,
        *,
        keep_payloads: bool = True,
    ) -> None:
        self._store = store
        self._keep_payloads = keep_payloads
        self._upkeep = upkeep
        self._span = span
        self._database = client[store.database.name]
        self._created: set[str] = set()
        self._holders = BoundedDict[HolderKey, ObjectId](MOST_HOLDERS)

    async def write(self, attempts: Sequence[Attempt]) -> None:
        """See `ports.AttemptLog`."""
        by_bucket: defaultdict[str, list[Attempt]] = defaultdict(list)
        for attempt in attempts:
            by_bucket[bucket_name(attempt.started_at, self._span)].append(attempt)
        try:
            for bucket, some in by_bucket.items():
                await self._write_to(bucket, some)
        finally:
            honour_cancellation()

    async def _write_to(self, bucket: str, attempts: Sequence[Attempt]) -> None:
        is_new = bucket not in self._created
        if is_new:
            await self._upkeep.create(bucket)
        holders: Holders = {}
        rows = [self._row(bucket, attempt, holders) for attempt in attempts]
        await self._store.ask(self._insert(bucket, rows))
        self._holders.update(holders)
        if is_new:
            # Last, as more rows wait: people who look into the store see the bucket a little later.
            await self._upkeep.show()
            self._created.add(bucket)

    def _row(self, bucket: str, attempt: Attempt, new: Holders) -> dict[str, Any]:
        """Return the row as it is stored; a row that holds a payload is added to `new`."""
        delivery = attempt.delivery
        # Webhooks may get different payloads of an event, such as two versions of its schema.
        key = (bucket, delivery.event_id, hash(delivery.payload))
        holder = self._holders.get(key) or new.get(key)
        keep = self._keep_payloads and holder is None
        row = attempt_document(attempt, keep_payload=keep)
        row["_id"] = ObjectId(attempt.attempt_id)
        if holder is not None:
            row["payload_in"] = holder
        elif "payload" in row:
            new[key] = row["_id"]
        return row

    async def _insert(self, bucket: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert the rows. A duplicate key comes from an earlier insert whose reply was lost."""
        try:
            await self._database[bucket].insert_many(rows, ordered=False)
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
