"""Webhooks and accounts for the management use cases; see `management/ports.py`.

Filters compare every value from outside with `$eq`, so that MongoDB never reads it as an operator.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument

from service.adapters.mongo.store import Document, Store, ids_of, loading
from service.adapters.secret_box import SecretBox
from service.documents.webhook import HISTORY
from service.domain.disable import DisablePolicy, policy_in
from service.domain.policy import requires_https
from service.domain.webhook import NOTHING

MOST_HISTORY = 50
"""Limit of the audit trail of a webhook, in entries."""
LAST_ENTRIES = {
    HISTORY: {
        "$cond": [{"$isArray": f"${HISTORY}"}, {"$slice": [f"${HISTORY}", -MOST_HISTORY]}, []]
    }
}
NOT_DISABLED = [None, ""]


class MongoAccounts:
    """See `management.ports.Accounts`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._accounts = store.database["accounts"]

    async def tree(self, account_id: str) -> Sequence[str]:
        """See `management.ports.Accounts`."""
        question = self._accounts.find_one({"_id": {"$eq": account_id}}, {"tree": 1})
        tree = (await self._store.ask(question) or {}).get("tree")
        return [str(ancestor) for ancestor in tree] if isinstance(tree, list) else []

    async def disable_policy(self, account_id: str) -> DisablePolicy | None:
        """See `management.ports.Accounts`."""
        question = self._accounts.find_one({"_id": {"$eq": account_id}}, {"disable": 1})
        document = await self._store.ask(question)
        return None if document is None else policy_in(document)

    async def requires_https(self, account_id: str) -> bool | None:
        """See `management.ports.Accounts`."""
        question = self._accounts.find_one({"_id": {"$eq": account_id}}, {"require_https": 1})
        document = await self._store.ask(question) or {}
        return None if document.get("require_https") is None else requires_https(document)

    async def require_https(self, account_id: str) -> None:
        """See `management.ports.Accounts`."""
        unless_said = {"$ifNull": ["$require_https", True]}
        change = [{"$set": {"require_https": unless_said, "modified_at": "$$NOW"}}]
        wanted = {"_id": {"$eq": account_id}}
        await self._store.ask(self._accounts.update_one(wanted, change, upsert=True))

    async def with_descendants(self, account_id: str) -> Sequence[str]:
        """See `management.ports.Accounts`."""
        below = self._accounts.find({"tree": {"$eq": account_id}}, {"_id": 1}).to_list(None)
        return [account_id, *(str(document["_id"]) for document in await self._store.ask(below))]


class MongoWebhookDocuments:
    """See `management.ports.WebhookDocuments` and `DisabledWebhooks`."""

    def __init__(self, store: Store, secret_box: SecretBox) -> None:
        self._store = store
        self._secret_box = secret_box
        self._webhooks = store.database["webhooks"]
        self._health = store.database["webhook_health"]

    async def of_account(self, account_id: str) -> Sequence[Document]:
        """See `management.ports.WebhookDocuments`."""
        wanted = {"account_id": {"$eq": account_id}}
        found = await self._store.ask(self._webhooks.aggregate(loading(wanted)).to_list(None))
        return [self._secret_box.opened(document) for document in found]

    async def find(self, account_id: str, webhook_id: str) -> Document | None:
        """See `management.ports.WebhookDocuments`."""
        wanted = _one(account_id, webhook_id)
        found = await self._store.ask(self._webhooks.aggregate(loading(wanted)).to_list(1))
        if not found:
            return None
        told = self._webhooks.aggregate([{"$match": wanted}, {"$project": LAST_ENTRIES}])
        history = [row[HISTORY] for row in await self._store.ask(told.to_list(1))]
        return self._opened({**found[0], HISTORY: history[0] if history else []})

    async def insert(self, document: Document, most: int) -> bool:
        """See `management.ports.WebhookDocuments`; two inserts at once may exceed `most` by one."""
        owned = {"account_id": {"$eq": document["account_id"]}}
        if await self._store.ask(self._webhooks.count_documents(owned, limit=most)) >= most:
            return False
        sealed = self._secret_box.sealed(document, document)
        await self._store.ask(self._webhooks.insert_one(sealed))
        return True

    async def change(
        self,
        account_id: str,
        webhook_id: str,
        members: Document,
        entry: Document,
        same: Document = NOTHING,
    ) -> Document | None:
        """See `management.ports.WebhookDocuments`."""
        sealed = self._secret_box.sealed(members, {"_id": webhook_id, "account_id": account_id})
        question = self._webhooks.find_one_and_update(
            {**_one(account_id, webhook_id), **{key: {"$eq": same[key]} for key in same}},
            _update(sealed, entry),
            return_document=ReturnDocument.AFTER,
        )
        return self._opened(await self._store.ask(question))

    async def delete(self, account_id: str, webhook_id: str, at: datetime) -> Document | None:
        """See `management.ports.WebhookDocuments`.

        Leaves a tombstone in `webhook_health` for a day, because polling cannot see a deletion.
        """
        found = await self.find(account_id, webhook_id)
        if found is None:
            return None
        result = await self._store.ask(self._webhooks.delete_one(_one(account_id, webhook_id)))
        if not result.deleted_count:
            return None
        gone = {"_id": str(found["_id"]), "deleted": True, "updated_at": at}
        replaced = self._health.replace_one({"_id": gone["_id"]}, gone, upsert=True)
        await self._store.ask(replaced)
        return found

    async def enable_all(self, account_ids: Sequence[str], entry: Document) -> Sequence[Document]:
        """See `management.ports.DisabledWebhooks`."""
        enabled = []
        wanted = {
            "account_id": {"$in": list(account_ids)},
            "enabled": {"$in": [False, "false"]},
            "disable_reason": {"$nin": NOT_DISABLED},
        }
        members = {
            "enabled": True,
            "disable_reason": None,
            "disabled_at": None,
            "modified_at": entry["at"],
            "modified_by": entry["by"],
        }
        found = self._webhooks.find(wanted, {"account_id": 1})
        for document in await self._store.ask(found.to_list(None)):
            one = {**wanted, "_id": document["_id"]}
            result = await self._store.ask(self._webhooks.update_one(one, _update(members, entry)))
            if result.modified_count:
                enabled.append(document)
        return enabled

    def _opened(self, document: Document | None) -> Document | None:
        return None if document is None else self._secret_box.opened(document)


def _one(account_id: str, webhook_id: str) -> dict[str, Any]:
    return {"_id": {"$in": ids_of(webhook_id)}, "account_id": {"$eq": account_id}}


def _update(members: Document, entry: Document) -> dict[str, Any]:
    """Return the update that sets members, removes those that are None, and appends the entry."""
    kept = {key: value for key, value in members.items() if value is not None}
    removed = {key: "" for key, value in members.items() if value is None}
    history = {"history": {"$each": [dict(entry)], "$slice": -MOST_HISTORY}}
    return {"$set": kept, "$push": history} | ({"$unset": removed} if removed else {})
