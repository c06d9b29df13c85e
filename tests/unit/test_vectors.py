"""What Kazoo's own modules sent for given messages, and what we make of the same messages."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest

from service.adapters.mongo_documents import webhook_of
from service.domain.delivery import Delivery, Request, delivery_id_of
from service.domain.event import Event, Message
from service.domain.webhook import Account, account_of
from service.pipeline.build import Encoder, payload_of, request_for
from service.pipeline.match import fits, subscribed
from service.sources.kazoo.decode import KazooDecoder
from service.sources.kazoo.policy import KazooPolicy

Vector = dict[str, Any]

PREFIXES = ("ch-", "sub-", "cd-", "mod-", "form-null", "all-channel")
VECTORS: dict[str, Vector] = {
    vector["id"]: vector
    for vector in orjson.loads((Path(__file__).parents[1] / "vectors/kazoo.json").read_bytes())
}
OURS = {name: vector for name, vector in VECTORS.items() if name.startswith(PREFIXES)}
DELIVERED = sorted(name for name, vector in OURS.items() if vector["bound"])
FIRES_HERE_ONLY = {"sub-unknown-account"}
"""Kazoo fires nothing for an account without a document; here its own webhooks fire."""
FIRES = sorted(n for n in DELIVERED if OURS[n]["expect"] is not None)
SILENT = sorted(set(DELIVERED) - set(FIRES) - FIRES_HERE_ONLY)


def test_all_vectors_of_channel_events_are_run() -> None:
    assert (len(OURS), len(FIRES), len(SILENT)) == (37, 26, 9)


def test_a_vector_that_is_not_run_is_one_the_broker_would_never_deliver() -> None:
    # No binding of ours (nor of Kazoo's webhooks app) matches its routing key.
    assert set(OURS) - set(DELIVERED) == {"ch-disconnected"}


@pytest.mark.parametrize("name", FIRES)
def test_a_vector_that_fires_in_kazoo_gives_the_same_request(name: str) -> None:
    vector = OURS[name]
    expected = vector["expect"]

    [request] = requests_of(vector)

    assert request.verb == expected["method"]
    assert request.uri == vector["webhook"]["uri"]
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
    assert requests_of(OURS[name]) == []


@pytest.mark.parametrize("name", sorted(FIRES_HERE_ONLY))
def test_an_account_without_a_document_has_its_own_webhooks_fire(name: str) -> None:
    vector = OURS[name]

    [request] = requests_of(vector)

    payload = orjson.loads(request.body or b"")
    assert payload["account_id"] == vector["webhook"]["account_id"]
    assert "reseller_id" not in payload


def requests_of(vector: Vector) -> list[Request]:
    """Take the vector's message all the way: decode, match, build."""
    config = vector["config"]
    policy = KazooPolicy(
        cluster_id=config.get("cluster/cluster_id"),
        reserved_ccv_keys=config.get("call_command/reserved_ccv_keys"),
    )
    requests = []
    for event in events_of(vector, KazooDecoder(policy, 1_000_000)):
        assert event.account_id is not None
        account = account_in(vector, event.account_id)
        payload = payload_of(event, account)
        encoder = Encoder(payload, policy.cluster_id)
        ancestors = [account_in(vector, ancestor) for ancestor in account.tree]
        requests += [
            request_for(delivery_of(event, webhook.webhook_id), webhook, encoder, 1, 0.0)
            for webhook in subscribed(event, account, ancestors)
            if fits(webhook.modifiers, payload)
        ]
    return requests


def events_of(vector: Vector, decoder: KazooDecoder) -> tuple[Event, ...]:
    amqp = vector["amqp"]
    body = orjson.dumps(amqp["body"])
    message = Message("kazoo", amqp["exchange"], amqp["routing_key"], body)
    events = decoder.decode(message)
    number = events[0].dialled_number
    return events if number is None else decoder.decode(message, vector["numbers"][number])


def account_in(vector: Vector, account_id: str) -> Account:
    known = vector["account_tree"].get(account_id, {})
    webhook = webhook_of(vector["webhook"])
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
