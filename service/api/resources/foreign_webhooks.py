"""The collection of webhooks that a switch's customers know, by the same use cases as our own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from service.api.http.foreign_form import ForeignForm
from service.api.http.operation import Access, Answer, ApiCall, Operation
from service.dialects.collection import WebhookCollection
from service.domain.errors import Forbidden, Invalid
from service.management.webhooks import Webhooks

TAG = "Webhooks"


class AnyMembers(BaseModel):
    """Members that the dialect checks."""

    model_config = ConfigDict(extra="allow")


class AnyQuery(AnyMembers):
    """Parameters that the dialect knows."""


@dataclass(frozen=True, slots=True)
class ForeignWebhooks:
    """The handlers of one collection. A webhook of another dialect counts as missing."""

    collection: WebhookCollection
    webhooks: Webhooks

    def operations(self) -> list[Operation]:
        """Return its operations."""
        path = self.collection.path
        return [
            self._operation("POST", path, self.create),
            self._operation("GET", path, self.all),
            self._operation("GET", f"{path}/{{webhook_id}}", self.get),
            self._operation("PUT", f"{path}/{{webhook_id}}", self.replace),
            self._operation("DELETE", f"{path}/{{webhook_id}}", self.delete),
        ]

    async def create(self, call: ApiCall) -> Answer:
        """Create a webhook; only this answer contains the secret of Standard Webhooks."""
        members = self.collection.members(_members(call))
        document = await self.webhooks.create(call.principal, self._account(call), members)
        return Answer({**self.collection.shown(document), "signing_secret": document["secret"]})

    async def all(self, call: ApiCall) -> Answer:
        """List the webhooks."""
        documents = await self.webhooks.all(self._account(call), self.collection.source)
        return Answer(self.collection.listed(documents))

    async def get(self, call: ApiCall) -> Answer:
        """Return a webhook."""
        return Answer(self.collection.shown(await self._one(call)))

    async def replace(self, call: ApiCall) -> Answer:
        """Replace the members of a webhook."""
        await self._one(call)
        members = self.collection.members(_members(call))
        changed = await self.webhooks.edit(
            call.principal, self._account(call), call.webhook_id, members
        )
        return Answer(self.collection.shown(changed))

    async def delete(self, call: ApiCall) -> Answer:
        """Delete a webhook for good."""
        await self._one(call)
        deleted = await self.webhooks.delete(call.principal, self._account(call), call.webhook_id)
        return Answer(self.collection.shown(deleted, deleted=True))

    async def _one(self, call: ApiCall) -> Mapping[str, Any]:
        source = self.collection.source
        return await self.webhooks.one(self._account(call), call.webhook_id, source)

    def _account(self, call: ApiCall) -> str:
        """Return the account of the token, or the one that a superuser names."""
        name, principal = self.collection.account_parameter, call.principal
        named = call.raw_query.get(name)
        if principal.account_id is None:
            if not named:
                raise Invalid.of(name, "required", "a superuser must name the account")
            return named
        if named not in (None, principal.account_id):
            raise Forbidden("the token is of another account")
        return principal.account_id

    def _operation(self, method: str, path: str, handler: Any) -> Operation:
        writes = method != "GET"
        return Operation(
            method,
            path,
            handler,
            summary=handler.__doc__,
            data=dict[str, Any],
            access=Access.WRITE if writes else Access.READ,
            query=AnyQuery,
            body=AnyMembers if method in ("POST", "PUT") else None,
            bare=True,
            form=ForeignForm(self.collection),
        )


def _members(call: ApiCall) -> Mapping[str, Any]:
    found: Mapping[str, Any] = call.body.model_dump()
    return found
