"""`/v2/accounts/{A}/webhooks/health`: the health of all webhooks at a glance."""

from dataclasses import dataclass
from typing import Any

from service.api.http.operation import Answer, ApiCall, operation
from service.api.shapes.answers import GlanceAnswer
from service.api.shapes.queries import GlanceQuery
from service.management.glance import Glance, WebhookGlance


@dataclass(frozen=True, slots=True)
class GlanceHandlers:
    """Where there are very many attempts, the metadata has the start of what was counted."""

    glance: Glance

    @operation(
        "GET",
        "/v2/accounts/{account_id}/webhooks/health",
        name="getWebhooksHealth",
        tag="Attempts",
        data=list[GlanceAnswer],
        query=GlanceQuery,
        noted=True,
    )
    async def webhooks(self, call: ApiCall) -> Answer:
        """Return the health of each webhook that had an attempt within 24 hours."""
        query: GlanceQuery = call.query
        ids = None if query.hook_ids is None else query.hook_ids.split(",")
        found = await self.glance.webhooks(call.account_id, ids, own_only=call.own_only)
        notes = {} if found.since is None else {"counted_since": found.since.isoformat()}
        return Answer([_view(key, one) for key, one in found.by_id.items()], notes=notes)


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
