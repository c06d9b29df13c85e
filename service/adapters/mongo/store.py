"""MongoDB store: the connection, the indexes, and error translation for every call."""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import structlog
from bson import ObjectId
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from prometheus_client import CollectorRegistry
from pymongo import AsyncMongoClient, timeout
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

from service.adapters.mongo.diagnosis import diagnosis_of
from service.documents.webhook import HISTORY, MOST_DOCUMENT_BYTES, TOO_LARGE
from service.domain.errors import StoreUnavailable
from service.domain.finding import Diagnosis
from service.observability.metrics import Metrics

Document = Mapping[str, Any]
Database = AsyncIOMotorDatabase[Document]
Client = AsyncMongoClient[Document]
T = TypeVar("T")

OBJECT_ID_DIGITS = 24
MOST_STORED_BYTES = 2 * MOST_DOCUMENT_BYTES
"""Size limit of a webhook's document with its secrets encrypted."""
TTL_INDEX = "expire"
INDEXES: tuple[tuple[str, list[tuple[str, int]]], ...] = (
    ("webhooks", [("account_id", 1)]),
    ("webhooks", [("modified_at", 1)]),
    ("accounts", [("tree", 1)]),
    ("dead_letters", [("account_id", 1), ("died_at", -1), ("_id", -1)]),
    ("dead_letters", [("account_id", 1), ("call_id", 1)]),
    ("dead_letters", [("webhook_id", 1)]),
    ("replays", [("account_id", 1), ("created_at", -1), ("_id", -1)]),
    ("tokens", [("account_id", 1)]),
    ("conversations", [("account_id", 1), ("leg_ids", 1)]),
    ("conversations", [("look_at", 1)]),
    ("paused_deliveries", [("webhook_id", 1), ("kept_at", 1), ("_id", 1)]),
    ("held_deliveries", [("due_at", 1)]),
    ("held_deliveries", [("lane", 1), ("sequence", 1)]),
    ("held_deliveries", [("conversation_key", 1)]),
    ("rejected", [("taken_at", -1), ("_id", -1)]),
    ("audit", [("account_id", 1), ("at", -1), ("_id", -1)]),
    ("audit", [("at", -1), ("_id", -1)]),
)
INDEX_OPTIONS_CONFLICT = 85

log = structlog.get_logger(__name__)


def open_database(url: str, name: str, timeout_s: float) -> Database:
    """Return the database; it connects on first use. Every call times out after `timeout_s`."""
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(url, **_options(timeout_s))
    return client[name]


def open_client(url: str, timeout_s: float) -> Client:
    """Return PyMongo's own asyncio client, which uses no threads; it connects on first use."""
    return AsyncMongoClient(url, **_options(timeout_s))


def _options(timeout_s: float) -> dict[str, Any]:
    return {
        "serverSelectionTimeoutMS": round(timeout_s * 1000),
        "timeoutMS": round(timeout_s * 1000),
        "tz_aware": True,
        # Other tools may write years that Python cannot represent. Clamp them: an error would hide
        # the other documents of the same query.
        "datetime_conversion": "DATETIME_CLAMP",
        "appname": "switchhook",
        "uuidRepresentation": "standard",
    }


@contextmanager
def open_store(url: str, name: str, timeout_s: float) -> Iterator["Store"]:
    """Yield the store for a command; its metrics are not scraped."""
    store = Store(open_database(url, name, timeout_s), Metrics(CollectorRegistry(), []))
    try:
        yield store
    finally:
        store.close()


def diagnosis_to(error: PyMongoError, database: Database | AsyncDatabase[Document]) -> Diagnosis:
    """Return the diagnosis of an error of this database, with the address of the server."""
    known: Any = database.client.topology_description
    address = ", ".join(f"{host}:{port}" for host, port in known.server_descriptions())
    return diagnosis_of(error, database.name, address)


def unavailable(error: PyMongoError, database: Database) -> StoreUnavailable:
    """Translate a driver's error, whose text may quote documents, to StoreUnavailable."""
    diagnosis = diagnosis_to(error, database)
    return StoreUnavailable(diagnosis.text, diagnosis.remedy)


class Store:
    """The store: its calls go through `ask`, which translates errors and notes availability."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self.database = database
        self.up = False
        self._complained_of: set[str] = set()
        self._gauge = metrics.store_up
        self._duration = metrics.store_duration

    async def ask(self, question: Awaitable[T]) -> T:
        """Return the result. Raises StoreUnavailable for every error of the driver."""
        began = time.perf_counter()
        try:
            answer = await question
        except PyMongoError as error:
            self._note(up=False)
            self._complain(error)
            raise unavailable(error, self.database) from error
        self._duration.observe(time.perf_counter() - began)
        self._note(up=True)
        return answer

    async def ask_briefly(self, question: Callable[[], Awaitable[T]], within_s: float) -> T:
        """Return the result of a costly question. Raises StoreUnavailable, also after `within_s`.

        MongoDB itself stops at the limit. That says nothing of its health, so it is not noted.
        """
        try:
            with timeout(within_s):
                return await question()
        except PyMongoError as error:
            raise unavailable(error, self.database) from error

    def close(self) -> None:
        """Close all connections."""
        self.database.client.close()

    async def prepare(self, retention_days: float, audit_days: float) -> None:
        """Create the indexes, and set the retention of what TTL indexes remove. Idempotent."""
        database = self.database
        for collection, keys in INDEXES:
            await self.ask(database[collection].create_index(keys))
        retention, day = timedelta(days=retention_days), timedelta(days=1)
        await self.expire("dead_letters", "replayed_at", retention)
        await self.expire("replays", "created_at", retention)
        await self.expire("webhook_health", "updated_at", day)
        await self.expire("suspects", "updated_at", day)
        await self.expire("scoped_webhooks", "updated_at", day)
        await self.expire("told_steps", "updated_at", 7 * day)
        await self.expire("conversations", "expires_at", timedelta())
        await self.expire("tokens", "purge_at", timedelta())
        await self.expire("workers", "seen_at", timedelta(minutes=10))
        await self.expire("audit", "at", timedelta(days=audit_days))

    async def expire(self, collection: str, member: str, after: timedelta) -> None:
        """Have a TTL index delete documents some time after the time in `member`, if any."""
        database, seconds = self.database, round(after.total_seconds())
        try:
            await database[collection].create_index(
                member, name=TTL_INDEX, expireAfterSeconds=seconds
            )
        except OperationFailure as error:
            if error.code != INDEX_OPTIONS_CONFLICT:
                self._complain(error)
                raise unavailable(error, database) from error
            index = {"name": TTL_INDEX, "expireAfterSeconds": seconds}
            await self.ask(database.command("collMod", collection, index=index))
        except PyMongoError as error:
            raise unavailable(error, database) from error

    def _complain(self, error: PyMongoError) -> None:
        """Log an error that an operator must resolve, once."""
        diagnosis = diagnosis_to(error, self.database)
        if diagnosis.lasting and diagnosis.text not in self._complained_of:
            self._complained_of.add(diagnosis.text)
            log.error("store.refuses", error=diagnosis.text, remedy=diagnosis.remedy)

    def _note(self, *, up: bool) -> None:
        if up != self.up:
            log.info("store.up") if up else log.warning("store.down")
        self.up = up
        self._gauge.set(up)


def loading(wanted: Document) -> list[dict[str, Any]]:
    """Return the aggregation pipeline that loads webhooks without their history.

    Of a document that is too large, the store returns only ids, `enabled` and the size. Encryption
    makes a document larger; its exact size is checked after decryption.
    """
    size = {"$bsonSize": "$$ROOT"}
    kept = {key: f"${key}" for key in ("_id", "account_id", "enabled")}
    fits = {"$cond": [{"$lte": [size, MOST_STORED_BYTES]}, "$$ROOT", {**kept, TOO_LARGE: size}]}
    return [{"$match": wanted}, {"$unset": HISTORY}, {"$replaceWith": fits}]


def ids_of(webhook_id: str) -> list[Any]:
    """Return the possible values of `_id`: a document of another tool may have an ObjectId."""
    if len(webhook_id) == OBJECT_ID_DIGITS and ObjectId.is_valid(webhook_id):
        return [webhook_id, ObjectId(webhook_id)]
    return [webhook_id]
