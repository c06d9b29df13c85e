"""Parts of `places`: an account's share, its lines, a place, a waiting delivery."""

import asyncio
from collections import OrderedDict, deque
from typing import Protocol

from service.domain.delivery import DeferReason
from service.domain.endpoint import Endpoint
from service.pipeline.limits.endpoints import FIRST_GUESS_S, EndpointState
from service.pipeline.progress import Progress


class Serves(Protocol):
    """The lane's places, as a line needs them; see `places.Places`."""

    def serve(self, line: "Line") -> bool:
        """Give a line's first delivery a place, if its account may have another one."""

    def note_short(self, line: "Line") -> None:
        """Note that a line waits for its account's share, not for its endpoint."""


class Share:
    """One account's places and waiting deliveries in one lane."""

    __slots__ = (
        "account_id", "booked_until", "duration_s", "held", "lines", "moved_at", "short", "waiting",
    )  # fmt: skip

    def __init__(self, account_id: str, now: float) -> None:
        self.account_id = account_id
        self.held = 0
        self.waiting = 0
        self.duration_s = FIRST_GUESS_S
        self.moved_at = now
        self.booked_until = 0.0
        """When the deliveries put off so far, as the share is used up, should have been made."""
        self.lines: dict[Endpoint, Line] = {}
        self.short: OrderedDict[Endpoint, Line] = OrderedDict()
        """Lines that wait for the account's share rather than for their endpoint."""


class Line:
    """Deliveries of one account that wait for one endpoint, in the order of arrival."""

    __slots__ = ("entries", "places", "share", "state", "stuck")

    def __init__(self, places: Serves, share: Share, state: EndpointState) -> None:
        self.places = places
        self.share = share
        self.state = state
        self.entries: deque[Waiting] = deque()
        self.stuck = False


class Place:
    """The right to have one request in flight, until `Places.leave`."""

    __slots__ = ("began", "share", "state")

    def __init__(self, share: Share, state: EndpointState, began: float) -> None:
        self.share = share
        self.state = state
        self.began = began


class Waiting:
    """A delivery in line; the result of `turn` is its place, or the reason to defer it."""

    __slots__ = ("progress", "since", "turn")

    def __init__(self, progress: Progress, since: float) -> None:
        self.progress = progress
        self.since = since
        loop = asyncio.get_running_loop()
        self.turn: asyncio.Future[Place | DeferReason] = loop.create_future()
