"""`/v2/rejected`: messages that could not be read, for operators."""

from dataclasses import dataclass

from service.api.http.operation import Access, Answer, ApiCall, operation
from service.api.shapes.answers import Discarded
from service.api.shapes.bodies import MessageIds
from service.api.shapes.operator_answers import (
    BroughtBack,
    RejectedAnswer,
    RejectedInFull,
    Taken,
)
from service.api.shapes.pages import Pages, filled
from service.api.shapes.queries import RejectedQuery
from service.management.rejected import RejectedMessages, rejected_key
from service.management.selection import Selection

ALL = "/v2/rejected"
TAG = "Operation"
EXAMPLE = {"ids": ["9a3be0d1c2b3a4955f0c2a9be1d44c7f"]}


@dataclass(frozen=True, slots=True)
class RejectedHandlers:
    """Each method answers one operation."""

    messages: RejectedMessages
    pages: Pages

    @operation(
        "POST", f"{ALL}/take", name="takeRejected", tag=TAG, data=Taken, access=Access.COMMAND
    )
    async def take(self, call: ApiCall) -> Answer:
        """Move rejected messages from their queue into the store, where they can be seen."""
        return Answer({"taken": await self.messages.take(call.principal)})

    @operation(
        "GET",
        ALL,
        name="listRejected",
        tag=TAG,
        data=list[RejectedAnswer],
        access=Access.OPERATE,
        query=RejectedQuery,
        paged=True,
    )
    async def page(self, call: ApiCall) -> Answer:
        """List the rejected messages that were taken from their queue, the newest first."""
        query: RejectedQuery = call.query
        reason = query.filter_reason
        selection = Selection(equals={} if reason is None else {"reason": reason})
        items, page = await filled(
            lambda after, count: self.messages.page(selection, after, count),
            self.pages.size(query),
            query.start_key,
            rejected_key,
        )
        return Answer(items, page=page)

    @operation(
        "GET",
        f"{ALL}/{{rejected_id}}",
        name="getRejected",
        tag=TAG,
        data=RejectedInFull,
        access=Access.OPERATE,
        errors=(404,),
    )
    async def one(self, call: ApiCall) -> Answer:
        """Return a rejected message with its body."""
        return Answer(await self.messages.one(call.path["rejected_id"]))

    @operation(
        "POST",
        f"{ALL}/retry",
        name="retryRejected",
        tag=TAG,
        data=BroughtBack,
        access=Access.COMMAND,
        body=MessageIds,
        example=EXAMPLE,
        errors=(409,),
    )
    async def retry(self, call: ApiCall) -> Answer:
        """Have messages read again, once the reason for rejecting them is gone."""
        order: MessageIds = call.body
        return Answer({"retried": await self.messages.bring_back(call.principal, order.ids)})

    @operation(
        "POST",
        f"{ALL}/discard",
        name="discardRejected",
        tag=TAG,
        data=Discarded,
        access=Access.COMMAND,
        body=MessageIds,
        example=EXAMPLE,
    )
    async def discard(self, call: ApiCall) -> Answer:
        """Delete messages for good."""
        order: MessageIds = call.body
        return Answer({"discarded": await self.messages.discard(call.principal, order.ids)})
