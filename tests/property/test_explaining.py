from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from service.domain.event import Event
from service.domain.webhook import Webhook, account_of
from service.pipeline.dry_run.matching import DryRun
from service.pipeline.match import fits, subscribed
from tests.builders import make_event, make_webhook

HOOKS = ["channel_create", "object", "all"]
TREE = ["root", "reseller", "own", "child", "stranger"]

small = st.sampled_from(["a", "all", "", 1, 1.0, True, None])
filters = st.dictionaries(st.sampled_from(["type", "action"]), st.sampled_from(["a", "b", "all"]))
members = st.dictionaries(st.sampled_from("abc"), small, max_size=3)
webhooks = st.builds(
    make_webhook,
    account_id=st.sampled_from(TREE),
    hook=st.sampled_from(HOOKS),
    enabled=st.booleans(),
    include_subaccounts=st.booleans(),
    include_internal_legs=st.booleans(),
    filters=filters,
    modifiers=st.dictionaries(
        st.sampled_from("abc"), small | st.lists(small, max_size=3), max_size=2
    ),
)
events = st.builds(
    make_event,
    account_id=st.just("own"),
    hook=st.sampled_from(HOOKS[:2]),
    internal_leg=st.booleans(),
    reaches_all=st.booleans(),
    facts=filters,
)


@given(webhooks, events, members)
@example(make_webhook(account_id="own", filters={"type": "a"}), make_event(account_id="own"), {})
def test_nothing_is_in_the_way_exactly_where_matching_selects_the_webhook(
    webhook: Webhook, event: Event, payload: dict[str, Any]
) -> None:
    accounts = {
        name: account_of(
            name,
            ("root", "reseller") if name == "own" else (),
            webhooks=[webhook] if webhook.account_id == name else [],
        )
        for name in TREE
    }
    found = subscribed(event, accounts["own"], [accounts["root"], accounts["reseller"]])
    selected = found == [webhook] and fits(webhook.modifiers, payload)

    reasons_against = DryRun(event, accounts["own"], payload).reasons_against(webhook)

    assert (reasons_against == []) is selected
    assert len(set(reasons_against)) == len(reasons_against)
