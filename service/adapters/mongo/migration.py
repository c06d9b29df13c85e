"""Reads and writes of a migration in the collections `accounts` and `webhooks`."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

from bson import encode
from bson.errors import BSONError
from pymongo import DeleteOne, UpdateOne
from pymongo.errors import BulkWriteError, PyMongoError

from service.adapters.mongo.store import Database, Document, unavailable
from service.domain.errors import StoreUnavailable
from service.text.plural import counted

Change = UpdateOne | DeleteOne
T = TypeVar("T")

AT_ONCE = 500


class MongoMigration:
    """See `crossbar.ports.MigrationStore`. Every change is idempotent."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._accounts = database["accounts"]
        self._webhooks = database["webhooks"]

    async def accounts_under(self, root_id: str) -> Mapping[str, Document]:
        """See `crossbar.ports.MigrationStore`."""
        wanted = {"$or": [{"_id": root_id}, {"tree": root_id}]}
        found = await self._ask(self._accounts.find(wanted).to_list(None))
        return {str(document["_id"]): document for document in found}

    async def webhooks(self, webhook_ids: Sequence[str]) -> Mapping[str, Document]:
        """See `crossbar.ports.MigrationStore`."""
        found: dict[str, Document] = {}
        for start in range(0, len(webhook_ids), AT_ONCE):
            wanted = {"_id": {"$in": list(webhook_ids[start : start + AT_ONCE])}}
            documents = await self._ask(self._webhooks.find(wanted).to_list(None))
            found |= {str(document["_id"]): document for document in documents}
        return found

    def problem_with(self, document: Document) -> str | None:
        """See `crossbar.ports.MigrationStore`; BSON has no integers over 64 bits, for example."""
        try:
            encode(document)
        except (BSONError, OverflowError) as error:
            return f"cannot be stored: {error}"
        return None

    async def write_accounts(self, documents: Sequence[Document], removed: Sequence[str]) -> None:
        """See `crossbar.ports.MigrationStore`."""
        changes: list[Change] = [_merge(document) for document in documents]
        changes += [DeleteOne({"_id": account_id}) for account_id in removed]
        await self._write(self._accounts, changes)

    async def write_webhooks(self, documents: Sequence[Document]) -> None:
        """See `crossbar.ports.MigrationStore`."""
        await self._write(self._webhooks, [_merge(document) for document in documents])

    async def _write(self, collection: Any, changes: Sequence[Change]) -> None:
        for start in range(0, len(changes), AT_ONCE):
            await self._ask(collection.bulk_write(changes[start : start + AT_ONCE], ordered=False))

    async def _ask(self, question: Awaitable[T]) -> T:
        try:
            return await question
        except BulkWriteError as error:
            # The text of a BulkWriteError quotes whole documents.
            texts = [str(failed.get("errmsg")) for failed in error.details.get("writeErrors", ())]
            unwritten = f"{counted(len(texts), 'document')} not written: {texts[:1]}"
            raise StoreUnavailable(unwritten) from None
        except PyMongoError as error:
            raise unavailable(error, self._database) from error


def _merge(document: Document) -> UpdateOne:
    """Return an upsert that keeps members which the migration does not write, such as a secret."""
    members = {key: value for key, value in document.items() if key != "_id"}
    return UpdateOne({"_id": document["_id"]}, {"$set": members}, upsert=True)
