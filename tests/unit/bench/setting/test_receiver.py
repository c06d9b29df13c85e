import orjson

from service.bench.setting.load import event_body
from service.bench.setting.receiver import call_id_of, published_ns_of
from service.dialects.kazoo.decode import KazooDecoder
from service.dialects.kazoo.policy import KazooPolicy
from service.domain.event import Message
from service.domain.webhook import account_of
from tests.dialects import payload_of

NOW_NS = 123_456_789_012_345


def test_an_event_says_when_it_was_published() -> None:
    assert published_ns_of(event_body("a" * 32, NOW_NS, 7)) == NOW_NS


def test_so_does_the_payload_that_the_service_makes_of_it() -> None:
    message = Message("kazoo", "callevt", "", event_body("a" * 32, NOW_NS, 7))
    (event,) = KazooDecoder(KazooPolicy(), 1_000_000).decode(message)
    payload = orjson.dumps(payload_of(event, account_of("a" * 32)))
    assert published_ns_of(payload) == NOW_NS


def test_other_bodies_say_nothing() -> None:
    assert published_ns_of(b'{"call_id":"abc"}') is None
    assert call_id_of(5, 6) == "5-6"
