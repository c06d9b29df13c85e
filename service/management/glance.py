"""Health at a glance: figures of webhooks, accounts and endpoints from the attempt log."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from service.domain.endpoint import endpoint_of
from service.management.ports import AttemptTallies
from service.management.selection import Selection
from service.management.tally import Figures, Tally, figures_of

HOURS = 24
MOST_COUNTED = 50_000
"""Attempts read for one view; a longer log is counted back only to where they end."""


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

    async def webhooks(
        self, account_id: str, webhook_ids: Sequence[str] | None = None, *, own_only: bool
    ) -> Mapping[str, WebhookGlance]:
        """Return the health of these webhooks of an account, or of all, by id.

        A webhook without an attempt is left out.
        """
        last = self.now().replace(minute=0, second=0, microsecond=0)
        hours = [last - timedelta(hours=back) for back in reversed(range(HOURS))]
        selection = Selection(account_id, since=hours[0], own_only=own_only)
        found = await self.tallies.by_hour(selection, webhook_ids, MOST_COUNTED)
        return {key: _glance(tallies, hours) for key, tallies in _by_key(found).items()}

    async def accounts(self, span: timedelta) -> Sequence[OwnedFigures]:
        """Return the figures of all accounts, the most failing first."""
        found = await self.tallies.by_account(self.now() - span, MOST_COUNTED)
        return _sorted(
            OwnedFigures(key, (key,), figures_of(tallies))
            for key, tallies in _by_key(found).items()
        )

    async def endpoints(self, span: timedelta) -> Sequence[OwnedFigures]:
        """Return the figures of all endpoints, the most failing first."""
        by_endpoint: defaultdict[str, list[Tally]] = defaultdict(list)
        for tally in await self.tallies.by_uri(self.now() - span, MOST_COUNTED):
            by_endpoint[_endpoint(tally.key)].append(tally)
        return _sorted(
            OwnedFigures(key, sorted({str(one.account_id) for one in tallies}), figures_of(tallies))
            for key, tallies in by_endpoint.items()
        )


def _by_key(tallies: Iterable[Tally]) -> Mapping[str, list[Tally]]:
    found: defaultdict[str, list[Tally]] = defaultdict(list)
    for tally in tallies:
        found[tally.key].append(tally)
    return found


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
