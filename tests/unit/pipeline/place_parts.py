"""What tests of places share: endpoints, ways to come and go, and the sweep."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.domain.delivery import DeferReason, Outcome, Response
from service.domain.endpoint import Endpoint
from service.pipeline.limits.endpoints import FIRST_GUESS_S
from service.pipeline.limits.lines import Place, Waiting
from service.pipeline.limits.places import Places
from service.pipeline.progress import Progress

HERE = Endpoint("https", "here.example", 443)
THERE = Endpoint("https", "there.example", 443)
PATIENT_S = 10.0
INSTANT_S = FIRST_GUESS_S
FAILED, FINE = Response(Outcome.TIMED_OUT), Response(Outcome.SUCCEEDED, 200)


def enter(
    places: Places,
    endpoint: Endpoint = HERE,
    account_id: str = "account",
    progress: Progress | None = None,
) -> Place | Waiting | DeferReason:
    return places.enter(account_id, endpoint, progress or Progress())


def granted(places: Places, endpoint: Endpoint = HERE, account_id: str = "account") -> Place:
    """Take a place that must be free."""
    place = enter(places, endpoint, account_id)
    assert isinstance(place, Place)
    return place


def queued(
    places: Places,
    endpoint: Endpoint = HERE,
    account_id: str = "account",
    progress: Progress | None = None,
) -> Waiting:
    """Stand in a line that must take one more."""
    waiting = enter(places, endpoint, account_id, progress)
    assert isinstance(waiting, Waiting)
    return waiting


def place_of(waiting: Waiting) -> Place:
    """Return the place that one who waited has been given."""
    place = waiting.turn.result()
    assert isinstance(place, Place)
    return place


def held(places: Places) -> dict[str, int]:
    """Return how many places each busy account holds."""
    return {account_id: count for account_id, count, _ in places.holders()}


def idle(places: Places) -> bool:
    """Return whether every place is free, and nothing is kept of any account or line."""
    nobody = not list(places.holders()) and not list(places.endpoints.busy())
    return nobody and places._free.held == 0 and not places._short and not places._waiting


@asynccontextmanager
async def sweeping(*several: Places) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(places.sweep()) for places in several]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
