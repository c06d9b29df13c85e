"""`/v2/accounts/{A}/webhooks`: an account's webhooks, as in Crossbar."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from service.api.http.operation import Access, Answer, ApiCall, F, always, operation
from service.api.resources.webhook_filters import chosen
from service.api.shapes.answers import WebhookSummary
from service.api.shapes.bodies import BulkEnable
from service.api.shapes.pages import Pages, cut
from service.api.shapes.queries import WebhookFilters
from service.api.shapes.webhook import WebhookAnswer, WebhookCreate, WebhookEdit, WebhooksQuery
from service.documents.webhook import ASK_KEY
from service.documents.webhook_form import Document, completed, public_view, summary
from service.management.ports import BacklogCounts
from service.management.webhook_clauses import doubtful_members
from service.management.webhook_conditions import doubts
from service.management.webhooks import Webhooks
from service.pipeline.request.sign import public_key

ALL = "/v2/accounts/{account_id}/webhooks"
ONE = f"{ALL}/{{webhook_id}}"
BELOW = "/v2/accounts/{account_id}/descendants/webhooks"
TAG = "Webhooks"
EXAMPLE = {
    "name": "CRM",
    "uri": "https://hooks.example.com/calls",
    "hook": "channel_destroy",
    "http_verb": "post",
    "format": "json",
    "retries": 4,
}


def _editing(method: str, name: str) -> Callable[[F], F]:
    """Declare an operation that changes the given members of a webhook."""
    return operation(
        method,
        ONE,
        name=name,
        tag=TAG,
        data=WebhookAnswer,
        access=Access.WRITE,
        body=WebhookEdit,
        example={"enabled": True},
        errors=(404,),
        below="edits_for_all_below",
    )


@dataclass(frozen=True, slots=True)
class WebhookHandlers:
    """Each method answers one operation."""

    webhooks: Webhooks
    pages: Pages
    backlogs: BacklogCounts

    @operation(
        "GET",
        ALL,
        name="listWebhooks",
        tag=TAG,
        data=list[WebhookSummary],
        query=WebhooksQuery,
        paged=True,
    )
    async def page(self, call: ApiCall) -> Answer:
        """List the account's webhooks."""
        query: WebhookFilters = call.query
        size = self.pages.size(query)
        documents = chosen(await self.webhooks.all(call.account_id), query)
        after = [d for d in documents if _follows(d, query)]
        shown_here = [summary(document) for document in after[: size + 1]]
        items, page = cut(shown_here, size, query.start_key, lambda view: str(view["id"]))
        return Answer(items, page=page)

    @operation(
        "PUT",
        ALL,
        name="createWebhook",
        tag=TAG,
        data=WebhookAnswer,
        access=Access.WRITE,
        body=WebhookCreate,
        example=EXAMPLE,
        status=201,
        errors=(409,),
        below="creates_for_all_below",
    )
    async def create(self, call: ApiCall) -> Answer:
        """Create a webhook; only this answer contains its secret."""
        members = call.body.model_dump(exclude_unset=True)
        document = await self.webhooks.create(call.principal, call.account_id, members)
        view = shown(document) | {"secret": document["secret"]}
        notes = self._notes(document)
        return Answer(view, 201, location=str(document["_id"]), notes=notes)

    @operation("GET", ONE, name="getWebhook", tag=TAG, data=WebhookAnswer, errors=(404,))
    async def get(self, call: ApiCall) -> Answer:
        """Return a webhook, with its health and history."""
        document = await self.webhooks.one(call.account_id, call.webhook_id)
        return Answer(await self._in_full(document))

    @_editing("POST", "updateWebhook")
    @_editing("PATCH", "patchWebhook")
    async def edit(self, call: ApiCall) -> Answer:
        """Change the given members of a webhook."""
        members = call.body.model_dump(exclude_unset=True)
        document = await self.webhooks.edit(
            call.principal, call.account_id, call.webhook_id, members
        )
        return Answer(await self._in_full(document), notes=self._notes(document))

    @operation(
        "DELETE",
        ONE,
        name="deleteWebhook",
        tag=TAG,
        data=WebhookAnswer,
        access=Access.WRITE,
        errors=(404,),
    )
    async def delete(self, call: ApiCall) -> Answer:
        """Delete a webhook for good."""
        deleted = await self.webhooks.delete(call.principal, call.account_id, call.webhook_id)
        view = shown(deleted)
        view["_read_only"]["deleted"] = True
        return Answer(view)

    async def creates_for_all_below(self, call: ApiCall) -> bool:
        """Return whether the new webhook would get the events of the accounts below."""
        return bool(call.body.include_subaccounts)

    async def edits_for_all_below(self, call: ApiCall) -> bool:
        """Return whether the webhook gets the events of accounts below, or would after the edit.

        A token without rights to those accounts must not change such a webhook's URI either.
        """
        if call.body.include_subaccounts:
            return True
        return await self.webhooks.includes_subaccounts(call.account_id, call.webhook_id)

    @operation(
        "PATCH",
        ALL,
        name="enableWebhooks",
        tag=TAG,
        data=str,
        access=Access.WRITE,
        body=BulkEnable,
        example={"re-enable": True},
    )
    async def enable_all(self, call: ApiCall) -> Answer:
        """Enable the account's webhooks that were disabled for failing."""
        await self.webhooks.enable_all(call.principal, call.account_id, descendants=False)
        return Answer("hooks updated")

    @operation(
        "PATCH",
        BELOW,
        name="enableDescendantWebhooks",
        tag=TAG,
        data=str,
        access=Access.WRITE,
        body=BulkEnable,
        example={"re-enable": True},
        below=always,
    )
    async def enable_descendants(self, call: ApiCall) -> Answer:
        """Enable webhooks disabled for failing, of the account and of all accounts below it."""
        await self.webhooks.enable_all(call.principal, call.account_id, descendants=True)
        return Answer("hooks updated")

    def _notes(self, document: Document) -> dict[str, Any]:
        """Return the warnings on filters that may never match, for an answer's metadata."""
        found = doubts(completed(document), self.webhooks.hooks)
        found += doubtful_members(document, self.webhooks.hooks)
        return {"warnings": found} if found else {}

    async def _in_full(self, document: Document) -> dict[str, Any]:
        health = await self.webhooks.health_of(document["account_id"], str(document["_id"]))
        view = shown(document, health)
        backlog = await self.backlogs.count(str(document["_id"]))
        if backlog or view.get("paused"):
            view["_read_only"]["backlog"] = backlog
        return view


def shown(document: Document, health: Document | None = None) -> dict[str, Any]:
    """Return the members of a webhook that its account may see, including its public key."""
    view = public_view(document, health)
    if document.get("signing_seed") is not None:
        view["_read_only"]["public_key"] = public_key(document["signing_seed"])
    if document.get(ASK_KEY):
        address = f"{document['_id']}-{document[ASK_KEY]}"
        view["_read_only"]["ask_path"] = f"/ask/{document['account_id']}/{address}"
    return view


def _follows(document: Document, query: WebhookFilters) -> bool:
    if query.start_key is None:
        return True
    webhook_id = str(document["_id"])
    return webhook_id > query.start_key if query.ascending else webhook_id < query.start_key
