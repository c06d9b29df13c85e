"""`/v2/accounts/{A}/webhooks/health`: the health of all webhooks at a glance."""

from dataclasses import dataclass
from typing import Any

from service.api.http.operation import Answer, ApiCall, operation
from service.api.shapes.answers import GlanceAnswer
from service.api.shapes.queries import GlanceQuery
from service.management.glance import Glance, WebhookGlance


@dataclass(frozen=True, slots=True)
class GlanceHandlers:
    """The answer covers the newest attempts alone where there are very many."""

    glance: Glance

    @operation(
        "GET",
        "/v2/accounts/{account_id}/webhooks/health",
        name="getWebhooksHealth",
        tag="Attempts",
        data=list[GlanceAnswer],
        query=GlanceQuery,
    )
    async def webhooks(self, call: ApiCall) -> Answer:
        """Return the health of each webhook that had an attempt within 24 hours."""
        query: GlanceQuery = call.query
        ids = None if query.hook_ids is None else query.hook_ids.split(",")
        found = await self.glance.webhooks(call.account_id, ids, own_only=call.own_only)
        return Answer([_view(webhook_id, one) for webhook_id, one in found.items()])


def _view(webhook_id: str, glance: WebhookGlance) -> dict[str, Any]:
    return {
        "id": webhook_id,
        "attempts": glance.figures.attempts,
        "succeeded": glance.figures.succeeded,
        "p95_ms": glance.figures.p95_ms,
        "hours": [
            {"at": hour.at.isoformat(), "succeeded": hour.succeeded, "failed": hour.failed}
            for hour in glance.hours
        ],
    }
