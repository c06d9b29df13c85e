"""Accounts and webhooks for the measurements, written straight into MongoDB."""

import itertools
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from service.bench.setting.load import HOOK

Documents = AsyncDatabase[Mapping[str, Any]]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 (guards nothing)
AT_ONCE = 5000


def account_ids(count: int) -> list[str]:
    """Return the first `count` account ids."""
    return [f"{number + 1:032x}" for number in range(count)]


def webhook(account_id: str, uri: str, hook: str = HOOK) -> dict[str, Any]:
    """Return a webhook for the measurements: JSON, signed."""
    return {
        "_id": uuid.uuid4().hex,
        "account_id": account_id,
        "name": "bench",
        "uri": uri,
        "hook": hook,
        "http_verb": "post",
        "format": "json",
        "retries": 2,
        "enabled": True,
        "secret": SECRET,
    }


def one_each(accounts: Sequence[str], urls: Sequence[str]) -> list[dict[str, Any]]:
    """Return one webhook for each account, to each URL in turn."""
    pairs = zip(accounts, itertools.cycle(urls), strict=False)
    return [webhook(account_id, url) for account_id, url in pairs]


def all_each(accounts: Sequence[str], urls: Sequence[str]) -> list[dict[str, Any]]:
    """Return a webhook to every URL for each account."""
    return [webhook(account_id, url) for account_id in accounts for url in urls]


async def store(mongo_url: str, database: str, webhooks: Iterable[Mapping[str, Any]]) -> None:
    """Replace the database by one with these webhooks and the service's index."""
    async with AsyncMongoClient[Mapping[str, Any]](mongo_url) as client:
        await client.drop_database(database)
        collection = client[database]["webhooks"]
        await collection.create_index("account_id")
        for batch in _batches(webhooks):
            await collection.insert_many(batch, ordered=False)


async def drop(mongo_url: str, database: str) -> None:
    """Drop a database."""
    async with AsyncMongoClient[Mapping[str, Any]](mongo_url) as client:
        await client.drop_database(database)


def _batches(documents: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    source = iter(documents)
    while batch := list(itertools.islice(source, AT_ONCE)):
        yield batch
