"""A directory to be tested, and a store that answers late."""

import asyncio

from service.domain.policy import CachePolicy
from service.domain.webhook import Account
from service.pipeline.accounts.directory import RememberedDirectory
from tests.builders import ACCOUNT, make_account, make_webhook
from tests.fakes import FakeStore, make_metrics

MAX_AGE_S = 60.0


class Setting:
    """A directory over a fake store, with a clock that a test turns."""

    def __init__(self, max_accounts: int = 100) -> None:
        self.store = FakeStore(accounts={ACCOUNT: make_account(make_webhook())})
        self.metrics = make_metrics()
        self.now = 1000.0
        self.directory = RememberedDirectory(
            self.store,
            CachePolicy(max_accounts=max_accounts, max_age_s=MAX_AGE_S),
            self.metrics,
            lambda: self.now,
        )

    def change(self, *webhook_ids: str) -> Account:
        """Change what the store has; tell nobody."""
        account = make_account(*(make_webhook(webhook_id) for webhook_id in webhook_ids))
        self.store.accounts[ACCOUNT] = account
        return account


class Blocking(FakeStore):
    """A store whose answers are what they were when it was asked, and come when they may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()

    async def account(self, account_id: str) -> Account:
        account = await super().account(account_id)
        await self.may_answer.wait()
        return account
