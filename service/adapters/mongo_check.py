"""What an operator should know about the store before the service starts."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from pymongo.errors import PyMongoError

from service.adapters.mongo_store import Database
from service.domain.finding import Finding, fine, trouble, warning
from service.domain.webhook_document import BadDocument, webhook_of

OLDEST_MONGODB = (4, 4)
MOST_NAMED = 5


async def examine_store(database: Database) -> AsyncIterator[Finding]:
    """Yield what is found: reachable, new enough, a replica set or not, unusable webhooks."""
    try:
        info = await database.client.server_info()
        hello: Mapping[str, Any] = await database.command("hello")
    except PyMongoError as error:
        text = f"cannot be reached: {type(error).__name__}: {str(error)[:120]}"
        yield trouble("store", text, "is MongoDB running, and mongo.url right?")
        return
    yield _version(str(info["version"]))
    if "setName" in hello:
        yield fine("store", f"replica set {hello['setName']}: changes are seen at once")
    else:
        text = "no replica set: changes to webhooks are seen by polling, deletions later"
        yield warning("store", text, "rs.initiate() makes a set of one")
    try:
        yield await _webhooks(database)
    except PyMongoError as error:
        yield trouble("store", f"cannot read {database.name}: {error}", "grant readWrite on it")


def _version(text: str) -> Finding:
    numbers = tuple(int(part) for part in text.split(".")[:2])
    if numbers < OLDEST_MONGODB:
        needed = ".".join(map(str, OLDEST_MONGODB))
        return trouble("store", f"MongoDB {text} is too old", f"upgrade to {needed} or later")
    return fine("store", f"MongoDB {text}")


async def _webhooks(database: Database) -> Finding:
    good, bad = 0, []
    async for document in database["webhooks"].find():
        try:
            webhook_of(document)
            good += 1
        except BadDocument as error:
            bad.append(f"{document['_id']}: {error}")
    if bad:
        text = (
            f"{len(bad)} of {good + len(bad)} webhooks are skipped: {'; '.join(bad[:MOST_NAMED])}"
        )
        return warning("store", text, "mend the documents")
    return fine("store", f"{good} webhooks, all usable")
