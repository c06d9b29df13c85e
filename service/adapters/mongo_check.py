"""What an operator should know about the store before the service starts."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from pymongo.errors import PyMongoError

from service.adapters.mongo_store import Database
from service.adapters.vault import Vault
from service.domain.finding import Finding, fine, trouble, warning
from service.domain.webhook_document import BadDocument, webhook_of

OLDEST_MONGODB = (4, 4)
MOST_NAMED = 5


async def examine_store(database: Database, vault: Vault) -> AsyncIterator[Finding]:
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
        for finding in await _webhooks(database, vault):
            yield finding
    except PyMongoError as error:
        yield trouble("store", f"cannot read {database.name}: {error}", "grant readWrite on it")


def _version(text: str) -> Finding:
    numbers = tuple(int(part) for part in text.split(".")[:2])
    if numbers < OLDEST_MONGODB:
        needed = ".".join(map(str, OLDEST_MONGODB))
        return trouble("store", f"MongoDB {text} is too old", f"upgrade to {needed} or later")
    return fine("store", f"MongoDB {text}")


async def _webhooks(database: Database, vault: Vault) -> list[Finding]:
    good, bad, plain = 0, [], 0
    async for document in database["webhooks"].find():
        try:
            webhook_of(vault.opened(document))
            good += 1
            plain += not vault.is_current(document)
        except BadDocument as error:
            bad.append(f"{document['_id']}: {error}")
    if bad:
        text = (
            f"{len(bad)} of {good + len(bad)} webhooks are skipped: {'; '.join(bad[:MOST_NAMED])}"
        )
        usable = warning("store", text, "mend the documents")
    else:
        usable = fine("store", f"{good} webhooks, all usable")
    return [usable, _secrets(plain, vault)]


def _secrets(plain: int, vault: Vault) -> Finding:
    """Tell whether what is secret is encrypted as it should be."""
    if not vault.seals:
        text = f"not encrypted in the store, of {plain} webhooks"
        return warning("secrets", text, "set secrets.keys; switchhook secrets new-key makes one")
    if plain:
        text = f"of {plain} webhooks not encrypted with the newest key"
        return warning("secrets", text, "run switchhook secrets rewrap")
    return fine("secrets", "encrypted with the newest key")
