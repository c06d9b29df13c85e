import hashlib
import hmac
from typing import Any

import pytest

from service.domain.privacy import Mask, Privacy
from service.text.json_text import read_json

KEY = b"k" * 32
PAYLOAD: dict[str, Any] = {
    "call_id": "c-1",
    "number": "+15556783945",
    "short": "1001",
    "timestamp": 63_877_497_874,
    "flag": True,
    "none": None,
    "ratio": read_json(b"1.10"),
    "vars": {"Realm": "acme", "Deep": {"x": [1, "two"]}},
    "targets": [{"to": "+1", "status": "sent"}, {"to": "+22", "status": "sent"}, "odd"],
}


def path(member: str) -> tuple[str, ...]:
    return tuple(member.split("."))


def masked(member: str, keep: int = 0, *, hashed: bool = False) -> dict[str, Any]:
    return Privacy((Mask(path(member), keep, hashed),), key=KEY).applied(PAYLOAD)


def digest(text: str) -> str:
    return hmac.digest(KEY, text.encode(), hashlib.sha256).hex()[:32]


@pytest.mark.parametrize(
    ("member", "keep", "expected"),
    [
        ("number", 0, "************"),
        ("number", 4, "********3945"),
        ("short", 4, "****"),
        ("short", 2, "**01"),
        ("timestamp", 2, "*********74"),
        ("flag", 0, "*"),
        ("none", 0, None),
        ("ratio", 0, "****"),
        ("vars", 0, {"Realm": "****", "Deep": {"x": ["*", "***"]}}),
    ],
)
def test_a_masked_member_keeps_its_last_characters_at_most(
    member: str, keep: int, expected: Any
) -> None:
    found = masked(member, keep)
    assert found == PAYLOAD | {member: expected}
    assert list(found) == list(PAYLOAD)


def test_a_path_leads_into_objects_and_into_every_element_of_a_list() -> None:
    assert masked("vars.Deep.x")["vars"] == {"Realm": "acme", "Deep": {"x": ["*", "***"]}}
    assert masked("targets.to", 1)["targets"] == [
        {"to": "*1", "status": "sent"},
        {"to": "**2", "status": "sent"},
        "odd",
    ]
    for nothing in ("dream", "vars.dream", "number.x", "targets.dream"):
        assert masked(nothing) == PAYLOAD


def test_members_are_left_out_at_any_level_and_the_payload_stays_as_it_was() -> None:
    before = repr(PAYLOAD)
    found = Privacy(omitted=(path("call_id"), path("vars.Deep"), path("targets.to"))).applied(
        PAYLOAD
    )
    assert "call_id" not in found
    assert found["vars"] == {"Realm": "acme"}
    assert found["targets"] == [{"status": "sent"}, {"status": "sent"}, "odd"]
    assert repr(PAYLOAD) == before


def test_a_hash_is_the_same_for_the_same_value_and_key_only() -> None:
    assert masked("number", hashed=True)["number"] == digest("+15556783945")
    assert masked("timestamp", hashed=True)["timestamp"] == digest("63877497874")
    assert masked("ratio", hashed=True)["ratio"] == digest("1.10")
    assert masked("vars.Deep", hashed=True)["vars"]["Deep"] == {"x": [digest("1"), digest("two")]}
    other = Privacy((Mask(path("number"), hashed=True),), key=b"another").applied(PAYLOAD)
    assert other["number"] != digest("+15556783945")


def test_without_a_key_a_hash_is_a_mask() -> None:
    keyless = Privacy((Mask(path("number"), hashed=True),)).applied(PAYLOAD)
    assert keyless["number"] == "************"


def test_rules_can_be_applied_twice() -> None:
    privacy = Privacy(
        (Mask(path("number"), 4), Mask(path("short"), 4), Mask(path("call_id"), hashed=True)),
        (path("vars"),),
        KEY,
    )
    once = privacy.applied(PAYLOAD)
    assert privacy.applied(once, privacy.hashes) == once


@pytest.mark.parametrize(
    ("privacy", "expected"),
    [
        (Privacy(), "c-1"),
        (Privacy((Mask(("number",)),)), "c-1"),
        (Privacy((Mask(("call_id",), 1),)), "**1"),
        (Privacy((Mask(("call_id",), hashed=True),), key=KEY), digest("c-1")),
        (Privacy((Mask(("data",)),)), "***"),
        (Privacy(omitted=(("call_id",),)), None),
        (Privacy(omitted=(("data",),)), None),
    ],
)
def test_a_call_id_is_hidden_as_it_is_in_the_payload(
    privacy: Privacy, expected: str | None
) -> None:
    payload = PAYLOAD | {"data": [{"legs": ["c-0", "c-1"]}]}
    assert privacy.disguised("c-1", payload) == expected
    once = privacy.applied(payload)
    if expected is not None:
        assert privacy.disguised(expected, once, privacy.hashes) == expected
