"""VoIPBIN's messages, whatever they say: an event or a rejection, and no secret in it."""

from contextlib import suppress
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from service.dialects.voipbin.decode import VoipbinDecoder
from service.dialects.voipbin.exchanges import TOPIC
from service.dialects.voipbin.kinds import BY_KEY, INSIDE, KINDS, Kind
from service.dialects.voipbin.policy import VoipbinPolicy
from service.dialects.voipbin.request import VoipbinRequests
from service.dialects.voipbin.resource import RESOURCES, SECRET_NAMES
from service.domain.errors import RejectedMessage
from service.domain.event import Event, Message
from service.domain.webhook import account_of
from tests.property.strategies import json_values
from tests.voipbin_vectors import read

BODIES: list[dict[str, Any]] = [vector["fanout_body"] for vector in read()]
REQUESTS = VoipbinRequests()
SECRET = "SECRET-do-not-forward"
HIDDEN = (
    "webhook_secret", "password", "realm", "raw_token", "token", "secret", "stack_map",
    "current_stack_id", "channel_id", "terms_agreed_ip", "engine_key",
)  # fmt: skip
MEMBER_NAMES = sorted({member.name for one in RESOURCES.values() for member in one.members})
NAMES = sorted({name for _, name in (*BY_KEY, *INSIDE)})
PUBLISHERS = sorted({publisher for publisher, _ in (*BY_KEY, *INSIDE)})

exchanges = st.sampled_from([TOPIC, "bin-manager.call-manager.event", "elsewhere"])
fanout_kinds = st.sampled_from([kind for kind in KINDS if "fanout" in kind.taps])


def decode(exchange: str, body: bytes, *, with_secrets: bool = False) -> tuple[Event, ...]:
    """Return the events of a message; a rejection gives none, any other error is the test's."""
    decoder = VoipbinDecoder(VoipbinPolicy(forward_secrets=with_secrets), 100_000)
    with suppress(RejectedMessage):
        return decoder.decode(Message("voipbin", exchange, "key", body))
    return ()


def written(event: Event) -> bytes:
    payload = REQUESTS.payload(event, account_of(event.account_id or ""))
    content: bytes = REQUESTS.writer(payload)._only.content
    return content


@given(exchanges, st.binary(max_size=300))
def test_any_bytes_are_an_event_or_a_rejection(exchange: str, body: bytes) -> None:
    decode(exchange, body)


@given(
    exchanges,
    st.sampled_from(NAMES) | json_values(),
    st.sampled_from(PUBLISHERS) | json_values(),
    json_values(),
)
def test_any_envelope_is_an_event_or_a_rejection(
    exchange: str, name: Any, publisher: Any, data: Any
) -> None:
    body = orjson.dumps({"type": name, "publisher": publisher, "data": data})
    for event in decode(exchange, body):
        orjson.loads(written(event))


@given(
    exchanges,
    st.sampled_from(BODIES),
    st.dictionaries(st.sampled_from(MEMBER_NAMES), json_values(), max_size=4),
)
def test_any_member_may_be_of_any_type(
    exchange: str, envelope: dict[str, Any], changes: dict[str, Any]
) -> None:
    data = envelope["data"]
    if isinstance(data, dict):
        body = orjson.dumps({**envelope, "data": {**data, **changes}})
        for event in decode(exchange, body, with_secrets=True):
            orjson.loads(written(event))


@given(
    st.sampled_from([body for body in BODIES if isinstance(body["data"], dict)]),
    st.dictionaries(st.text(max_size=20), json_values(), max_size=5),
)
def test_what_the_list_does_not_name_never_leaves_the_fanout_tap(
    envelope: dict[str, Any], extra: dict[str, Any]
) -> None:
    added = {**extra, **dict.fromkeys(HIDDEN, SECRET)}
    body = orjson.dumps(
        {**envelope, "data": {**added, **envelope["data"], **dict.fromkeys(HIDDEN, SECRET)}}
    )
    for event in decode("bin-manager.any.event", body):
        kind = BY_KEY[envelope["publisher"], envelope["type"]]
        named = {member.name for member in RESOURCES[kind.resource].members if not member.secret}
        assert event.fields["data"].keys() <= named
        assert SECRET.encode() not in written(event)


@given(
    st.sampled_from([body for body in BODIES if isinstance(body["data"], dict)]),
    st.sampled_from(HIDDEN),
)
def test_nothing_is_slipped_into_addresses_actions_and_targets(
    envelope: dict[str, Any], name: str
) -> None:
    kind = BY_KEY.get((envelope["publisher"], envelope["type"]))
    if kind is None:
        return
    shaped = [member for member in RESOURCES[kind.resource].members if member.shape]
    slipped = {"id": "i", "destination": {"type": "tel", name: SECRET}, name: SECRET}
    added = {one.name: [slipped] if one.json_type == "array" else slipped for one in shaped}
    body = orjson.dumps({**envelope, "data": {**envelope["data"], **added}})
    for event in decode("bin-manager.any.event", body):
        assert SECRET.encode() not in written(event)


@given(fanout_kinds)
def test_secrets_asked_for_are_those_of_the_list_and_no_others(kind: Kind) -> None:
    data = {"id": "i", "customer_id": "c", **dict.fromkeys(HIDDEN, SECRET)}
    body = orjson.dumps({"type": kind.type, "publisher": kind.publisher, "data": data})
    [event] = decode("bin-manager.any.event", body, with_secrets=True)
    secret = {name for name, value in event.fields["data"].items() if value == SECRET}
    members = RESOURCES[kind.resource].members
    assert secret == {one.name for one in members if one.secret and one.taken_from in HIDDEN}


@given(st.sampled_from([kind for kind in KINDS if "topic" in kind.taps]))
def test_no_secret_leaves_the_topic_tap(kind: Kind) -> None:
    data = {"id": "i", "customer_id": "c", **dict.fromkeys(SECRET_NAMES, SECRET)}
    [event] = decode(TOPIC, orjson.dumps({"type": kind.type, "data": data}))
    assert SECRET.encode() not in written(event)
