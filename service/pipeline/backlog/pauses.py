"""Endpoints and accounts that an operator paused, as this worker knows them."""

import asyncio

import structlog

from service.domain.endpoint import Endpoint
from service.domain.errors import StoreUnavailable
from service.domain.webhook import Webhook
from service.pipeline.recovery.availability import Availability
from service.pipeline.request.destination import endpoint_at
from service.ports import OperatorPauses

READ_EVERY_S = 1.0

log = structlog.get_logger(__name__)


class Pauses:
    """Follows the store by polling, as there are few; with the store away, keeps the last state."""

    def __init__(self, store: OperatorPauses, availability: Availability) -> None:
        self._store = store
        self._availability = availability
        self._accounts: frozenset[str] = frozenset()
        self._endpoints: frozenset[str] = frozenset()
        self.loaded = False
        self.some = False

    def cover(self, webhook: Webhook) -> bool:
        """Return whether the webhook's account, or the endpoint of its URI, is paused."""
        if not self.some:
            return False
        if webhook.account_id in self._accounts:
            return True
        endpoint = endpoint_at(webhook.uri)
        return isinstance(endpoint, Endpoint) and str(endpoint) in self._endpoints

    async def load(self) -> None:
        """Return once they were read: before that, nothing may be sent."""
        await self._availability.until_available(self._read)

    async def run(self) -> None:
        """Follow changes until cancelled."""
        while True:
            try:
                await self._read()
            except StoreUnavailable as error:
                log.warning("pauses.unavailable", error=str(error))
            await asyncio.sleep(READ_EVERY_S)

    async def _read(self) -> None:
        self._accounts, self._endpoints = await self._store.in_force()
        self.some = bool(self._accounts or self._endpoints)
        self.loaded = True
