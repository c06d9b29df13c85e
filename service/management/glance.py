"""Health at a glance: figures of webhooks, accounts and endpoints from the attempt log."""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import starmap
from typing import Any, TypeVar, cast

from service.bounded import BoundedDict
from service.domain.delivery import time_key
from service.domain.endpoint import endpoint_of
from service.management.counting import MOST_COUNTED, SETTLED_S, Part, look
from service.management.ports import AttemptTallies
from service.management.selection import Selection
from service.management.tally import Figures, Tally, figures_of

T = TypeVar("T")
HOURS = 24
DEAR_S = 0.02
WORTH, LONGEST_S = 100, 60.0
"""A count that took longer than `DEAR_S` is shown again for `WORTH` times as long as it took, up to
`LONGEST_S`."""
MOST_REMEMBERED = 20
MOST_KEPT = 5000
"""Sums kept of what was counted: each takes some 150 bytes, and an account may have any number of
webhooks. The count of one with more goes no further back."""


@dataclass(frozen=True, slots=True)
class HourlyFigures:
    """Attempts of one hour."""

    at: datetime
    succeeded: int
    failed: int


@dataclass(frozen=True, slots=True)
class WebhookGlance:
    """Figures of a webhook over the last `HOURS`, and for each hour, the oldest first."""

    figures: Figures
    hours: Sequence[HourlyFigures]


@dataclass(frozen=True, slots=True)
class WebhookGlances:
    """Health of webhooks by id; `since` is the start of what was counted, None if it is all."""

    by_id: Mapping[str, WebhookGlance]
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class OwnedFigures:
    """Figures of an account, or of an endpoint and the accounts that use it."""

    key: str
    account_ids: Sequence[str]
    figures: Figures


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Glance:
    """The use cases. Every method raises StoreUnavailable."""

    tallies: AttemptTallies
    now: Callable[[], datetime] = _now
    clock: Callable[[], float] = time.monotonic
    remembered: BoundedDict[Hashable, tuple[float, Any]] = field(
        default_factory=lambda: BoundedDict(MOST_REMEMBERED)
    )
    """Dear counts by what was asked, each with the time until which it is shown again."""
    parts: BoundedDict[Hashable, Part] = field(default_factory=lambda: BoundedDict(MOST_REMEMBERED))
    """Counts of accounts so far. With each hour they begin anew."""

    async def webhooks(
        self, account_id: str, webhook_ids: Sequence[str] | None = None, *, own_only: bool
    ) -> WebhookGlances:
        """Return the health of these webhooks of an account, or of all.

        A webhook without an attempt is left out. Later calls count a busy account further back.
        """
        now = self.now()
        last = now.replace(minute=0, second=0, microsecond=0)
        hours = [last - timedelta(hours=back) for back in reversed(range(HOURS))]
        since, settled = time_key(hours[0].timestamp()), time_key(now.timestamp() - SETTLED_S)
        ids = None if webhook_ids is None else tuple(webhook_ids)
        asked = (account_id, own_only, ids, last)

        async def read(first: str, end: str, most: int) -> Part:
            selection = Selection(account_id, own_only=own_only)
            return await self.tallies.by_hour(selection, webhook_ids, first, end, most)

        async def count() -> WebhookGlances:
            known, shown = await look(read, self.parts.get(asked), since, settled)
            if len(known.tallies) <= MOST_KEPT:
                self.parts[asked] = known
            found = {key: _glance(some, hours) for key, some in _by_key(shown.tallies).items()}
            return WebhookGlances(found, _time_of(shown.first) if shown.first > since else None)

        return await self._remembered(asked, count)

    async def accounts(self, span: timedelta) -> Sequence[OwnedFigures]:
        """Return the figures of all accounts, the most failing first."""

        async def count() -> Sequence[OwnedFigures]:
            found = await self.tallies.by_account(self.now() - span, MOST_COUNTED)
            return _sorted(
                OwnedFigures(key, (key,), figures_of(tallies))
                for key, tallies in _by_key(found).items()
            )

        return await self._remembered(("accounts", span), count)

    async def endpoints(self, span: timedelta) -> Sequence[OwnedFigures]:
        """Return the figures of all endpoints, the most failing first."""

        async def count() -> Sequence[OwnedFigures]:
            found = await self.tallies.by_uri(self.now() - span, MOST_COUNTED)
            return _sorted(starmap(_of_endpoint, _by_endpoint(found).items()))

        return await self._remembered(("endpoints", span), count)

    async def _remembered(self, asked: Hashable, count: Callable[[], Awaitable[T]]) -> T:
        """Return a count that was made lately, if it is dear, or a new one."""
        until, known = self.remembered.get(asked, (0.0, None))
        began = self.clock()
        if known is not None and began < until:
            return cast("T", known)
        found = await count()
        took_s = self.clock() - began
        if took_s > DEAR_S:
            until = began + took_s + min(WORTH * took_s, LONGEST_S)
            self.remembered[asked] = until, found
        return found


def _time_of(attempt_id: str) -> datetime:
    return datetime.fromtimestamp(int(attempt_id[:12], 16) / 1000, UTC)


def _by_key(tallies: Iterable[Tally]) -> Mapping[str, list[Tally]]:
    found: defaultdict[str, list[Tally]] = defaultdict(list)
    for tally in tallies:
        found[tally.key].append(tally)
    return found


def _by_endpoint(tallies: Iterable[Tally]) -> Mapping[str, list[Tally]]:
    found: defaultdict[str, list[Tally]] = defaultdict(list)
    for tally in tallies:
        found[_endpoint(tally.key)].append(tally)
    return found


def _of_endpoint(key: str, tallies: Sequence[Tally]) -> OwnedFigures:
    owners = sorted({str(one.account_id) for one in tallies})
    return OwnedFigures(key, owners, figures_of(tallies))


def _glance(tallies: Sequence[Tally], hours: Sequence[datetime]) -> WebhookGlance:
    counts: defaultdict[tuple[datetime | None, bool], int] = defaultdict(int)
    for tally in tallies:
        counts[tally.hour, tally.succeeded] += tally.count
    each = [HourlyFigures(hour, counts[hour, True], counts[hour, False]) for hour in hours]
    return WebhookGlance(figures_of(tallies), each)


def _sorted(found: Iterable[OwnedFigures]) -> Sequence[OwnedFigures]:
    return sorted(found, key=lambda one: (-one.figures.failed, -one.figures.attempts, one.key))


def _endpoint(uri: str) -> str:
    try:
        return str(endpoint_of(uri))
    except ValueError:
        return "(no valid URI)"
