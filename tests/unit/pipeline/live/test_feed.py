"""What a worker tells those that listen, and that it costs nothing where nobody does."""

from collections.abc import Mapping
from typing import Any

import orjson
import structlog

from service.domain.event import Event
from service.domain.webhook import account_of
from service.pipeline.live.feed import FORGOTTEN_S, MOST_LISTENERS, LiveFeed
from service.pipeline.live.keys import attempts_of, events_below, events_of
from tests.builders import make_attempt, make_delivery, make_event

ACCOUNT = account_of("child", tree=("root", "parent"))
PAYLOAD = {"call_id": "c-1"}


class Listeners:
    """A feed whose messages are kept, by the queue they were sent to."""

    def __init__(self, rate_per_s: float = 100.0) -> None:
        self.sent: list[tuple[str, Mapping[str, Any]]] = []
        self.now = 0.0
        self.feed = LiveFeed(self._send, "w1", rate_per_s, lambda: self.now)

    def _send(self, queue: str, body: bytes) -> None:
        self.sent.append((queue, orjson.loads(body)))

    def happens(self, event: Event | None = None, times: int = 1) -> None:
        for _ in range(times):
            self.feed.happened(event or make_event(), ACCOUNT, lambda: PAYLOAD, 1.0, "00-a-b-00")

    @property
    def queues(self) -> list[str]:
        return [queue for queue, _ in self.sent]


def test_nothing_is_wanted_until_a_worker_says_so() -> None:
    listeners = Listeners()
    assert not listeners.feed.wanted
    listeners.feed.attempted(make_attempt())
    listeners.feed.learn("q", [events_of("child")])
    assert listeners.feed.wanted
    listeners.feed.learn("q", [])
    assert not listeners.feed.wanted
    listeners.happens()
    assert listeners.sent == []


def test_an_event_goes_to_those_that_want_its_account_or_one_above_it() -> None:
    listeners = Listeners()
    wanted = {
        "own": events_of("child"),
        "parent": events_below("parent"),
        "root": events_below("root"),
        "parents-own": events_of("parent"),
        "below": events_below("child"),
        "attempts": attempts_of("child"),
    }
    for queue, key in wanted.items():
        listeners.feed.learn(queue, [key])
    listeners.happens()
    assert sorted(listeners.queues) == ["own", "parent", "root"]
    _, message = listeners.sent[0]
    assert orjson.loads(message["payload"]) == PAYLOAD
    assert message["event"]["account_id"] == "child"


def test_an_event_goes_once_to_a_worker_that_wants_it_for_two_reasons() -> None:
    listeners = Listeners()
    listeners.feed.learn("q", [events_of("child"), events_below("root")])
    listeners.happens()
    assert listeners.queues == ["q"]
    assert listeners.sent[0][1]["n"] == {events_of("child"): 1, events_below("root"): 1}


def test_an_attempt_goes_to_those_that_want_those_of_its_account_without_the_payload() -> None:
    listeners = Listeners()
    listeners.feed.learn("q", [attempts_of("mine")])
    listeners.feed.attempted(make_attempt(delivery=make_delivery(account_id="mine")))
    listeners.feed.attempted(make_attempt(delivery=make_delivery(account_id="other")))
    [(queue, message)] = listeners.sent
    assert queue == "q"
    assert message["attempt"]["account_id"] == "mine"
    assert "payload" not in message["attempt"]


def test_a_worker_that_says_nothing_any_more_is_forgotten() -> None:
    listeners = Listeners()
    listeners.feed.learn("q", [events_of("child")])
    listeners.now = FORGOTTEN_S
    listeners.feed.learn("other", [events_of("another")])
    listeners.happens()
    assert listeners.queues == ["q"]
    listeners.now += 0.1
    listeners.happens()
    assert listeners.queues == ["q"]
    assert listeners.feed.wanted


def test_messages_are_numbered_by_listener_and_key_and_the_counts_are_told_again() -> None:
    listeners = Listeners()
    key = events_of("child")
    listeners.feed.learn("a", [key])
    listeners.happens()
    listeners.feed.learn("b", [key])
    listeners.happens()
    counts = [(queue, message["n"][key]) for queue, message in listeners.sent]
    assert counts == [("a", 1), ("a", 2), ("b", 1)]
    listeners.sent.clear()
    for _ in range(2):
        listeners.feed.learn("a", [key])
    assert listeners.sent == [("a", {"from": "w1", "so_far": {key: 2}})]


def test_what_comes_too_fast_is_counted_and_not_sent() -> None:
    listeners = Listeners(rate_per_s=10)
    key = events_of("child")
    listeners.feed.learn("q", [key])
    listeners.happens(times=50)
    assert len(listeners.sent) == 20
    listeners.now = 1.0
    listeners.happens()
    assert listeners.sent[-1][1]["n"] == {key: 51}


def test_a_fault_of_the_feed_reaches_no_delivery() -> None:
    def broken() -> Mapping[str, Any]:
        raise ZeroDivisionError

    listeners = Listeners()
    listeners.feed.learn("q", [events_of("child")])
    with structlog.testing.capture_logs() as logs:
        listeners.feed.happened(make_event(), ACCOUNT, broken, 1.0, "")
    assert [line["event"] for line in logs] == ["live.bug"]


def test_no_more_than_so_many_listeners_are_remembered() -> None:
    listeners = Listeners()
    for number in range(MOST_LISTENERS + 10):
        listeners.feed.learn(f"q{number}", [events_of("child")])
    listeners.happens()
    assert len(listeners.sent) == MOST_LISTENERS
