"""The webhook store, remembered: what every event asks for costs no query.

Accounts without a webhook are remembered as well; most are. A remembered account is dropped when
the store tells of a change, and asked for again when it is older than `max_age_s`. While the store
is away, what is remembered goes on serving.
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

SOON_S = 0.5
"""How long an event waits for a remembered account to be loaded anew."""
RETRY_STALE_S = 1.0
"""How long a stale account serves on before the store is asked again."""
MOST_NUMBERS = 50_000


@dataclass(slots=True)
class Entry:
    """An account, and the monotonic time until which it is good."""

    account: Account
    good_until: float
    weight: int
    """About how many bytes it takes."""
    overdue: bool = False
    """Whether the store did not answer soon when it was asked last."""


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
        self._loading: dict[str, asyncio.Future[Account]] = {}
        self._changed: set[str] = set()
        metrics.measure(metrics.accounts_remembered, lambda: len(self._entries))

    def remembered(self, account_id: str) -> Account | None:
        """See `ports.Directory`."""
        entry = self._entries.get(account_id)
        if entry is None or entry.good_until < self._now():
            return None
        self._entries.move_to_end(account_id)
        return entry.account

    async def account(self, account_id: str) -> Account:
        """See `ports.Directory`."""
        account = self.remembered(account_id)
        if account is not None:
            return account
        entry = self._entries.get(account_id)
        if entry is None:
            return await asyncio.shield(self._loading_of(account_id))
        return await self._refreshed(entry)

    async def _refreshed(self, entry: Entry) -> Account:
        """Return a remembered account, loaded anew where the store answers soon.

        While the store is away only the first event of an account waits for it.
        """
        loading = self._loading_of(entry.account.account_id)
        await asyncio.wait([loading], timeout=0 if entry.overdue else SOON_S)
        if loading.done():
            with suppress(StoreUnavailable):
                return loading.result()
        entry.overdue = True
        entry.good_until = self._now() + RETRY_STALE_S
        return entry.account

    async def webhook(self, account_id: str, webhook_id: str) -> Webhook | None:
        """See `ports.Directory`. Only what its account does not have enabled is asked for."""
        account = await self.account(account_id)
        known = account.by_id.get(webhook_id)
        if known is not None:
            return known
        found = await self._store.webhook(webhook_id)
        return None if found is None else account.bound(found)

    async def account_of_number(self, number: str) -> str | None:
        """See `ports.Directory`."""
        owner, good_until = self._numbers.get(number, (None, 0.0))
        if good_until > self._now():
            return owner
        owner = await self._store.account_of_number(number)
        self._numbers[number] = (owner, self._now() + self._policy.max_age_s)
        return owner

    def forget(self, account_id: str) -> None:
        """Drop an account: it has changed. One that is being loaded is loaded again."""
        if account_id in self._loading:
            self._changed.add(account_id)
        entry = self._entries.get(account_id)
        if entry is not None:
            entry.good_until = 0.0
            # A change notified meanwhile may be newer than the answer of the store.
            entry.overdue = False

    def forget_webhook(self, webhook_id: str) -> None:
        """Drop the account that a webhook was seen in last: it may have left it."""
        owner = self._owners.get(webhook_id)
        if owner is not None:
            self.forget(owner)

    def forget_all(self) -> None:
        """Drop everything: changes may have been missed."""
        for account_id in (*self._entries, *self._loading):
            self.forget(account_id)
        self._numbers.clear()

    def _loading_of(self, account_id: str) -> asyncio.Future[Account]:
        """Return the loading of an account: one, however many events ask for it meanwhile."""
        loading = self._loading.get(account_id)
        if loading is None:
            loading = asyncio.ensure_future(self._load(account_id))
            self._loading[account_id] = loading
            loading.add_done_callback(lambda done: self._loaded(account_id, done))
        return loading

    def _loaded(self, account_id: str, loading: asyncio.Future[Account]) -> None:
        self._loading.pop(account_id, None)
        if not loading.cancelled():
            # Callers that waited for it got its error; there may be none.
            loading.exception()

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
        """Return whether an account must go; the last one never does, for it is needed now."""
        count, policy = len(self._entries), self._policy
        return count > policy.max_accounts or (count > 1 and self._weight > policy.max_bytes)

    def _drop(self, account_id: str) -> None:
        entry = self._entries.pop(account_id, None)
        self._weight -= entry.weight if entry else 0
        for webhook in entry.account.webhooks if entry else ():
            # It may have moved, and been seen in its new account since.
            if self._owners.get(webhook.webhook_id) == account_id:
                del self._owners[webhook.webhook_id]
