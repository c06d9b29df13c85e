"""Cache of the webhook store, so that most events need no query.

Accounts without a webhook, the majority, are cached as well. An entry becomes stale when the store
reports a change, or after `max_age_s`, and is then loaded again. While the store is unavailable,
stale entries remain in use.

Webhooks that are disabled or deleted belong to no cached account, yet thousands of deliveries may
wait for one: it is looked up once, and then when it changes or after `max_age_s`.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from service.bounded import BoundedDict
from service.domain.errors import StoreUnavailable
from service.domain.policy import CachePolicy
from service.domain.webhook import Account, Webhook
from service.observability.metrics import Metrics
from service.pipeline.accounts.weight import weight_of
from service.ports import WebhookStore
from service.shared_tasks import SharedTasks

SOON_S = 0.5
"""How long an event waits for the reload of a stale account."""
RETRY_STALE_S = 1.0
"""How long a stale account remains in use before the next reload is attempted."""
MOST_NUMBERS = 50_000
MOST_INACTIVE = 5_000
"""Webhooks that are known to be disabled or deleted."""
UNKNOWN = (None, 0.0)


@dataclass(slots=True)
class Entry:
    """A cached account, and the monotonic time until which it is fresh."""

    account: Account
    good_until: float
    weight: int
    """Approximate size in bytes."""
    overdue: bool = False
    """Whether the last reload took longer than `SOON_S`."""


class Line:
    """Those who wait for an account, in the order of arrival, and how many have not gone on."""

    __slots__ = ("left", "turns")

    def __init__(self) -> None:
        self.turns: list[asyncio.Future[Account]] = []
        self.left = 0


class RememberedDirectory:
    """See `ports.Directory`."""

    def __init__(
        self,
        store: WebhookStore,
        policy: CachePolicy,
        metrics: Metrics,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._policy = policy
        self._now = now
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._weight = 0
        self._owners: dict[str, str] = {}
        self._numbers = BoundedDict[str, tuple[str | None, float]](MOST_NUMBERS)
        self._inactive = BoundedDict[str, tuple[Webhook | None, float]](MOST_INACTIVE)
        self._asking = SharedTasks[str, Webhook | None]()
        """Questions for webhooks that have not changed since."""
        self._loading = SharedTasks[str, Account]()
        self._lines: dict[str, Line] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._changed: set[str] = set()
        metrics.measure(metrics.accounts_remembered, lambda: len(self._entries))

    def remembered(self, account_id: str) -> Account | None:
        """See `ports.Directory`."""
        entry = self._entries.get(account_id)
        if entry is None or entry.good_until < self._now():
            return None
        self._entries.move_to_end(account_id)
        return entry.account

    def at_once(self, account_id: str) -> Account | None:
        """See `ports.Directory`."""
        return None if account_id in self._lines else self.remembered(account_id)

    async def account(self, account_id: str) -> Account:
        """See `ports.Directory`."""
        account = self.at_once(account_id)
        if account is not None:
            return account
        line = self._lines.get(account_id)
        if line is None:
            line = self._lines[account_id] = Line()
            answering = asyncio.create_task(self._answer(account_id, line))
            self._answering.add(answering)
            answering.add_done_callback(self._answering.discard)
        turn: asyncio.Future[Account] = asyncio.get_running_loop().create_future()
        line.turns.append(turn)
        line.left += 1
        try:
            return await turn
        finally:
            line.left -= 1
            if not line.left:
                del self._lines[account_id]

    async def _answer(self, account_id: str, line: Line) -> None:
        """Answer all who wait for an account; who comes meanwhile goes on after them.

        Otherwise the next events of a call, for which the account is there already, would overtake
        those that waited for it.
        """
        while line.turns:
            looked_up = asyncio.ensure_future(self._looked_up(account_id))
            await asyncio.wait([looked_up])
            turns, line.turns = line.turns, []
            for turn in turns:
                if turn.done():
                    continue
                if (error := looked_up.exception()) is not None:
                    turn.set_exception(error)
                else:
                    turn.set_result(looked_up.result())
            # They go on in the pass of the event loop that begins now, before this task does.
            await asyncio.sleep(0)

    async def _looked_up(self, account_id: str) -> Account:
        account = self.remembered(account_id)
        if account is not None:
            return account
        entry = self._entries.get(account_id)
        if entry is None:
            return await asyncio.shield(self._loading.of(account_id, self._load))
        return await self._refreshed(entry)

    async def _refreshed(self, entry: Entry) -> Account:
        """Return a reloaded account if the store answers within `SOON_S`, else the stale one.

        While the store is unavailable, only the first event of an account waits for it.
        """
        loading = self._loading.of(entry.account.account_id, self._load)
        await asyncio.wait([loading], timeout=0 if entry.overdue else SOON_S)
        if loading.done():
            with suppress(StoreUnavailable):
                return loading.result()
        entry.overdue = True
        entry.good_until = self._now() + RETRY_STALE_S
        return entry.account

    async def webhook(self, account_id: str, webhook_id: str) -> Webhook | None:
        """See `ports.Directory`. Queries the store only for a webhook that is not enabled."""
        if self.is_deleted(webhook_id):
            return None
        account = self.remembered(account_id) or await self.account(account_id)
        known = account.by_id.get(webhook_id)
        if known is not None:
            return known
        found, good_until = self._inactive.get(webhook_id, UNKNOWN)
        if good_until < self._now():
            found = await asyncio.shield(self._asking.of(webhook_id, self._ask))
        return None if found is None else account.bound(found)

    def is_deleted(self, webhook_id: str) -> bool:
        """See `ports.Directory`. A stale account may still have the webhook."""
        if webhook_id not in self._inactive:
            return False
        found, good_until = self._inactive[webhook_id]
        return found is None and good_until >= self._now()

    async def _ask(self, webhook_id: str) -> Webhook | None:
        """Query the store for a webhook; remember the answer unless the webhook has changed."""
        found = await self._store.webhook(webhook_id)
        is_inactive = found is None or not found.enabled
        if is_inactive and self._asking.has_current(webhook_id):
            self._remember_inactive(webhook_id, found)
        return found

    def _remember_inactive(self, webhook_id: str, found: Webhook | None) -> None:
        self._inactive[webhook_id] = found, self._now() + self._policy.max_age_s

    async def account_of_number(self, number: str) -> str | None:
        """See `ports.Directory`."""
        owner, good_until = self._numbers.get(number, (None, 0.0))
        if good_until > self._now():
            return owner
        owner = await self._store.account_of_number(number)
        self._numbers[number] = (owner, self._now() + self._policy.max_age_s)
        return owner

    def forget(self, account_id: str) -> None:
        """Mark a changed account as stale. A load that is under way is repeated."""
        if account_id in self._loading:
            self._changed.add(account_id)
        entry = self._entries.get(account_id)
        if entry is not None:
            entry.good_until = 0.0
            # Changes are reported by the store, so it answers again.
            entry.overdue = False

    def forget_webhook(self, webhook_id: str) -> None:
        """Mark as stale the account that last had a webhook; the webhook may have moved."""
        self._inactive.pop(webhook_id, None)
        self._asking.pop(webhook_id, None)
        owner = self._owners.get(webhook_id)
        if owner is not None:
            self.forget(owner)

    def note_deleted(self, webhook_id: str) -> None:
        """Note a deletion, which `forget_webhook` was told of as a change."""
        self._remember_inactive(webhook_id, None)

    def forget_all(self) -> None:
        """Mark all accounts as stale and drop all numbers, as changes may have been missed."""
        for account_id in (*self._entries, *self._loading):
            self.forget(account_id)
        self._numbers.clear()
        self._inactive.clear()
        self._asking.clear()

    async def _load(self, account_id: str) -> Account:
        account = await self._store.account(account_id)
        while account_id in self._changed:
            self._changed.discard(account_id)
            account = await self._store.account(account_id)
        self._keep(account)
        return account

    def _keep(self, account: Account) -> None:
        self._drop(account.account_id)
        entry = Entry(account, self._now() + self._policy.max_age_s, weight_of(account))
        self._entries[account.account_id] = entry
        self._weight += entry.weight
        for webhook in account.webhooks:
            self._owners[webhook.webhook_id] = account.account_id
        while self._is_too_full():
            self._drop(next(iter(self._entries)))

    def _is_too_full(self) -> bool:
        """Return whether to evict an account; the last one, which is needed now, stays."""
        count, policy = len(self._entries), self._policy
        return count > policy.max_accounts or (count > 1 and self._weight > policy.max_bytes)

    def _drop(self, account_id: str) -> None:
        entry = self._entries.pop(account_id, None)
        self._weight -= entry.weight if entry else 0
        for webhook in entry.account.webhooks if entry else ():
            # The webhook may have moved, and its new account may be cached already.
            if self._owners.get(webhook.webhook_id) == account_id:
                del self._owners[webhook.webhook_id]
