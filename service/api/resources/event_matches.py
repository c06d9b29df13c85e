"""`POST …/webhooks/match/events`: "would it match?" over the last events of the account."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.api.http.operation import Answer, ApiCall, operation
from service.api.resources.dry_runs import LONGEST_REASON, TAG, WEBHOOKS, as_verdict
from service.api.shapes.event_matches import EventMatches, EventVerdict
from service.api.shapes.webhook import EventQuestion
from service.dialects.dialect import Dialects
from service.documents.webhook import BadDocument, webhook_of
from service.documents.webhook_form import Document
from service.domain.errors import Invalid
from service.domain.webhook import Webhook
from service.management.ports import RecentEvents
from service.management.webhooks import Webhooks
from service.pipeline.dry_run.matching import DryRun
from service.pipeline.dry_run.recorded import recorded_run
from service.ports import Directory

MOST_EVENTS = 100


@dataclass(frozen=True, slots=True)
class EventMatchHandlers:
    """The operation and what it needs."""

    webhooks: Webhooks
    events: RecentEvents
    directory: Directory
    dialects: Dialects

    @operation(
        "POST",
        f"{WEBHOOKS}/match/events",
        name="matchEvents",
        tag=TAG,
        data=EventMatches,
        body=EventQuestion,
        example={"hook": "channel_destroy", "filters": [{"min_duration_s": 30}]},
        errors=(404,),
    )
    async def match(self, call: ApiCall) -> Answer:
        """Return which of the last hundred events a webhook would get, and why not the others.

        The events are those that at least one webhook of the account was sent.
        """
        members = call.body.model_dump(exclude_unset=True)
        webhook_id = members.pop("hook_id", None)
        webhook = await self._webhook(call.account_id, webhook_id, members)
        masking = _masking(await self.webhooks.all(call.account_id))
        rows = await self.events.newest(
            call.account_id, MOST_EVENTS, masking, own_only=call.own_only
        )
        runs = [(row, recorded_run(self.dialects.of(row.get("source") or ""), row)) for row in rows]
        found = [_verdict(webhook, row, run, masking) for row, run in runs if run is not None]
        matching = sum(one["matches"] for one in found)
        missing = len(rows) - len(found)
        return Answer({"matching": matching, "events": found, "without_payload": missing})

    async def _webhook(self, account_id: str, webhook_id: str | None, members: Document) -> Webhook:
        document = await self.webhooks.draft(account_id, webhook_id, members)
        try:
            webhook = webhook_of(document, self.dialects.default_source)
        except BadDocument as error:
            raise Invalid.of("filters", "invalid", str(error)) from None
        named = self.dialects.of(webhook.source).catalogued(webhook)
        return (await self.directory.account(account_id)).bound(named)


def _masking(documents: Sequence[Document]) -> Sequence[str]:
    """Return the ids of the webhooks that mask or omit members."""
    return [str(one["_id"]) for one in documents if one.get("mask") or one.get("omit")]


def _verdict(
    webhook: Webhook, row: Document, run: DryRun, masking: Sequence[str]
) -> dict[str, Any]:
    reasons = run.reasons_against(webhook)
    return EventVerdict(
        event_id=row["event_id"],
        hook=row["hook"],
        event_name=row.get("event_name"),
        call_id=row.get("call_id"),
        account_id=run.event.account_id or row["account_id"],
        at=row["started_at"].isoformat(timespec="milliseconds"),
        hook_id=row["webhook_id"],
        attempt_id=str(row["_id"]),
        masked=row["webhook_id"] in masking,
        matches=not reasons,
        reasons=[reason[:LONGEST_REASON] for reason in reasons],
        clauses=[as_verdict(line) for line in run.clauses_of(webhook)],
    ).model_dump()
