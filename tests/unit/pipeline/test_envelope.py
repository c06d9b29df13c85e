from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, replace
from enum import Enum
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import orjson
import pytest

from service.domain.call import CallPosition
from service.domain.delivery import (
    DeadLetter,
    DeadLetterReason,
    Delivery,
    Outcome,
    PastAttempt,
)
from service.domain.errors import RejectedMessage, RejectReason
from service.pipeline.envelope import holds_several, seal, seal_letters, unseal, unseal_letters
from tests.builders import NOW, make_delivery, make_letter, make_past

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
        (b'{"version":4}', RejectReason.UNKNOWN_EVENT),
        (b'{"version":3}', RejectReason.WRONG_TYPE),
        (b'{"version":3,"deliveries":[{}],"payload":{}}', RejectReason.WRONG_TYPE),
        (b'{"version":3,"common":7,"deliveries":[{}],"payload":{}}', RejectReason.WRONG_TYPE),
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


SEVERAL = [
    make_delivery(
        delivery_id=f"{number}", webhook_id=f"hook-{number}", past=PAST[:number], deferrals=number
    )
    for number in range(3)
]


def test_several_deliveries_come_back_in_order_as_they_were_sealed() -> None:
    assert unseal(seal(SEVERAL)) == SEVERAL


def test_several_dead_letters_come_back_in_order_as_they_were_sealed() -> None:
    letters = [make_letter(delivery=delivery, uri=None) for delivery in SEVERAL]
    assert unseal_letters(seal_letters(letters)) == letters


def test_several_deliveries_share_one_payload() -> None:
    large = [replace(delivery, payload=b'{"text":"%b"}' % (100_000 * b"x")) for delivery in SEVERAL]
    sealed = seal(large)
    assert len(sealed) < 110_000
    assert unseal(sealed) == large
    assert orjson.loads(sealed)["version"] == 3


def test_one_delivery_is_sealed_as_it_always_was() -> None:
    assert seal(SEVERAL[:1]).startswith(b'{"version":1,')
    assert seal_letters([make_letter()]).startswith(b'{"version":1,')


def test_whether_several_were_sealed_is_seen_from_the_first_bytes() -> None:
    assert holds_several(seal(SEVERAL))
    assert not holds_several(seal(SEVERAL[:1]))
    assert not holds_several(b"noise")


WRITTEN_BEFORE = (
    b'{"version":1,"delivery_id":"d","event_id":"e","webhook_id":"w","account_id":"a",'
    b'"hook":"channel_create","event_name":"CHANNEL_CREATE","call_id":null,'
    b'"received_at":1700000000.5,"payload":{"call_id":"7"},'
    b'"past":[{"attempt":1,"started_at":1700000000.75,"duration_s":5.0,"outcome":"timed_out",'
    b'"status":null,"detail":null}],"deferrals":2,"webhook":null,"fallback_for":null,'
    b'"replay_id":null,"traceparent":null%b}'
)


def test_a_delivery_written_before_there_could_be_several_is_read() -> None:
    [delivery] = unseal(WRITTEN_BEFORE % b"")
    assert delivery == make_delivery(
        delivery_id="d",
        event_id="e",
        webhook_id="w",
        account_id="a",
        call_id=None,
        received_at=1700000000.5,
        past=(make_past(1, Outcome.TIMED_OUT, started_at=1700000000.75),),
        deferrals=2,
        payload=b'{"call_id":"7"}',
        source="",
    )


def test_a_dead_letter_written_before_there_could_be_several_is_read() -> None:
    [letter] = unseal_letters(
        WRITTEN_BEFORE % b',"reason":"exhausted","uri":"https://h/","died_at":1700000060'
    )
    assert letter.delivery == unseal(WRITTEN_BEFORE % b"")[0]
    assert (letter.reason, letter.uri, letter.died_at) == (
        DeadLetterReason.EXHAUSTED,
        "https://h/",
        1700000060.0,
    )


@pytest.mark.parametrize("deliveries", [..., [], None, 7, {}, [7], [None], ["x"], [{}], "x"])
def test_damaged_deliveries_of_one_event_are_rejected(deliveries: Any) -> None:
    for read, sealed in (
        (unseal, seal(SEVERAL)),
        (unseal_letters, seal_letters([make_letter(), make_letter()])),
    ):
        with pytest.raises(RejectedMessage):
            read(damaged(sealed, {"deliveries": deliveries}))


def test_several_deliveries_that_an_earlier_release_wrote_are_read() -> None:
    one = orjson.loads(WRITTEN_BEFORE % b"")
    payload = one.pop("payload")
    del one["version"]
    several = {"deliveries": [one, one | {"delivery_id": "another"}], "payload": payload}
    sealed = orjson.dumps({"version": 2} | several)
    assert holds_several(sealed)
    [first] = unseal(WRITTEN_BEFORE % b"")
    assert unseal(sealed) == [first, replace(first, delivery_id="another")]


def test_one_damaged_delivery_among_several_has_all_of_them_rejected() -> None:
    members = orjson.loads(seal(SEVERAL))
    del members["deliveries"][1]["webhook_id"]
    with pytest.raises(RejectedMessage) as rejection:
        unseal(orjson.dumps(members))
    assert rejection.value.reason is RejectReason.WRONG_TYPE


ODD: Mapping[Any, Callable[[str], Any]] = {
    str: lambda name: f"some {name}",
    int: lambda name: 7 + len(name),
    float: lambda name: NOW + len(name) / 8,
    bytes: lambda name: orjson.dumps({"some": name}),
    bool: lambda _: True,
    dict: lambda name: {"some": name},
    Outcome: lambda _: Outcome.AUTH_FAILED,
    DeadLetterReason: lambda _: DeadLetterReason.GONE,
    CallPosition: lambda _: odd_one(CallPosition),
    PastAttempt: lambda _: odd_one(PastAttempt),
    Delivery: lambda _: odd_one(Delivery),
}
"""A value of each kind of member that none has by default; a new kind needs one here."""


def odd_one(kind: Any) -> Any:
    """Return one whose members all differ from their defaults, and from each other."""
    hints = get_type_hints(kind)
    members = {member.name: odd_value(hints[member.name], member.name) for member in fields(kind)}
    return kind(**members)


def odd_value(hint: Any, name: str) -> Any:
    if isinstance(hint, UnionType):
        return odd_value(next(kind for kind in get_args(hint) if kind is not type(None)), name)
    if get_origin(hint) is tuple:
        return (odd_value(get_args(hint)[0], name),)
    return ODD[get_origin(hint) or hint](name)


@pytest.mark.parametrize("kind", [CallPosition, Delivery, DeadLetter, PastAttempt])
def test_an_odd_value_is_not_what_a_member_has_by_default(kind: Any) -> None:
    for member in fields(kind):
        value = getattr(odd_one(kind), member.name)
        assert value is not None
        assert member.default is MISSING or value != member.default, member.name
        assert member.default_factory is MISSING, "compare with what the factory makes as well"


@pytest.mark.parametrize("count", [1, 2])
def test_every_member_of_a_delivery_travels(count: int) -> None:
    several = count * [odd_one(Delivery)]
    travelled = unseal(seal(several))
    for name in (member.name for member in fields(Delivery)):
        assert [getattr(one, name) for one in travelled] == [getattr(one, name) for one in several]
    [past, *_] = travelled[-1].past
    assert past == odd_one(PastAttempt)
    assert isinstance(past.outcome, Outcome)


@pytest.mark.parametrize("count", [1, 2])
def test_every_member_of_a_dead_letter_travels(count: int) -> None:
    letters = count * [odd_one(DeadLetter)]
    travelled = unseal_letters(seal_letters(letters))
    for name in (member.name for member in fields(DeadLetter)):
        assert [getattr(one, name) for one in travelled] == [getattr(one, name) for one in letters]
    assert isinstance(travelled[-1].reason, Enum)


def test_several_deliveries_of_one_event_may_differ_in_every_member() -> None:
    odd, plain = odd_one(Delivery), SEVERAL[0]
    for name in (member.name for member in fields(Delivery) if member.name != "payload"):
        other = replace(plain, **{name: getattr(odd, name)})
        assert other != plain, name
        for pair in ([plain, other], [other, plain]):
            assert unseal(seal(pair)) == pair


def test_what_several_deliveries_have_in_common_is_written_once() -> None:
    odd = replace(odd_one(Delivery), past=(), wait_left_s=0.0, turn_at=0.0)
    hundred = [replace(odd, delivery_id=f"{n:032x}") for n in range(100)]
    assert len(seal(hundred)) < len(seal(hundred[:1])) + 100 * 300
    assert unseal(seal(hundred)) == hundred
