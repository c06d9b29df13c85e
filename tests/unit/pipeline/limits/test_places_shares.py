"""How places are shared by account, and how lines take turns."""

from collections.abc import Iterator
from itertools import count, islice

import pytest

from service.domain.delivery import DeferReason
from service.domain.endpoint import Endpoint
from service.pipeline.limits.lines import Place, Waiting
from service.pipeline.limits.places import TRIES, Places
from tests.builders import make_endpoints, make_places
from tests.unit.pipeline.place_parts import (
    FINE,
    HERE,
    INSTANT_S,
    PATIENT_S,
    THERE,
    enter,
    granted,
    held,
    idle,
    place_of,
    queued,
    sweeping,
)
from tests.virtual_time import in_virtual_time


def many_endpoints() -> Iterator[Endpoint]:
    return (Endpoint("https", f"{number}.example", 443) for number in count())


def fill(places: Places, account_id: str) -> list[Place]:
    """Take all the places that an account may have, each at an endpoint of its own."""
    taken: list[Place] = []
    for number in count():
        entry = enter(places, Endpoint("https", f"{account_id}-{number}.example", 443), account_id)
        if not isinstance(entry, Place):
            assert isinstance(entry, DeferReason)
            return taken
        taken.append(entry)
    raise AssertionError


@in_virtual_time
async def test_an_account_takes_another_place_only_below_half_of_what_is_free() -> None:
    places = make_places(90)
    assert len(fill(places, "hog")) == 30
    # Sixty are free: another account may take a third of these, and so on.
    assert len(fill(places, "second")) == 20


@in_virtual_time
async def test_twenty_accounts_that_take_all_they_can_leave_a_tenth_to_the_others() -> None:
    places = make_places(2000)
    endpoints = many_endpoints()
    hogs = [f"hog-{number}" for number in range(20)]
    taken = -1
    while taken != (taken := sum(held(places).values())):
        for hog in hogs:
            enter(places, next(endpoints), hog)
    assert 2000 - taken >= 180
    assert max(held(places).values()) - min(held(places).values()) <= 1
    assert len(fill(places, "newcomer")) >= 50


@pytest.mark.parametrize("count", [1, 2, 5])
@in_virtual_time
async def test_an_account_that_holds_nothing_gets_a_place_while_any_is_free(count: int) -> None:
    places = make_places(count)
    for number in range(count):
        granted(places, HERE if number < 4 else THERE, f"account-{number}")
    assert isinstance(enter(places, THERE, "late"), DeferReason)


@in_virtual_time
async def test_places_that_are_held_count_and_not_how_many_requests_there_were() -> None:
    places = make_places(90)
    for _ in range(1000):
        places.leave(granted(places, HERE, "busy"), 0.001, FINE)
    assert len(fill(places, "busy")) == 30


@in_virtual_time
async def test_a_place_that_is_given_back_counts_no_more() -> None:
    places = make_places(90)
    taken = fill(places, "hog")
    for place in taken[:10]:
        places.leave(place, INSTANT_S, FINE)
    assert held(places) == {"hog": 20}
    assert len(fill(places, "hog")) == 10


@in_virtual_time
async def test_accounts_that_wait_for_an_endpoint_take_turns() -> None:
    places = make_places(100, PATIENT_S, make_endpoints(1))
    place = granted(places)
    waiting = [queued(places, HERE, account_id) for account_id in ("a", "a", "a", "b")]
    order = []
    for _ in waiting:
        places.leave(place, INSTANT_S, FINE)
        [served] = [n for n, one in enumerate(waiting) if one.turn.done() and n not in order]
        place = place_of(waiting[served])
        order.append(served)
    assert order == [0, 3, 1, 2]


@in_virtual_time
async def test_a_long_line_of_one_account_does_not_keep_another_account_out() -> None:
    places = make_places(100, 0.5, make_endpoints(1))
    place = granted(places)
    first, *_ = [queued(places, HERE, "a") for _ in range(10)]
    assert enter(places, HERE, "a") is DeferReason.SATURATED
    other = queued(places, HERE, "b")
    places.leave(place, INSTANT_S, FINE)
    places.leave(place_of(first), INSTANT_S, FINE)
    assert other.turn.done()


@in_virtual_time
async def test_turns_of_other_lines_count_as_a_wait() -> None:
    places = make_places(100, 0.5, make_endpoints(1))
    granted(places)
    # Each line has one served before anyone is served again: 6 lines, 0.05 s each.
    for number in range(5):
        queued(places, HERE, f"account-{number}")
    queued(places, HERE, "a")
    refused = [enter(places, HERE, "a") for _ in range(10)]
    assert refused[-1] is DeferReason.SATURATED
    assert sum(isinstance(entry, Waiting) for entry in refused) == 4


@pytest.mark.parametrize("lines", [2, 3, 9])
@in_virtual_time
async def test_endpoints_of_an_account_that_waits_for_its_share_take_turns(lines: int) -> None:
    places = make_places(6, PATIENT_S)
    under_way = [granted(places, endpoint) for endpoint in (HERE, THERE)]
    endpoints = list(islice(many_endpoints(), lines))
    waiting = [queued(places, endpoint) for endpoint in (*endpoints, *endpoints)]
    order: list[int] = []
    for _ in waiting:
        places.leave(under_way.pop(0), INSTANT_S, FINE)
        [served] = [n for n, one in enumerate(waiting) if one.turn.done() and n not in order]
        under_way.append(place_of(waiting[served]))
        order.append(served)
    assert order == list(range(2 * lines))


@in_virtual_time
async def test_what_waits_for_its_share_goes_as_soon_as_places_get_free_elsewhere() -> None:
    places = make_places(12, PATIENT_S)
    elsewhere = [granted(places, HERE, "other") for _ in range(4)]
    for _ in range(3):
        granted(places, THERE)
    waiting = queued(places, THERE)
    places.leave(elsewhere.pop(), INSTANT_S, FINE)
    assert not waiting.turn.done()
    places.leave(elsewhere.pop(), INSTANT_S, FINE)
    assert waiting.turn.done()
    assert held(places) == {"other": 2, "account": 4}


@in_virtual_time
async def test_accounts_that_wait_for_their_shares_take_turns() -> None:
    places = make_places(20, PATIENT_S)
    fresh = many_endpoints()
    others = [granted(places, next(fresh), f"other-{number}") for number in range(16)]
    # Two stay free, so that nobody may hold a second one.
    for account_id in ("a", "b"):
        granted(places, next(fresh), account_id)
    for account_id in ("a", "a", "b", "b"):
        queued(places, next(fresh), account_id)
    shares = []
    for _ in range(2):
        places.leave(others.pop(), INSTANT_S, FINE)
        shares.append((held(places)["a"], held(places)["b"]))
    assert shares == [(2, 1), (2, 2)]


@pytest.mark.parametrize("accounts", [2, 3, 7])
@in_virtual_time
async def test_a_place_that_an_account_gives_back_goes_to_the_next_account(accounts: int) -> None:
    places = make_places(accounts + 3, PATIENT_S)
    fresh = many_endpoints()
    place = granted(places, next(fresh), "other")
    names = [f"account-{number}" for number in range(accounts)]
    for name in names:
        granted(places, next(fresh), name)
    waiting = [(name, queued(places, next(fresh), name)) for name in 2 * names]
    order = []
    while waiting:
        places.leave(place, INSTANT_S, FINE)
        [(name, served)] = [(name, one) for name, one in waiting if one.turn.done()]
        waiting.remove((name, served))
        place = place_of(served)
        order.append(name)
    assert order == 2 * names


@in_virtual_time
async def test_one_behind_many_that_have_their_shares_is_found_by_the_sweep() -> None:
    places = make_places(1000, PATIENT_S, make_endpoints(1))
    place = granted(places, HERE, "first")
    hogs = [f"hog-{number}" for number in range(2 * TRIES)]
    fresh = many_endpoints()
    while any(isinstance(enter(places, next(fresh), hog), Place) for hog in hogs):
        pass
    for hog in hogs:
        queued(places, HERE, hog)
    modest = queued(places, HERE, "modest")
    places.leave(place, INSTANT_S, FINE)
    assert not modest.turn.done()
    async with sweeping(places):
        assert isinstance(await places.turn(modest), Place)


@in_virtual_time
async def test_lanes_share_an_endpoint_and_its_turns() -> None:
    endpoints = make_endpoints(1)
    events = make_places(100, PATIENT_S, endpoints)
    retries = make_places(100, PATIENT_S, endpoints, lane="deliveries")
    place = granted(events)
    fresh, retried = queued(events), queued(retries)
    events.leave(place, INSTANT_S, FINE)
    assert (fresh.turn.done(), retried.turn.done()) == (True, False)
    events.leave(place_of(fresh), INSTANT_S, FINE)
    assert (held(events), held(retries)) == ({}, {"account": 1})
    retries.leave(place_of(retried), INSTANT_S, FINE)
    assert idle(events)
    assert idle(retries)


@in_virtual_time
async def test_lanes_do_not_share_places() -> None:
    endpoints = make_endpoints(50)
    events, retries = make_places(1, 0.0, endpoints), make_places(1, 0.0, endpoints)
    granted(events)
    granted(retries)


@in_virtual_time
async def test_a_wait_for_the_accounts_share_that_would_be_too_long_is_refused_at_once() -> None:
    places = make_places(6, 0.5)
    fresh = many_endpoints()
    for _ in range(2):
        granted(places, next(fresh))
    # At 0.05 s a request and two at a time, twenty may wait: the last of them half a second.
    for _ in range(20):
        queued(places, next(fresh))
    assert enter(places, next(fresh)) is DeferReason.OVER_SHARE
    assert isinstance(enter(places, next(fresh), "other"), Place)


@in_virtual_time
async def test_an_account_whose_requests_take_long_does_not_wait_for_its_share() -> None:
    places = make_places(6, 0.5)
    fresh = many_endpoints()
    slow = [granted(places, next(fresh)) for _ in range(2)]
    # The account's estimate becomes 0.05 + 0.2 * 9.95 = 2.04 s, of which half a second is too much.
    places.leave(slow.pop(), 10.0, FINE)
    granted(places, next(fresh))
    assert enter(places, next(fresh)) is DeferReason.OVER_SHARE


@in_virtual_time
async def test_room_to_wait_is_shared_out_like_places() -> None:
    places = make_places(18, PATIENT_S)
    fresh = many_endpoints()
    rooms = []
    for account_id in ("first", "second"):
        while isinstance(entry := enter(places, next(fresh), account_id), Place):
            pass
        room = 0
        while isinstance(entry, Waiting):
            room += 1
            entry = enter(places, next(fresh), account_id)
        assert entry is DeferReason.OVER_SHARE
        rooms.append(room)
    # A third of two thousand, and a third of what is left.
    assert rooms == [667, 445]
