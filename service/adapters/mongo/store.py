"""MongoDB: the connection, the collections, and every question to them."""

import time
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog
from bson import ObjectId
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from prometheus_client import CollectorRegistry
from pymongo import AsyncMongoClient
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
"""The size limit of a webhook's document with its secrets encrypted."""
TTL_INDEX = "expire"
INDEXES: tuple[tuple[str, list[tuple[str, int]]], ...] = (
    ("webhooks", [("account_id", 1)]),
    ("webhooks", [("modified_at", 1)]),
    ("accounts", [("tree", 1)]),
    ("attempts", [("account_id", 1), ("_id", -1)]),
    ("attempts", [("webhook_id", 1), ("_id", -1)]),
    ("attempts", [("account_id", 1), ("call_id", 1), ("_id", -1)]),
    ("dead_letters", [("account_id", 1), ("died_at", -1), ("_id", -1)]),
    ("dead_letters", [("account_id", 1), ("call_id", 1)]),
    ("dead_letters", [("webhook_id", 1)]),
    ("replays", [("account_id", 1), ("created_at", -1), ("_id", -1)]),
    ("tokens", [("account_id", 1)]),
)
INDEX_OPTIONS_CONFLICT = 85

log = structlog.get_logger(__name__)


def open_database(url: str, name: str, timeout_s: float) -> Database:
    """Return the database; connects when first used. Nothing waits longer than `timeout_s`."""
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(url, **_options(timeout_s))
    return client[name]


def open_client(url: str, timeout_s: float) -> Client:
    """Return PyMongo's own asyncio client, which asks in the event loop; connects when used."""
    return AsyncMongoClient(url, **_options(timeout_s))


def _options(timeout_s: float) -> dict[str, Any]:
    return {
        "serverSelectionTimeoutMS": round(timeout_s * 1000),
        "timeoutMS": round(timeout_s * 1000),
        "tz_aware": True,
        # Other tools may write years that Python has not; one of them must hide no other document.
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
    """Return what an error met in this database means, with the address of the server."""
    known: Any = database.client.topology_description
    address = ", ".join(f"{host}:{port}" for host, port in known.server_descriptions())
    return diagnosis_of(error, database.name, address)


def unavailable(error: PyMongoError, database: Database) -> StoreUnavailable:
    """Return our own error for one of the driver's, whose text may quote documents."""
    diagnosis = diagnosis_to(error, database)
    return StoreUnavailable(diagnosis.text, diagnosis.remedy)


class Store:
    """The store as a whole: asks of it go through `ask`, which notes whether it answers."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self.database = database
        self.up = False
        self._complained_of: set[str] = set()
        self._gauge = metrics.store_up
        self._duration = metrics.store_duration

    async def ask(self, question: Awaitable[T]) -> T:
        """Return the answer. Raises StoreUnavailable for every error of the driver."""
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

    def close(self) -> None:
        """Close all connections."""
        self.database.client.close()

    async def prepare(self, retention_days: float) -> None:
        """Create the indexes and set the retention of attempts. Idempotent."""
        database = self.database
        for collection, keys in INDEXES:
            await self.ask(database[collection].create_index(keys))
        retention_s = round(retention_days * 86_400)
        await self._expire("attempts", "started_at", retention_s)
        await self._expire("dead_letters", "replayed_at", retention_s)
        await self._expire("replays", "created_at", retention_s)
        await self._expire("webhook_health", "updated_at", 86_400)
        await self._expire("suspects", "updated_at", 86_400)

    async def _expire(self, collection: str, member: str, seconds: int) -> None:
        """Have documents removed so many seconds after the time in a member, if they have it."""
        database = self.database
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
        """Say what a person must mend, once."""
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
    """Return the pipeline that loads webhooks without their history.

    Of one that is too large only the size leaves the store. Encryption makes a document larger;
    the exact size is judged once it is opened.
    """
    size = {"$bsonSize": "$$ROOT"}
    kept = {key: f"${key}" for key in ("_id", "account_id", "enabled")}
    fits = {"$cond": [{"$lte": [size, MOST_STORED_BYTES]}, "$$ROOT", {**kept, TOO_LARGE: size}]}
    return [{"$match": wanted}, {"$unset": HISTORY}, {"$replaceWith": fits}]


def ids_of(webhook_id: str) -> list[Any]:
    """Return what may stand as `_id`: a document written by hand may have an ObjectId."""
    if len(webhook_id) == OBJECT_ID_DIGITS and ObjectId.is_valid(webhook_id):
        return [webhook_id, ObjectId(webhook_id)]
    return [webhook_id]
