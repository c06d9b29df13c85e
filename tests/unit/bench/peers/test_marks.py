import pytest

from service.bench.peers.events import CALLER_NAME, endpoints, events
from service.bench.peers.marks import Arrival, arrival_of, duplicates, lost, overtaken
from service.domain.errors import SwitchhookError


def arrived(*pairs: tuple[str, int]) -> list[Arrival]:
    return [Arrival(call_id, number, 0.0) for call_id, number in pairs]


def test_events_go_through_the_calls_in_turn_and_a_call_has_one_account() -> None:
    made = events(["a", "b"], calls=3, count=7)
    assert [event.number for event in made] == list(range(7))
    assert [event.account_id for event in made] == ["a", "b", "a"] * 2 + ["a"]
    assert len({event.call_id for event in made}) == 3
    assert made[0].call_id == made[3].call_id
    assert len({event.event_id for event in made}) == 7
    assert {e.call_id for e in made}.isdisjoint(e.call_id for e in events(["a"], 3, 3))


def test_the_mark_in_an_event_tells_its_call_its_number_and_its_age() -> None:
    event = events(["a"], calls=1, count=3)[2].due(1_000_000_000)
    assert event.body()["Call-ID"] == event.call_id
    assert arrival_of(event.body()[CALLER_NAME], 1_500_000_000) == Arrival(event.call_id, 2, 0.5)
    with pytest.raises(SwitchhookError, match="not a mark"):
        arrival_of("Jane", 1)


def test_each_account_has_an_endpoint_of_the_urls_in_turn() -> None:
    assert endpoints(["a", "b", "c"], ["x", "y"]) == {"a": "x", "b": "y", "c": "x"}


def test_an_event_that_arrives_twice_is_a_duplicate_and_makes_up_for_no_loss() -> None:
    arrivals = arrived(("c", 0), ("c", 1), ("c", 1), ("c", 1))
    assert lost(arrivals, 3) == 1
    assert duplicates(arrivals) == 2


def test_an_event_after_a_later_one_of_its_call_was_overtaken() -> None:
    assert overtaken(arrived(("c", 0), ("d", 1), ("c", 2), ("d", 3))) == 0
    assert overtaken(arrived(("c", 2), ("d", 1), ("c", 0), ("c", 4))) == 1
    assert overtaken(arrived(("c", 0), ("c", 2), ("c", 0))) == 0, "a duplicate is none"
