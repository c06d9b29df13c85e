"""Events of the attempt log are judged as they were when they arrived."""

from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest

from service.dialects.bus_message import Occasion
from service.dialects.hook import Hook
from service.documents.log import attempt_document
from service.domain.filters.filters import filters_of
from service.domain.webhook import account_of
from service.pipeline.dry_run.matching import DryRun, as_message, dry_runs
from service.pipeline.dry_run.recorded import recorded_run
from service.text.json_text import write_json
from tests.builders import ACCOUNT, make_attempt, make_delivery, make_webhook
from tests.dialects import HOOKS, KAZOO

AT = datetime(2026, 1, 2, tzinfo=UTC)


def runs_of(hook: Hook) -> list[tuple[DryRun, DryRun]]:
    """Return each event of a hook's sample, as it arrived and as the log has it."""
    sample = hook.sample(Occasion.now(ACCOUNT, "c-1"))
    message = as_message(hook.source, sample.exchange, sample.routing_key, sample.body)
    pairs = []
    for first in dry_runs(KAZOO, message, account_of(ACCOUNT)):
        event = first.event
        delivery = replace(
            make_delivery(account_id=ACCOUNT),
            hook=event.hook,
            event_name=event.name,
            call_id=event.call_id,
            source=event.source,
            payload=write_json(dict(first.payload)),
        )
        again = recorded_run(KAZOO, attempt_document(make_attempt(delivery=delivery)))
        assert again is not None
        pairs.append((first, again))
    return pairs


@pytest.mark.parametrize("hook", [hook for hook in HOOKS if hook.binds], ids=lambda h: h.hook_id)
def test_an_event_of_the_log_has_the_facts_of_the_message(hook: Hook) -> None:
    for first, again in runs_of(hook):
        assert dict(again.event.facts) == dict(first.event.facts)
        assert again.event.reaches_all == first.event.reaches_all
        assert again.event.account_id == first.event.account_id
        assert again.payload == orjson.loads(write_json(dict(first.payload)))


@pytest.mark.parametrize("hook_id", ["channel_create", "channel_bridge", "channel_destroy", "sms"])
def test_the_leg_of_a_logged_event_is_the_only_one_of_its_call(hook_id: str) -> None:
    ((first, again),) = runs_of(next(hook for hook in HOOKS if hook.hook_id == hook_id))
    assert again.place == first.place


def test_the_clause_that_fails_is_told() -> None:
    ((_, run),) = runs_of(next(hook for hook in HOOKS if hook.hook_id == "channel_create"))
    clauses = filters_of([{"direction": "outbound"}])
    webhook = make_webhook(account_id=ACCOUNT, clauses=clauses)
    (reason,) = run.reasons_against(webhook)
    assert reason.startswith("filters.0")


def test_an_event_without_a_payload_cannot_be_judged() -> None:
    assert recorded_run(KAZOO, {"hook": "sms", "payload": None}) is None
