from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from service.documents.log import dead_letter_document
from service.domain.delivery import DeadLetterReason
from service.domain.errors import Invalid
from service.domain.trace import new_traceparent
from service.management.dead_letters import DeadLetters, letter_key, letter_view, replay_view
from service.management.replay import Replay, ReplayState
from service.management.selection import Selection
from tests.builders import NOW, make_delivery, make_letter

AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


class Asked(Exception):
    """What the archive was asked for."""


class Archive:
    """Tells what it is asked, by raising it."""

    async def page(
        self, selection: Selection, start: tuple[datetime, str] | None, size: int
    ) -> Sequence[Any]:
        raise Asked(selection, start, size)


def letters() -> DeadLetters:
    nobody = cast("Any", None)
    return DeadLetters(cast("Any", Archive()), nobody, nobody, nobody)


def test_a_letter_is_shown_without_its_payload_and_its_query() -> None:
    stored = dead_letter_document(make_letter(reason=DeadLetterReason.GONE))
    view = letter_view(stored)
    assert view["id"] == stored["_id"]
    assert view["hook_id"] == "hook-1"
    assert (view["reason"], view["uri"]) == ("gone", "https://hooks.example.net/kazoo")
    assert view["attempts"][0]["started_at"] == "2023-11-14T22:13:20.000+00:00"
    assert view["died_at"] == "2023-11-14T22:14:20.500+00:00"
    assert not {"payload", "webhook", "replay_id", "replayed_at"} & set(view)


def test_a_letter_tells_the_trace_it_belongs_to_where_it_has_one() -> None:
    traceparent = new_traceparent()
    letter = make_letter(delivery=make_delivery(traceparent=traceparent))
    view = letter_view(dead_letter_document(letter))
    assert view["trace_id"] == traceparent.split("-")[1]
    assert "trace_id" not in letter_view(dead_letter_document(make_letter()))


def test_a_letter_that_was_replayed_tells_by_whom_and_when() -> None:
    marks = {"replay_id": "r-1", "replayed_by": "token:1", "replayed_at": AT}
    view = letter_view({**dead_letter_document(make_letter()), **marks})
    assert {key: view[key] for key in ("replay_id", "replayed_by")} == {
        "replay_id": "r-1",
        "replayed_by": "token:1",
    }
    assert view["replayed_at"] == "2026-01-02T03:04:05.678+00:00"


async def test_the_next_page_begins_after_the_last_letter_of_this_one() -> None:
    letter = make_letter(died_at=NOW + 0.123)
    key = letter_key(letter_view(dead_letter_document(letter)))
    with pytest.raises(Asked) as asked:
        await letters().page(Selection("a"), key, 7)
    _, start, size = asked.value.args
    assert size == 7
    died_at, delivery_id = start
    assert died_at == datetime.fromtimestamp(NOW + 0.123, tz=UTC)
    assert delivery_id == letter.delivery.delivery_id


@pytest.mark.parametrize("key", ["", "-", "x", "zz-1", "-1-x", "f" * 30, '{"$gt":""}', "\0"])
async def test_a_key_that_no_page_gave_is_refused(key: str) -> None:
    with pytest.raises(Invalid, match="start_key"):
        await letters().page(Selection("a"), key, 7)


def test_a_replay_shows_how_far_it_has_come_and_not_what_it_selects() -> None:
    replay = Replay("r-1", "a", Selection("a", {"hook": "sms"}), 9, 100, 0.5, AT, "token:1")
    view = replay_view(replay)
    assert view == {
        "id": "r-1",
        "state": ReplayState.RUNNING,
        "matched": 9,
        "replayed": 0,
        "limit": 100,
        "rate_per_s": 0.5,
        "max_age_s": None,
        "created_at": "2026-01-02T03:04:05.678+00:00",
        "created_by": "token:1",
        "ended_at": None,
    }
