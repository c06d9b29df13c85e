"""What Kazoo's own modules sent for given messages, and what we make of the same messages."""

from urllib.parse import parse_qsl

import orjson
import pytest

from service.dialects.kazoo.decode import KazooDecoder
from service.dialects.kazoo.policy import KazooPolicy
from service.documents.webhook import webhook_of
from service.domain.delivery import Delivery, Request, delivery_id_of
from service.domain.event import Event, Message
from service.domain.webhook import Account, account_of
from service.pipeline.match import fits, subscribed
from tests import kazoo_vectors
from tests.dialects import content_of, payload_of, request_of
from tests.kazoo_vectors import Vector

VECTORS: dict[str, Vector] = {vector["id"]: vector for vector in kazoo_vectors.read()}
DELIVERED = sorted(name for name, vector in VECTORS.items() if vector["bound"])
FIRES = sorted(n for n in DELIVERED if VECTORS[n]["expect"] is not None)
SILENT = sorted(set(DELIVERED) - set(FIRES) - kazoo_vectors.FIRES_HERE)


def test_all_vectors_are_run() -> None:
    assert (len(VECTORS), len(DELIVERED), len(FIRES), len(SILENT)) == (86, 83, 64, 17)


def test_a_vector_that_is_not_run_is_one_the_broker_would_never_deliver() -> None:
    # No binding of ours (nor of Kazoo's webhooks app) matches its routing key.
    assert set(VECTORS) - set(DELIVERED) == {"ch-disconnected", "sms-onnet", "sms-out"}


@pytest.mark.parametrize("name", FIRES)
def test_a_vector_that_fires_in_kazoo_gives_the_same_request(name: str) -> None:
    vector = VECTORS[name]
    expected = vector["expect"]

    [request] = requests_of(vector)

    assert request.verb == expected["method"]
    assert request.uri == _uri_of(vector)
    assert expected["headers"].items() <= request.headers.items()
    for absent in expected.get("headers_absent", ()):
        assert absent not in request.headers
    if "body" in expected:
        body = orjson.loads(request.body or b"")
        assert body == expected["body"]
        assert list(body) == list(expected["body"])
    else:
        # Kazoo leaves brackets bare and writes empty segments: only the decoded pairs must agree.
        encoded = request.query if request.verb == "GET" else (request.body or b"").decode()
        assert parse_qsl(encoded, strict_parsing=True, keep_blank_values=True) == [
            tuple(pair) for pair in expected["form_pairs"]
        ]
        assert "[" not in encoded


@pytest.mark.parametrize("name", SILENT)
def test_a_vector_that_is_silent_in_kazoo_gives_no_request(name: str) -> None:
    assert requests_of(VECTORS[name]) == []


def test_an_account_without_a_document_has_its_own_webhooks_fire() -> None:
    vector = VECTORS["sub-unknown-account"]

    [request] = requests_of(vector)

    payload = orjson.loads(request.body or b"")
    assert payload["account_id"] == vector["webhook"]["account_id"]
    assert "reseller_id" not in payload


def test_a_missing_filter_is_no_constraint() -> None:
    [request] = requests_of(VECTORS["obj-cd-empty"])
    assert orjson.loads(request.body or b"")["action"] == "doc_edited"


def test_secrets_in_notifications_are_left_out_unless_asked_for() -> None:
    [request] = requests_of(VECTORS["nt-new-user"], forward_secrets=False)
    payload = orjson.loads(request.body or b"")
    assert payload["user_id"] == "u1"
    assert "password" not in payload


def requests_of(vector: Vector, *, forward_secrets: bool = True) -> list[Request]:
    """Take the vector's message all the way: decode, match, build."""
    config = vector["config"]
    policy = KazooPolicy(
        cluster_id=config.get("cluster/cluster_id"),
        reserved_ccv_keys=config.get("call_command/reserved_ccv_keys"),
        forward_secrets=forward_secrets,
    )
    events = events_of(vector, KazooDecoder(policy, 1_000_000))
    return [
        request
        for event in events
        if event.account_id is not None
        for request in requests_for(vector, event, event.account_id, policy.cluster_id)
    ]


def requests_for(
    vector: Vector, event: Event, account_id: str, cluster_id: str | None
) -> list[Request]:
    if event.webhook is not None:
        account, webhooks = account_of(account_id), [webhook_of(event.webhook, event.source)]
    else:
        account = account_in(vector, account_id)
        ancestors = [account_in(vector, ancestor) for ancestor in account.tree]
        webhooks = subscribed(event, account, ancestors)
    payload = payload_of(event, account)
    encoder = content_of(payload, cluster_id)
    return [
        request_of(delivery_of(event, webhook.webhook_id), webhook, encoder, 1, 0.0)
        for webhook in webhooks
        if fits(webhook.modifiers, payload)
    ]


def _uri_of(vector: Vector) -> str:
    return str((vector["webhook"] or vector["amqp"]["body"]["Hook"])["uri"])


def events_of(vector: Vector, decoder: KazooDecoder) -> tuple[Event, ...]:
    amqp = vector["amqp"]
    encoding = amqp["properties"].get("content_encoding")
    body = kazoo_vectors.body(vector)
    message = Message("kazoo", amqp["exchange"], amqp["routing_key"], body, encoding)
    events = decoder.decode(message)
    number = next((event.dialled_number for event in events), None)
    return events if number is None else decoder.decode(message, vector["numbers"][number])


def account_in(vector: Vector, account_id: str) -> Account:
    known = vector["account_tree"].get(account_id, {})
    webhook = webhook_of(vector["webhook"], "kazoo")
    own = [webhook] if webhook.account_id == account_id else []
    return account_of(account_id, known.get("tree", ()), known.get("reseller_id"), own)


def delivery_of(event: Event, webhook_id: str) -> Delivery:
    return Delivery(
        delivery_id=delivery_id_of(event.event_id, webhook_id),
        event_id=event.event_id,
        webhook_id=webhook_id,
        account_id="",
        hook=event.hook,
        event_name=event.name,
        call_id=event.call_id,
        received_at=0.0,
        payload=b"{}",
    )
