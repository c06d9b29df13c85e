from collections.abc import Iterator

import pytest

from service.dialects.kazoo.events.notification_types import COMMON_FIELDS, TYPES
from service.dialects.kazoo.events.values import normalised
from service.dialects.kazoo.fields import BY_HOOK, FIELDS, Field, described
from tests import kazoo_vectors

HEADERS = (
    "App-Name", "App-Version", "Event-Category", "Event-Name", "Msg-ID", "Node", "Server-ID",
    "System-Log-ID", "Account-ID", "Call-ID", "Access-Group", "Defer-Response",
    "Destination-Server", "Geo-Location", "Server-Queue-ID", "Raw-Headers", "Request-From-PID",
    "Reply-To-PID", "Deliver-To-PID", "AMQP-Broker", "AMQP-Broker-Zone",
)  # fmt: skip

FAX_STATUS = (
    "Job-ID", "Status", "FaxBox-ID", "Account-ID", "Fax-Info", "Cloud-Job-ID", "Cloud-Printer-ID",
    "Fax-State", "Direction", "Page", "Stage", "Caller-ID-Number", "Caller-ID-Name",
    "Callee-ID-Number", "Callee-ID-Name",
)  # fmt: skip

JSON_SCHEMA_TYPES = {"array", "boolean", "integer", "null", "number", "object", "string"}
JSON_TYPES: dict[type, set[str]] = {
    bool: {"boolean"},
    dict: {"object"},
    float: {"number"},
    int: {"integer", "number"},
    list: {"array"},
    str: {"string"},
}


def wire(names: tuple[str, ...]) -> list[str]:
    return list(normalised(dict.fromkeys(names, "")))


def payloads() -> Iterator[tuple[str, str, dict[str, object]]]:
    """Yield what receivers get, without what the subscriber added."""
    for vector in kazoo_vectors.read():
        body = (vector["expect"] or {}).get("body")
        if body is not None:
            added = vector["webhook"].get("custom_data") or {}
            fields = {key: value for key, value in body.items() if key not in added}
            yield vector["id"], vector["webhook"]["hook"].lower(), fields


EVERY = [("", name, field) for name, field in FIELDS.items()] + [
    (hook, name, field) for hook, own in BY_HOOK.items() for name, field in own.items()
]


@pytest.mark.parametrize("kind", TYPES)
def test_every_field_of_every_notification_is_described(kind: str) -> None:
    names = wire(TYPES[kind].required + TYPES[kind].optional + COMMON_FIELDS)

    assert list(described(names, "notifications")) == names


@pytest.mark.parametrize("names", [HEADERS, FAX_STATUS])
def test_every_common_header_and_every_field_of_a_fax_in_progress_is_described(
    names: tuple[str, ...],
) -> None:
    assert list(described(wire(names), "fax")) == wire(names)


@pytest.mark.parametrize(("vector", "hook", "fields"), list(payloads()))
def test_what_receivers_get_is_described_with_its_type(
    vector: str, hook: str, fields: dict[str, object]
) -> None:
    properties = described(fields, hook)

    for name, value in fields.items():
        kinds = properties[name]["type"]
        allowed = {kinds} if isinstance(kinds, str) else set(kinds)
        assert allowed & JSON_TYPES[type(value)], f"{vector}: {name}"


def test_there_are_payloads_to_compare_with() -> None:
    assert len(list(payloads())) > 30


@pytest.mark.parametrize(("hook", "name", "field"), EVERY)
def test_a_meaning_is_one_short_sentence(hook: str, name: str, field: Field) -> None:
    assert field.meaning.endswith("."), (hook, name)
    assert ". " not in field.meaning, (hook, name)
    assert 15 <= len(field.meaning) <= 200, (hook, name)


@pytest.mark.parametrize(("hook", "name", "field"), EVERY)
def test_types_are_those_of_json_schema(hook: str, name: str, field: Field) -> None:
    assert field.types, (hook, name)
    assert len(set(field.types)) == len(field.types), (hook, name)
    assert set(field.types) <= JSON_SCHEMA_TYPES, (hook, name)


@pytest.mark.parametrize("hook", BY_HOOK)
def test_what_a_hook_says_of_a_field_narrows_what_all_of_them_say(hook: str) -> None:
    for name, field in BY_HOOK[hook].items():
        assert set(field.types) <= set(FIELDS[name].types), name


def test_one_type_stands_alone_and_several_are_a_list() -> None:
    properties = described(["call_id", "page"])

    assert properties["call_id"]["type"] == "string"
    assert properties["page"] == {
        "type": ["integer", "string"],
        "description": "Number of pages sent or received so far; 0 before the first one.",
    }


def test_a_hook_has_its_own_words_where_a_name_means_several_things() -> None:
    assert described(["type"], "sms") != described(["type"], "object")
    assert described(["type"], "all") == described(["type"])
    assert described(["to"], "channel_create")["to"]["type"] == "string"
    assert described(["to"], "notifications")["to"]["type"] == ["string", "array", "object"]


@pytest.mark.parametrize("hook", [None, "all", "parking"])
def test_a_field_that_nobody_described_is_refused(hook: str | None) -> None:
    with pytest.raises(KeyError, match="shoe_size"):
        described(["call_id", "shoe_size"], hook)
