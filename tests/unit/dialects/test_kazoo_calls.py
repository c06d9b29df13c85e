from typing import Any

import orjson
import pytest

from service.dialects.kazoo.decode import KazooDecoder
from service.dialects.kazoo.policy import KazooPolicy
from service.dialects.kazoo.samples import encoded
from service.domain.errors import RejectedMessage, RejectReason
from service.domain.event import Event, event_id_of
from tests.builders import ACCOUNT, CALL_ID, channel_body, make_message

COMMON_FIELDS = [
    "account_id", "authorizing_id", "authorizing_type", "call_direction", "call_forwarded",
    "call_id", "callee_id_name", "callee_id_number", "caller_id_name", "caller_id_number",
    "custom_channel_vars", "custom_application_vars", "emergency_resource_used", "from",
    "inception", "local_resource_id", "local_resource_used", "is_internal_leg",
    "other_leg_call_id", "owner_id", "reseller_id", "timestamp", "to", "hook_event",
]  # fmt: skip


def decode(body: dict[str, Any], account_id: str | None = None, **policy: Any) -> Event:
    decoder = KazooDecoder(KazooPolicy(**policy), 1_000_000)
    [event] = decoder.decode(make_message(body), account_id)
    return event


def decode_vars(variables: dict[str, Any], **changes: Any) -> Event:
    return decode(channel_body(**{"Custom-Channel-Vars": variables, **changes}))


def rejected(body: Any) -> RejectedMessage:
    with pytest.raises(RejectedMessage) as rejection:
        decode(body)
    return rejection.value


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (CALL_ID, "NDlkNGI3%2EOTZlMDgz%4010%2E26%2E0%2E58"),
        ("a-b_c~d 9", "a-b_c~d+9"),
        ("č#*/", "%C4%8D%23%2A%2F"),
    ],
)
def test_an_id_is_one_word_of_a_routing_key(word: str, expected: str) -> None:
    assert encoded(word) == expected


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("CHANNEL_CREATE", []),
        ("CHANNEL_ANSWER", []),
        ("CHANNEL_BRIDGE", ["original_number", "other_leg_destination_number"]),
        (
            "CHANNEL_DESTROY",
            [
                "hangup_cause",
                "hangup_code",
                "duration_seconds",
                "ringing_seconds",
                "billing_seconds",
            ],
        ),
    ],
)
def test_the_fields_stand_in_kazoos_order(name: str, extra: list[str]) -> None:
    assert list(decode(channel_body(name)).fields) == COMMON_FIELDS + extra


def test_the_identity_of_an_event_is_that_of_its_bytes() -> None:
    body = channel_body()
    assert decode(body).event_id == event_id_of("kazoo", orjson.dumps(body))


def test_durations_are_integers_and_zero_is_kept() -> None:
    changes = {"Duration-Seconds": "0", "Ringing-Seconds": None, "Billing-Seconds": 7}
    fields = decode(channel_body("CHANNEL_DESTROY", **changes)).fields
    assert fields["duration_seconds"] == 0
    assert fields["ringing_seconds"] is None
    assert fields["billing_seconds"] == 7


@pytest.mark.parametrize(
    ("reserved", "expected"),
    [
        (None, None),
        ((), {"Account-ID": ACCOUNT, "Fetch-ID": "1"}),
        (("Account-ID",), {"Fetch-ID": "1"}),
        (("Account-ID", "Fetch-ID"), {}),
    ],
)
def test_channel_variables_are_sent_but_for_the_reserved_ones(
    reserved: tuple[str, ...] | None, expected: Any
) -> None:
    body = channel_body(**{"Custom-Channel-Vars": {"Account-ID": ACCOUNT, "Fetch-ID": "1"}})
    fields = decode(body, reserved_ccv_keys=reserved).fields
    assert fields["custom_channel_vars"] == expected


@pytest.mark.parametrize(
    ("variables", "used", "resource"),
    [
        ({"Resource-ID": "r"}, True, "r"),
        ({"Resource-ID": "r", "Global-Resource": "false"}, True, "r"),
        ({"Resource-ID": "r", "Global-Resource": "true"}, False, None),
        ({"Resource-ID": "r", "Global-Resource": True}, False, None),
        ({}, True, None),
    ],
)
def test_a_global_resource_is_not_a_local_one(
    variables: dict[str, Any], used: bool, resource: str | None
) -> None:
    fields = decode_vars({"Account-ID": ACCOUNT, **variables}).fields
    assert fields["local_resource_used"] is used
    assert fields["local_resource_id"] == resource


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, None), ({"Call-Forward": "false"}, False), ({"Call-Forward": "true"}, True)],
)
def test_call_forwarded_is_told_only_where_the_switch_told_it(
    variables: dict[str, Any], expected: bool | None
) -> None:
    assert decode_vars({"Account-ID": ACCOUNT, **variables}).fields["call_forwarded"] is expected


@pytest.mark.parametrize(
    ("changes", "internal", "told"),
    [
        ({}, False, False),
        ({"Channel-Is-Loopback": True}, True, True),
        ({"Channel-Is-Loopback": "true"}, True, True),
        ({"Channel-Name": "loopback/1001-a"}, True, False),
        ({"Channel-Name": "sofia/loopback/1001-a"}, False, False),
        ({"Channel-Name": None, "Channel-Is-Loopback": None}, False, False),
    ],
)
def test_a_loopback_channel_is_an_internal_leg(
    changes: dict[str, Any], internal: bool, told: bool
) -> None:
    event = decode(channel_body(**changes))
    assert event.facts.get("internal_leg", False) is internal
    assert event.fields["is_internal_leg"] is told


@pytest.mark.parametrize(
    ("request_uri", "to", "number"),
    [
        ("+15552345678@acme", "1001@acme", "+15552345678"),
        ("+15552345678", None, "+15552345678"),
        ("nouser@acme", "1001@acme", "1001"),
        (None, "1001@acme", "1001"),
        ("@acme", "1001@acme", "1001"),
        (5551234, "1001@acme", "5551234"),
        ("nouser@acme", "nouser@acme", None),
        (None, None, None),
    ],
)
def test_an_event_without_an_account_names_the_number_that_was_dialled(
    request_uri: Any, to: Any, number: str | None
) -> None:
    event = decode_vars({}, Request=request_uri, To=to)
    assert event.account_id is None
    assert event.dialled_number == number


def test_an_event_with_an_account_needs_no_number() -> None:
    assert decode(channel_body()).dialled_number is None


def test_the_account_of_the_number_is_written_into_the_channel_variables() -> None:
    body = channel_body(**{"Custom-Channel-Vars": {"Fetch-ID": "1"}})
    event = decode(body, ACCOUNT, reserved_ccv_keys=())
    assert event.account_id == ACCOUNT
    assert event.dialled_number is None
    assert event.fields["custom_channel_vars"] == {"Fetch-ID": "1", "Account-ID": ACCOUNT}


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"Call-ID": None}, RejectReason.MISSING_FIELD, "Call-ID is missing"),
        ({"Call-ID": 7}, RejectReason.WRONG_TYPE, "Call-ID must be a string"),
        ({"Event-Name": None}, RejectReason.MISSING_FIELD, "Event-Name is missing"),
        ({"Event-Category": None}, RejectReason.MISSING_FIELD, "Event-Category is missing"),
        (
            {"Custom-Channel-Vars": "text"},
            RejectReason.WRONG_TYPE,
            "Custom-Channel-Vars must be an object",
        ),
        (
            {"Custom-Application-Vars": []},
            RejectReason.WRONG_TYPE,
            "Custom-Application-Vars must be an object",
        ),
        (
            {"Event-Name": "CHANNEL_DISCONNECTED"},
            RejectReason.UNKNOWN_EVENT,
            "no hook for 'call_event', 'CHANNEL_DISCONNECTED'",
        ),
        (
            {"Event-Name": "channel_create"},
            RejectReason.UNKNOWN_EVENT,
            "no hook for 'call_event', 'channel_create'",
        ),
        (
            {"Event-Category": "c" * 99},
            RejectReason.UNKNOWN_EVENT,
            f"no hook for {'c' * 60!r}, 'CHANNEL_CREATE'",
        ),
    ],
)
def test_a_message_that_breaks_the_contract_is_rejected(
    changes: dict[str, Any], reason: RejectReason, detail: str
) -> None:
    rejection = rejected(channel_body(**changes))
    assert (rejection.reason, rejection.detail) == (reason, detail)


def test_a_message_larger_than_allowed_is_rejected() -> None:
    with pytest.raises(RejectedMessage) as rejection:
        KazooDecoder(KazooPolicy(), 100).decode(make_message(channel_body()))
    assert rejection.value.reason is RejectReason.TOO_LARGE
