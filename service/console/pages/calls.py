"""All deliveries of one call on a time line."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from service.console.pages.filters import Listed
from service.console.visit import Visit
from service.domain.errors import NotFound

MOST = 500
LEAST_SPAN_S = 0.05


@dataclass(frozen=True, slots=True)
class Bar:
    """An attempt on the time line; start and length are shares of the whole line."""

    attempt: Mapping[str, Any]
    start: float
    length: float
    offset_s: float


@dataclass(frozen=True, slots=True)
class EventOfCall:
    """An event of the call with the attempts of all its deliveries."""

    event_id: str
    name: str
    bars: Sequence[Bar]


async def one(visit: Visit) -> web.StreamResponse:
    """Show the call that the query names, or ask for one."""
    call_id = visit.query.get("call_id", "")
    if not call_id:
        return visit.page(
            "call.html", call_id="", known=None, events=[], letters=Listed(), more=False
        )
    query = {"filter_call_id": call_id, "page_size": str(MOST)}
    found = await visit.ask("listAttempts", query=query)
    letters = await visit.ask("listDeadLetters", query={**query, "page_size": "100"})
    more = found.page is not None and found.page.next_start_key is not None
    try:
        known = (await visit.ask("getCall", call_id=call_id)).data
    except NotFound:
        known = None
    return visit.page(
        "call.html",
        call_id=call_id,
        known=known,
        events=time_line(found.data),
        letters=Listed(letters.data),
        more=more,
    )


def time_line(attempts: Sequence[Mapping[str, Any]]) -> list[EventOfCall]:
    """Return the events in the order of their first attempts."""
    if not attempts:
        return []
    times = [datetime.fromisoformat(one["started_at"]).timestamp() for one in attempts]
    ends = [at + one["duration_ms"] / 1000 for at, one in zip(times, attempts, strict=True)]
    first = min(times)
    span = max(LEAST_SPAN_S, max(ends) - first)
    events: defaultdict[tuple[str, str], list[Bar]] = defaultdict(list)
    for at, one in sorted(zip(times, attempts, strict=True), key=lambda pair: pair[0]):
        length = one["duration_ms"] / 1000 / span
        bar = Bar(one, (at - first) / span, length, at - first)
        events[one["event_id"], one["hook"]].append(bar)
    return [EventOfCall(event_id, hook, bars) for (event_id, hook), bars in events.items()]
