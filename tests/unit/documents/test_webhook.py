from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Int64, ObjectId, encode

from service.documents.webhook import (
    MOST_DOCUMENT_BYTES,
    BadDocument,
    document_bytes,
    webhook_of,
)
from service.domain.privacy import Mask, Privacy
from service.domain.webhook import Format, Verb, Webhook
from tests.builders import ACCOUNT


def document(**changes: Any) -> dict[str, Any]:
    values = {"_id": "5f0c", "account_id": ACCOUNT, "hook": "all", "uri": "https://h.example/"}
    return {key: value for key, value in (values | changes).items() if value is not ...}


def read(**changes: Any) -> Webhook:
    return webhook_of(document(**changes), "kazoo")


def problem(**changes: Any) -> str:
    with pytest.raises(BadDocument) as caught:
        read(**changes)
    return str(caught.value)


def test_what_a_document_does_not_say_is_as_in_kazoo() -> None:
    assert read() == Webhook(
        webhook_id="5f0c",
        account_id=ACCOUNT,
        source="kazoo",
        hooks=frozenset({"all"}),
        uri="https://h.example/",
        name="",
        verb=Verb.POST,
        format=Format.FORM_DATA,
        retries=2,
        enabled=True,
        include_subaccounts=False,
        custom_data={},
        modifiers={},
        secret=None,
    )


def test_the_earlier_secrets_of_this_release_and_of_the_one_before_are_read() -> None:
    first, second = bytes(24), bytes(25)
    listed = [{"secret": secret_of(25), "until": datetime(2026, 1, 2, tzinfo=UTC)}]
    old = {"previous_secret": secret_of(24), "previous_secret_until": datetime(2026, 1, 1)}  # noqa: DTZ001 (a driver may give it so)
    found = read(previous_secrets=listed, **old).previous_secrets
    assert [key for key, _ in found] == [second, first]
    assert found[0][1] == datetime(2026, 1, 2, tzinfo=UTC).timestamp()
    assert read(previous_secrets=7).previous_secrets == ()
    assert read(previous_secrets=[7, {}, {"secret": secret_of(24)}]).previous_secrets == (
        (first, 0.0),
    )


@pytest.mark.parametrize(
    ("key", "value", "read_as"),
    [
        ("_id", ObjectId("65a1b2c3d4e5f60718293a4b"), "65a1b2c3d4e5f60718293a4b"),
        ("_id", 17, "17"),
    ],
)
def test_any_id_becomes_text(key: str, value: Any, read_as: str) -> None:
    assert read(**{key: value}).webhook_id == read_as


@pytest.mark.parametrize(
    ("attribute", "key", "value", "expected"),
    [
        ("hooks", "hook", "Channel_Create", {"channel_create"}),
        ("name", "name", None, ""),
        ("name", "name", 7, "7"),
        ("verb", "http_verb", "get", Verb.GET),
        ("verb", "http_verb", "PUT", Verb.PUT),
        ("verb", "http_verb", "Post", Verb.POST),
        ("verb", "http_verb", "", Verb.POST),
        ("verb", "http_verb", None, Verb.POST),
        ("format", "format", "json", Format.JSON),
        ("format", "format", "form-data", Format.FORM_DATA),
        ("format", "format", "xml", Format.FORM_DATA),
        ("format", "format", None, Format.FORM_DATA),
        ("format", "format", 7, Format.FORM_DATA),
        ("retries", "retries", 0, 0),
        ("retries", "retries", 5, 5),
        ("retries", "retries", 6, 5),
        ("retries", "retries", -1, 0),
        ("retries", "retries", "3", 3),
        ("retries", "retries", 4.0, 4),
        ("retries", "retries", Int64(3), 3),
        ("retries", "retries", None, 2),
        ("enabled", "enabled", False, False),
        ("enabled", "enabled", "false", False),
        ("enabled", "enabled", "true", True),
        ("enabled", "enabled", None, True),
        ("include_subaccounts", "include_subaccounts", "true", True),
        ("include_subaccounts", "include_subaccounts", True, True),
        ("include_subaccounts", "include_subaccounts", "yes", False),
        ("filters", "include_internal_legs", "false", {"internal_leg": False}),
        ("filters", "include_internal_legs", False, {"internal_leg": False}),
        ("filters", "include_internal_legs", None, {}),
        ("hooks", "event_types", ["Call_Hangup", "*"], {"call_hangup", "all"}),
        ("source", "source", "another", "another"),
        ("source", "source", None, "kazoo"),
        ("verb", "http_verb", "delete", Verb.DELETE),
        (
            "modifiers",
            "modifiers",
            {"call_direction": ["inbound"]},
            {"call_direction": ["inbound"]},
        ),
        ("modifiers", "modifiers", {}, {}),
        ("custom_data", "custom_data", {"a": {"b": [1]}}, {"a": {"b": [1]}}),
        ("custom_data", "custom_data", {"type": "x", "action": "y"}, {}),
        ("custom_data", "custom_data", {"type": "x", "kept": None}, {"kept": None}),
    ],
)
def test_a_document_is_read_liberally(attribute: str, key: str, value: Any, expected: Any) -> None:
    assert getattr(read(**{key: value}), attribute) == expected


def test_what_filters_a_single_hook_does_not_filter_all_hooks() -> None:
    custom_data = {"type": "device", "action": "doc_created"}
    assert read(hook="object", custom_data=custom_data).filters == custom_data
    assert read(hook="all", custom_data=custom_data).filters == {}


def test_new_members_of_custom_data_come_last_one_first() -> None:
    assert list(read(custom_data={"a": 1, "type": 2, "b": 3}).custom_data) == ["b", "a"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"account_id": ...}, "account_id must be a non-empty string, not None"),
        ({"account_id": 7}, "account_id must be a non-empty string, not 7"),
        ({"event_types": []}, "event_types must be a list of strings, not []"),
        ({"event_types": ["a", 1]}, "event_types must be a list of strings, not ['a', 1]"),
        ({"source": 7}, "source must be a non-empty string, not 7"),
        ({"hook": ""}, "hook must be a non-empty string, not ''"),
        ({"uri": ["x"]}, "uri must be a non-empty string, not ['x']"),
        ({"http_verb": "head"}, "http_verb must be get, post, put or delete, not 'head'"),
        ({"http_verb": {"$ne": 1}}, "http_verb must be get, post, put or delete, not {'$ne': 1}"),
        ({"retries": "many"}, "retries must be a number from 0 to 5, not 'many'"),
        ({"retries": []}, "retries must be a number from 0 to 5, not []"),
        ({"retries": float("nan")}, "retries must be a number from 0 to 5, not nan"),
        ({"retries": float("inf")}, "retries must be a number from 0 to 5, not inf"),
        ({"custom_data": "text"}, "custom_data must be an object, not str"),
        ({"modifiers": ["a"]}, "modifiers must be an object, not list"),
        (
            {"custom_data": {"a": ObjectId()}},
            "custom_data must be JSON: Type is not JSON serializable: ObjectId",
        ),
        (
            {"modifiers": {"a": b"bytes"}},
            "modifiers must be JSON: Type is not JSON serializable: bytes",
        ),
    ],
    ids=str,
)
def test_a_document_that_cannot_be_used_names_the_field(changes: dict[str, Any], text: str) -> None:
    assert problem(**changes) == text


def secret_of(length: int) -> str:
    return "whsec_" + b64encode(bytes(length)).decode()


@pytest.mark.parametrize("length", [24, 32, 64])
def test_a_secret_is_the_key_it_encodes(length: int) -> None:
    assert read(secret=secret_of(length)).secret == bytes(length)


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        (7, "secret must be a string that begins with whsec_"),
        ("", "secret must be a string that begins with whsec_"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "secret must be a string that begins with whsec_"),
        ("whsec_%%%", "secret must be base64 after whsec_"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "secret must be base64 after whsec_"),
        ("whsec_klíč", "secret must be base64 after whsec_"),
        ("whsec_", "secret must have 24 to 64 bytes, not 0"),
        (secret_of(23), "secret must have 24 to 64 bytes, not 23"),
        (secret_of(65), "secret must have 24 to 64 bytes, not 65"),
    ],
)
def test_a_secret_that_cannot_be_a_key_is_refused_without_being_shown(
    secret: Any, text: str
) -> None:
    assert problem(secret=secret) == text


def test_the_size_of_a_document_is_about_what_the_store_counts() -> None:
    samples: tuple[dict[str, Any], ...] = (
        {},
        {"custom_data": {f"k{number}": "v" for number in range(1000)}},
        {"custom_data": {"text": "x" * 10_000, "žluť": "📞" * 100}},
        {"modifiers": {"a": [1, 2.5, True, None, "x", {"y": []}] * 500}},
        {"_id": ObjectId(), "created_at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"custom_data": {"at": b"x" * 1000}},
    )
    for members in samples:
        counted = len(encode(document(**members)))
        assert 0.9 * counted <= document_bytes(document(**members)) <= 1.3 * counted
    assert document_bytes(document(history=["x" * 10_000])) == document_bytes(document())


def test_a_document_that_is_too_large_is_no_webhook() -> None:
    rest = document_bytes(document(custom_data={"x": ""}))
    read(custom_data={"x": "y" * (MOST_DOCUMENT_BYTES - rest)})
    assert "at most 32768" in problem(custom_data={"x": "y" * (MOST_DOCUMENT_BYTES - rest + 1)})
    assert "1000000 bytes" in problem(too_large=1_000_000)


@pytest.mark.parametrize(
    ("members", "key"),
    [
        ({"source": "toy", "toy_secret": "any text, \u043a"}, "any text, \u043a".encode()),
        ({"source": "toy", "toy_secret": ""}, None),
        ({"source": "toy", "other_secret": "x"}, None),
        ({}, None),
    ],
)
def test_the_secret_of_a_dialect_is_the_text_that_stands_there(
    members: dict[str, str], key: bytes | None
) -> None:
    assert read(**members).dialect_secret == key


def test_the_secret_of_a_dialect_is_never_shown() -> None:
    with pytest.raises(BadDocument) as refused:
        read(source="toy", toy_secret=4711)
    assert "4711" not in str(refused.value)
    assert "hush" not in repr(read(source="toy", toy_secret="hush"))


@pytest.mark.parametrize(
    ("stored", "limit_s"),
    [(..., None), (None, None), (0, 0.0), ("90", 90.0), (-1, 0.0), (1e9, 604_800.0)],
)
def test_an_age_limit_is_read_liberally(stored: object, limit_s: float | None) -> None:
    assert read(max_age_s=stored).max_age_s == limit_s


def test_an_age_limit_that_is_no_number_is_named() -> None:
    assert problem(max_age_s="x") == "max_age_s must be a number from 0 to 604800, not 'x'"


def test_filters_and_privacy_of_a_document_are_read() -> None:
    webhook = webhook_of(document(
        filters=[{"member": "x", "op": "eq", "value": Int64(1)}, {"time": {"from": "09:00"}}],
        timezone="Europe/Berlin",
        mask=["a.b", {"member": "c", "keep": 4}, {"member": "d", "hash": True}],
        omit=["e"],
        mask_key=b"k",
    ))  # fmt: skip
    assert webhook.clauses is not None
    assert webhook.clauses.zone == "Europe/Berlin"
    assert webhook.privacy == Privacy(
        (Mask(("a", "b")), Mask(("c",), 4), Mask(("d",), hashed=True)), (("e",),), b"k"
    )
    nothing: tuple[list[Any] | None, ...] = (None, [])
    for empty in nothing:
        bare = webhook_of(document(filters=empty, mask=empty, omit=empty))
        assert (bare.clauses, bare.privacy) == (None, None)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("filters", {}), ("filters", "x"), ("filters", [{"op": "eq"}]),
        ("filters", [{"member": "x", "op": "eq", "value": ObjectId()}]),
        ("timezone", "Mars/Base"), ("mask", {"a": 1}), ("mask", [1]), ("omit", [{"member": "a"}]),
        ("omit", ["a.0"]),
    ],
    ids=str,
)  # fmt: skip
def test_filters_and_privacy_that_cannot_be_read_make_a_bad_document(
    member: str, value: Any
) -> None:
    with pytest.raises(BadDocument, match=member):
        webhook_of(document(**{member: value}))
