"""Destinations that switches manage themselves; see `ports.Provisions`.

An account that a switch told of has `provisioned_at` (unix seconds) and the secret of its dialect,
such as `voipbin_secret`. A document of `scoped_webhooks`: `{_id: scope id, document, updated_at}`;
a TTL index deletes it a day after its scope was last told of.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from service.adapters.mongo.store import Store
from service.adapters.secret_box import SecretBox
from service.domain.errors import StoreUnavailable
from service.domain.provision import AccountProvision, Provision, ScopedWebhook


class MongoProvisions:
    """See `ports.Provisions`."""

    def __init__(self, store: Store, secret_box: SecretBox) -> None:
        self._store = store
        self._secret_box = secret_box
        self._accounts = store.database["accounts"]
        self._webhooks = store.database["webhooks"]
        self._health = store.database["webhook_health"]
        self._scoped = store.database["scoped_webhooks"]

    async def keep(self, provision: Provision) -> None:
        """See `ports.Provisions`."""
        if isinstance(provision, ScopedWebhook):
            await self._keep_scoped(provision)
        elif await self._keep_account(provision):
            await self._keep_webhook(provision)

    async def scoped(self, scope_id: str) -> Mapping[str, Any] | None:
        """See `ports.Provisions`."""
        found = await self._store.ask(self._scoped.find_one({"_id": {"$eq": scope_id}}))
        return None if found is None else found["document"]

    async def _keep_scoped(self, provision: ScopedWebhook) -> None:
        kept = {"document": dict(provision.document), "updated_at": datetime.now(UTC)}
        wanted = {"_id": provision.scope_id}
        await self._store.ask(self._scoped.update_one(wanted, {"$set": kept}, upsert=True))

    async def _keep_account(self, provision: AccountProvision) -> bool:
        """Store the account; return False if something newer is known."""
        members: dict[str, Any] = {"provisioned_at": provision.changed_at}
        if provision.name:
            members["name"] = provision.name
        if provision.secret is not None:
            members[f"{provision.source}_secret"] = provision.secret
        owner = {"_id": provision.account_id}
        change = {"$set": self._secret_box.sealed(members, owner)}
        not_newer = {"$not": {"$gt": provision.changed_at}}
        wanted = {**owner, "provisioned_at": not_newer}
        try:
            await self._store.ask(self._accounts.update_one(wanted, change, upsert=True))
        except StoreUnavailable as error:
            # The upsert finds the account, whose time is later, by its id alone.
            if isinstance(error.__cause__, DuplicateKeyError):
                return False
            raise
        return True

    async def _keep_webhook(self, provision: AccountProvision) -> None:
        now, wanted = datetime.now(UTC), {"_id": provision.webhook_id}
        if provision.webhook is None:
            found = await self._store.ask(self._webhooks.find_one_and_delete(wanted))
            if found is not None:
                # Polling cannot see a deletion: this tombstone shows it.
                gone = {"deleted": True, "updated_at": now}
                await self._store.ask(
                    self._health.replace_one(wanted, {**wanted, **gone}, upsert=True)
                )
            return
        members = {key: value for key, value in provision.webhook.items() if key != "_id"}
        change = {"$set": {**members, "modified_at": now}, "$setOnInsert": {"created_at": now}}
        await self._store.ask(self._webhooks.update_one(wanted, change, upsert=True))
