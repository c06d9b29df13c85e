from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest

from service import __version__
from service.dialects.members import form
from service.documents.webhook import webhook_of
from service.domain.delivery import Request
from service.domain.webhook import Account, Format, Verb, Webhook
from service.pipeline.request.sign import signature, signed_bytes
from tests.builders import (
    ACCOUNT,
    CALL_ID,
    NOW,
    RESELLER,
    SECRET,
    make_account,
    make_delivery,
    make_event,
    make_webhook,
)
from tests.dialects import content_of, payload_of, request_of

PAYLOAD = {"account_id": ACCOUNT, "call_id": CALL_ID, "hook_event": "channel_create"}
CLUSTER = "c1b2c3d4e5f60718293a4b5c6d7e8f90"


def request(
    webhook: Webhook, payload: dict[str, Any] | None = None, cluster_id: str | None = None
) -> Request:
    made = content_of(PAYLOAD if payload is None else payload, cluster_id)
    return request_of(make_delivery(), webhook, made, 1, NOW + 0.9)


def json_webhook(custom_data: dict[str, Any] | None = None) -> Webhook:
    """Return a webhook as the store gives it: filters stripped, new members in Kazoo's order."""
    return webhook_of(
        {
            "_id": "hook-1",
            "account_id": ACCOUNT,
            "hook": "channel_create",
            "uri": "https://hooks.example.net/kazoo",
            "format": "json",
            "custom_data": custom_data,
        }
    )


def sent(custom_data: dict[str, Any] | None, cluster_id: str | None = None) -> list[Any]:
    """Return the members of the JSON body, in order."""
    body = request(json_webhook(custom_data), cluster_id=cluster_id).body
    return list(orjson.loads(body or b"").items())


def test_a_payload_learns_who_the_account_and_its_reseller_are() -> None:
    payload = payload_of(make_event(), make_account())
    assert list(payload.items()) == [
        ("account_id", ACCOUNT),
        ("call_id", CALL_ID),
        ("reseller_id", RESELLER),
    ]


def test_a_payload_leaves_out_what_is_missing_and_keeps_what_is_false() -> None:
    fields: dict[str, Any] = {
        "reseller_id": None,
        "from": None,
        "leg": False,
        "n": 0,
        "vars": {},
        "text": "",
    }
    payload = payload_of(make_event(fields=fields), Account(ACCOUNT))
    assert payload == {"leg": False, "n": 0, "vars": {}, "text": ""}


def test_a_payload_keeps_nulls_inside_its_members() -> None:
    fields = {"custom_application_vars": {"a": None}}
    assert payload_of(make_event(fields=fields), Account(ACCOUNT)) == fields


def test_a_payload_is_not_given_an_account_it_has_no_place_for() -> None:
    assert payload_of(make_event(fields={"id": "1"}), make_account()) == {"id": "1"}


def test_a_payload_does_not_change_the_event() -> None:
    event = make_event()
    payload_of(event, make_account())
    assert event.fields["account_id"] is None


def test_custom_data_overwrites_in_place_and_appends_the_last_member_first() -> None:
    assert sent({"call_id": "mine", "tenant": "t-1", "zone": "west"}) == [
        ("account_id", ACCOUNT),
        ("call_id", "mine"),
        ("hook_event", "channel_create"),
        ("zone", "west"),
        ("tenant", "t-1"),
    ]


def test_a_null_in_custom_data_deletes_the_member() -> None:
    assert sent({"call_id": None, "never_there": None}) == [
        ("account_id", ACCOUNT),
        ("hook_event", "channel_create"),
    ]


def test_type_and_action_are_filters_and_are_not_sent() -> None:
    assert sent({"type": "user", "action": "all", "kept": "yes"})[3:] == [("kept", "yes")]


def test_an_events_own_type_survives_the_filters_of_custom_data() -> None:
    body = request(json_webhook({"type": "user"}), {"type": "sms"}).body
    assert orjson.loads(body or b"") == {"type": "sms"}


@pytest.mark.parametrize("custom_data", [None, {}, {"type": "x"}])
def test_custom_data_with_nothing_to_send_changes_nothing(custom_data: Any) -> None:
    assert sent(custom_data) == list(PAYLOAD.items())


@pytest.mark.parametrize(
    ("custom_data", "tail"),
    [
        (None, [("cluster_id", CLUSTER)]),
        ({"tenant": "t"}, [("tenant", "t"), ("cluster_id", CLUSTER)]),
        ({"tenant": "t", "cluster_id": "x"}, [("cluster_id", CLUSTER), ("tenant", "t")]),
        ({"cluster_id": None}, [("cluster_id", CLUSTER)]),
    ],
)
def test_the_clusters_id_wins_over_custom_data(custom_data: Any, tail: list[Any]) -> None:
    assert sent(custom_data, CLUSTER)[3:] == tail


def test_without_a_clusters_id_custom_data_may_name_one() -> None:
    assert sent({"cluster_id": "mine"})[3:] == [("cluster_id", "mine")]


def test_custom_data_of_one_webhook_does_not_leak_into_the_next() -> None:
    made = content_of(PAYLOAD, None)
    made.writer.content(json_webhook({"tenant": "secret", "call_id": None}))
    body = made.writer.content(json_webhook()).content
    assert orjson.loads(body) == PAYLOAD


def test_webhooks_without_custom_data_share_one_body_per_format() -> None:
    made = content_of(PAYLOAD, CLUSTER)
    posts = [make_webhook(str(n), format=Format.JSON) for n in range(2)]
    forms = [make_webhook("f"), make_webhook("g", verb=Verb.GET, format=Format.JSON)]

    json_bodies = [made.writer.content(webhook).content for webhook in posts]
    form_bodies = [made.writer.content(webhook).content for webhook in forms]

    assert json_bodies[0] is json_bodies[1]
    assert form_bodies[0] == form_bodies[1]


@pytest.mark.parametrize("verb", [Verb.POST, Verb.PUT])
def test_a_json_body_is_compact_and_written_in_utf8(verb: Verb) -> None:
    made = request(make_webhook(verb=verb, format=Format.JSON), {"name": "Zoë 中", "n": 0.015})
    assert made.verb == verb.value
    assert made.uri == "https://hooks.example.net/kazoo"
    assert made.query == ""
    assert made.body == '{"name":"Zoë 中","n":0.015}'.encode()
    assert made.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("verb", [Verb.POST, Verb.PUT])
def test_a_form_body_is_the_default(verb: Verb) -> None:
    made = request(make_webhook(verb=verb), {"name": "Zoë 中"})
    assert made.verb == verb.value
    assert made.query == ""
    assert made.body == b"name=Zo%C3%AB+%E4%B8%AD"
    assert made.headers["Content-Type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("format_", Format)
def test_get_carries_the_payload_as_query_whatever_the_format(format_: Format) -> None:
    made = request(make_webhook(verb=Verb.GET, format=format_), {"a": "b c", "d": {"e": 1}})
    assert made.verb == "GET"
    assert made.query == "a=b+c&d%5Be%5D=1"
    assert made.body is None
    assert "Content-Type" not in made.headers


def test_headers_name_the_webhook_its_owner_the_delivery_and_the_attempt() -> None:
    delivery = make_delivery(account_id="the-events-account")
    webhook = make_webhook("hook-7", account_id=RESELLER)
    made = request_of(delivery, webhook, content_of(PAYLOAD, None), 3, NOW + 0.9)
    assert made.headers == {
        "X-Hook-ID": "hook-7",
        "X-Account-ID": RESELLER,
        "X-Switchhook-Attempt": "3",
        "X-Switchhook-Schema": "channel_create/1",
        "User-Agent": f"switchhook/{__version__}",
        "webhook-id": delivery.delivery_id,
        "webhook-timestamp": "1700000000",
        "Content-Type": "application/x-www-form-urlencoded",
    }


@pytest.mark.parametrize("verb", Verb)
def test_a_webhook_with_a_secret_signs_what_is_sent(verb: Verb) -> None:
    made = request(make_webhook(verb=verb, secret=SECRET))
    body = made.query.encode() if verb is Verb.GET else made.body
    assert body
    signed = signed_bytes(make_delivery().delivery_id, "1700000000", body)
    assert made.headers["webhook-signature"] == signature(SECRET, signed)


def test_a_webhook_without_a_secret_signs_nothing() -> None:
    assert "webhook-signature" not in request(make_webhook()).headers


# What Kazoo makes of these is in its form made; brackets are percent-encoded here, which every
# decoder reads the same, and empty segments are left out.
@pytest.mark.parametrize(
    ("payload", "encoded"),
    [
        ({}, ""),
        ({"n": 1, "f": 1.5, "t": True, "x": False}, "n=1&f=1.5&t=true&x=false"),
        ({"t": 63_877_497_874, "c": 0.015}, "t=63877497874&c=0.015"),
        ({"o": {"Account-ID": "a b"}}, "o%5BAccount-ID%5D=a+b"),
        ({"o": {"b": {"c": "d e"}}}, "o%5Bb%5D%5Bc%5D=d+e"),
        ({"l": [1, "x&y", True]}, "l%5B%5D=1&l%5B%5D=x%26y&l%5B%5D=true"),
        ({"l": [{"z": 1}]}, "l%5B%5D=%7B%22z%22%3A1%7D"),
        ({"l": [["a", 1]]}, "l%5B%5D=%5B%22a%22%2C1%5D"),
        ({"u": "é/~-_."}, "u=%C3%A9%2F~-_."),
        ({"empty": ""}, "empty="),
        ({"a": None, "b": "1"}, "b=1"),
        ({"a": {"b": None}, "c": [None, "1"]}, "c%5B%5D=1"),
        ({"a": {}, "b": [], "c": {"d": {}}, "e": "1"}, "e=1"),
        ({"a": "1", "b": {}}, "a=1"),
        ({"a&b=c": "1", "d": {"e]": "2"}}, "a%26b%3Dc=1&d%5Be%5D%5D=2"),
        ({"jméno": "Ž"}, "jm%C3%A9no=%C5%BD"),
        ({"text": "a=b&c#d?e+f%"}, "text=a%3Db%26c%23d%3Fe%2Bf%25"),
        ({"lines": "a\r\nb\x00"}, "lines=a%0D%0Ab%00"),
    ],
)
def test_a_form_is_written_as_kazoo_writes_it(payload: dict[str, Any], encoded: str) -> None:
    assert form(payload) == encoded


def test_a_form_decodes_to_what_kazoos_bytes_decode_to() -> None:
    payload = {
        "hook_event": "channel_create", "n": 1, "f": 1.5, "t": True,
        "o": {"Account-ID": "a b", "l": [1, "x&y", {"z": 1}]}, "e": {}, "u": "é/~-_.",
        "cluster_id": "c1b2",
    }  # fmt: skip
    kazoos = (
        "hook_event=channel_create&n=1&f=1.5&t=true&o[Account-ID]=a+b&o[l][]=1&o[l][]=x%26y"
        "&o[l][]=%7B%22z%22%3A1%7D&&u=%C3%A9%2F~-_.&cluster_id=c1b2"
    )
    assert parse_qsl(form(payload), strict_parsing=True) == parse_qsl(kazoos)
