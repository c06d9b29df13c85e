"""States of workers in MongoDB; see `management.ports.WorkerRegister`."""

from collections.abc import Sequence

from service.adapters.mongo.store import Document, Store

MOST = 1000


class MongoWorkers:
    """See `management.ports.WorkerRegister`. A TTL index removes states that are not renewed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._workers = store.database["workers"]

    async def note(self, worker_id: str, state: Document) -> None:
        """See `management.ports.WorkerRegister`."""
        await self._store.ask(self._workers.replace_one({"_id": worker_id}, state, upsert=True))

    async def remove(self, worker_id: str) -> None:
        """See `management.ports.WorkerRegister`."""
        await self._store.ask(self._workers.delete_one({"_id": worker_id}))

    async def all(self) -> Sequence[Document]:
        """See `management.ports.WorkerRegister`."""
        return await self._store.ask(self._workers.find().limit(MOST).to_list(None))
