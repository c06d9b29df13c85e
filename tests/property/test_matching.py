from typing import Any

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from service.domain.webhook import Webhook, account_of
from service.pipeline.match import fits, subscribed
from tests.builders import make_event, make_webhook
from tests.property.strategies import json_values

HOOKS = ["channel_create", "channel_destroy", "all", "sms"]
TREE = ["root", "reseller", "own", "child", "stranger"]

webhooks = st.builds(
    make_webhook,
    webhook_id=st.uuids().map(str),
    account_id=st.sampled_from(TREE),
    hook=st.sampled_from(HOOKS),
    enabled=st.booleans(),
    include_subaccounts=st.booleans(),
    include_internal_legs=st.booleans(),
)
small = st.sampled_from(["a", "1", "", 1, 0, 1.0, True, False, None, "true"])


@given(st.lists(webhooks, max_size=12), st.sampled_from(HOOKS), st.booleans())
def test_matching_equals_asking_every_webhook(
    stored: list[Webhook], hook: str, internal_leg: bool
) -> None:
    event = make_event(hook=hook, account_id="own", internal_leg=internal_leg)
    accounts = {
        name: account_of(name, webhooks=[w for w in stored if w.account_id == name])
        for name in TREE
    }

    found = subscribed(event, accounts["own"], [accounts["root"], accounts["reseller"]])

    order = {"own": 0, "root": 1, "reseller": 2}
    wanted = [w for w in stored if wants(w, hook, internal_leg=internal_leg)]
    assert found == sorted(wanted, key=lambda webhook: order[webhook.account_id])


def wants(webhook: Webhook, hook: str, *, internal_leg: bool) -> bool:
    near_enough = webhook.account_id == "own" or (
        webhook.account_id in ("root", "reseller") and webhook.include_subaccounts
    )
    return (
        webhook.enabled
        and near_enough
        and bool(webhook.hooks & {hook, "all"})
        and not (internal_leg and webhook.filters.get("internal_leg") is False)
    )


@given(
    st.dictionaries(st.sampled_from("abcd"), small | st.lists(small, max_size=3), max_size=4),
    st.dictionaries(st.sampled_from("abcd"), small, max_size=4),
)
def test_modifiers_fit_exactly_when_each_of_them_does(
    modifiers: dict[str, Any], payload: dict[str, Any]
) -> None:
    expected = True
    for key, allowed in modifiers.items():
        if key not in payload or allowed == []:
            continue
        choices = allowed if isinstance(allowed, list) else [allowed]
        # JSON text tells 1, 1.0, true and "1" apart.
        if orjson.dumps(payload[key]) not in [orjson.dumps(choice) for choice in choices]:
            expected = False
    assert fits(modifiers, payload) is expected


@given(st.text("ab", max_size=3), json_values())
def test_what_a_payload_holds_is_among_its_own_modifiers(key: str, value: Any) -> None:
    assert fits({key: [value]}, {key: value}) is True


@given(json_values(small), json_values(small))
@example({"a": 1}, {"a": True})
@example([0], [0.0])
def test_values_written_differently_do_not_fit(one: Any, other: Any) -> None:
    same = orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        other, option=orjson.OPT_SORT_KEYS
    )
    assert fits({"a": [one]}, {"a": other}) is same
