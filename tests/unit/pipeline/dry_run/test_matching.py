from dataclasses import replace
from typing import Any

import orjson
import pytest

from service.dialects.bus_message import Occasion
from service.domain.errors import RejectedMessage
from service.domain.event import Event
from service.domain.filters.filters import filters_of
from service.domain.webhook import Webhook
from service.pipeline.dry_run.matching import DryRun, as_message, dry_runs
from tests.builders import ACCOUNT, CALL_ID, MASTER, make_account, make_event, make_webhook
from tests.dialects import HOOKS, KAZOO


def dry_run(event: Event | None = None, **payload: Any) -> DryRun:
    account = make_account(tree=(MASTER,))
    return DryRun(event or make_event(), account, {"call_direction": "inbound", **payload})


def test_where_there_is_no_obstacle_the_webhook_would_hear() -> None:
    heard = [
        make_webhook(),
        make_webhook(hook="all", filters={"type": "whatever"}),
        make_webhook(modifiers={"call_direction": ["inbound"], "no_such_member": "x"}),
        make_webhook(account_id=MASTER, include_subaccounts=True),
    ]
    assert [dry_run().reasons_against(webhook) for webhook in heard] == [[]] * len(heard)


@pytest.mark.parametrize(
    ("webhook", "event", "told"),
    [
        (make_webhook(enabled=False), make_event(), "disabled"),
        (make_webhook(hook="sms"), make_event(), "hook sms"),
        (make_webhook(account_id=MASTER), make_event(), "include_subaccounts"),
        (make_webhook(account_id="stranger"), make_event(), "not a sub-account of"),
        (
            make_webhook(include_internal_legs=False),
            make_event(internal_leg=True),
            "include_internal_legs",
        ),
        (make_webhook(hook="all"), make_event(reaches_all=False), "hook all"),
        (
            make_webhook(filters={"type": "user"}),
            make_event(facts={"type": "device"}),
            "custom_data.type is 'user'",
        ),
        (
            make_webhook(modifiers={"call_direction": "outbound"}),
            make_event(),
            "modifiers.call_direction is 'outbound'",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_obstacle_is_told_in_words(webhook: Webhook, event: Event, told: str) -> None:
    (reason,) = dry_run(event).reasons_against(webhook)
    assert told in reason


def test_all_obstacles_are_told_at_once() -> None:
    webhook = make_webhook(
        enabled=False, hook="sms", account_id=MASTER, modifiers={"call_direction": "x"}
    )
    assert len(dry_run().reasons_against(webhook)) == 4


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.hook_id)
def test_the_sample_of_every_hook_makes_it_fire(hook: Any) -> None:
    sample = hook.sample(Occasion.now(ACCOUNT, CALL_ID))
    message = as_message("kazoo", sample.exchange, sample.routing_key, sample.body)
    found = dry_runs(KAZOO, message, make_account())
    webhook = make_webhook(hook=hook.hook_id)
    fired = [dry_run for dry_run in found if not dry_run.reasons_against(webhook)]
    assert len(fired) == 1
    assert orjson.dumps(dict(fired[0].payload))


def test_a_message_that_cannot_be_understood_is_rejected() -> None:
    message = as_message("kazoo", "callevt", "call.CHANNEL_CREATE.x", {"Event-Name": 7})
    with pytest.raises(RejectedMessage):
        dry_runs(KAZOO, message, make_account())


def test_an_event_of_another_account_is_shown_as_that_accounts() -> None:
    channel_create = next(hook for hook in HOOKS if hook.hook_id == "channel_create")
    message = channel_create.sample(Occasion.now("another", CALL_ID))
    sample = as_message("kazoo", message.exchange, message.routing_key, message.body)
    [dry_run] = dry_runs(KAZOO, sample, make_account(tree=("root",)))
    assert dry_run.payload["account_id"] == "another"
    webhook = make_webhook(account_id="root", include_subaccounts=True)
    [reason] = dry_run.reasons_against(webhook)
    assert reason.startswith("the event belongs to account another, which is not a sub-account")


@pytest.mark.parametrize(
    ("hook_id", "held"),
    [("channel_create", [True, False]), ("channel_destroy", [True, True]), ("fax", [False, False])],
)
def test_the_leg_of_a_sample_is_the_only_one_of_its_call(hook_id: str, held: list[bool]) -> None:
    (hook,) = (hook for hook in HOOKS if hook.hook_id == hook_id)
    sample = hook.sample(Occasion.now(ACCOUNT, CALL_ID))
    message = as_message("kazoo", sample.exchange, sample.routing_key, sample.body)
    clauses = filters_of([{"first_leg": True}, {"last_leg": True}])
    tried = dry_runs(KAZOO, message, make_account())[0]
    told = tried.clauses_of(make_webhook(hook=hook_id, clauses=clauses))
    assert [line.held for line in told] == held


def test_each_clause_of_the_filters_is_told_and_a_failing_one_is_a_reason() -> None:
    clauses = filters_of([{"direction": "inbound"}, {"caller": "+49*"}])
    webhook = make_webhook(clauses=clauses)
    tried = replace(dry_run(caller_id_number="+4412"), call_facts=KAZOO.call_facts)
    assert [(line.path, line.held) for line in tried.clauses_of(webhook)] == [
        ("filters.0", True),
        ("filters.1", False),
    ]
    (reason,) = tried.reasons_against(webhook)
    assert reason == ('filters.1 (caller like "+49*") did not hold: the event\'s caller is "+4412"')
    assert tried.clauses_of(make_webhook()) == ()
