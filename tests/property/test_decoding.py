import gzip
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from service.dialects.kazoo.decode import KazooDecoder
from service.dialects.kazoo.events.calls import CATEGORY, NAMES
from service.dialects.kazoo.policy import KazooPolicy
from service.domain.errors import RejectedMessage
from service.domain.event import Event, Message
from service.domain.webhook import Format, Verb
from tests.builders import make_account, make_webhook
from tests.dialects import content_of, payload_of
from tests.property.strategies import json_values

VECTORS = orjson.loads((Path(__file__).parents[1] / "vectors/kazoo.json").read_bytes())
BODIES: list[dict[str, Any]] = [vector["amqp"]["body"] for vector in VECTORS]
KEYS = sorted({key for body in BODIES for key in body})
READ_KEYS = (
    "Timestamp", "Channel-Is-Loopback", "Channel-Name", "Call-Direction", "Callee-ID-Name",
    "Caller-ID-Number", "From", "Inception", "Other-Leg-Call-ID", "To", "Request",
    "Other-Leg-Destination-Number", "Hangup-Cause", "Hangup-Code", "Duration-Seconds",
    "Ringing-Seconds", "Billing-Seconds",
)  # fmt: skip
CCV_KEYS = sorted({key for body in BODIES for key in body.get("Custom-Channel-Vars", {})})
DECODER = KazooDecoder(KazooPolicy(reserved_ccv_keys=()), 100_000)

hostile = (
    json_values()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "true", "9" * 19, "-0", "nouser@x", "@", 10**19, 1e300, -1e300, 0.1])
)


def decode(body: bytes, encoding: str | None = None) -> tuple[Event, ...]:
    """Return the events of a message; a rejection gives none, any other error is the test's."""
    message = Message("kazoo", "callevt", "call.CHANNEL_CREATE.x", body, encoding)
    with suppress(RejectedMessage):
        return DECODER.decode(message)
    return ()


@given(st.binary(max_size=300), st.sampled_from([None, "", "gzip", "identity", "br"]))
@example(b"\x1f\x8b", "gzip")
def test_any_bytes_are_an_event_or_a_rejection(body: bytes, encoding: str | None) -> None:
    decode(body, encoding)


@given(st.binary(max_size=200), st.integers(0, 60), st.binary(max_size=5))
def test_any_damaged_gzip_is_an_event_or_a_rejection(body: bytes, at: int, damage: bytes) -> None:
    packed = bytearray(gzip.compress(body, mtime=0))
    packed[at : at + len(damage)] = damage
    decode(bytes(packed), "gzip")


@given(json_values())
def test_any_json_is_an_event_or_a_rejection(value: Any) -> None:
    decode(orjson.dumps(value))


@given(
    st.sampled_from(BODIES),
    st.dictionaries(st.sampled_from(KEYS), hostile, max_size=6),
    st.sets(st.sampled_from(KEYS), max_size=6),
)
def test_any_mutated_message_of_a_switch_is_an_event_or_a_rejection(
    body: dict[str, Any], changes: dict[str, Any], removed: set[str]
) -> None:
    mutated = {key: value for key, value in (body | changes).items() if key not in removed}
    decode(orjson.dumps(mutated))


@given(
    st.sampled_from(NAMES),
    st.fixed_dictionaries({}, optional=dict.fromkeys(READ_KEYS, hostile)),
    st.dictionaries(st.sampled_from(CCV_KEYS), hostile, max_size=5),
    st.none() | st.dictionaries(st.text("ab"), hostile, max_size=3),
)
@example("CHANNEL_CREATE", {"Timestamp": 1e300}, {}, None)
@example("CHANNEL_DESTROY", {"Billing-Seconds": -2e19}, {}, None)
def test_a_channel_event_with_any_values_can_be_told_in_every_format(
    name: str, values: dict[str, Any], variables: dict[str, Any], own: dict[str, Any] | None
) -> None:
    required = {"Event-Category": CATEGORY, "Event-Name": name, "Call-ID": "call-1"}
    vars_ = {"Custom-Channel-Vars": variables, "Custom-Application-Vars": own}
    [event] = decode(orjson.dumps(values | vars_ | required))
    payload = payload_of(event, make_account())
    assert payload["hook_event"] == event.hook == name.lower()
    assert None not in payload.values()
    encoder = content_of(payload, "c1b2")
    assert orjson.loads(orjson.dumps(payload)) == payload
    for webhook in (make_webhook(format=Format.JSON), make_webhook(verb=Verb.GET)):
        encoder.writer.content(webhook)


@given(st.binary(min_size=1, max_size=100), st.binary(min_size=1, max_size=100))
def test_equal_bytes_and_only_those_are_the_same_event(one: bytes, other: bytes) -> None:
    body = {"Event-Category": CATEGORY, "Event-Name": "CHANNEL_CREATE", "Call-ID": "1"}
    [first], [second] = (
        decode(orjson.dumps(body | {"Msg-ID": noise.hex()})) for noise in (one, other)
    )
    assert (first.event_id == second.event_id) == (one == other)
