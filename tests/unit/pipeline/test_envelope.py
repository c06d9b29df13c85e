from typing import Any

import orjson
import pytest

from service.domain.delivery import DeadLetterReason, Outcome
from service.domain.errors import RejectedMessage, RejectReason
from service.pipeline.envelope import seal, seal_letters, unseal, unseal_letters
from tests.builders import make_delivery, make_letter, make_past

PAST = (
    make_past(1, Outcome.THROTTLED, status=429, detail="later"),
    make_past(2, Outcome.TIMED_OUT),
)
TRAVELLED = make_delivery(
    payload='{"name":"Zoë 中","vars":{"a":null},"n":0.015}'.encode(), past=PAST, deferrals=3
)


def test_a_delivery_comes_back_as_it_was_sealed() -> None:
    assert unseal(seal([TRAVELLED])) == [TRAVELLED]
    assert unseal(seal([make_delivery(call_id=None)])) == [make_delivery(call_id=None)]
    below = make_delivery(event_account_id="below")
    assert unseal(seal([below])) == [below]


@pytest.mark.parametrize("reason", DeadLetterReason)
@pytest.mark.parametrize("uri", [None, "https://h.example/?a=b"])
def test_a_dead_letter_comes_back_as_it_was_sealed(
    reason: DeadLetterReason, uri: str | None
) -> None:
    letter = make_letter(delivery=TRAVELLED, reason=reason, uri=uri)
    assert unseal_letters(seal_letters([letter])) == [letter]


def test_a_sealed_delivery_is_versioned_json_with_a_readable_payload() -> None:
    members = orjson.loads(seal([TRAVELLED]))
    assert members["version"] == 1
    assert members["payload"] == {"name": "Zoë 中", "vars": {"a": None}, "n": 0.015}
    assert members["past"][0]["outcome"] == "throttled"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", RejectReason.NOT_JSON),
        (b"\xff", RejectReason.NOT_JSON),
        (b"{", RejectReason.NOT_JSON),
        (b"[]", RejectReason.UNKNOWN_EVENT),
        (b"null", RejectReason.UNKNOWN_EVENT),
        (b"{}", RejectReason.UNKNOWN_EVENT),
        (b'{"version":3}', RejectReason.UNKNOWN_EVENT),
        (b'{"version":2}', RejectReason.WRONG_TYPE),
        (b'{"version":1}', RejectReason.WRONG_TYPE),
    ],
)
def test_what_is_none_of_ours_is_rejected(body: bytes, reason: RejectReason) -> None:
    for read in (unseal, unseal_letters):
        with pytest.raises(RejectedMessage) as rejection:
            read(body)
        assert rejection.value.reason is reason


DAMAGES = [
    {"delivery_id": ...},
    {"received_at": "soon"},
    {"received_at": None},
    {"deferrals": "many"},
    {"deferrals": []},
    {"past": None},
    {"past": 7},
    {"past": [7]},
    {"past": [{}]},
    {"past": [{"outcome": "lost"}]},
    {"past": [{"outcome": "reset", "unknown": 1}]},
    {"payload": ...},
]


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_a_damaged_delivery_is_rejected(damage: dict[str, Any]) -> None:
    with pytest.raises(RejectedMessage) as rejection:
        unseal(damaged(seal([TRAVELLED]), damage))
    assert rejection.value.reason is RejectReason.WRONG_TYPE
    assert rejection.value.detail.startswith("not a delivery: ")


@pytest.mark.parametrize(
    "damage",
    [*DAMAGES, {"reason": "boredom"}, {"reason": ...}, {"uri": ...}, {"died_at": "late"}],
    ids=str,
)
def test_a_damaged_dead_letter_is_rejected(damage: dict[str, Any]) -> None:
    with pytest.raises(RejectedMessage) as rejection:
        unseal_letters(damaged(seal_letters([make_letter(delivery=TRAVELLED)]), damage))
    assert rejection.value.reason is RejectReason.WRONG_TYPE


def damaged(body: bytes, damage: dict[str, Any]) -> bytes:
    """Change members of a sealed body; `...` removes one."""
    members = orjson.loads(body) | damage
    return orjson.dumps({key: value for key, value in members.items() if value is not ...})
