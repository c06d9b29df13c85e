from typing import Any

import pytest

from service.dialects.bus_message import Occasion
from service.dialects.kazoo.events.times import occurred_at
from service.domain.freshness import Freshness
from service.text.gregorian import GREGORIAN_OFFSET_S
from tests.builders import ACCOUNT, CALL_ID, NOW, channel_body, make_message
from tests.dialects import DECODER, HOOKS, KAZOO

AT = int(NOW) + GREGORIAN_OFFSET_S


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ({"Timestamp": AT}, NOW),
        ({"Timestamp": str(AT)}, NOW),
        ({"Event-Timestamp": AT}, NOW),
        ({"Voicemail-Timestamp": AT}, NOW),
        ({"Fax-Timestamp": AT}, NOW),
        ({}, None),
        ({"Timestamp": ""}, None),
        ({"Timestamp": "soon"}, None),
        ({"Timestamp": 1_700_000_000}, None),
        ({"Timestamp": AT * 1_000_000}, None),
        ({"Timestamp": 10**30}, None),
        ({"Timestamp": [AT]}, None),
    ],
)
def test_the_time_of_an_event_is_in_gregorian_seconds(
    body: dict[str, Any], at: float | None
) -> None:
    assert occurred_at(body) == at


@pytest.mark.parametrize("timestamp", [AT, str(AT)])
def test_a_channel_event_has_the_time_of_its_message(timestamp: object) -> None:
    [event] = DECODER.decode(make_message(channel_body(Timestamp=timestamp)))
    assert event.occurred_at == NOW


def test_every_sample_with_a_time_gives_its_event_that_time() -> None:
    timed = set()
    for hook in HOOKS:
        sample = hook.sample(Occasion(ACCOUNT, CALL_ID, NOW, "m-1"))
        for event in DECODER.decode(make_message(dict(sample.body))):
            assert event.occurred_at in (None, NOW)
            if event.occurred_at is not None:
                timed.add(hook.hook_id)
    assert timed >= {"channel_create", "channel_destroy", "notifications"}


def test_steps_of_a_call_are_live_and_what_stays_of_use_is_a_record() -> None:
    live = {hook.hook_id for hook in HOOKS if hook.freshness is Freshness.LIVE}
    assert live == {"channel_create", "channel_answer", "channel_bridge", "parking"}
    assert {hook.freshness for hook in HOOKS if hook.hook_id not in live} == {Freshness.RECORD}


def test_registrations_are_states_and_other_notifications_records() -> None:
    assert KAZOO.freshness("notifications", "register") is Freshness.STATE
    assert KAZOO.freshness("notifications", "deregister") is Freshness.STATE
    assert KAZOO.freshness("notifications", "voicemail_new") is Freshness.RECORD
