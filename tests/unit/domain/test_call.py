"""Which leg of a conversation was the first, and which event ends the last one."""

from service.domain.call import Conversation, Leg, TrackedEvent
from service.domain.filters.occurrence import LegPlace


def conversation(events: str, **ends: str | None) -> Conversation:
    """Return a conversation of these legs and events; an event has one letter, None is no end."""
    legs = {
        leg: Leg(leg, created_at=1, destroyed_at=None if end is None else 2, end_event=end)
        for leg, end in ends.items()
    }
    tracked = tuple(map(TrackedEvent, events))
    return Conversation("talk", "acc", "kazoo", legs, tracked, first_leg=min(ends))


def test_the_first_leg_is_the_one_that_was_seen_first() -> None:
    talk = conversation("xy", a=None, b=None)
    assert talk.place_of("a", "x") == LegPlace(is_first=True, ends_last=False)
    assert talk.place_of("b", "y") == LegPlace(is_first=False, ends_last=False)


def test_no_end_is_the_last_while_a_leg_is_there() -> None:
    assert not conversation("xye", a="e", b=None).place_of("a", "e").ends_last


def test_of_several_ends_the_one_noted_last_is_the_last_also_when_they_come_again() -> None:
    talk = conversation("xyefz", a="f", b="e")
    assert talk.place_of("a", "f").ends_last
    assert not talk.place_of("b", "e").ends_last
    assert not talk.place_of("a", "z").ends_last


def test_an_end_that_no_switch_told_may_be_the_last() -> None:
    leg = Leg("a", created_at=1, destroyed_at=2, synthetic_end="s")
    talk = Conversation("talk", "acc", "kazoo", {"a": leg}, (TrackedEvent("s"),))
    assert talk.place_of("a", "s").ends_last


def test_an_event_that_the_store_does_not_list_any_more_ends_nothing() -> None:
    assert not conversation("", a=None).place_of("a", "q").ends_last
