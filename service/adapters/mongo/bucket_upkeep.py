"""Upkeep of the attempt log's buckets: create them, drop the old ones, show all as one view.

To drop a collection costs the store a few files; to delete its rows one by one cost as much as
writing them. Any number of processes may do the same at the same time.
"""

import asyncio
from datetime import UTC, timedelta
from typing import Any

import structlog
from pymongo import IndexModel
from pymongo.errors import OperationFailure

from service.adapters.mongo.buckets import Buckets
from service.adapters.mongo.store import Document, Store
from service.documents.buckets import EARLIER, LOG
from service.domain.errors import StoreUnavailable

INDEXES = (
    [("account_id", 1), ("_id", 1)],
    [("webhook_id", 1), ("_id", 1)],
    [("account_id", 1), ("call_id", 1), ("_id", 1)],
    [("event_id", 1)],
)
COMPRESSED = {
    "storageEngine": {"wiredTiger": {"configString": "block_compressor=zstd,leaf_page_max=128KB"}},
    "indexOptionDefaults": {
        "storageEngine": {"wiredTiger": {"configString": "block_compressor=snappy"}}
    },
}
"""Rows of an event resemble each other: a larger page has more of them to compress together. Each
webhook adds to a page of its own in an index, so these are written often, and zstd costs much."""
TIDY_EVERY_S = 600.0
NAMESPACE_NOT_FOUND, NAMESPACE_EXISTS, IS_A_VIEW = 26, 48, 166

log = structlog.get_logger(__name__)


class BucketUpkeep:
    """Creates buckets on demand, and drops each when all of it is older than the retention."""

    def __init__(self, store: Store, retention_days: float) -> None:
        self._store = store
        self._database = store.database
        self._retention = timedelta(days=retention_days)
        self._buckets = Buckets(store.database)

    async def run(self) -> None:
        """Tidy every `TIDY_EVERY_S` until cancelled."""
        while True:
            try:
                await self.tidy()
            except StoreUnavailable as error:
                log.warning("attempt_log.not_tidied", error=str(error), remedy=error.remedy)
            await asyncio.sleep(TIDY_EVERY_S)

    async def create(self, name: str) -> None:
        """Create a bucket with its indexes, in two questions: rows wait meanwhile. Idempotent."""
        await self._command({"create": name, **COMPRESSED}, NAMESPACE_EXISTS)
        indexes = [IndexModel(keys) for keys in INDEXES]
        await self._store.ask(self._database[name].create_indexes(indexes))

    async def tidy(self) -> None:
        """Drop old buckets, and make room for the view. Raises StoreUnavailable."""
        await self._rename_earlier()
        hello: Document = await self._store.ask(self._database.command("hello"))
        # The store's clock decides: a wrong clock of ours would drop everything.
        oldest = hello["localTime"].replace(tzinfo=UTC) - self._retention
        for bucket in await self._store.ask(self._buckets.all()):
            if bucket.ends_at is not None and bucket.ends_at < oldest:
                await self._store.ask(self._database.drop_collection(bucket.name))
                log.info("attempt_log.dropped", bucket=bucket.name)
        await self.show()
        await self._expire_earlier()

    async def _rename_earlier(self) -> None:
        """Rename the log of an earlier release, which has the name of the view.

        While `EARLIER` is there already, the log keeps its name; it is read all the same.
        """
        if (await self._listed(LOG)).get("type") == "collection":
            names = {"renameCollection": self._full(LOG), "to": self._full(EARLIER)}
            await self._command(names, NAMESPACE_NOT_FOUND, NAMESPACE_EXISTS, IS_A_VIEW, admin=True)

    async def _expire_earlier(self) -> None:
        """Keep the retention of the log of an earlier release; drop it once it is empty."""
        for bucket in await self._store.ask(self._buckets.all()):
            if bucket.ends_at is not None:
                continue
            rows = self._database[bucket.name].estimated_document_count()
            if await self._store.ask(rows):
                await self._store.expire(bucket.name, "started_at", self._retention)
            else:
                await self._store.ask(self._database.drop_collection(bucket.name))

    async def show(self) -> None:
        """Have the view show all buckets, the newest first, for people who look into the store.

        To change a view in place needs a role that the service can do without.
        """
        listed = await self._listed(LOG)
        buckets = await self._store.ask(self._buckets.all())
        if not buckets or listed.get("type") == "collection":
            return
        newest, *others = (bucket.name for bucket in buckets)
        view = {"viewOn": newest, "pipeline": [{"$unionWith": name} for name in others]}
        if listed.get("options") == view:
            return
        await self._command({"drop": LOG}, NAMESPACE_NOT_FOUND)
        await self._command({"create": LOG, **view}, NAMESPACE_EXISTS)

    async def _listed(self, name: str) -> Document:
        """Return what the store says of a collection or view; nothing if there is none."""
        command = {"listCollections": 1, "filter": {"name": name}}
        answer: Document = await self._store.ask(self._database.command(command))
        return next(iter(answer["cursor"]["firstBatch"]), {})

    async def _command(self, command: dict[str, Any], *harmless: int, admin: bool = False) -> None:
        """Run a command; errors with these codes mean that another process was faster."""
        database = self._database.client["admin"] if admin else self._database

        async def answered() -> None:
            try:
                await database.command(command)
            except OperationFailure as error:
                if error.code not in harmless:
                    raise

        await self._store.ask(answered())

    def _full(self, name: str) -> str:
        return f"{self._database.name}.{name}"
