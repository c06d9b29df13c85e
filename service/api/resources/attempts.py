"""Attempts of an account or of one webhook: list, show, count and replay them."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from service.api.http.operation import Access, Answer, ApiCall, operation
from service.api.shapes.answers import AttemptAnswer, AttemptInFull, Revived, StatsAnswer
from service.api.shapes.bodies import AttemptReplay
from service.api.shapes.pages import Pages, filled
from service.api.shapes.queries import ATTEMPT_MEMBERS, AttemptsQuery, selection_of
from service.domain.errors import Conflict
from service.management.attempts import Attempts, attempt_in_full, selection_of_webhook
from service.management.dead_letters import DeadLetters
from service.management.ports import Document
from service.management.webhooks import Webhooks

ACCOUNT = "/v2/accounts/{account_id}/webhooks"
WEBHOOK = f"{ACCOUNT}/{{webhook_id}}"
ONE = f"{WEBHOOK}/attempts/{{attempt_id}}"
TAG = "Attempts"


@dataclass(frozen=True, slots=True)
class AttemptHandlers:
    """Each method answers one operation."""

    attempts: Attempts
    letters: DeadLetters
    webhooks: Webhooks
    pages: Pages

    @operation(
        "GET",
        f"{ACCOUNT}/attempts",
        name="listAttempts",
        tag=TAG,
        data=list[AttemptAnswer],
        query=AttemptsQuery,
        paged=True,
    )
    async def of_account(self, call: ApiCall) -> Answer:
        """List the attempts of all webhooks, the newest first."""
        return await self._page(call, None)

    @operation(
        "GET",
        f"{WEBHOOK}/attempts",
        name="listWebhookAttempts",
        tag=TAG,
        data=list[AttemptAnswer],
        query=AttemptsQuery,
        paged=True,
        errors=(404,),
    )
    async def of_webhook(self, call: ApiCall) -> Answer:
        """List the attempts of a webhook, even of a deleted one, the newest first."""
        answer = await self._page(call, call.webhook_id)
        if not answer.data and not await self.attempts.any_of(call.account_id, call.webhook_id):
            await self.webhooks.one(call.account_id, call.webhook_id)
        return answer

    @operation("GET", ONE, name="getAttempt", tag=TAG, data=AttemptInFull, errors=(404,))
    async def one(self, call: ApiCall) -> Answer:
        """Return an attempt with all its recorded members."""
        row = await self._found(call)
        return Answer(attempt_in_full(row, self.attempts.dialects))

    @operation(
        "POST",
        f"{ONE}/replay",
        name="replayAttempt",
        tag=TAG,
        data=Revived,
        body=AttemptReplay,
        example={"max_age_s": 0},
        access=Access.WRITE,
        status=202,
        errors=(404, 409),
    )
    async def replay(self, call: ApiCall) -> Answer:
        """Send the delivery again, from attempt 1, with the same id."""
        row = await self._found(call)
        delivery = self.attempts.history.delivery(row)
        if row.get("test"):
            raise Conflict("a test cannot be replayed; send another test")
        if delivery is None:
            raise Conflict("the payload of this attempt was not kept")
        await self.webhooks.one(call.account_id, call.webhook_id)
        order: AttemptReplay = call.body
        replay_id = await self.letters.revive(call.principal, delivery, order.max_age_s)
        return Answer({"replay_id": replay_id, "delivery_id": delivery.delivery_id}, 202)

    @operation(
        "GET", f"{WEBHOOK}/stats", name="getWebhookStats", tag=TAG, data=StatsAnswer, errors=(404,)
    )
    async def stats(self, call: ApiCall) -> Answer:
        """Return the statistics of a webhook."""
        await self.webhooks.one(call.account_id, call.webhook_id)
        now = datetime.now(UTC)
        stats = await self.attempts.stats(
            call.account_id, call.webhook_id, now, own_only=call.own_only
        )
        return Answer(stats)

    async def _found(self, call: ApiCall) -> Document:
        attempt_id = call.path["attempt_id"]
        return await self.attempts.one(
            call.account_id, call.webhook_id, attempt_id, own_only=call.own_only
        )

    async def _page(self, call: ApiCall, webhook_id: str | None) -> Answer:
        query: AttemptsQuery = call.query
        size = self.pages.size(query)
        selection = selection_of(call.account_id, query, ATTEMPT_MEMBERS)
        selection = replace(selection, own_only=call.own_only)
        if webhook_id is not None:
            selection = selection_of_webhook(selection, webhook_id)
        items, page = await filled(
            lambda after, count: self.attempts.page(selection, after, count),
            size,
            query.start_key,
            lambda attempt: str(attempt["id"]),
        )
        return Answer(items, page=page)
