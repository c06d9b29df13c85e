"""Dry runs of events that the attempt log has."""

from collections.abc import Mapping
from typing import Any

from service.dialects.dialect import Dialect
from service.domain.event import Event
from service.domain.filters.occurrence import LegPlace
from service.domain.webhook import account_of
from service.pipeline.dry_run.matching import DryRun
from service.text.json_text import read_json


def recorded_run(dialect: Dialect, row: Mapping[str, Any]) -> DryRun | None:
    """Return the dry run of a row of the attempt log; None where its payload was not kept."""
    if row.get("payload") is None:
        return None
    payload, webhook_account = read_json(row["payload"]), row["account_id"]
    owner = row.get("event_account_id") or webhook_account
    hook = dialect.by_id.get(row["hook"])
    if hook is not None and hook.version != (row.get("schema_version") or 1):
        # An older version cannot be turned into another one.
        hook = None
    event = dialect.recorded(
        Event(
            event_id=row["event_id"],
            source=dialect.name,
            hook=row["hook"],
            name=row.get("event_name") or "",
            account_id=owner,
            fields=payload,
            call_id=row.get("call_id"),
        )
    )
    place = None
    if event.call_id is not None:
        # The log lacks the switch's message: a fax that names its call counts as an event of it.
        sample = dialect.sample_call
        ends = sample is not None and event.hook == sample.ended
        place = LegPlace(is_first=True, ends_last=ends)
    tree = () if owner == webhook_account else (webhook_account,)
    received_at = (row.get("received_at") or row["started_at"]).timestamp()
    account, facts = account_of(owner, tree), dialect.call_facts
    return DryRun(event, account, payload, hook, facts, received_at, place)
