"""What VoIPBIN's own code sent for given events, and what we make of its messages."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest

from service.dialects.dialect import Dialect
from service.dialects.voipbin.decode import VoipbinDecoder
from service.dialects.voipbin.dialect import voipbin
from service.dialects.voipbin.kinds import BY_KEY, INSIDE
from service.dialects.voipbin.policy import Tap, VoipbinPolicy
from service.dialects.voipbin.request import SIGNATURE
from service.dialects.voipbin.resource import RESOURCES
from service.documents.webhook import webhook_of
from service.domain.delivery import Request
from service.domain.event import Message
from service.domain.webhook import account_of
from service.pipeline.events import Arrival, delivery_for
from service.pipeline.match import subscribed
from service.pipeline.request.build import content_of, request_for
from service.pipeline.request.destination import owed_of
from service.pipeline.request.versions import Snapshot
from service.text.json_text import write_json
from tests import voipbin_vectors
from tests.voipbin_vectors import Vector, document, on_fanout, on_topic

VECTORS: dict[str, Vector] = {vector["id"]: vector for vector in voipbin_vectors.read()}
CONVERTED = {name: one for name, one in VECTORS.items() if one["webhook_body"] is not None}
ON_TOPIC = sorted(name for name, one in VECTORS.items() if one["topic_routing_keys"])
DELETED_TRANSCRIPT = {
    name for name, one in VECTORS.items() if one["resource"] == "transcript_internal"
}
ON_FANOUT = sorted(CONVERTED.keys() - DELETED_TRANSCRIPT)
SILENT = sorted(VECTORS.keys() - set(ON_FANOUT))
TAPS: tuple[Tap, ...] = ("topic", "fanout")


WHOLE = voipbin(VoipbinPolicy(taps=TAPS, forward_secrets=True), 1_000_000)
HOOKS = {hook.hook_id: hook for hook in WHOLE.hooks}


def dialect(*, forward_secrets: bool = True) -> Dialect:
    """Return the dialect with a decoder that has seen nothing yet."""
    policy = VoipbinPolicy(taps=TAPS, forward_secrets=forward_secrets)
    return replace(WHOLE, decoder=VoipbinDecoder(policy, 1_000_000))


def test_all_vectors_are_run() -> None:
    assert (len(VECTORS), len(ON_TOPIC), len(ON_FANOUT), len(SILENT)) == (306, 208, 289, 17)


@pytest.mark.parametrize("name", ON_FANOUT)
def test_an_event_of_a_service_gives_the_bytes_that_voipbin_would_send(name: str) -> None:
    assert_equal(VECTORS[name], on_fanout(VECTORS[name]))


@pytest.mark.parametrize("name", ON_TOPIC)
def test_an_event_of_webhook_manager_gives_the_bytes_that_voipbin_sends(name: str) -> None:
    for number in range(len(VECTORS[name]["topic_routing_keys"])):
        assert_equal(VECTORS[name], on_topic(VECTORS[name], number))


@pytest.mark.parametrize("name", SILENT)
def test_an_event_that_concerns_no_customer_gives_no_request(name: str) -> None:
    assert requests_of(VECTORS[name], on_fanout(VECTORS[name]), dialect()) == []


@pytest.mark.parametrize("verb", ["get", "put", "delete"])
@pytest.mark.parametrize("name", ON_TOPIC[::40])
def test_every_method_has_the_same_body_and_signature(name: str, verb: str) -> None:
    vector = VECTORS[name]

    [request] = requests_of(vector, on_topic(vector), dialect(), http_verb=verb)

    assert (request.verb, request.query) == (verb.upper(), "")
    assert (request.body or b"").decode() == vector["webhook_body"]
    assert request.headers.get(SIGNATURE) == vector["signature"]


@pytest.mark.parametrize("name", ON_FANOUT)
def test_secrets_stay_here_unless_asked_for(name: str) -> None:
    vector = VECTORS[name]
    for message in (on_fanout(vector), *([on_topic(vector)] if name in ON_TOPIC else [])):
        [request] = requests_of(vector, message, dialect(forward_secrets=False))
        assert b"do-not-forward" not in (request.body or b"")
        members = RESOURCES[BY_KEY[vector["publisher"], vector["event_type"]].resource].members
        secret = {member.name for member in members if member.secret}
        sent = orjson.loads(vector["webhook_body"])["data"]
        kept = orjson.loads(request.body or b"")["data"]
        assert kept == {name: value for name, value in sent.items() if name not in secret}


def test_every_type_of_the_vectors_is_in_the_catalogue_or_known_to_stay_inside() -> None:
    keys = {(one["publisher"], one["event_type"]) for one in VECTORS.values()}
    assert keys <= BY_KEY.keys() | INSIDE


def test_the_catalogue_says_what_voipbin_delivers_today() -> None:
    delivered = {
        (v["publisher"], v["event_type"]) for v in VECTORS.values() if v["delivered_today"]
    }
    every = {(v["publisher"], v["event_type"]) for v in CONVERTED.values()}
    said = {key for key, kind in BY_KEY.items() if "topic" in kind.taps}
    assert delivered <= said
    assert not said & (every - delivered)


@pytest.mark.parametrize("name", ON_FANOUT)
def test_the_schema_describes_what_is_sent(name: str) -> None:
    vector = VECTORS[name]
    kind = BY_KEY[vector["publisher"], vector["event_type"]]
    described = HOOKS[kind.hook_id].members["data"]["properties"]
    assert orjson.loads(vector["webhook_body"])["data"].keys() <= described.keys()


def assert_equal(vector: Vector, message: Message) -> None:
    [request] = requests_of(vector, message, dialect())
    assert (request.body or b"").decode() == vector["webhook_body"]
    assert request.headers.get(SIGNATURE) == vector["signature"]
    assert request.headers["Content-Type"] == "application/json"


def requests_of(vector: Vector, message: Message, speaks: Dialect, **members: Any) -> list[Request]:
    """Take the message all the way: decode, match, build, by way of the snapshot."""
    found = []
    for event in speaks.decoder.decode(message):
        types = [] if event.reaches_all else [event.hook]
        stored = document(vector, event_types=["*", *types], **members)
        webhook = speaks.catalogued(webhook_of(stored))
        account = account_of(event.account_id or "", webhooks=[webhook])
        assert subscribed(event, account, []) == [webhook]
        payload: Mapping[str, Any] = speaks.requests.payload(event, account)
        snapshot = Snapshot(payload, write_json(payload))
        content = content_of(speaks, event.hook, snapshot)
        delivery = delivery_for(event, webhook, Arrival(0.0, ""), snapshot)
        found.append(request_for(owed_of(delivery, webhook), content, 1, 0.0))
    return found
