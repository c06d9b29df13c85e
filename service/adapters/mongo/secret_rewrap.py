"""Rewrap: encrypts the stored secrets of webhooks and accounts again, with the newest key."""

from pymongo.errors import PyMongoError

from service.adapters.mongo.store import Document, Store, unavailable
from service.adapters.secret_box import SecretBox, secret_members

HOLDING = ("webhooks", "accounts")
"""Collections whose documents hold secrets."""


async def rewrap(store: Store, secret_box: SecretBox, *, dry_run: bool) -> tuple[int, int]:
    """Seal secrets with the newest key; return the numbers of outdated and unreadable documents.

    A concurrent change of a document's secrets is kept: it was sealed with the newest key. With
    `dry_run` nothing is written.
    """
    changed = unreadable = 0
    try:
        for collection in HOLDING:
            async for stored in store.database[collection].find():
                if secret_box.is_current(stored):
                    continue
                plain = secret_box.opened(stored)
                if plain.get("unreadable"):
                    unreadable += 1
                    continue
                changed += 1
                if not dry_run:
                    await _replace(store, collection, secret_box, stored, plain)
    except PyMongoError as error:
        raise unavailable(error, store.database) from error
    return changed, unreadable


async def _replace(
    store: Store, collection: str, secret_box: SecretBox, stored: Document, plain: Document
) -> None:
    held = secret_members(stored)
    sealed = secret_box.sealed({name: plain[name] for name in held}, stored)
    same = {"_id": stored["_id"], **{name: {"$eq": stored[name]} for name in held}}
    await store.ask(store.database[collection].update_one(same, {"$set": sealed}))
