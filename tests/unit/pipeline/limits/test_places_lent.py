"""Places that the lane of retries borrows from the lane of events."""

from service.domain.endpoint import Endpoint
from service.pipeline.limits.free_places import FreePlaces
from service.pipeline.limits.lines import Place
from service.pipeline.limits.places import SLOW_S, Places
from tests.builders import make_endpoints, make_places
from tests.unit.pipeline.place_parts import FINE, HERE, PATIENT_S, enter, granted, held, queued
from tests.virtual_time import in_virtual_time

COUNT, KEPT = 60, 30
"""Places of the lane of events, and how many of these it does not lend."""


def two_lanes(own: int = 6, longest_wait_s: float = 0.0) -> tuple[Places, Places]:
    """Return the lane of events and the lane of retries, which has fewer places of its own."""
    endpoints, free = make_endpoints(limit=1000), FreePlaces(COUNT)
    retried = make_places(
        longest_wait_s=longest_wait_s, endpoints=endpoints, free=FreePlaces(own, lender=free)
    )
    events = make_places(
        longest_wait_s=longest_wait_s, endpoints=endpoints, free=free, deferred_to=retried
    )
    return events, retried


def take(places: Places, count: int | None = None) -> list[Place]:
    """Take this many places, or all that accounts with an endpoint each can have."""
    taken: list[Place] = []
    for number in range(5000):
        one = f"{number % 100}.example"
        entry = enter(places, Endpoint("https", one, 443), one)
        if isinstance(entry, Place):
            taken.append(entry)
        if len(taken) == count:
            break
    return taken


@in_virtual_time
async def test_retries_borrow_half_of_the_places_that_events_do_not_need() -> None:
    events, retried = two_lanes()
    assert len(take(retried)) == 6 + COUNT - KEPT
    assert len(take(events)) == KEPT


@in_virtual_time
async def test_nothing_is_lent_while_events_need_half_of_their_places() -> None:
    events, retried = two_lanes()
    assert len(take(events, COUNT - KEPT)) == COUNT - KEPT
    assert len(take(retried)) == 6


@in_virtual_time
async def test_no_place_is_lent_for_an_endpoint_that_needs_long() -> None:
    _, retried = two_lanes()
    for _ in range(30):
        retried.leave(granted(retried), 2 * SLOW_S, FINE)
    taken = [enter(retried, account_id=f"account-{number}") for number in range(20)]
    assert [isinstance(entry, Place) for entry in taken] == [True] * 6 + [False] * 14


@in_virtual_time
async def test_a_borrowed_place_goes_back_before_one_of_the_lanes_own() -> None:
    events, retried = two_lanes()
    taken = take(retried)
    for place in taken[: COUNT - KEPT]:
        retried.leave(place, 0.01, FINE)
    assert len(take(events)) == COUNT
    assert sum(held(retried).values()) == 6


@in_virtual_time
async def test_retries_in_line_get_borrowed_places() -> None:
    events, retried = two_lanes(longest_wait_s=PATIENT_S)
    busy, own = take(events, KEPT), take(retried, 6)
    waiting = [queued(retried, HERE, account_id) for account_id in ("first", "second")]
    for place in busy[:3]:
        events.leave(place, 0.01, FINE)
    retried.leave(own[0], 0.01, FINE)
    assert all(one.turn.done() for one in waiting)
